"""One writer at a time, who is named."""

import errno
import fcntl
import os
import subprocess
import sys
import threading

import pytest

from rapids_rap.errors import CapabilityError, LockHeldError
from rapids_rap.runs.folder import RunFolder
from rapids_rap.runs.lock import alone_with, exclusive, in_use


def test_second_writer_is_refused_and_told_who(tmp_path):
    """Two runs into one folder: the second exits 4 and names the first; a crash frees the lock."""
    code = (
        "import sys, pathlib\n"
        "from rapids_rap.runs.folder import RunFolder\n"
        "folder = RunFolder(pathlib.Path(sys.argv[1])); folder.__enter__()\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockHeldError, match=str(holder.pid)), RunFolder(tmp_path / "run"):
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with RunFolder(tmp_path / "run"):
        pass


def test_a_shared_store_has_one_writer(tmp_path):
    """Two runs with different folders but one vector store don't sweep each other's files."""
    with (
        exclusive(tmp_path / "store"),
        pytest.raises(LockHeldError, match="store"),
        exclusive(tmp_path / "store"),
    ):
        pass
    with exclusive(tmp_path / "store"):
        pass


def test_a_lock_with_another_name_is_held_and_not_written(tmp_path):
    """A backup of hard links has it, and so may somebody's diary."""
    (tmp_path / "diary").write_text("mine")
    os.link(tmp_path / "diary", tmp_path / ".lock")
    with exclusive(tmp_path), pytest.raises(LockHeldError), exclusive(tmp_path):
        pass
    assert (tmp_path / "diary").read_text() == "mine"


def test_a_file_that_is_removed_while_somebody_waits_for_it_is_made_again(tmp_path):
    """Whoever prunes may take the last of a space; a job that comes then starts it anew."""
    path = tmp_path / "space.json"
    made = []

    def make():
        path.touch()
        made.append(path.stat().st_ino)
        return path

    def job():
        with in_use(make):
            entered.set()
            leave.wait(60)

    entered, leave = threading.Event(), threading.Event()
    make()
    waiting = threading.Thread(target=job)
    with alone_with(path) as alone:
        assert alone
        waiting.start()
        while len(made) < 2:
            pass
        assert not entered.wait(0.2)
        path.unlink()
    assert entered.wait(60)
    with alone_with(path) as alone:
        assert not alone
    leave.set()
    waiting.join()
    with in_use(make), in_use(make), alone_with(path) as alone:
        assert not alone
    with alone_with(path) as alone:
        assert alone


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_named(tmp_path, monkeypatch, number):
    """A cluster's, mounted without them: exit code 3 and what to do, no defect of ours."""

    def none(descriptor, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    path = tmp_path / "space.json"
    path.touch()
    for hold in (exclusive(tmp_path), in_use(lambda: path), alone_with(path)):
        with pytest.raises(CapabilityError, match=f"{tmp_path}.*has no locks.*-o flock"), hold:
            pass
