"""Leases: who works on a file that several workers could make, told by a file beside it.

A lease is an optimisation and no lock: where two hold one, both make the same file, and whoever
renames last leaves the same bytes. A holder renews it; one that has not been renewed for `SECONDS`
by the shared disk's own clock is taken over, at once where its process is known to be dead. So is
one that a waiting worker has seen unchanged for as long: some disks take the time of whoever
writes, whose clock may be ahead, and a full one gives none. Nobody waits longer than `PATIENCE`:
the holder may hang at a dead card or disk while its other thread renews.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rapids_rap.runs.files import PARTIAL, explain_os_errors, read_plain

SECONDS = 30.0
PATIENCE = 120.0  # seconds that a lease is waited for, renewed or not
_PAUSE = 0.25  # seconds between two looks at another's lease


@contextlib.contextmanager
def leased(
    path: Path, done: Callable[[], bool], seconds: float = SECONDS, patience: float = PATIENCE
) -> Iterator[bool]:
    """Hold the lease at `path`; gives False, and holds nothing, once what it is for is done.

    Waits while another holds it, `patience` seconds at most. Raises `InputError` or
    `CapabilityError` where the folder can't be written.
    """
    owner = secrets.token_hex(8)
    seen, since = None, time.monotonic()
    until = since + patience
    while not done():
        late = time.monotonic() > until
        if late:
            _remove(path)
        if _take(path, owner) or late:  # where it can't be taken even now: two makers do no harm
            break
        state = _state(path)
        if state != seen:
            seen, since = state, time.monotonic()
        if is_stale(path, seconds) or time.monotonic() - since > seconds:
            _remove(path)
        else:
            time.sleep(_PAUSE)
    else:
        yield False
        return
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(path, owner, ended, seconds / 4), daemon=True)
    renewal.start()
    try:
        yield not done()  # it may have been done while the lease was being taken
    finally:
        ended.set()
        renewal.join()
        if _owner(path) == owner:
            _remove(path)


def is_stale(path: Path, seconds: float = SECONDS) -> bool:
    """Whether nobody holds the lease: not renewed for so long, or of a process that is gone."""
    note = _note(path)
    if note.get("place") == _place() and not _is_alive(note.get("process")):
        return True
    try:
        return _disk_time(path.parent) - path.stat().st_mtime > seconds
    except OSError:  # it is gone: whoever looks again sees what is there now
        return False


def _take(path: Path, owner: str) -> bool:
    note = {"owner": owner, "process": os.getpid(), "place": _place(), "host": platform.node()}
    with explain_os_errors(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, json.dumps(note).encode())
        except BaseException:  # a full disk: a lease without an owner would be waited for
            _remove(path)
            raise
        finally:
            os.close(descriptor)
    return True


def _state(path: Path) -> tuple[object, ...] | None:
    """What a renewal changes; None where there is no lease."""
    owner = _owner(path)  # first: opening a file makes a network disk look again
    with contextlib.suppress(OSError):
        known = path.stat()
        return owner, known.st_ino, known.st_mtime_ns
    return None


def _renew(path: Path, owner: str, ended: threading.Event, pause: float) -> None:
    while not ended.wait(pause):
        # Taken over, after a long pause of this machine. A look that fails says nothing of that.
        if _owner(path) not in (None, owner):
            return
        with contextlib.suppress(OSError):
            os.utime(path)


def _remove(path: Path) -> None:
    """In one step, so that of two who find it stale the second removes no new one by half."""
    gone = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    with contextlib.suppress(OSError):
        path.rename(gone)
        gone.unlink()


def _note(path: Path) -> dict[str, object]:
    """What the lease says; nothing while it is being written or where it is damaged."""
    try:
        note = json.loads(read_plain(path, 4096))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _owner(path: Path) -> object:
    return _note(path).get("owner")


def _place() -> str:
    """Where process numbers mean the same: one boot of one machine, one container."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return " ".join(parts)


def _is_alive(process: object) -> bool:
    if not isinstance(process, int) or process <= 0:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _disk_time(folder: Path) -> float:
    """The time by the clock of the disk that a folder lies on: the machines' own differ."""
    probe = folder / f".clock.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)
