"""SIGINT and SIGTERM, from a process's first moment to its last: who is stopped exits 130 or 143.

Python's own answer to SIGTERM is to die of it, at its end too, when its handlers are already taken
away. A scheduler would read a crash into that. So there are three times:

- `end_at_once`: as it starts, nothing is at stake, and a signal ends the process;
- `raise_once`: while it works, `Stopped` is raised in the main thread, where every point is safe;
- `keep_exit_code`: what is to be said is decided, and no signal can change it any more.

A second SIGTERM ends the process as soon as Python runs a line of its own; a second SIGINT (Ctrl-C)
kills at once, in the midst of a library's work too.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from rapids_rap.errors import Stopped

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_asked: list[int] = []  # the signal that `Stopped` was raised for


def end_at_once() -> None:
    """A signal ends the process; called first, so that the end of the interpreter is covered."""
    _answer(_leave)
    atexit.register(_ignore)  # the first to be registered is the last to be called


def raise_once() -> None:
    """The first signal raises `Stopped`; the second ends the process."""
    _asked.clear()
    _answer(_raise)


def raise_again() -> None:
    """Raise `Stopped` where it was raised before, and a library passed over it.

    Python itself does: what is raised in a finaliser or a callback is printed, and forgotten.
    """
    if _asked:
        raise Stopped(_asked[0])


@contextlib.contextmanager
def held() -> Iterator[None]:
    """A signal that comes within is answered after: for what must not be left half done."""
    came: list[int] = []
    usual = {number: signal.getsignal(number) for number in _SIGNALS}
    _answer(lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def keep_exit_code(code: int) -> None:
    """From here on the process ends with this exit code, whatever signals come."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        os._exit(code)

    _asked.clear()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or None
            stream.flush()
    _answer(leave)


def _answer(handler: signal._HANDLER) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _asked.append(number)
    raise Stopped(number)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


def _ignore() -> None:
    _answer(signal.SIG_IGN)  # a handler of ours would be taken away before the process ends
