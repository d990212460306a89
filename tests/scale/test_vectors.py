"""Embedding over shards: the bytes of one process, whoever is killed."""

import json
from dataclasses import replace
from functools import partial

import pytest

from rapids_rap.config import EmbeddingConfig, ScaleConfig
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.store import VectorStore, lease_of
from rapids_rap.errors import CapabilityError
from rapids_rap.scale import vectors
from rapids_rap.scale.dask_executor import open_dask
from rapids_rap.scale.engines import open_executor
from rapids_rap.scale.executor import SerialExecutor
from rapids_rap.scale.texts import Task
from rapids_rap.scale.vectors import fill_store
from tests.embedding.conftest import texts_of
from tests.scale.cluster import Cluster, wait_for
from tests.scale.shards import die_while_storing, hang_while_storing, kept_encoders, own_number

TEXTS = texts_of([5, 1, 9, 3, 3, 12, 2, 7, 3, 40, 5, 6, 2, 8, 31, 3, 4, 4, 10, 11])


def stored(root):
    (folder,) = root.iterdir()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def config_of(folder, **changes):
    return EmbeddingConfig(model=str(folder), **({"shard_texts": 3} | changes))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_workers_leave_the_bytes_of_one_process(executor, qwen2, backend, tmp_path, dtype):
    """Vectors and every file of the store; nothing else is left there, no lease, no folder."""
    config = config_of(qwen2, store_dtype=dtype)
    alone = embed(TEXTS, config, backend, tmp_path / "alone")
    seen = []
    shared = embed(
        TEXTS,
        config,
        backend,
        tmp_path / "shared",
        progress=lambda done, total: seen.append((done, total)),
        fill=lambda missing: fill_store(missing, executor),
    )
    assert shared.matrix.tobytes() == alone.matrix.tobytes()
    assert stored(tmp_path / "shared") == stored(tmp_path / "alone")
    for name in ("texts", "embedded", "reused", "tokens", "embedded_tokens", "computed_tokens"):
        assert getattr(shared.report, name) == getattr(alone.report, name), name
    assert shared.report.truncated == alone.report.truncated
    assert seen[-1] == (len(TEXTS), len(TEXTS))


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_worker_killed_in_the_midst_changes_nothing(
    kind, qwen2, backend, tmp_path, monkeypatch, request
):
    """Its lease is taken over, its shard done again, to the same bytes."""
    config = config_of(qwen2)
    executor = request.getfixturevalue(f"{kind}_executor")
    alone = embed(TEXTS, config, backend, tmp_path / "alone")
    monkeypatch.setattr(vectors, "embed_shard", die_while_storing)
    shared = embed(
        TEXTS,
        config,
        backend,
        tmp_path / "shared",
        fill=lambda missing: fill_store(missing, executor),
    )
    assert shared.matrix.tobytes() == alone.matrix.tobytes()
    assert stored(tmp_path / "shared") == stored(tmp_path / "alone")


def test_workers_keep_no_model_when_all_is_stored(executor, qwen2, backend, tmp_path):
    """Those of a scheduler by address go on, on a GPU that the run itself may want next."""
    held = []

    def fill(missing):
        filled = fill_store(missing, executor)
        held.extend(executor.everywhere(kept_encoders, 0).values())
        return filled

    embed(TEXTS, config_of(qwen2), backend, tmp_path, fill=fill)
    assert set(held) == {0}
    assert len(held) == (1 if executor.kind == "serial" else 2)


def test_workers_by_address_keep_no_model_for_the_next_client(qwen2, backend, tmp_path):
    """The run closes its client after the embedding and comes back for terms; they stay."""
    cluster = Cluster(tmp_path / "cluster")
    try:
        numbers = {cluster.worker(name).pid for name in "ab"}
        with open_dask(cluster.address, 0, "cpu") as executor:
            wait_for(lambda: len(executor.everywhere(own_number, 0)) == 2)
            fill = partial(fill_store, executor=executor)
            embed(TEXTS, config_of(qwen2), backend, tmp_path / "store", fill=fill)
        with open_dask(cluster.address, 0, "cpu") as executor:
            assert set(executor.everywhere(own_number, 0).values()) == numbers
            assert set(executor.everywhere(kept_encoders, 0).values()) == {0}
    finally:
        cluster.close()


