"""Files that appear whole or not at all: written beside their final name, fsynced, renamed.

The primitives under `runs` and the vector store. A crash or a full disk at any moment leaves the
old file or the new one, never a part of either.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from rapids_rap.arrays import HostArray
from rapids_rap.errors import CapabilityError, InputError

PARTIAL = ".partial"  # suffix of files in the making; swept away by the next writer


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Give `write` a binary file and make its content appear at `path` in one step.

    Raises `CapabilityError` on a full disk, `InputError` where the folder can't be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    with explain_os_errors(path):
        try:
            with partial.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes whole or not at all."""
    write_whole(path, lambda file: file.write(data))


def write_json(path: Path, value: object) -> None:
    """Write a JSON document whole or not at all; NaN and infinity are refused, not written."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    # A file name that isn't UTF-8 has lone surrogates in Python; JSON writes those as escapes.
    write_bytes(path, text.encode(errors="backslashreplace") + b"\n")


def write_array(path: Path, array: HostArray) -> None:
    """Write a NumPy array (no object arrays) whole or not at all."""
    write_whole(path, lambda file: np.save(file, array, allow_pickle=False))


def give_usual_rights(folder: Path) -> None:
    """Files and folders below `folder`: the rights of new ones under this account's umask.

    For what a library wrote for the owner alone, as safetensors does.
    """
    mask = os.umask(0o077)  # it can only be read by setting it; the strictest, for a moment
    os.umask(mask)
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


def switch_link(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target` in one step: readers see the old one or the new."""
    partial = link.with_name(f".{link.name}.{os.getpid()}{PARTIAL}")
    with explain_os_errors(link):
        try:
            partial.unlink(missing_ok=True)
            partial.symlink_to(target)
            partial.replace(link)
            sync_folder(link.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


def sync_folder(folder: Path) -> None:
    """Make renames within a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep_partials(folder: Path) -> None:
    """Remove what a killed writer left behind. The caller holds the folder's lock."""
    for partial in folder.glob(f".*{PARTIAL}"):
        if partial.is_dir() and not partial.is_symlink():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)


def move_folder(source: Path, target: Path) -> None:
    """Make the folder `source` appear at `target` whole and in one step, also on another disk.

    On one disk it is renamed. Across disks (a link, a mount) it is copied beside `target`, synced,
    renamed, and only then removed at its old place. Raises OSError; `source` is then as it was.
    """
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_across(source, target)
    sync_folder(target.parent)
    sync_folder(source.parent)


def _copy_across(source: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}{PARTIAL}")
    if partial.exists():
        shutil.rmtree(partial)
    try:
        for path in (source, *sorted(source.rglob("*"))):
            copy = partial / path.relative_to(source)
            if path.is_dir():
                copy.mkdir()
            else:
                shutil.copyfile(path, copy)
        for path in (partial, *partial.rglob("*")):
            sync_folder(path)  # a file is synced as a folder is
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(target.parent)
    shutil.rmtree(source, ignore_errors=True)


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing `path` into a sentence and an exit code."""
    try:
        yield
    except OSError as error:
        # NumPy writes arrays in C, and says without a number how many bytes did not go.
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None):
            raise CapabilityError(
                f"{path}: no room to write ({error.strerror or error}). Nothing half-written was "
                "left; free some space and run the same command again, it resumes."
            ) from error
        if error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.EROFS,
            errno.ENOTDIR,
            errno.EEXIST,
            errno.EISDIR,
            errno.ELOOP,
            errno.ENAMETOOLONG,
            errno.ENOENT,  # made by us a moment ago, and taken away since
        ):
            raise InputError(
                f"{path}: can't be written ({error.strerror}). Choose another folder with --out, "
                "or give this account the right to write there."
            ) from error
        if error.errno in (errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT):
            raise CapabilityError(
                f"{path}: the disk or its server failed ({error.strerror}); see `dmesg`. Nothing "
                "half-written was left; the same command resumes."
            ) from error
        raise


def digest(text: str | bytes) -> str:
    """A short hash of content, for keys."""
    data = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
    return hashlib.sha256(data).hexdigest()[:32]


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet (zstd), whole or not at all."""
    write_whole(path, lambda file: table.to_parquet(file, index=False, compression="zstd"))


_NAMED = 5  # files that a warning names before it only counts


def label_of(path: Path) -> str:
    """The path as given, with forward slashes, always printable."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown
