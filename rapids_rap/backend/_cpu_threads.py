"""Independent work side by side on the cores of a CPU.

The threads are daemons: when the caller is stopped by a signal, the process ends at once.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from rapids_rap.backend.extras import require

Result = TypeVar("Result")


def side_by_side(calls: Sequence[Callable[[], Result]], threads: int) -> list[Result]:
    """What each call returns, in their order; begun in their order, `threads` at a time.

    After an error no other call is begun, and the first of the calls that failed raises its own.
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


def begin(call: Callable[[], Result]) -> Callable[[], Result]:
    """Begin a call; what is returned waits for it, and returns or raises what the call did."""
    ended: list[Callable[[], Result]] = []

    def work() -> None:
        try:
            result = call()
            ended.append(lambda: result)
        except BaseException as error:
            ended.append(_raiser(error))

    worker = threading.Thread(target=work, name="beside", daemon=True)
    worker.start()

    def wait() -> Result:
        worker.join()
        return ended[0]()

    return wait


def _raiser(error: BaseException) -> Callable[[], Any]:
    def again() -> Any:
        raise error

    return again


class _OneCore:
    """Counts who wants matrix products on one core each; the last to leave gives the others back.

    The setting is the whole process's, so each restoring what it found would undo another's.
    threadpoolctl 3.8 and later leaves OpenBLAS to the thread that set it first, and passes over all
    others without a word, so control is taken each time.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # who is forgotten may leave while one enters
        self._users = 0
        self._limits: Any = None

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        library = require("threadpoolctl", "Work side by side")
        with self._lock:
            if not self._users:
                _take_control(library)
                self._limits = library.threadpool_limits(limits=1, user_api="blas")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    _take_control(library)
                    self._limits.restore_original_limits()


def _take_control(library: Any) -> None:
    clear = getattr(library.OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


one_core_products = _OneCore()
"""Cores that share a matrix product wait for each other, and on a busy machine mostly wait. A
product on one core also gives the same bits on any number of cores."""
