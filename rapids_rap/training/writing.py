"""Tensors on disk: what their libraries hide of a full disk, and what a power cut may not take."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from rapids_rap.errors import CapabilityError
from rapids_rap.runs.files import explain_os_errors, sync_folder

_NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")
FULL = 64 * 1024  # bytes: with less than this left, a write that failed failed for want of room


@contextlib.contextmanager
def explain_tensor_errors(folder: Path) -> Iterator[None]:
    """`explain_os_errors` for safetensors and torch, which raise errors of their own.

    Raises `CapabilityError` on a full disk.
    """
    try:
        with explain_os_errors(folder):
            yield
    except (SafetensorError, RuntimeError) as error:
        said = any(words in str(error) for words in _NO_ROOM)
        if not said and (not folder.is_dir() or shutil.disk_usage(folder).free > FULL):
            raise
        raise CapabilityError(
            f"{folder}: no room to write. Free some space and run the same command again, it goes "
            "on from the last checkpoint."
        ) from error


def sync_files(folder: Path) -> None:
    """Bring every file and folder below `folder` to the disk, so that a rename vouches for them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)
