"""The executor on Dask: a cluster that is there, or one of processes on this machine.

Dask unpickles what reaches a scheduler: who can connect to one can run code on its workers. Hence
an own cluster listens on this machine alone, and an address is taken from the user's own
configuration only (`config.OWN_WORD`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

from rapids_rap.errors import CapabilityError, RapError
from rapids_rap.scale import executor
from rapids_rap.scale.executor import LOSSES, SLOW, Done, Progress, own_cores

Shard = TypeVar("Shard")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

_PAUSE = 0.02  # seconds between two looks at what ended
WAIT = 60.0  # seconds for a scheduler to answer, and for its first worker
FETCH = 10.0  # seconds for a worker to hand over a number
EXTRA = "pip install 'rapids-rap[scale]'"


class DaskExecutor:
    """`Executor` on a `distributed.Client`. Workers may join and leave while it maps."""

    kind = "dask"

    def __init__(self, client: Any) -> None:
        self._client = client

    def map(
        self, function: Callable[[Shard], Result], shards: Sequence[Shard], done: Done | None = None
    ) -> list[Result]:
        """See `Executor.map`."""
        results: dict[int, Result] = {}
        with contextlib.closing(self._ending(function, shards)) as ending:
            for place, result in ending:
                results[place] = result
                if done:  # here, where a disk that fails it is not told as Dask's connection
                    done(place)
        return [results[place] for place in range(len(shards))]

    def _ending(
        self, function: Callable[[Shard], Result], shards: Sequence[Shard]
    ) -> Generator[tuple[int, Result], None, None]:
        """Place and result of each shard, as they end."""
        with self._explained(), self._client.as_current():
            # Not pure: a result that Dask remembers from before is no file that is still there.
            futures = self._client.map(function, shards, pure=False)
            places = {future.key: place for place, future in enumerate(futures)}
            try:
                yield from self._gathered(function, shards, futures, places)
            finally:
                self._client.cancel(futures)

    def _gathered(
        self,
        function: Callable[[Shard], Result],
        shards: Sequence[Shard],
        futures: list[Any],
        places: dict[str, int],
    ) -> Iterator[tuple[int, Result]]:
        """`_ending` of these. futures and places get those of shards that are begun twice."""
        from distributed import as_completed

        ended, progress = as_completed(futures), Progress()
        known: set[int] = set()
        copies: Counter[int] = Counter()
        while len(known) < len(shards):
            batch = ended.next_batch(block=False)
            for future in batch:
                place = places[future.key]
                found = [] if place in known else _fetched(future)
                for result in found:
                    known.add(place)
                    progress.ended()
                    yield place, result
                future.release()
                if place not in known:  # its worker went, or hangs: nobody else has the result
                    again = self._client.submit(function, shards[place], pure=False)
                    futures.append(again)
                    places[again.key] = place
                    ended.add(again)
            if not batch:
                time.sleep(_PAUSE)
            if not batch and progress.stands_still:
                late = [p for p in range(len(shards)) if p not in known and copies[p] < LOSSES]
                idle = [one for one, tasks in self._client.processing().items() if not tasks]
                for place, worker in zip(late, idle, strict=False):
                    log.warning(SLOW)
                    # By another, where this one goes: else it would be waited for.
                    copy = self._client.submit(
                        function,
                        shards[place],
                        pure=False,
                        workers=[worker],
                        allow_other_workers=True,
                    )
                    futures.append(copy)
                    places[copy.key] = place
                    ended.add(copy)
                    copies[place] += 1
                progress.rest()

    def everywhere(self, function: Callable[[Shard], Result], about: Shard) -> dict[str, Result]:
        """See `Executor.everywhere`. Raises `CapabilityError` where no worker comes, either."""
        with self._explained():
            for _ in range(LOSSES):
                try:
                    self._client.wait_for_workers(1, timeout=WAIT)
                except TimeoutError:
                    raise CapabilityError(
                        f"No worker came to the scheduler within {WAIT:.0f} s. Start some: dask "
                        "worker ADDRESS --nthreads 1"
                    ) from None
                answers, silent = self._asked(function, about, executor.ANSWER)
                if silent:
                    raise CapabilityError(executor.no_answer(silent))
                there = {
                    worker: _checked(worker, answer)
                    for worker, answer in answers.items()
                    if not self._is_lost(worker, answer)
                }
                if there:
                    return there
                log.warning(
                    "all workers were lost while they were asked; those that come are asked"
                )
        raise CapabilityError(
            "Workers were lost again and again while they were asked what they have; see their "
            "logs."
        )

    def tell(self, function: Callable[[Shard], object], about: Shard) -> None:
        """See `Executor.tell`."""
        with contextlib.suppress(Exception):
            self._asked(function, about, executor.TOLD)

    def _asked(
        self, function: Callable[[Shard], Any], about: Shard, seconds: float
    ) -> tuple[dict[str, Any], list[str]]:
        """Each worker's answer, or what it raised or Dask says of its going; who said nothing.

        Each is asked by itself, so that who says nothing can be named; Dask would wait for ever.
        """
        answers: dict[str, Any] = {}

        def ask(worker: str) -> None:
            try:
                own = self._client.run(function, about, workers=[worker], on_error="return")
                answers.update(own)
            except Exception as error:
                answers[worker] = error

        asked = {
            worker: threading.Thread(target=ask, args=(worker,), daemon=True)
            for worker in self._client.nthreads()
        }
        for thread in asked.values():
            thread.start()
        until = time.monotonic() + seconds
        for thread in asked.values():
            thread.join(max(0.0, until - time.monotonic()))
        there = self._client.nthreads()
        return answers, sorted(w for w in asked if w not in answers and w in there)

    def _is_lost(self, worker: str, answer: object) -> bool:
        """Whether this answers for a worker that went while it was asked."""
        from distributed.comm.core import CommClosedError

        if not isinstance(answer, OSError):
            return False
        return isinstance(answer, CommClosedError) or worker not in self._client.nthreads()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what Dask says of lost workers and schedulers into a sentence."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            yield
        except RapError:
            raise
        except KilledWorker as error:
            raise CapabilityError(
                f"Workers were lost again and again at one shard ({error.task}): most likely main "
                "memory does not suffice. What was finished is kept: run the same command again "
                "with fewer workers a machine, or with smaller shards (embedding.shard_texts)."
            ) from error
        except (CommClosedError, CancelledError, TimeoutError, OSError) as error:
            raise CapabilityError(
                f"The Dask scheduler or its connection was lost ({error or type(error).__name__}). "
                "What was finished is kept: start it and run the same command again."
            ) from error


@contextlib.contextmanager
def open_dask(address: str, workers: int, device: str) -> Iterator[DaskExecutor]:
    """A client of the scheduler at `address`, or of an own cluster of so many processes.

    workers: 0 is one a core that this process may use, on GPUs one a GPU. Raises `CapabilityError`
    without the extra `[scale]`, where no scheduler answers, and where dask-cuda is missing on a
    GPU.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise CapabilityError(f"scale.executor = dask needs the extra [scale]: {EXTRA}") from error
    # What workers join and leave is Dask's to tell only where something is wrong.
    logging.getLogger("distributed").setLevel(logging.WARNING)
    for name in ("asyncio", "distributed.client"):
        logging.getLogger(name).addFilter(_is_news)
    with contextlib.ExitStack() as stack:
        # Enough for a machine that goes, few enough for a shard that kills.
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": LOSSES}))
        target: Any = address
        if not address:
            target = _started(workers, device)
            stack.callback(_close, target)
        try:
            client = Client(target, timeout=WAIT, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise CapabilityError(
                f"No Dask scheduler answers at {address} ({error}). Start one (dask scheduler), or "
                "leave the address out for workers on this machine."
            ) from error
        stack.callback(_close, client)
        yield DaskExecutor(client)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether this is more than the trace of what Dask has given up itself.

    A fetch that takes too long leaves its inner waiting behind, a lost scheduler the attempts to
    find it again; both end with the run, which says in a sentence what happened.
    """
    from distributed.client import AllExit

    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, AllExit | asyncio.CancelledError)


def _checked(worker: str, answer: Any) -> Any:
    """A worker's answer; raises what it raised. What it can't even load comes as text."""
    if isinstance(answer, ImportError) or type(answer) is Exception:
        raise CapabilityError(
            f"The worker {worker} can't run this program ({answer}). Install the same version of "
            "it on all workers (pip install 'rapids-rap[scale]'), or take that one away."
        ) from answer
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _fetched(future: Any) -> list[Any]:
    """The result of a future that has ended; none where its worker does not hand it over.

    A worker that hangs at its next shard answers nothing, nor does it give what it had made
    before. Raises what the shard raised.
    """
    error = future.exception() if future.status == "error" else None
    if isinstance(error, OSError):  # the shard's own; no connection of ours was lost
        raise CapabilityError(
            f"A worker's machine failed at a shard ({error}). What was finished is kept: see that "
            "worker's log, and run the same command again."
        ) from error
    if future.status != "finished":
        return [future.result()]
    try:
        return [future.result(timeout=FETCH)]
    except TimeoutError:
        return []


def _close(what: Any) -> None:
    """Close a client or a cluster; on a busy machine that may take too long, when all is done."""
    try:
        what.close()
    except (TimeoutError, OSError) as error:
        log.warning("Dask did not end in time (%s); its processes end with this one", error or "-")


def _started(workers: int, device: str) -> Any:
    """An own cluster; begun anew where a worker is lost before all of them are there."""
    for left in reversed(range(LOSSES)):
        try:
            return _own_cluster(workers, device)
        except (RuntimeError, OSError, TimeoutError) as error:
            if not left:
                raise CapabilityError(
                    f"Dask could not start its workers on this machine ({error}): most likely main "
                    "memory does not suffice for so many of them. What was finished is kept: run "
                    "the same command again with fewer (scale.workers)."
                ) from error
            log.warning("a worker was lost while it started; all of them are started again")
    raise AssertionError("a cluster or an error")


def _own_cluster(workers: int, device: str) -> Any:
    """Processes of one thread each on this machine; on GPUs dask-cuda's, one a GPU."""
    if device == "gpu":
        return _gpu_cluster(workers)
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers or own_cores(),
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # with None Dask opens its usual port to all
        memory_limit=0,  # a run has its own plan; Dask would stop workers at a share of the whole
    )


def _gpu_cluster(workers: int) -> Any:
    """Dask-cuda's cluster. Written against its signature of 26.10 and not run on a GPU yet."""
    try:
        from dask_cuda import LocalCUDACluster
    except ImportError as error:
        raise CapabilityError(
            "scale.executor = dask on GPUs needs dask-cuda of the RAPIDS release: pip install "
            "'dask-cuda==26.10.*', or name a scheduler whose workers are there (--scheduler)."
        ) from error
    return LocalCUDACluster(
        n_workers=workers or None,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # with None Dask opens its usual port to all
        memory_limit=0,
    )
