"""The lock of a folder: one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import platform
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rapids_rap.errors import LockHeldError
from rapids_rap.runs.files import explain_os_errors

log = logging.getLogger(__name__)


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
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 400, 0).decode(errors="replace").strip() or "unknown"
            if not wait:
                raise LockHeldError(
                    f"{folder}: another run is writing there (process {holder}). Wait for it to "
                    "end."
                ) from None
            log.info("%s: waiting for process %s, which is writing there", folder, holder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
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
