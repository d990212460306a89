"""The training command: a folder that reads the same everywhere, kills, refusals, exit codes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer

from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import load_encoder
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.training import text_views
from rapids_rap.training import train as training
from rapids_rap.training.record import sentences
from tests.conftest import rap
from tests.embedding.conftest import texts_of
from tests.training.conftest import (
    SETTINGS,
    frame,
    lines,
    make_model,
    one_thread,
    qwen2,
    run_train,
    songs,
)

__all__ = ["frame", "lines", "make_model", "one_thread", "qwen2", "run_train", "songs"]
TEXTS = texts_of([3, 9, 5, 7, 4, 12])
WHAT_IT_HOLDS = (
    "config",
    "seed",
    "steps",
    "dev_mrr_before",
    "dev_mrr_after",
    "tfidf_mrr",
    "chance_mrr",
    "alignment",
    "uniformity",
    "views",
    "intervals",
    "history",
    "view_cosine",
)


@pytest.fixture(scope="module")
def trained(run_train, qwen2, songs, tmp_path_factory):
    """Folders of one short training of each mode."""
    base = tmp_path_factory.mktemp("trained")
    return {
        mode: run_train(songs, qwen2, base / mode, f"train.mode={mode}")
        for mode in ("lora", "full", "head")
    }


@pytest.fixture
def encode(backend):
    return lambda folder: load_encoder(EmbeddingConfig(model=str(folder)), backend).encode(TEXTS)


@pytest.fixture
def backend():
    from rapids_rap.backend import load_backend

    return load_backend("cpu")


@pytest.mark.parametrize("mode", ["lora", "full", "head"])
def test_the_folder_reads_the_same_here_and_in_sentence_transformers(trained, encode, mode, qwen2):
    """Adapters are merged, pooling and projection are declared, and training changed something."""
    ours = encode(trained[mode].folder)
    theirs = SentenceTransformer(str(trained[mode].folder), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert (trained[mode].record["best_step"] > 0) == (not np.allclose(ours, encode(qwen2)))


@pytest.mark.parametrize("mode", ["lora", "full", "head"])
def test_the_record_says_what_was_done(trained, mode):
    """training.json is what the command returns, with every figure of the contract."""
    record = json.loads((trained[mode].folder / "training.json").read_text("utf-8"))
    assert not set(WHAT_IT_HOLDS) - record.keys()
    assert record["config"]["train"]["mode"] == mode
    assert 0 < record["chance_mrr"] < 1
    assert 0 < record["tfidf_mrr"] <= 1
    assert record["dev_mrr_after"] >= record["dev_mrr_before"]
    assert record["steps"] <= 6
    assert record["history"][0]["dev_mrr"] == pytest.approx(record["dev_mrr_before"], abs=1e-5)
    best = [e for e in record["history"] if e["step"] == record["best_step"]]
    assert best[0]["dev_mrr"] == pytest.approx(record["dev_mrr_after"], abs=1e-5)
    low, high = record["intervals"]["dev_mrr_gain"]
    assert low <= record["dev_mrr_after"] - record["dev_mrr_before"] <= high
    assert not list(trained[mode].folder.parent.glob(".*"))


def test_head_views_stay_alike(trained):
    """Noise that drowns the vectors teaches nothing: the cosine of two views is reported."""
    assert trained["head"].record["view_cosine"] == pytest.approx(1 / (1 + 0.3**2), abs=0.03)


def test_training_learns(run_train, qwen2, songs, tmp_path):
    """Neighbouring lines come closer on songs that were held out."""
    settings = (
        "train.mode=full",
        "train.steps=40",
        "train.views=['adjacent']",
        "train.learning_rate=0.003",
        "train.evaluate_every=10",
    )
    record = run_train(songs, qwen2, tmp_path / "model", *settings).record
    assert record["dev_mrr_after"] > 1.1 * record["dev_mrr_before"]


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_killed_training_ends_with_the_same_figures(
    run_train, qwen2, songs, tmp_path, monkeypatch, trained, mode
):
    """Resumed from its checkpoint, a training ends bit for bit as one that was never stopped."""
    out = tmp_path / "model"
    real = training.train_steps

    def killed(training):
        def stop(done, steps, words):
            if done == 3:
                raise _KilledError

        object.__setattr__(training, "tell", stop)
        return real(training)

    monkeypatch.setattr(training, "train_steps", killed)
    with pytest.raises(_KilledError):
        run_train(songs, qwen2, out, f"train.mode={mode}")
    assert (tmp_path / ".model.training" / "checkpoint-000000002").is_dir()
    assert not out.exists()
    monkeypatch.setattr(training, "train_steps", real)
    again = run_train(songs, qwen2, out, f"train.mode={mode}")
    ours, whole = (dict(one.record) for one in (again, trained[mode]))
    for record in (ours, whole):
        record.pop("seconds", None)
    assert ours == whole
    weights = [(one.folder / "model.safetensors").read_bytes() for one in (again, trained[mode])]
    assert weights[0] == weights[1]


def test_sigterm_stops_and_the_same_command_resumes(qwen2, songs, tmp_path):
    """The real command, really killed: exit 143, nothing at --out, then done by the same words."""
    out = tmp_path / "model"
    script = "import torch; torch.set_num_threads(1); from rapids_rap.cli import main; main()"
    words = ["train", str(songs), "--model", str(qwen2), "--out", str(out), "--backend", "cpu"]
    for setting in (*SETTINGS, "train.steps=60", "train.patience=99", "train.mode=full"):
        words += ["--set", setting]
    command = [sys.executable, "-c", script, *words]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    work = tmp_path / ".model.training"
    limit = time.monotonic() + 300
    while not list(work.glob("checkpoint-*[0-9]")) and time.monotonic() < limit:
        assert first.poll() is None, first.stderr.read().decode()
        time.sleep(0.02)
    first.send_signal(signal.SIGTERM)
    _, error = first.communicate(timeout=300)
    assert first.returncode == 143, error.decode()
    assert "resumes" in error.decode()
    assert not out.exists()
    second = subprocess.run(command, capture_output=True, check=False, timeout=300)
    assert second.returncode == 0, second.stderr.decode()
    record = json.loads((out / "training.json").read_text("utf-8"))
    assert record["steps"] == 60
    assert not work.exists()


def test_equal_views_end_the_command_with_a_sentence(qwen2, songs, tmp_path):
    """Exit 3, and the reason in the words of whoever has to mend it."""
    outcome = rap(
        "train",
        songs,
        "--model",
        qwen2,
        "--out",
        tmp_path / "m",
        "--backend",
        "cpu",
        *(word for s in SETTINGS for word in ("--set", s)),
        "--set",
        "train.dropout=0",
        "--set",
        "train.views=['dropout']",
    )
    assert outcome.code == 3
    assert "two views of a text are equal" in outcome.err
    assert not (tmp_path / "m").exists()


def test_lyrics_without_songs_train_and_say_what_is_missing(qwen2, tmp_path, lines):
    """Plain text has no songs: no view of neighbours, no figure, and both are said."""
    plain = tmp_path / "plain.txt"
    plain.write_text("\n".join(lines.text), encoding="utf-8")
    out = tmp_path / "model"
    words = ["train", plain, "--model", qwen2, "--out", out, "--backend", "cpu", "--full"]
    words += [word for setting in SETTINGS for word in ("--set", setting)]
    outcome = rap(*words)
    assert outcome.code == 0, outcome.err
    said = " ".join(outcome.err.split())
    assert "the lyrics have no songs" in said
    assert "the view adjacent is left out" in said
    assert "not computed" in outcome.out
    record = json.loads((out / "training.json").read_text("utf-8"))
    assert record["dev_mrr_after"] is record["tfidf_mrr"] is record["alignment"] is None
    assert (record["steps"], record["views"]) == (6, ["dropout", "repetition"])
    assert rap(*words, "--overwrite", "--set", "train.views=['context']").code == 2


def test_a_folder_in_use_is_left_alone(run_train, qwen2, songs, tmp_path, trained):
    """Neither a foreign folder nor a finished model is replaced without being told to."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is in use"):
        run_train(songs, qwen2, tmp_path, overwrite=True)
    with pytest.raises(InputError, match="trained already"):
        run_train(songs, qwen2, trained["lora"].folder)
    with pytest.raises(InputError, match="projection"):
        run_train(songs, trained["head"].folder, tmp_path / "again")


def test_a_trained_model_can_be_replaced(run_train, qwen2, songs, tmp_path):
    """--overwrite puts the new model in the old one's place, whole."""
    out = tmp_path / "model"
    first = run_train(songs, qwen2, out).record
    second = run_train(songs, qwen2, out, "train.steps=2", overwrite=True).record
    assert (first["config"] != second["config"], second["steps"]) == (True, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_memory_that_runs_out_says_what_to_lower(run_train, qwen2, songs, tmp_path, monkeypatch):
    """A shortage is exit 3 with the setting that helps, and what was trained is kept."""

    def short(training):
        raise MemoryError("out of memory")

    monkeypatch.setattr(training, "train_steps", short)
    with pytest.raises(CapabilityError, match=r"train\.chunk_tokens .*goes on from"):
        run_train(songs, qwen2, tmp_path / "model")


def test_rhyme_is_an_objective_of_its_own(run_train, qwen2, songs, tmp_path, monkeypatch):
    """Homophone swaps replace the views of meaning, never mix with them."""
    sounds = dict.fromkeys("水山风云", "a") | dict.fromkeys("夜路灯火", "b")
    monkeypatch.setattr(text_views, "pinyin_reading", lambda: lambda c: sounds.get(c, ""))
    settings = ("train.objective=rhyme", "train.steps=2")
    assert run_train(songs, qwen2, tmp_path / "m", *settings).record["views"] == ["homophone"]


def test_echo_is_refused_before_any_work(qwen2, songs, tmp_path):
    """A folder can't say that it is read twice: refused, not trained on the first token."""
    outcome = rap(
        "train",
        songs,
        "--model",
        qwen2,
        "--out",
        tmp_path / "m",
        "--backend",
        "cpu",
        "--set",
        "embedding.pooling=echo",
    )
    assert outcome.code == 2
    assert "echo can't be trained" in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", [".", "..", "new/.."])
def test_a_folder_that_no_rename_can_replace_is_refused_at_once(
    run_train, qwen2, songs, tmp_path, monkeypatch, out
):
    """After hours of training is too late to learn that --out is where one stands."""
    (tmp_path / "here" / "new").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="name a folder inside it"):
        run_train(songs, qwen2, Path(out))
    monkeypatch.setattr(Path, "is_mount", lambda self: True)
    with pytest.raises(InputError, match="mount point"):
        run_train(songs, qwen2, tmp_path / "volume")


