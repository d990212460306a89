"""A run that is opened for a change is whole, locked, and free of half-made changes."""

import json
import shutil

import pytest

from rapids_rap.errors import InputError, LockHeldError
from rapids_rap.runs import replacing
from rapids_rap.runs.changing import whole_run
from rapids_rap.runs.names import PENDING
from rapids_rap.runs.replacing import replace_files

LABELS = "kind,id,label\ncluster,0,雨夜\n".encode()


@pytest.fixture
def run(sample_run, tmp_path):
    """A copy of the sample's run."""
    return shutil.copytree(sample_run, tmp_path / "run")


def test_a_whole_run_is_given_and_a_second_opener_is_refused(run):
    """Who changes a run is alone with it; afterwards the next one may."""
    with whole_run(run) as opened:
        assert opened.path == run
        with pytest.raises(LockHeldError), whole_run(run):
            pass
    with whole_run(run):
        pass


def test_a_change_that_was_interrupted_is_ended_first(run, monkeypatch):
    """Files that an earlier command had written, but not moved, are in place and vouched for."""

    def stopped(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(replacing, "finish_replacing", stopped)
        with pytest.raises(KeyboardInterrupt):
            replace_files(run, {"labels.csv": LABELS}, {"names": {"by": "somebody"}})
    assert (run / PENDING).exists()
    assert not (run / "labels.csv").exists()
    with whole_run(run) as opened:
        assert (run / "labels.csv").read_bytes() == LABELS
        assert opened.manifest["names"] == {"by": "somebody"}
    assert not (run / PENDING).exists()


def test_a_damaged_run_is_refused_as_it_is(run):
    """Nothing is added to what is not whole, and its lock is free again."""
    quality = run / "quality.json"
    quality.write_text(json.dumps({"forged": 1}))
    for _ in range(2):
        message = r"quality\.json.*A run that is not whole"
        with pytest.raises(InputError, match=message), whole_run(run):
            pass
    assert json.loads(quality.read_text()) == {"forged": 1}


def test_a_folder_that_is_no_run_is_left_without_a_lock(tmp_path):
    """A wrong path is a sentence, and no file appears in it."""
    folder = tmp_path / "songs"
    folder.mkdir()
    with pytest.raises(InputError), whole_run(folder):
        pass
    assert not list(folder.iterdir())
