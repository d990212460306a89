"""The lock of a folder: one writer at a time; and the mark of a file that is in use."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import platform
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from rapids_rap.errors import CapabilityError, LockHeldError
from rapids_rap.runs.files import explain_os_errors

log = logging.getLogger(__name__)

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def _open_lock(path: Path) -> int:
    """The descriptor of the lock's file. Raises OSError for a link, which may lead to any file."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no file", str(path))


@contextlib.contextmanager
def exclusive(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Make `folder` and hold its lock; the operating system drops it, also when we crash.

    wait: for whoever holds it, which is said; else raises `LockHeldError` naming that process.
    Raises `InputError` where it can't be written.
    """
    with explain_os_errors(folder / ".lock"):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _open_lock(folder / ".lock")
    try:
        try:
            _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, folder)
        except BlockingIOError:
            holder = os.pread(descriptor, 400, 0).decode(errors="replace").strip() or "unknown"
            if not wait:
                raise LockHeldError(
                    f"{folder}: another run is writing there (process {holder}). Wait for it to "
                    "end."
                ) from None
            log.info("%s: waiting for process %s, which is writing there", folder, holder)
            _lock(descriptor, fcntl.LOCK_EX, folder)
        _leave_note(descriptor)
        yield
    finally:
        os.close(descriptor)


def _leave_note(descriptor: int) -> None:
    """Write who holds the lock, which is a courtesy; not into what has other names (a backup's)."""
    with contextlib.suppress(OSError):
        if os.fstat(descriptor).st_nlink != 1:
            return
        os.ftruncate(descriptor, 0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        note = f"{os.getpid()} on {platform.node()} since {now}"
        os.pwrite(descriptor, note.encode(errors="replace"), 0)


@contextlib.contextmanager
def in_use(make: Callable[[], Path]) -> Iterator[None]:
    """Mark a file as in use; many may at once. The operating system ends it, also when we crash.

    make: gives the file's path, having written it where it is missing, for whoever is `alone_with`
    it may have removed it. Raises OSError where it can't be opened.
    """
    while True:
        path = make()
        try:
            descriptor = _open_plain(path, os.O_RDONLY)
        except FileNotFoundError:  # removed since
            continue
        try:
            _lock(descriptor, fcntl.LOCK_SH, path)
            if _is_there(path, descriptor):
                yield
                return
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def alone_with(path: Path) -> Iterator[bool]:
    """Whether nobody has that file `in_use`; while it is so, nobody begins to.

    Raises `InputError` where it can't be opened for writing.
    """
    with explain_os_errors(path):
        descriptor = _open_plain(path, os.O_RDWR)
    try:
        try:
            _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, path)
        except BlockingIOError:
            yield False
            return
        yield _is_there(path, descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int, place: Path) -> None:
    """Lock an open file. Raises `CapabilityError` where its disk has no locks."""
    try:
        fcntl.flock(descriptor, how)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise CapabilityError(
            f"{place}: its disk has no locks ({error.strerror}), by which runs are kept apart. "
            "Mount it with them (Lustre: -o flock; NFS: without nolock), or name another place."
        ) from error


def _open_plain(path: Path, way: int) -> int:
    return os.open(path, way | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
