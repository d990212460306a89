"""Tests of the stage as a whole: order, reuse, resuming to the same bytes, and its report."""

import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.lanes import CpuLane
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding import embed as embed_module
from rapids_rap.embedding.embed import embed, load_encoder, plan_shards
from rapids_rap.embedding.store import VectorStore, hash_texts
from rapids_rap.errors import CapabilityError, InputError
from tests.embedding.conftest import texts_of

TEXTS = texts_of([5, 1, 9, 3, 3, 12, 2, 7, 3, 40, 5, 6, 2, 8, 31, 3, 4, 4, 10, 11])


def config_of(folder, **changes):
    return EmbeddingConfig(model=str(folder), **({"shard_texts": 6} | changes))


def shards(root):
    """The bytes of every file of the store's only space."""
    (folder,) = root.iterdir()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rows_are_unit_vectors_in_the_order_of_the_texts(qwen2, backend, tmp_path):
    """Every later stage relies on position = text_id, in the backend's own array type."""
    config = config_of(qwen2)
    vectors = embed(TEXTS, config, backend, tmp_path)
    assert isinstance(vectors.matrix, np.ndarray)
    assert vectors.matrix.flags.owndata
    assert vectors.matrix.shape == (len(TEXTS), vectors.dim)
    assert vectors.matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors.matrix, axis=1), 1.0, atol=1e-6)
    alone = np.concatenate([load_encoder(config, backend).encode([text]) for text in TEXTS[:4]])
    np.testing.assert_allclose(vectors.matrix[:4], alone, atol=1e-6)


def test_a_second_run_reads_everything_back_without_a_model(qwen2, backend, tmp_path, monkeypatch):
    """Reuse must be exact, and must not even load the weights."""
    first = embed(TEXTS, config_of(qwen2), backend, tmp_path)
    monkeypatch.setattr(embed_module, "Encoder", None)
    order = np.random.default_rng(1).permutation(len(TEXTS))
    second = embed([TEXTS[i] for i in order], config_of(qwen2), backend, tmp_path)
    np.testing.assert_array_equal(second.matrix, first.matrix[order])
    report = second.report
    assert (report.embedded, report.reused, report.tokens_per_second) == (0, len(TEXTS), 0.0)
    assert (report.tokens, report.space) == (first.report.tokens, first.report.space)


def test_only_new_texts_are_embedded(qwen2, backend, tmp_path):
    """A night adds a few songs: the rest is read back bit for bit."""
    first = embed(TEXTS[:12], config_of(qwen2), backend, tmp_path)
    second = embed(TEXTS, config_of(qwen2), backend, tmp_path)
    assert (second.report.embedded, second.report.reused) == (8, 12)
    np.testing.assert_array_equal(second.matrix[:12], first.matrix)
    whole = embed(TEXTS, config_of(qwen2), backend, tmp_path / "fresh")
    np.testing.assert_allclose(second.matrix, whole.matrix, atol=1e-6)


def test_the_report_says_how_the_vectors_were_made(qwen2, backend, tmp_path):
    """The manifest's account of the embedding."""
    report = embed(TEXTS, config_of(qwen2, max_tokens=30), backend, tmp_path).report
    assert (report.texts, report.embedded, report.reused) == (20, 20, 0)
    assert report.tokens == sum(min(len(text), 30) for text in TEXTS)
    assert report.truncated == 2
    assert (report.attention, report.device, report.dtype) == ("trie", "cpu", "float32")
    assert report.token_budget == 1024
    assert report.tokens_per_second > 0
    again = embed(TEXTS, config_of(qwen2, max_tokens=30), backend, tmp_path).report
    assert (again.tokens, again.truncated) == (report.tokens, report.truncated)


def test_no_texts_give_an_empty_matrix(qwen2, backend, tmp_path):
    """An empty corpus is not this stage's error."""
    vectors = embed([], config_of(qwen2), backend, tmp_path)
    assert vectors.matrix.shape == (0, 32)


def test_progress_counts_texts_up_to_the_end(qwen2, backend, tmp_path):
    """A bar that never fills, or runs backwards, is worse than none."""
    seen = []
    embed(TEXTS[:5], config_of(qwen2), backend, tmp_path)
    embed(TEXTS, config_of(qwen2), backend, tmp_path, lambda *step: seen.append(step))
    assert seen[0] == (5, 20)
    assert seen[-1] == (20, 20)
    assert seen == sorted(seen)


@pytest.mark.parametrize("store_dtype", ["float32", "float16"])
@pytest.mark.parametrize("stop_after", [0, 1, 2, 3])
def test_an_interrupted_run_ends_with_the_same_bytes(
    qwen2, backend, tmp_path, monkeypatch, stop_after, store_dtype
):
    """Resuming must not leave a trace in any file or vector."""
    config = config_of(qwen2, store_dtype=store_dtype)
    whole = embed(TEXTS, config, backend, tmp_path / "whole")
    append, done = VectorStore.append, []

    def stop(self, *args):
        if len(done) == stop_after:
            raise KeyboardInterrupt
        append(self, *args)
        done.append(1)

    with monkeypatch.context() as patch:
        patch.setattr(VectorStore, "append", stop)
        with pytest.raises(KeyboardInterrupt):
            embed(TEXTS, config, backend, tmp_path / "cut")
    resumed = embed(TEXTS, config, backend, tmp_path / "cut")
    assert resumed.report.embedded == len(TEXTS) - 6 * stop_after
    np.testing.assert_array_equal(resumed.matrix, whole.matrix)
    assert shards(tmp_path / "cut") == shards(tmp_path / "whole")


def test_a_killed_process_is_resumed_to_the_same_bytes(qwen2, backend, tmp_path):
    """SIGKILL of a real run, in the middle of embedding; it printed nothing until then."""
    config = config_of(qwen2, shard_texts=1)
    program = (
        "import sys, time; from pathlib import Path\n"
        "from rapids_rap.backend import load_backend\n"
        "from rapids_rap.config import EmbeddingConfig\n"
        "from rapids_rap.embedding.embed import embed\n"
        "from tests.embedding.test_embed import TEXTS\n"
        "config = EmbeddingConfig(model=sys.argv[1], shard_texts=1)\n"
        "slow = lambda done, total: time.sleep(0.05)\n"
        "embed(TEXTS, config, load_backend('cpu'), Path(sys.argv[2]), slow)\n"
    )
    root = tmp_path / "cut"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(qwen2), str(root)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    while process.poll() is None and len(list(root.glob("*/shard-*.json"))) < 5:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    printed, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert printed == b""
    resumed = embed(TEXTS, config, backend, root)
    assert 5 <= resumed.report.reused < len(TEXTS)
    whole = embed(TEXTS, config, backend, tmp_path / "whole")
    np.testing.assert_array_equal(resumed.matrix, whole.matrix)
    assert shards(root) == shards(tmp_path / "whole")


def test_removed_shards_come_back_byte_for_byte(qwen2, backend, tmp_path):
    """Any set of complete shards may vanish: the plan of what is missing is the same plan."""
    config = config_of(qwen2)
    embed(TEXTS, config, backend, tmp_path)
    expected = shards(tmp_path)
    names = sorted(tmp_path.glob("*/shard-*.json"))
    for gone in ([0], [3], [0, 2], [1, 2, 3], [0, 1, 2, 3]):
        for i in gone:
            for path in names[i].parent.glob(f"{names[i].stem}.*"):
                path.unlink()
        embed(TEXTS, config, backend, tmp_path)
        assert shards(tmp_path) == expected, gone


def test_damage_in_a_grown_store_is_repaired_to_the_same_bytes(qwen2, backend, tmp_path, caplog):
    """Shards of two nights, one of each damaged: each is remade as it was, not mixed anew."""
    config = config_of(qwen2)
    embed(TEXTS[:9], config, backend, tmp_path)
    embed(TEXTS, config, backend, tmp_path)
    expected = shards(tmp_path)
    victims = sorted(tmp_path.glob("*/*.vectors.npy"))
    for path in victims[1:4]:
        path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        report = embed(TEXTS, config, backend, tmp_path).report
    assert report.damaged_shards == 3
    assert caplog.text.count("is damaged") == 3
    after = {k: v for k, v in shards(tmp_path).items() if not k.endswith(".damaged")}
    assert after == expected


def test_another_model_never_reuses_vectors(qwen2, backend, tmp_path):
    """The same path with other weights, another pooling or limit: all embedded again."""
    folder = shutil.copytree(qwen2, tmp_path / "model")
    root = tmp_path / "store"
    first = embed(TEXTS, config_of(folder), backend, root)
    for change in ({"pooling": "last"}, {"causal": "no"}, {"prompt": "a"}, {"max_tokens": 9}):
        report = embed(TEXTS, config_of(folder, **change), backend, root).report
        assert report.embedded == len(TEXTS), change
    weights = load_file(folder / "model.safetensors")
    weights["norm.weight"] = weights["norm.weight"] * 2 + 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    second = embed(TEXTS, config_of(folder), backend, root)
    assert second.report.embedded == len(TEXTS)
    assert second.fingerprint != first.fingerprint
    assert np.abs(second.matrix - first.matrix).max() > 1e-3


