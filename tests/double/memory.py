"""The double's device memory: bytes that are counted, and copies to the host that are written down.

Data lie in main memory. What is honest is the bookkeeping: every array that owns memory asks the
allocator that is installed, and gives its bytes back when it dies.
"""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass
from typing import Any

from tests.double import work

TOTAL = 16 * 2**30


class OutOfMemoryError(MemoryError):
    """`cupy.cuda.memory.OutOfMemoryError`."""


class Heap:
    """Bytes of the device. `limit` can be lowered to see what happens when they do not suffice."""

    def __init__(self) -> None:
        self.limit, self.used, self.peak, self.total = TOTAL, 0, 0, 0

    def take(self, size: int, owner: Any) -> None:
        """Count `size` bytes until `owner` dies."""
        if self.used + size > self.limit:
            raise OutOfMemoryError(
                f"Out of memory allocating {size:,} bytes (allocated so far: {self.used:,} bytes)."
            )
        self.used += size
        self.total += size
        self.peak = max(self.peak, self.used)
        weakref.finalize(owner, self._give, size)

    def _give(self, size: int) -> None:
        self.used -= size


heap = Heap()


@dataclass(frozen=True)
class Copy:
    """A copy to the host: by which function of the project, by which operation, how many bytes."""

    caller: str
    operation: str
    nbytes: int


ledger: list[Copy] = []
"""Every copy to the host since the double was installed, scalars included."""


def copied(operation: str, nbytes: int) -> None:
    """Write a copy down, with the function of the project that asked for it."""
    ledger.append(Copy(_caller(), operation, nbytes))
    work.waited()
    work.now().downloads += nbytes


def _caller() -> str:
    """The innermost function of the project outside the backend; `?` where there is none."""
    frame = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        inside = module.startswith("rapids_rap.") and not module.startswith("rapids_rap.backend")
        if inside:
            return f"{module.removeprefix('rapids_rap.')}.{frame.f_code.co_qualname}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"
