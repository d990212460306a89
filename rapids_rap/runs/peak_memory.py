"""The peak of host memory over a stretch of work, child processes included."""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_INTERVAL = 0.5  # seconds between looks at the children


class PeakMemory:
    """Peak resident bytes from construction to `bytes()`.

    On Linux the kernel's high-water mark is reset at construction, and the children's resident
    memory is sampled twice a second and its largest sum added. Elsewhere: the process's peak ever.
    """

    def __init__(self) -> None:
        self._children = 0
        self._done = threading.Event()
        try:
            _RESET.write_text("5")  # resets VmHWM, see proc(5)
        except OSError:
            self._done.set()
            return
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._done.wait(_INTERVAL):
            self._children = max(self._children, _children_resident())

    def bytes(self) -> int:
        """Stop watching and return the peak."""
        self._done.set()
        return _own_peak() + self._children


def _own_peak() -> int:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _children_resident() -> int:
    """Resident bytes of the direct children, zero where /proc has no such list."""
    total, page = 0, os.sysconf("SC_PAGE_SIZE")
    for task in Path("/proc/self/task").glob("*/children"):
        try:
            for pid in task.read_text().split():
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
        except (OSError, IndexError, ValueError):
            continue  # the child ended between the list and the look
    return total
