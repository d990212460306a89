"""Executors: a function over shards, one after the other, in processes or on Dask.

A function that is mapped is a module's own (it travels by name), takes one small description of its
shard, and leaves its result in a file. It may run twice, and beside itself: the second time must
leave the same file. What it returns is small, too.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Barrier
from typing import Protocol, TypeVar

from rapids_rap.errors import CapabilityError

log = logging.getLogger(__name__)
Shard = TypeVar("Shard")
Result = TypeVar("Result")
Done = Callable[[int], None]

LOSSES = 3  # of workers at one shard, after which the shard is what kills them
PAUSE = 0.5  # seconds between two looks at what hangs
PATIENCE = (
    60.0  # seconds in which no shard ends, after which the last ones are begun elsewhere, too
)
ANSWER = 600.0  # seconds for a worker to say what it has: it may load a model for that
TOLD = 30.0  # seconds for a worker to do what it is told, after which it is left
GRACE = 10.0  # seconds for the other shards to end, after one that failed
TIMES = 4  # as long as none ended before, where that is more
SLOW = "a worker takes very long at a shard; another tries it"


class Progress:
    """When shards ended, to tell one that hangs from one that is long."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._longest = 0.0  # between two ends; of the first it is a whole shard

    def ended(self) -> None:
        """A shard ended."""
        now = time.monotonic()
        self._longest, self._last = max(self._longest, now - self._last), now

    def rest(self) -> None:
        """Something was done about it: wait again."""
        self._last = time.monotonic()

    @property
    def stands_still(self) -> bool:
        """Whether nothing has ended for so long that the workers that are left may hang."""
        return time.monotonic() - self._last > max(PATIENCE, TIMES * self._longest)


class Executor(Protocol):
    """Where shards are worked on. kind: its name in `[scale] executor`."""

    kind: str

    def map(
        self, function: Callable[[Shard], Result], shards: Sequence[Shard], done: Done | None = None
    ) -> list[Result]:
        """What `function` returns of each shard, in their order; a lost worker's is done again.

        So is one that hangs, where other workers have nothing left to do: the first to end counts.
        done: gets the position of each shard as it ends, in whatever order. Raises what the
        function raised first, and `CapabilityError` where workers are lost again and again.
        """

    def everywhere(self, function: Callable[[Shard], Result], about: Shard) -> dict[str, Result]:
        """What `function` returns on each worker that is there now, by the worker's name.

        Raises what the function raises, and `CapabilityError` where a worker says nothing for
        `ANSWER` seconds, or workers are lost again and again.
        """

    def tell(self, function: Callable[[Shard], object], about: Shard) -> None:
        """Have each worker that is there do what nothing depends on.

        Who is lost at it, fails or does not end within `TOLD` seconds is left.
        """


class SerialExecutor:
    """One shard after the other, in this process."""

    kind = "serial"

    def map(
        self, function: Callable[[Shard], Result], shards: Sequence[Shard], done: Done | None = None
    ) -> list[Result]:
        """See `Executor.map`."""
        results = []
        for place, shard in enumerate(shards):
            results.append(function(shard))
            if done:
                done(place)
        return results

    def everywhere(self, function: Callable[[Shard], Result], about: Shard) -> dict[str, Result]:
        """See `Executor.everywhere`."""
        return {"this process": function(about)}

    def tell(self, function: Callable[[Shard], object], about: Shard) -> None:
        """See `Executor.tell`."""
        with contextlib.suppress(Exception):
            function(about)


