"""Files appear whole or not at all, whatever fails in between."""

import errno
import json
import os
import resource
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs import files
from rapids_rap.runs.files import (
    PARTIAL,
    give_usual_rights,
    move_folder,
    sweep_partials,
    write_array,
)


def leftovers(folder):
    return [p.name for p in folder.iterdir() if p.name.endswith(files.PARTIAL)]


def test_failure_while_writing_keeps_the_old_file(tmp_path):
    """An exception in the middle of a write leaves the previous content and no partial file."""
    path = tmp_path / "a.bin"
    files.write_bytes(path, b"old")

    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_whole(path, fail)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_full_disk_is_explained(tmp_path, monkeypatch, step):
    """A full disk exits 3 with the path, and leaves neither file nor fragment."""
    full = OSError(errno.ENOSPC, "No space left on device")

    def no_space(*args):
        raise full

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", no_space)
    path = tmp_path / "a.bin"
    with pytest.raises(CapabilityError, match=r"a\.bin: no room"):
        files.write_whole(path, no_space if step == "write" else lambda f: f.write(b"x"))
    assert not path.exists()
    assert leftovers(tmp_path) == []


def test_unwritable_folder_is_the_users_error(tmp_path):
    """Writing below a file, as below a folder one may not enter, is explained with exit code 2."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="can't be written"):
        files.write_bytes(tmp_path / "file" / "a", b"x")


def test_a_link_is_switched_in_one_step(tmp_path, monkeypatch):
    """It leads to the old target or the new one, also where the switch fails half-way."""
    link = tmp_path / "latest"
    files.switch_link(link, "runs/a")
    files.switch_link(link, "runs/b")
    assert link.readlink() == Path("runs/b")  # relative, as it was given

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", full)
        with pytest.raises(CapabilityError):
            files.switch_link(link, "runs/c")
    assert link.readlink() == Path("runs/b")
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_nan_never_reaches_json(tmp_path):
    """JSON that other programs could not parse is refused before anything is written."""
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_json_and_arrays_read_back(tmp_path):
    """What is written is what is read."""
    files.write_json(tmp_path / "a.json", {"歌": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"歌": [1, None]}
    array = np.arange(6, dtype=np.float16).reshape(2, 3)
    files.write_array(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
    with pytest.raises(ValueError, match="allow_pickle"):
        files.write_array(tmp_path / "b.npy", np.array([{}, []], dtype=object))


def test_sweep_removes_only_partials(tmp_path):
    """Sweeping takes what a killed writer left, never a finished or foreign file."""
    (tmp_path / f".a.1{files.PARTIAL}").write_text("x")
    (tmp_path / "a").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    files.sweep_partials(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "a"]


def test_files_of_a_library_get_the_usual_rights(tmp_path):
    """A model that safetensors wrote for its owner alone can be read by the group, not by all."""
    (tmp_path / "model" / "inner").mkdir(parents=True)
    weights = tmp_path / "model" / "inner" / "w.safetensors"
    weights.touch(mode=0o600)
    old = os.umask(0o027)
    try:
        give_usual_rights(tmp_path / "model")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(old)
    assert stat.S_IMODE(weights.stat().st_mode) == 0o640
    assert stat.S_IMODE(weights.parent.stat().st_mode) == 0o750


def make_folder(path):
    """A folder with a folder in it, and two files."""
    (path / "maps").mkdir(parents=True)
    (path / "manifest.json").write_text("{}")
    (path / "maps" / "a.png").write_bytes(b"png")
    return path


def contents(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.fixture
def no_rename(monkeypatch, tmp_path):
    """Two disks: nothing can be renamed from `a` to `b`."""
    rename = Path.rename
    (tmp_path / "b").mkdir()

    def refuse(path, target):
        if path.parent != Path(target).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    return tmp_path / "b"


def test_a_folder_moves_to_another_disk_whole(tmp_path, no_rename):
    """It is there with all its files, gone from its old place, and what a killed copy left too."""
    source = make_folder(tmp_path / "a" / "night")
    before = contents(source)
    make_folder(no_rename / f".night{PARTIAL}")
    move_folder(source, no_rename / "night")
    assert contents(no_rename / "night") == before
    assert [p.name for p in no_rename.iterdir()] == ["night"]
    assert not source.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_move_that_fails_leaves_all_as_it_was(tmp_path, no_rename, monkeypatch, number):
    """A full or broken disk: nothing half there, and the folder stays where it was."""
    source = make_folder(tmp_path / "a" / "night")
    before = contents(source)

    def full(_source, target):
        Path(target).write_bytes(b"{")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match=os.strerror(number)):
        move_folder(source, no_rename / "night")
    assert contents(source) == before
    assert list(no_rename.iterdir()) == []


def test_half_copied_folders_are_swept(tmp_path):
    """As half-written files are; a link is taken away, not what it leads to."""
    kept = make_folder(tmp_path / "kept")
    make_folder(tmp_path / f".night{PARTIAL}")
    (tmp_path / f".link{PARTIAL}").symlink_to(kept)
    sweep_partials(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    assert contents(kept)


def test_an_array_that_does_not_fit_is_no_room(tmp_path):
    """NumPy says how many bytes did not go, without a number: exit 3, and nothing half there."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, old[1]))
        with pytest.raises(CapabilityError, match="no room to write"):
            write_array(tmp_path / "x.npy", np.zeros(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert list(tmp_path.iterdir()) == []
