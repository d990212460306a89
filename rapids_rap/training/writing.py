"""A model's folder: errors that its libraries hide, written whole or not at all, one rename."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from safetensors import SafetensorError

from rapids_rap.backend.failures import is_out_of_memory
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs.files import explain_os_errors, give_usual_rights, sync_folder

_NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")
LEFT_BY_DOWNLOADS = (".gitattributes", ".cache")  # in a model that the Hub's client fetched
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


def refuse_unmovable(out: Path) -> None:
    """Raise `InputError` for a folder that no rename can put something in the place of."""
    if Path.cwd().is_relative_to(out.resolve()) or out.is_mount():
        raise InputError(
            f"{out}: can't be put in place by a rename, since it is the current folder, one above "
            "it or a mount point; name a folder inside it with --out."
        )


def refuse_foreign(out: Path, own: Sequence[str], what: str) -> None:
    """Raise `InputError` where a folder to be replaced holds what matches none of the `own` names.

    what: that it holds else, for the sentence.
    """
    foreign = [p.name for p in out.iterdir() if not any(fnmatch(p.name, name) for name in own)]
    if foreign:
        raise InputError(
            f"{out / min(foreign)}: is no part of a {what}, and --overwrite replaces the whole "
            "folder; move it away first."
        )


def sync_files(folder: Path) -> None:
    """Bring every file and folder below `folder` to the disk, so that a rename vouches for them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


@contextlib.contextmanager
def explain_memory(advice: str) -> Iterator[None]:
    """Turn a shortage of memory into a `CapabilityError` that ends with what to do about it."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise CapabilityError(f"Memory ran out ({str(error).splitlines()[0]}). {advice}") from error


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[None]:
    """An empty folder to write a model into; it is gone again where that fails."""
    with explain_tensor_errors(folder.parent):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # a full disk needs the room
            raise
        give_usual_rights(folder)


def put_in_place(model: Path, out: Path) -> None:
    """The finished folder in its place, by one rename; what stood there is removed."""
    with explain_os_errors(out):
        sync_files(model)
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        model.rename(out)
        sync_folder(out.parent)
        shutil.rmtree(old, ignore_errors=True)


def empty_work(work: Path) -> None:
    """Remove what an earlier training left, but not the lock."""
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()
