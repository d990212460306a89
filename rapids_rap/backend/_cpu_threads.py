"""Independent work side by side on the cores of a CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def side_by_side(calls: Sequence[Callable[[], Result]], threads: int) -> list[Result]:
    """What each call returns, in their order; begun in their order, `threads` at a time.

    After an error no other call is begun, and the first of the calls that failed raises its own.
    The threads are daemons: when the caller is stopped by a signal, the process ends at once.
    """
    found: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}
    places = iter(range(len(calls)))  # shared: every thread takes the next one

    def work() -> None:
        for place in places:
            if errors:
                return
            try:
                found[place] = calls[place]()
            except BaseException as error:
                errors[place] = error

    names = [f"side-by-side-{i}" for i in range(min(threads, len(calls)))]
    workers = [threading.Thread(target=work, name=name, daemon=True) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[min(errors)]
    return [found[place] for place in range(len(calls))]
