"""A writer folder appears whole, says what it read, and a killed training ends as another."""

import json
import shutil

import numpy as np
import pytest

from rapids_rap.errors import CapabilityError, ConfigError, InputError
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.progress import StageProgress
from rapids_rap.runs.files import sha256_file
from rapids_rap.writer import tuning
from rapids_rap.writer.copying import CopyIndex
from rapids_rap.writer.folder import load
from rapids_rap.writer.likelihood import nats
from rapids_rap.writer.record import read_record
from rapids_rap.writer.train import check_settings, train_writer
from rapids_rap.writer.tuning import Encoded, TuningSettings, newest_checkpoint
from tests.conftest import rap
from tests.writer.bases import write_tiny_base

CPU = DeviceResolution("cpu", "asked for")
SETTINGS = TuningSettings(epochs=0.5, batch=8, longest=160, every=2, held_out=0.15)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def train(sample_run, tiny, quiet_console):
    def call(out, settings=SETTINGS, base=tiny, run=sample_run, **others):
        with StageProgress(quiet_console) as progress:
            return train_writer(run, out, str(base), settings, CPU, progress, **others)

    return call


@pytest.fixture
def quiet_console():
    import io

    from rich.console import Console

    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def trained(sample_run, tiny, tmp_path_factory):
    import io

    from rich.console import Console

    out = tmp_path_factory.mktemp("writers") / "mine"
    with StageProgress(Console(file=io.StringIO())) as progress:
        return train_writer(sample_run, out, str(tiny), SETTINGS, CPU, progress)


def test_the_folder_says_what_it_read(trained, sample_run):
    record = read_record(trained.folder)
    assert record["run"]["lines_sha256"] == sha256_file(sample_run / "lines.parquet")
    assert len(record["seen_songs"]) == record["songs"]["train"]
    assert len(record["held_out_songs"]) == record["songs"]["held_out"] == 10
    assert record["loss"]["held_out_after"] < record["loss"]["held_out_before"]
    assert record["conditions"]["regions"]
    assert record["conditions"]["by"] in ("", "agreement")
    assert {theme["name"] for theme in record["conditions"]["themes"]}
    assert record["seed"] == 42
    assert record["versions"]["peft"]
    assert not (trained.folder.parent / ".mine.writer").exists()
    assert any("held out" in one for one in trained.sentences)


def test_no_line_of_the_lyrics_stands_in_the_folder(trained, sample_run):
    """The weights may remember; what lies beside them holds hashes and names alone."""
    texts = {s["title"] for s in read_record(trained.folder)["seen_songs"]}
    kept = "".join(p.read_text("utf-8") for p in trained.folder.glob("writer.json"))
    from rapids_rap.runs.run import open_run

    lines = open_run(sample_run).lines["text_norm"]
    assert not [line for line in lines if len(line) > 8 and line in kept and line not in texts]


def test_it_loads_and_is_another_model_than_its_base(trained, tiny):
    from rapids_rap.writer.base import load_causal

    writer = load(trained.folder)
    one = [Encoded(tuple(writer.tokenizer("今晚的月亮\n")["input_ids"]), 1)]
    base = load_causal(tiny, "cpu", half=False).eval()
    assert nats(writer.model, one, 0) != pytest.approx(nats(base, one, 0))
    seen = [song["song_id"] for song in trained.record["seen_songs"]]
    assert sorted(writer.index().songs) == sorted(seen)


def test_all_that_the_model_has_read_is_in_its_index(train, trained, tmp_path):
    """Or songs that it knows from its base come back, and are said to be new."""
    out = tmp_path / "second"
    settings = TuningSettings(epochs=0.2, batch=8, longest=160, held_out=0.5)
    record = train(out, settings, base=trained.folder).record
    held = [song for song in record["held_out_songs"] if song["read_by_base"]]
    assert held
    index = load(out).index()
    own = [song["song_id"] for song in (*record["seen_songs"], *held)]
    assert sorted(index.songs) == sorted(own)
    assert index.has_words
    carried = CopyIndex(out / "index" / "base")
    assert sorted(carried.songs) == sorted(one["song_id"] for one in trained.record["seen_songs"])
    shutil.rmtree(out / "index" / "base")
    with pytest.raises(InputError, match="lacks the songs that its base read"):
        load(out).index()


def test_a_killed_training_ends_as_one_that_was_not(train, trained, tmp_path, monkeypatch):
    out = tmp_path / "again"
    steps = tuning._Told.on_step_end

    def killed(self, args, state, control, **others):
        steps(self, args, state, control, **others)
        if state.global_step == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(tuning._Told, "on_step_end", killed)
    with pytest.raises(KeyboardInterrupt):
        train(out)
    assert not out.exists()
    monkeypatch.undo()
    assert newest_checkpoint(tmp_path / ".again.writer").endswith("checkpoint-4")
    resumed = train(out)
    first, second = (sha256_file(f / "model.safetensors") for f in (trained.folder, resumed.folder))
    assert first == second
    assert resumed.record["loss"] == trained.record["loss"]


def test_other_settings_are_refused_while_one_is_unfinished(train, tmp_path, monkeypatch):
    out = tmp_path / "mine"
    monkeypatch.setattr(tuning._Told, "on_step_end", _kill)
    with pytest.raises(KeyboardInterrupt):
        train(out)
    monkeypatch.undo()
    with pytest.raises(InputError, match="unfinished training"):
        train(out, TuningSettings(epochs=0.5, batch=8, longest=160, rate=1e-3, held_out=0.15))