def test_float16_storage_gives_unit_rows_that_stay_the_same(qwen2, backend, tmp_path):
    """Rounding happens once: the run that embeds sees what the next one reads."""
    config = config_of(qwen2, store_dtype="float16")
    first = embed(TEXTS, config, backend, tmp_path)
    second = embed(TEXTS, config, backend, tmp_path)
    np.testing.assert_array_equal(first.matrix, second.matrix)
    np.testing.assert_allclose(np.linalg.norm(first.matrix, axis=1), 1.0, atol=1e-6)
    (path, *_) = tmp_path.glob("*/*.vectors.npy")
    assert np.load(path).dtype == np.float16
    exact = embed(TEXTS, config_of(qwen2), backend, tmp_path).matrix
    np.testing.assert_allclose(first.matrix, exact, atol=2e-3)


def test_a_broken_model_stores_nothing(make_model, backend, tmp_path):
    """NaN on disk would be reused for ever."""
    folder = make_model("qwen2", seed=5)
    weights = load_file(folder / "model.safetensors")
    weights["norm.weight"] = weights["norm.weight"] * float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="6 of 6 texts"):
        embed(TEXTS, config_of(folder), backend, tmp_path)
    assert not list(tmp_path.glob("*/shard-*"))


def test_a_disk_too_small_is_said_before_the_work(qwen2, backend, tmp_path, monkeypatch):
    """Hours of embedding must not end in a full disk that was foreseeable."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    monkeypatch.setattr(embed_module, "Encoder", None)
    with pytest.raises(CapabilityError, match=r"20 texts take \d+ bytes and 100 are free"):
        embed(TEXTS, config_of(qwen2), backend, tmp_path)


def sizes_of(texts):
    """Bytes of UTF-8, by which shards are planned."""
    return np.array([len(text.encode()) for text in texts])


def test_shards_ascend_in_size_and_do_not_depend_on_the_order_of_texts():
    """The plan is a function of the set of texts, or resuming could not give the same bytes."""
    ids, sizes = hash_texts(TEXTS), sizes_of(TEXTS)
    plan = plan_shards(ids, sizes, [], 6)
    assert [len(unit) for unit in plan] == [6, 6, 6, 2]
    assert (np.diff(sizes[np.concatenate(plan)]) >= 0).all()
    order = np.random.default_rng(2).permutation(len(TEXTS))
    again = plan_shards(ids[order], sizes[order], [], 6)
    assert [ids[order][a].tolist() for a in again] == [ids[b].tolist() for b in plan]


def test_a_device_that_takes_many_tokens_gets_larger_shards(qwen2, backend, tmp_path, monkeypatch):
    """On a GPU a shard has batches enough to keep it busy; what is asked for is the least."""
    monkeypatch.setattr(CpuLane, "shard_tokens", 10)
    config = config_of(qwen2, shard_texts=2)
    large = embed(TEXTS, config, backend, tmp_path / "large")
    monkeypatch.setattr(CpuLane, "shard_tokens", 0)
    small = embed(TEXTS, config, backend, tmp_path / "small")
    assert len(shards(tmp_path / "large")) < len(shards(tmp_path / "small"))
    np.testing.assert_allclose(large.matrix, small.matrix, atol=1e-6)
    plan = plan_shards(hash_texts(TEXTS), sizes_of(TEXTS), [], 2, 10)
    assert all(sizes_of(TEXTS)[unit].sum() >= 30 for unit in plan[:-1])


def test_a_unit_to_redo_needs_all_its_texts():
    """A damaged shard of texts that this run does not have is no unit; none is planned twice."""
    ids, sizes = hash_texts(TEXTS), sizes_of(TEXTS)
    known, partly = ids[[3, 1]], np.append(ids[[5, 6]], hash_texts(["别处"]))
    plan = plan_shards(ids, sizes, [known, partly, known], 100)
    assert plan[0].tolist() == [3, 1]
    assert sorted(plan[1].tolist()) == sorted(set(range(20)) - {1, 3})


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text("一二ab", max_size=4), unique=True, max_size=24),
    cut=st.integers(1, 7),
    tokens=st.integers(0, 9),
    draw=st.randoms(use_true_random=False),
)
def test_any_plan_holds_every_text_once_and_survives_the_loss_of_shards(texts, cut, tokens, draw):
    """Whatever set of whole shards is missing, planning them again gives the same shards."""
    ids, sizes = hash_texts(texts), sizes_of(texts)
    plan = plan_shards(ids, sizes, [], cut, tokens)
    flat = [int(i) for unit in plan for i in unit]
    assert sorted(flat) == list(range(len(texts)))
    assert all(len(unit) <= (cut if tokens == 0 else 16 * cut) for unit in plan)
    for unit in plan[:-1]:
        full = sizes[unit].sum() >= 3 * tokens or len(unit) == 16 * cut
        assert len(unit) >= cut
        assert full
    gone = [unit for unit in plan if draw.random() < 0.5]
    missing = np.sort(np.concatenate([np.zeros(0, np.int64), *gone]))
    again = plan_shards(ids[missing], sizes[missing], [], cut, tokens)
    assert [missing[unit].tolist() for unit in again] == [unit.tolist() for unit in gone]


@pytest.fixture
def mixed():
    """Texts whose order by bytes and by tokens differs: one token is one byte or three."""
    return TEXTS + ["abcdefghij"[:i] for i in range(1, 10)] + ["山a山b山c", "ab水cd"]


def test_a_store_whose_shards_were_cut_by_token_length_is_read_and_healed(
    qwen2, backend, tmp_path, mixed, monkeypatch
):
    """Stores of earlier versions: nothing is embedded again, and damage is mended to its bytes."""
    config = config_of(qwen2)

    def by_tokens(ids, sizes, redo, shard_texts, shard_tokens, order):
        assert not redo
        lengths = np.array([len(mixed[i]) for i in range(len(ids))])
        order = np.lexsort((ids, lengths))
        return [order[i : i + shard_texts] for i in range(0, len(order), shard_texts)]

    with monkeypatch.context() as patch:
        patch.setattr(embed_module, "plan_shards", by_tokens)
        old = embed(mixed, config, backend, tmp_path)
    expected = shards(tmp_path)
    embed(mixed, config, backend, tmp_path / "new")
    assert set(shards(tmp_path / "new")) != set(expected)  # the plans do differ
    shutil.rmtree(tmp_path / "new")
    again = embed(mixed, config, backend, tmp_path)
    assert again.report.embedded == 0
    np.testing.assert_array_equal(again.matrix, old.matrix)
    victims = sorted(tmp_path.glob("*/*.vectors.npy"))[::2]
    for path in victims:
        path.write_bytes(b"rust")
    healed = embed(mixed, config, backend, tmp_path)
    assert healed.report.damaged_shards == len(victims)
    np.testing.assert_array_equal(healed.matrix, old.matrix)
    assert {k: v for k, v in shards(tmp_path).items() if not k.endswith(".damaged")} == expected


def test_texts_without_characters_get_a_vector(qwen2, bert, backend, tmp_path):
    """Zero-length texts have one token, whatever the batch they land in."""
    for folder in (qwen2, bert):
        root = tmp_path / folder.name
        vectors = embed(["", *TEXTS], config_of(folder), backend, root)
        assert np.isfinite(vectors.matrix).all()
        alone = load_encoder(config_of(folder), backend).encode([""])
        np.testing.assert_allclose(vectors.matrix[:1], alone, atol=1e-6)


def test_bytes_do_not_follow_the_threads_of_others():
    """Beside other work, with threads raised and lowered in between, texts get the same bytes.

    numba and FAISS set the number of OpenMP's threads in the thread that calls them; torch reports
    it as its own, and once took it for a promise.
    """
    texts = [f"第{i}夜 {'灯' * (1 + i % 9)} light {i}" for i in range(160)]
    encoder = load_encoder(EmbeddingConfig(model="demo"), CpuBackend())
    first = encoder.encode(texts)
    openmp = ctypes.CDLL(str(next(Path(torch.__file__).parent.glob("lib/libgomp*"))))
    before, stop, found = torch.get_num_threads(), threading.Event(), []

    def others_work():
        random = np.random.default_rng(0).normal(size=(200, 200))
        while not stop.is_set():
            random @ random

    workers = [threading.Thread(target=others_work, daemon=True) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        for told in (1, 2, 4):
            torch.set_num_threads(told)
            for set_by_another in (1, 3, told):
                openmp.omp_set_num_threads(set_by_another)
                found.append(encoder.encode(texts))
            thread = threading.Thread(target=lambda: found.append(encoder.encode(texts)))
            thread.start()
            thread.join()
    finally:
        stop.set()
        torch.set_num_threads(before)
        for worker in workers:
            worker.join()
    assert len(found) == 12
    assert {vectors.tobytes() for vectors in found} == {first.tobytes()}
