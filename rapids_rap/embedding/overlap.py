"""Work beside the main thread, in order and bounded: one step ahead of it, or a few behind.

An error of the other thread surfaces in the main thread at its next step; an error or a signal of
the main thread (`Stopped`) ends the other after the job it is at.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextlib.contextmanager
def one_ahead(make: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Iterator[Result]]:
    """`make(item)` of each item in order, each made while the one before it is used."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")

    def results() -> Iterator[Result]:
        ahead: Future[Result] | None = None
        for item in items:
            now, ahead = ahead, pool.submit(make, item)
            if now:
                yield now.result()
        if ahead:
            yield ahead.result()

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)


class BackgroundQueue:
    """Does jobs in order in another thread; as a context, waits for all of them at the end.

    At most `most` jobs are unfinished: `put` waits. After the first that fails none is done.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._unfinished: deque[Future[None]] = deque()
        self._failed = False
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="behind")

    def put(self, job: Callable[[], None]) -> None:
        """Do `job` after all that were put before. Raises what one of those raised."""
        while len(self._unfinished) >= self._most:
            self._unfinished.popleft().result()
        self._unfinished.append(self._pool.submit(self._do, job))

    def _do(self, job: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            job()
        except BaseException:
            self._failed = True
            raise

    def __enter__(self) -> BackgroundQueue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                for job in self._unfinished:
                    job.result()
        finally:
            self._pool.shutdown(cancel_futures=True)
