"""One writer at a time, who is named."""

import os
import subprocess
import sys

import pytest

from rapids_rap.errors import LockHeldError
from rapids_rap.runs.folder import RunFolder
from rapids_rap.runs.lock import exclusive


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
