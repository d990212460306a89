"""What can befall a night, done to a process that `night_server` forked.

A fault happens at an operation that changes the watched folder, counted by the server: the same
draw hits the same place.
"""

import errno
import os
import resource
import signal
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}
STAY = ("os.remove", "os.rmdir")  # what a full disk lets through


@dataclass(frozen=True)
class Fault:
    """kind: see `Happening`. at: before which operation. path: of the input that it befalls."""

    kind: str
    at: int
    path: str = ""


class Happening:
    """Called before each operation, with its number and name; raises what the system would."""

    def __init__(self, fault):
        self.fault = fault
        if fault.kind == "read-only root" and fault.at == 1:
            allowed = os.access
            os.access = lambda path, mode: not mode & os.W_OK and allowed(path, mode)
        if fault.kind == "no room in a file":  # a real one, in the midst of what C code writes too
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (fault.at, limit))

    def __call__(self, number, operation):
        kind, path = self.fault.kind, Path(self.fault.path)
        if kind == "disk full" and number >= self.fault.at and operation not in STAY:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if kind == "read-only root" and number >= self.fault.at:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if number != self.fault.at:
            return
        if kind in SIGNALS:
            os.kill(os.getpid(), SIGNALS[kind])
        elif kind == "input vanishes":
            path.unlink()
        elif kind == "input folder vanishes":
            path.parent.rename(path.parent.with_name("gone"))
        elif kind == "input grows":
            with path.open("a", encoding="utf-8") as file:
                file.write("又写了一行新的歌词\n")


def set_clock(moment, zone):
    """The time of the night's clock, as ISO 8601, and the zone of the machine."""
    os.environ["TZ"] = zone
    time.tzset()
    if not moment:
        return
    from rapids_rap import pipeline
    from rapids_rap.night import nightly

    now = datetime.fromisoformat(moment)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return now.astimezone(tz)

    nightly.datetime = pipeline.datetime = Clock
    nightly.time = SimpleNamespace(time=now.timestamp, monotonic=time.monotonic)
