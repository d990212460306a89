"""Tests of files that replace those of a finished run: all or none, whenever it is stopped."""

import itertools
import json
import os
import shutil
import sys

import pytest

from rapids_rap.errors import InputError
from rapids_rap.runs import replacing
from rapids_rap.runs.names import PENDING
from rapids_rap.runs.replacing import finish_replacing, replace_files, was_interrupted
from rapids_rap.runs.seal import seal_faults, write_manifest

NEW = {"clusters.csv": b"new clusters", "quality.json": b"{}", "cluster_stability.csv": b"more"}
RECORD = {"stability": {"created": "now"}}


@pytest.fixture
def run(tmp_path):
    """A folder with two files and a sealed manifest that vouches for them."""
    folder = tmp_path / "run"
    folder.mkdir()
    files = {}
    for name in ("clusters.csv", "quality.json"):
        (folder / name).write_text(f"old {name}")
        files[name] = replacing._entry(folder / name)
    write_manifest(folder, {"files": files})
    return folder


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def is_whole(folder):
    """Whether the manifest is as it was written and vouches for every file."""
    manifest = json.loads((folder / "manifest.json").read_text())
    assert not seal_faults(folder, manifest)
    return all(replacing._entry(folder / name) == e for name, e in manifest["files"].items())


def test_files_are_replaced_and_the_manifest_vouches_for_them(run):
    """New contents, a new file, the record, and nothing left behind."""
    replace_files(run, NEW, RECORD)
    found = contents(run)
    assert {name: found[name] for name in NEW} == NEW
    assert is_whole(run)
    assert json.loads(found["manifest.json"])["stability"] == {"created": "now"}
    assert not (run / PENDING).exists()
    assert not finish_replacing(run)


def killed_at(folder, stop):
    """Replace files in a child that dies, as of a power cut, at that line; its exit code."""
    child = os.fork()
    if not child:
        lines = itertools.count(1)

        def trace(frame, event, arg):
            own = frame.f_code.co_filename == replacing.__file__
            if event == "line" and own and next(lines) == stop:
                os._exit(9)
            return trace

        sys.settrace(trace)
        replace_files(folder, NEW, RECORD)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_run_killed_anywhere_is_as_it_was_or_is_finished_by_the_next(run, tmp_path):
    """Killed at every third line: every time it is the old run or becomes the new one."""
    before, ends = contents(run), set()
    for stop in range(1, 200, 3):
        copy = tmp_path / f"copy{stop}"
        shutil.copytree(run, copy)
        code = killed_at(copy, stop)
        begun = was_interrupted(copy)
        if begun:
            assert finish_replacing(copy)
        assert is_whole(copy)
        is_new = contents(copy) != before
        assert is_new == (begun or code == 0 or (copy / "cluster_stability.csv").exists())
        ends.add(is_new)
        if code == 0:
            break
    assert ends == {True, False}
    assert code == 0


def test_what_fails_leaves_the_run_as_it_was(run, monkeypatch):
    """A file that can't be written ends it before anything of the run is touched."""
    before = contents(run)

    def fail(path, data):
        raise OSError("full")

    monkeypatch.setattr(replacing, "write_json", fail)
    with pytest.raises(OSError, match="full"):
        replace_files(run, NEW, RECORD)
    assert contents(run) == before
    assert not (run / PENDING).exists()


@pytest.mark.parametrize(
    "listed",
    [
        "no json",
        "[]",
        '{"files": {"../outside": {}}, "record": {}}',
        '{"files": {"manifest.json": {}}, "record": {}}',
        '{"files": {"clusters.csv": {}}, "record": {"config": {}}}',
        '{"files": {"clusters.csv": {"bytes": 3, "sha256": "no"}}, "record": {}}',
    ],
)
def test_a_received_run_can_not_have_anything_moved(run, listed):
    """A list that no run writes is refused, and nothing is moved or written."""
    before = contents(run)
    (run / PENDING).mkdir()
    (run / PENDING / "list.json").write_text(listed)
    (run / PENDING / "clusters.csv").write_text("bad")
    with pytest.raises(InputError, match=PENDING):
        finish_replacing(run)
    assert contents(run) == before


def test_links_are_not_followed(run, tmp_path):
    """Neither a linked folder nor a linked file is taken for the run's own."""
    before = contents(run)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "clusters.csv").write_text("secret")
    entry = replacing._entry(outside / "clusters.csv")
    text = json.dumps({"files": {"clusters.csv": entry}, "record": {}})
    (outside / "list.json").write_text(text)
    (run / PENDING).symlink_to(outside)
    with pytest.raises(InputError):
        finish_replacing(run)
    (run / PENDING).unlink()
    (run / PENDING).mkdir()
    (run / PENDING / "list.json").write_text(text)
    (run / PENDING / "clusters.csv").symlink_to(outside / "clusters.csv")
    with pytest.raises(InputError):
        finish_replacing(run)
    assert contents(run) == before
    assert (outside / "clusters.csv").read_text() == "secret"
