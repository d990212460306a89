"""A full disk is a sentence and exit code 3, whichever library was writing."""

import errno

import pytest
from safetensors import SafetensorError

from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.training import writing
from rapids_rap.training.writing import explain_tensor_errors, sync_files


def test_a_full_disk_is_explained_whoever_says_it(tmp_path, monkeypatch):
    """Safetensors quotes the system, torch only says that it failed: the disk itself is asked."""
    with pytest.raises(CapabilityError, match="no room to write"), explain_tensor_errors(tmp_path):
        raise SafetensorError("I/O error: No space left on device (os error 28)")
    with pytest.raises(CapabilityError, match="no room to write"), explain_tensor_errors(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(CapabilityError, match="no room to write"), explain_tensor_errors(tmp_path):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534")


def test_other_errors_are_left_as_they_are(tmp_path):
    """With room on the disk a RuntimeError is a defect, and must not be blamed on the disk."""
    with pytest.raises(RuntimeError, match="shapes"), explain_tensor_errors(tmp_path):
        raise RuntimeError("shapes differ")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written"), explain_tensor_errors(tmp_path):
        (tmp_path / "file" / "below").mkdir()


def test_every_file_is_synced_at_any_depth(tmp_path, monkeypatch):
    """The projection of a head lies a folder below."""
    (tmp_path / "2_Dense").mkdir()
    for name in ("config.json", "2_Dense/model.safetensors"):
        (tmp_path / name).write_bytes(b"x")
    real, files = writing.os.fsync, []
    monkeypatch.setattr(writing.os, "fsync", lambda fd: (files.append(fd), real(fd)))
    sync_files(tmp_path)
    assert len(files) == 4
