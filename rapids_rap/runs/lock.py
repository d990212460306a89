"""The lock of a folder: one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rapids_rap.errors import LockHeldError
from rapids_rap.runs.files import explain_os_errors

log = logging.getLogger(__name__)


@contextlib.contextmanager
def exclusive(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Make `folder` and hold its lock; the operating system drops it, also when we crash.

    wait: for whoever holds it, which is said; else raises `LockHeldError` naming that process.
    Raises `InputError` where it can't be written.
    """
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
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
        with contextlib.suppress(OSError):  # the note of who holds it is a courtesy
            os.ftruncate(descriptor, 0)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            note = f"{os.getpid()} on {platform.node()} since {now}"
            os.pwrite(descriptor, note.encode(errors="replace"), 0)
        yield
    finally:
        os.close(descriptor)