def test_a_model_that_is_forgotten_leaves_no_cache_on_the_device(qwen2, backend, monkeypatch):
    """What torch keeps of freed tensors, no other process of that GPU could have."""
    given_back = []
    monkeypatch.setattr(vectors, "release_cache", lambda: given_back.append(1))
    monkeypatch.setattr(vectors.torch.cuda, "is_initialized", lambda: True)
    vectors.forget_encoder()
    assert not given_back  # there was no model
    vectors._encoder(json.dumps(config_of(qwen2).model_dump(mode="json")), backend.name)
    vectors.forget_encoder()
    assert given_back == [1]


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_worker_that_hangs_and_renews_its_lease_holds_nobody_up(
    kind, qwen2, backend, tmp_path, monkeypatch
):
    """At a dead card its other thread lives: the copy of its shard waited for ever."""
    monkeypatch.setattr("rapids_rap.scale.executor.PATIENCE", 0.5)
    monkeypatch.setattr("rapids_rap.scale.executor.TIMES", 0)
    config = config_of(qwen2, shard_texts=10)
    embed(TEXTS, config, backend, tmp_path / "alone")
    monkeypatch.setattr(vectors, "embed_shard", hang_while_storing)
    with open_executor(ScaleConfig(executor=kind, workers=2), "cpu") as executor:
        fill = partial(fill_store, executor=executor)
        embed(TEXTS, config, backend, tmp_path / "shared", fill=fill)
    assert stored(tmp_path / "shared") == stored(tmp_path / "alone")


def test_a_run_that_stopped_goes_on_with_what_is_missing(qwen2, backend, tmp_path):
    """A shard that is stored is not computed again, by whichever kind it was."""
    config = config_of(qwen2)
    embed(TEXTS, config, backend, tmp_path / "shared")
    (folder,) = (tmp_path / "shared").iterdir()
    whole = stored(tmp_path / "shared")
    gone = sorted(folder.glob("shard-*.vectors.npy"))[:2]
    for path in gone:
        path.write_bytes(b"torn")  # damaged: set aside, and made anew as it was
    again = embed(
        TEXTS,
        config,
        backend,
        tmp_path / "shared",
        fill=lambda missing: fill_store(missing, SerialExecutor()),
    )
    now = {n: b for n, b in stored(tmp_path / "shared").items() if not n.endswith(".damaged")}
    assert now == whole
    assert again.report.damaged_shards == 2
    assert again.report.embedded == 6


def test_a_shard_that_is_stored_already_is_left(qwen2, backend, tmp_path, monkeypatch):
    """Two that do the same are harmless: the second sees the first one's commit."""
    first = {}

    class Twice(SerialExecutor):
        def map(self, function, shards, done=None):
            results = super().map(function, shards, done)
            first["again"] = super().map(function, shards)
            return results

    embed(
        TEXTS,
        config_of(qwen2),
        backend,
        tmp_path,
        fill=lambda missing: fill_store(missing, Twice()),
    )
    assert {(one.tokens, one.computed) for one in first["again"]} == {(0, 0)}


def test_opening_leaves_a_shard_that_another_is_storing(tmp_path):
    """A live lease keeps files without a commit; without one they are a killed writer's."""
    store = VectorStore(tmp_path, {"a": 1})
    name = "shard-" + "0" * 32
    half = store.folder / f"{name}.ids.npy"
    half.write_bytes(b"half")
    lease_of(store.folder, name).write_text("{}")
    store.reopened()
    assert half.exists()
    lease_of(store.folder, name).unlink()
    store.reopened()
    assert not half.exists()


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path):
    """Storage that is not shared is the likeliest mistake."""
    with pytest.raises(CapabilityError, match="storage that all workers reach"):
        vectors.embed_shard(Task(str(tmp_path / "elsewhere"), 0))


def test_workers_that_round_differently_are_refused(qwen2, backend, tmp_path, monkeypatch):
    """Another kind of processor leaves other bits: at the start, and of one that joins late."""

    class Two(SerialExecutor):
        def everywhere(self, function, about):
            one = function(about)
            return {"a": one, "b": replace(one, arithmetic="abacus")}

    def fill(executor):
        config, store = config_of(qwen2), tmp_path / "store"
        embed(TEXTS, config, backend, store, fill=lambda missing: fill_store(missing, executor))

    with pytest.raises(CapabilityError, match=r"abacus.* on b, .*machines of one kind"):
        fill(Two())
    kinds = iter(["one", "another"])
    monkeypatch.setattr(vectors, "_arithmetic", lambda device: next(kinds))
    with pytest.raises(CapabilityError, match=r"joined late .*another.*one"):
        fill(SerialExecutor())
    assert not list((tmp_path / "store").rglob("shard-*.json"))
