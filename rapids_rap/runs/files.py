"""Files that appear whole or not at all: written beside their final name, fsynced, renamed.

The primitives under `runs` and the vector store. A crash or a full disk at any moment leaves the
old file or the new one, never a part of either.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd

from rapids_rap.arrays import HostArray
from rapids_rap.errors import CapabilityError, InputError, readable_bytes

PARTIAL = ".partial"  # suffix of files in the making; swept away by the next writer


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Give `write` a binary file and make its content appear at `path` in one step.

    Raises `CapabilityError` on a full disk, `InputError` where the folder can't be written.
    """
    # Two machines may write the same file, and have processes of the same number.
    writer = f"{os.getpid()}-{secrets.token_hex(4)}"
    partial = path.with_name(f".{path.name}.{writer}{PARTIAL}")
    with explain_os_errors(path):
        try:
            with partial.open("wb") as file:
                _write_through(file, write)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


class _Output(io.RawIOBase):
    """A file being written that remembers what the system said, whatever a library makes of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def tell(self) -> int:
        return self._file.tell()


def _write_through(file: IO[bytes], write: Callable[[IO[bytes]], object]) -> None:
    """Write; where that fails, raise what the system said: NumPy's error has no number."""
    output = _Output(file)
    try:
        write(cast(IO[bytes], output))
    except Exception as error:
        if output.error is None:
            raise
        raise output.error from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes whole or not at all."""
    write_whole(path, lambda file: file.write(data))


def write_json(path: Path, value: object) -> None:
    """Write a JSON document whole or not at all; NaN and infinity are refused, not written."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """A JSON document as it is written."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    # A file name that isn't UTF-8 has lone surrogates in Python; JSON writes those as escapes.
    return text.encode(errors="backslashreplace") + b"\n"


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


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, sorted, however deep; links to folders are not followed."""
    found, waiting = [], [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file():
                    found.append(Path(entry.path))
    return sorted(found)


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
    """The SHA-256 of a file's bytes, in hexadecimal. Raises OSError, also for what is no file."""
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_plain(path: Path) -> io.BufferedReader:
    """A file opened for reading. Raises OSError, also for what is no file.

    A pipe may never begin and a device never end, also where a link leads to one.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags)  # not blocking: a pipe without a writer would wait for one
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and not _larger_than_its_disk(descriptor):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it claims to be larger than its disk", str(path))
    kind = next((name for is_it, name in _KINDS if is_it(mode)), "no file")
    raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def _larger_than_its_disk(descriptor: int) -> bool:
    """Whether a file is all holes: it takes no room, and to read it would take for ever."""
    disk = os.fstatvfs(descriptor)  # some network disks do not tell their size
    return 0 < disk.f_blocks * disk.f_frsize < os.fstat(descriptor).st_size


MOST_TEXT = 2**28  # bytes of a document that is read at once, such as a manifest or a word list


def read_plain(path: Path, most: int = MOST_TEXT) -> bytes:
    """A file's bytes. Raises OSError, also for what is no file and for more than `most` bytes."""
    with open_plain(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EINVAL, f"it is larger than {readable_bytes(most)}", str(path))
    return data


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FAILING = (
    *(errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOTCONN),
)
_NOT_ALLOWED = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.EINVAL),
)


def machine_failure(error: OSError, place: object) -> CapabilityError | None:
    """The sentence for a disk that is full or fails; None where the error is of another kind."""
    said = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return CapabilityError(
            f"{place}: no room to write ({said}). Nothing half-written was left; free some space "
            "and run the same command again, it resumes."
        )
    if error.errno in _FAILING:
        return CapabilityError(
            f"{place}: the machine failed to write it ({said}). Nothing half-written was left; see "
            "the system's log, and run the same command again."
        )
    return None


@contextlib.contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing `path` into a sentence and an exit code."""
    try:
        yield
    except OSError as error:
        failure = machine_failure(error, path)
        if failure is not None:
            raise failure from error
        said = error.strerror or str(error)
        if error.errno in _NOT_ALLOWED:
            raise InputError(
                f"{path}: can't be written ({said}). Give this account the right to write there, "
                "or name another place."
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