def test_a_link_to_a_folder_leads_to_the_folder(run_train, qwen2, songs, tmp_path):
    """The model is put where the link points, and the link stays."""
    (tmp_path / "disk" / "v1").mkdir(parents=True)
    (tmp_path / "model").symlink_to(tmp_path / "disk" / "v1")
    run_train(songs, qwen2, tmp_path / "model", "train.steps=1")
    assert (tmp_path / "model").is_symlink()
    assert (tmp_path / "disk" / "v1" / "training.json").is_file()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.name.startswith(".")) == []


def test_a_single_line_is_said_to_be_one(run_train, qwen2, tmp_path):
    """The reason is the lyrics, not what is held out of them."""
    (tmp_path / "one.txt").write_text("山水风云\n", encoding="utf-8")
    with pytest.raises(InputError, match="at least two lines"):
        run_train(tmp_path / "one.txt", qwen2, tmp_path / "model")


def test_a_full_disk_is_exit_3_and_keeps_the_checkpoint(
    run_train, qwen2, songs, tmp_path, monkeypatch
):
    """Writing the model is where it happens; with room again the same command only writes it."""

    def full(*_):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    out = tmp_path / "model"
    monkeypatch.setattr(training.EncoderLearner, "save", full)
    with pytest.raises(CapabilityError, match="no room to write"):
        run_train(songs, qwen2, out)
    assert (tmp_path / ".model.training" / "checkpoint-000000006").is_dir()
    assert not out.exists()


def test_a_training_says_what_it_taught(trained):
    """What nearest lines share before and after, and whether that is form or meaning."""
    record = dict(trained["full"].record)
    traits = record["neighbours_share"]
    assert {"length", "rhyme", "lexicon"} <= traits.keys()
    form = {"before": 0.1, "after": 0.3, "change_interval": [0.1, 0.3]}
    less = {"before": 0.3, "after": 0.2, "change_interval": [-0.15, -0.05]}
    same = {"before": 0.3, "after": 0.2, "change_interval": [-0.15, 0.05]}
    for lexicon, said in ((less, "and less meaning"), (same, "and no surely other meaning")):
        told = [*sentences(record | {"neighbours_share": {"rhyme": form, "lexicon": lexicon}})][-1]
        assert "rhyme 0.100 to 0.300" in told
        assert "it taught form (rhyme)" in told
        assert said in told
    told = [*sentences(record | {"neighbours_share": {"rhyme": same, "lexicon": form}})][-1]
    assert "it taught no form and more meaning" in told
    assert len([*sentences(record | {"neighbours_share": {}})]) == 3


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (0.3, "and above character TF-IDF"),
        (0.15, "not above chance, and above character TF-IDF"),
        (0.05, "not above chance, and not above character TF-IDF"),
    ],
)
def test_figures_at_chance_are_said_to_be(trained, after, said):
    """Above a weak baseline and below guessing is no success."""
    figures = {"dev_mrr_after": after, "tfidf_mrr": 0.1, "chance_mrr": 0.2, "best_step": 2}
    assert said in " ".join(sentences(dict(trained["full"].record) | figures))
