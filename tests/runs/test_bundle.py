"""A folder for other people's use is there whole or not at all, and never over their files."""

import json
import os
import re
import resource
import subprocess
import sys

import pytest

from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs import bundle
from rapids_rap.runs.bundle import LIST, check_bundle, write_bundle

ASKED = {"capture_output": True, "text": True, "check": True}
FILES = {"a.txt": b"one", "sub/b.txt": b"two"}


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_every_file_is_there_with_its_list(tmp_path):
    """Folders within are made; the list says what kind of folder it is."""
    write_bundle(tmp_path / "new" / "out", "paper", FILES)
    out = tmp_path / "new" / "out"
    assert names(out) == ["a.txt", LIST, "sub/b.txt"]
    assert json.loads((out / LIST).read_text())["kind"] == "paper"
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_our_own_folder_is_replaced_whole(tmp_path):
    """A second export leaves nothing of the first."""
    out = tmp_path / "out"
    write_bundle(out, "paper", FILES)
    write_bundle(out, "paper", {"c.txt": b"three"})
    assert names(out) == ["c.txt", LIST]


def test_what_a_killed_writer_left_is_swept(tmp_path):
    """Of the same folder, and of nobody who still writes."""
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], **ASKED)
    names_of = [f".out.{pid}.new.partial" for pid in (dead.stdout.strip(), os.getppid())]
    for name in (*names_of, ".other.1.new.partial", ".out.mine.new.partial"):
        (tmp_path / name).mkdir()
    write_bundle(tmp_path / "out", "forms", FILES)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"out", names_of[1], ".other.1.new.partial", ".out.mine.new.partial"}


def test_an_empty_folder_is_filled(tmp_path):
    """It holds nothing that could be lost."""
    (tmp_path / "out").mkdir()
    write_bundle(tmp_path / "out", "paper", FILES)
    assert "a.txt" in names(tmp_path / "out")


@pytest.mark.parametrize("change", ["edited", "added", "other kind", "foreign", "link", "listed"])
def test_what_somebody_changed_is_never_lost(tmp_path, change):
    """An edited file, one that was added, another program's folder: a sentence, and all stays."""
    out = tmp_path / "out"
    write_bundle(out, "paper", FILES)
    if change == "edited":
        (out / "a.txt").write_text("mine")
    elif change == "added":
        (out / "notes.txt").write_text("mine")
    elif change == "other kind":
        (out / LIST).write_text(json.dumps({"kind": "forms", "files": {}}))
    elif change == "foreign":
        (out / LIST).unlink()
    elif change == "link":
        (tmp_path / "elsewhere.txt").write_text("one")
        (out / "a.txt").unlink()
        (out / "a.txt").symlink_to(tmp_path / "elsewhere.txt")
    else:
        (out / LIST).write_text("[[[")
    before = names(out)
    with pytest.raises(InputError, match="choose an empty or new folder with --out"):
        write_bundle(out, "paper", {"c.txt": b"three"})
    assert names(out) == before


def test_a_file_and_a_link_are_no_folder(tmp_path):
    """Neither is written through nor replaced."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for name in ("file", "link"):
        with pytest.raises(InputError):
            write_bundle(tmp_path / name, "paper", FILES)
    assert (tmp_path / "file").read_text() == "mine"
    assert not list((tmp_path / "there").iterdir())


def test_no_bundle_lies_in_a_run_or_over_what_is_read(tmp_path):
    """A run's files vouch for each other, and what the command reads is not replaced."""
    run = tmp_path / "run"
    run.mkdir()
    (run / ".run.json").write_text("{}")
    with pytest.raises(InputError, match="lies in the run folder"):
        check_bundle(run / "paper", "paper", (run,))
    with pytest.raises(InputError):
        check_bundle(run, "paper", (run,))
    with pytest.raises(InputError, match="is read by this command"):
        check_bundle(tmp_path, "paper", (run,))


def test_a_write_that_fails_changes_nothing(tmp_path, monkeypatch):
    """The folder of before stays whole, and nothing half made is left."""
    out = tmp_path / "out"
    write_bundle(out, "paper", FILES)

    def fail(path, data):
        if path.name == "b.txt":
            raise OSError(28, os.strerror(28))
        path.write_bytes(data)

    monkeypatch.setattr(bundle, "write_bytes", fail)
    with pytest.raises(Exception, match=r"No space|full"):
        write_bundle(out, "paper", {"a.txt": b"1", "b.txt": b"2"})
    assert names(out) == ["a.txt", LIST, "sub/b.txt"]
    assert (out / "a.txt").read_bytes() == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_told_of_the_folder_that_was_named(tmp_path):
    """Not of the one beside it, which is gone when the sentence is read."""
    out = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(CapabilityError, match=f"^{re.escape(str(out))}: no room to write"):
            write_bundle(out, "paper", {"a.txt": b"x" * 1000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