class ProcessExecutor:
    """Processes on this machine, each on one core; new ones where one was killed."""

    kind = "process"

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half
        meeting = (spawn.Barrier(self.workers),)
        return ProcessPoolExecutor(self.workers, spawn, initializer=_begin, initargs=meeting)

    def map(
        self, function: Callable[[Shard], Result], shards: Sequence[Shard], done: Done | None = None
    ) -> list[Result]:
        """See `Executor.map`."""
        results: dict[int, Result] = {}
        losses = 0
        while len(results) < len(shards):
            before = len(results)
            try:
                self._fill(function, shards, results, done)
            except BrokenProcessPool:
                losses = 1 if len(results) > before else losses + 1
                if losses >= LOSSES:
                    raise CapabilityError(_lost(losses)) from None
                log.warning("a worker process was lost; its shard is done again")
                self._renew()
        return [results[place] for place in range(len(shards))]

    def _fill(
        self,
        function: Callable[[Shard], Result],
        shards: Sequence[Shard],
        results: dict[int, Result],
        done: Done | None,
    ) -> None:
        """One try at the shards without a result. Raises BrokenProcessPool where a worker dies."""
        missing = [place for place in range(len(shards)) if place not in results]
        left, twice = iter(missing), iter(missing)
        running: dict[Future[Result], int] = {}
        progress = Progress()
        try:
            while len(results) < len(shards):
                while len(running) < 2 * self.workers and (place := next(left, None)) is not None:
                    running[self._pool.submit(function, shards[place])] = place
                for future in wait(running, PAUSE, FIRST_COMPLETED).done:
                    self._take(running.pop(future), future, results, progress, done)
                idle = self.workers > len(shards) - len(results)
                if idle and progress.stands_still:  # all of them were begun
                    for place in [place for place in twice if place not in results]:
                        log.warning(SLOW)
                        running[self._pool.submit(function, shards[place])] = place
        except BrokenProcessPool:
            raise
        except BaseException:
            wait(_begun(running), GRACE)
            self._end(running)
            raise
        self._end(running)

    def _end(self, running: Iterable[Future[Result]]) -> None:
        """What hangs would be a worker less, and waited for at the end."""
        if _begun(running):
            self._renew()

    @staticmethod
    def _take(
        place: int,
        future: Future[Result],
        results: dict[int, Result],
        progress: Progress,
        done: Done | None,
    ) -> None:
        """The result of a shard, if it is the first."""
        if place not in results:
            results[place] = future.result()
            progress.ended()
            if done:
                done(place)

    def everywhere(self, function: Callable[[Shard], Result], about: Shard) -> dict[str, Result]:
        """See `Executor.everywhere`. All are alike; each gets ready by it, beside the others."""
        return self._asked(function, about, ANSWER)

    def tell(self, function: Callable[[Shard], object], about: Shard) -> None:
        """See `Executor.tell`. New processes take the place of those that do not end in time."""
        with contextlib.suppress(Exception):
            self._asked(function, about, TOLD)

    def _asked(
        self, function: Callable[[Shard], Result], about: Shard, seconds: float
    ) -> dict[str, Result]:
        """The answer of each process. Raises `CapabilityError` where one takes longer."""
        for _ in range(LOSSES):
            try:
                futures = [self._pool.submit(_ask, function, about) for _ in range(self.workers)]
                self._pool.submit(int)  # its watch begins before a process does, so look once more
                answered, silent = wait(futures, seconds)
                if not silent:
                    answers = dict(future.result() for future in answered)
                    return {f"process {own}": answer for own, answer in answers.items()}
            except BrokenProcessPool:
                log.warning("a worker process was lost while it was asked; all are asked again")
                self._renew()
            else:
                self._renew()
                raise CapabilityError(no_answer([f"{len(silent)} of {self.workers} processes"]))
        raise CapabilityError(_lost(LOSSES))

    def close(self) -> None:
        """End the processes, without waiting for what they have not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _renew(self) -> None:
        """New processes in place of these, which are ended at once: one may hang."""
        for process in list((getattr(self._pool, "_processes", None) or {}).values()):
            process.kill()
        self.close()
        self._pool = self._new_pool()


def own_cores() -> int:
    """Cores that this process may use: a job on a shared node is given some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begun(futures: Iterable[Future[Result]]) -> list[Future[Result]]:
    """Those that can't be cancelled any more and have not ended."""
    return [future for future in futures if not future.cancel() and not future.done()]


def _lost(times: int) -> str:
    return (
        f"{times} worker processes in a row were killed at the same shards: most likely main "
        "memory does not suffice for so many of them. What was finished is kept: run the same "
        "command again with fewer (scale.workers)."
    )


def no_answer(workers: Sequence[str]) -> str:
    """What is said of workers that do not answer."""
    return (
        f"No answer within {ANSWER:.0f} s from {', '.join(workers)}, asked what is there: most "
        "likely stopped, or its disk is gone. What was finished is kept: end such workers, start "
        "others and run the same command again."
    )


_meeting: Barrier | None = None  # of the processes of a pool, in each of them


def _begin(meeting: Barrier) -> None:
    """Before any library is loaded: processes that share cores only wait for each other."""
    global _meeting
    _meeting = meeting
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _ask(function: Callable[[Shard], Result], about: Shard) -> tuple[int, Result]:
    """Its own number and answer; it takes no second question before all have taken one."""
    assert _meeting is not None
    try:
        return os.getpid(), function(about)
    finally:
        with contextlib.suppress(threading.BrokenBarrierError):
            _meeting.wait(ANSWER)