def test_overwrite_starts_anew_also_with_the_same_settings(train, tmp_path, monkeypatch):
    """Or whoever wants a training begun again is given the rest of the old one."""
    out = tmp_path / "mine"
    work = tmp_path / ".mine.writer"
    work.mkdir()
    monkeypatch.setattr(tuning._Told, "on_step_end", _kill)
    with pytest.raises(KeyboardInterrupt):
        train(out)
    (work / "checkpoint-2").mkdir()
    (work / "checkpoint-2" / tuning.STATE).write_text('{"global_step": 2}')
    with pytest.raises(KeyboardInterrupt):
        train(out, overwrite=True)
    assert newest_checkpoint(work) is None


def test_the_plan_that_is_gone_on_with_is_the_one_told(train, tmp_path, monkeypatch):
    """Or a training that began with more memory than there is now runs out of it unannounced."""
    out, told = tmp_path / "mine", []
    identity = tmp_path / ".mine.writer" / "identity.json"
    monkeypatch.setattr(tuning._Told, "on_step_end", _kill)
    with pytest.raises(KeyboardInterrupt):
        train(out, tell=told.append)
    kept = json.loads(identity.read_text())
    assert "8 examples at once, 1 times a step" in told.pop()
    kept["plan"] |= {"batch": 2, "accumulate": 4}
    identity.write_text(json.dumps(kept))
    with pytest.raises(KeyboardInterrupt):
        train(out, tell=told.append)
    assert "2 examples at once, 4 times a step" in told.pop()
    kept["plan"]["expected"] = 2**60
    identity.write_text(json.dumps(kept))
    with pytest.raises(CapabilityError, match=r"1,073,741,824.* free now.*--overwrite"):
        train(out, tell=told.append)
    assert not told


def _kill(self, args, state, control, **others):
    raise KeyboardInterrupt


def test_a_half_written_checkpoint_is_removed(tmp_path):
    for step, text in ((2, '{"global_step": 2}'), (4, None), (6, "{")):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if text:
            (folder / tuning.STATE).write_text(text)
    assert newest_checkpoint(tmp_path).endswith("checkpoint-2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-2"]


def test_a_folder_in_use_is_not_touched(train, trained, tmp_path):
    used = tmp_path / "used"
    used.mkdir()
    (used / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="in use and no writer"):
        train(used)
    copy = tmp_path / "copy"
    shutil.copytree(trained.folder, copy)
    with pytest.raises(InputError, match="holds a writer already"):
        train(copy)
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="no part of a writer"):
        train(copy, overwrite=True)
    assert (copy / "notes.txt").read_text() == "mine"
    (copy / "notes.txt").unlink()
    (copy / ".gitattributes").write_text("")
    (copy / ".git").mkdir()
    with pytest.raises(InputError, match=r"\.git: is no part of a writer"):
        train(copy, overwrite=True)
    assert (copy / ".git").is_dir()


def test_without_peft_it_names_the_extra(train, tmp_path, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "peft" else find(n))
    with pytest.raises(CapabilityError, match=r"rapids-rap\[train\]"):
        train(tmp_path / "out")


@pytest.mark.parametrize(
    "settings",
    [
        {"drop": 1.0},
        {"held_out": -0.1},
        {"epochs": 0.0},
        {"rate": float("nan")},
        {"rate": float("inf")},
    ],
)
def test_numbers_that_train_nothing_end_with_two(settings):
    with pytest.raises(ConfigError, match="expected"):
        check_settings(TuningSettings(**settings))


def test_a_training_that_diverges_is_no_writer(train, tmp_path):
    """Or weights that are no numbers are put in place, and the first who writes is told."""
    wild = TuningSettings(epochs=0.5, batch=8, longest=160, rate=1e30, held_out=0.15)
    with pytest.raises(InputError, match="diverged"):
        train(tmp_path / "wild", wild)
    assert not (tmp_path / "wild").exists()


def test_a_folder_that_is_no_writer_is_said(tmp_path, trained):
    with pytest.raises(InputError, match="is no writer"):
        read_record(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(trained.folder, copy)
    whole = read_record(trained.folder)
    assert whole["base"]["fingerprint"]
    for part, field in (("base", "fingerprint"), ("settings", "longest"), ("conditions", "themes")):
        lost = {**whole, part: {k: v for k, v in whole[part].items() if k != field}}
        (copy / "writer.json").write_text(json.dumps(lost))
        with pytest.raises(InputError, match=rf"{part}\.{field}"):
            read_record(copy)
    for text, said in (
        ("{", "can't be read"),
        ("[]", "dictionary"),
        (json.dumps({"schema_version": 99}), "newer version"),
        (json.dumps({"schema_version": 1}), "base"),
    ):
        (copy / "writer.json").write_text(text)
        with pytest.raises(InputError, match=said):
            read_record(copy)


def test_the_command_line_ends_with_the_right_codes(sample_run, tmp_path):
    out = tmp_path / "out"
    assert rap("writer", "train", tmp_path / "none", "--model", "demo", "--out", out).code == 2
    bad = rap("writer", "train", sample_run, "--model", tmp_path / "none", "--out", out)
    assert bad.code == 2
    assert "--model demo" in bad.err
    assert rap("writer", "train", sample_run, "--drop", "2", "--out", out).code == 2
    inside = rap("writer", "train", sample_run, "--model", "demo", "--out", sample_run / "w")
    assert inside.code == 2
    assert not out.exists()


def test_likelihood_does_not_hang_on_company(trained):
    writer = load(trained.folder)
    ids = [tuple(writer.tokenizer(text)["input_ids"]) for text in ("今晚\n", "城市的月亮照着\n")]
    examples = [Encoded(one, 1) for one in ids]
    alone = np.concatenate([nats(writer.model, [one], 0) for one in examples])
    assert nats(writer.model, examples, 0) == pytest.approx(alone, rel=1e-4)
