"""Peaks of device memory against the plan: `python -m tests.parity.peaks N D`, a process a size.

In a process of its own nothing else is counted: the allocator's peak is that of the whole process.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from rapids_rap.arrays import Float32s
from rapids_rap.backend import load_backend
from rapids_rap.backend.gpu_plan import BLOCKS, RESERVE, SCRATCH
from rapids_rap.backend.protocol import Backend, Sizes, UmapSpec
from rapids_rap.clustering.votes import min_cluster_size
from rapids_rap.machine.memory_plan import plan_gpu
from rapids_rap.runs.certificate import ParityFigure
from tests.parity.checks import at_most, noted

K, SEED = 30, 42
POLL = 0.002  # seconds
FIGURES = TypeAdapter(list[ParityFigure])


def peaks(backend: Backend, n: int, d: int, free_now: Callable[[], int]) -> Iterator[ParityFigure]:
    """Neighbours, layouts and clusters of (n, d) rows, in this order, in one process.

    free_now: free bytes of the device as its driver tells them; polled while a stage runs. The
    allocator's peak only grows, so that after each stage it is compared with the largest plan so
    far, less `RESERVE`, which it does not count.
    """
    points, before = _unit_rows(n, d), free_now()
    # No model is loaded here.
    plan = plan_gpu(n, d, before, 2**40, Sizes(k=K, model=0))
    planned = {choice.stage: choice.peak for choice in plan.stages}
    rows = backend.allocate_rows(n, d)
    backend.as_torch(rows).copy_(backend.as_torch(backend.from_host(points)))
    largest, worst, state = 0, before, {"rows": rows}
    for stage, run in (("neighbors", _neighbors), ("layout", _layout), ("clusters", _clusters)):
        with _least(free_now) as least:
            run(backend, state)
            backend.memory()  # waits for the device
        worst, name = min(worst, *least), f"{n:,} x {d}, {stage}"
        largest = max(largest, planned[stage])
        peak = backend.memory().peak
        yield at_most(
            "memory",
            f"{name}: allocator's peak so far, share of the plan",
            peak / (largest - RESERVE),
            1.0,
            f"{peak:,} bytes",
        )
        fixed = RESERVE + SCRATCH + BLOCKS
        yield noted("memory", f"{name}: the same without fixed sums", peak / (largest - fixed))
        used = before - min(least)
        yield noted("memory", f"{name}: device memory, share of the plan", used / planned[stage])
    share = (before - worst) / plan.peak
    yield at_most("memory", f"{n:,} x {d}: device memory, share of the plan", share, 1.0)


def _neighbors(backend: Backend, state: dict[str, Any]) -> None:
    state["graph"] = backend.knn(state["rows"], K)


def _layout(backend: Backend, state: dict[str, Any]) -> None:
    specs = [UmapSpec(2, 15, 0.1, None, "pca"), UmapSpec(5, 15, 0.0, None, "pca")]
    _, state["reduced"] = backend.umap(state["rows"], state["graph"], specs, SEED)


def _clusters(backend: Backend, state: dict[str, Any]) -> None:
    size = min_cluster_size(len(state["rows"]), 0)
    backend.hdbscan(state["reduced"], min_cluster_size=size, min_samples=5, selection="leaf")


@contextmanager
def _least(free_now: Callable[[], int]) -> Iterator[list[int]]:
    """What was free, polled by a thread until the block ends."""
    seen, stop = [free_now()], threading.Event()

    def poll() -> None:
        while not stop.wait(POLL):
            seen[0] = min(seen[0], free_now())

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _unit_rows(n: int, d: int) -> Float32s:
    rng = np.random.default_rng(SEED)
    centers = rng.normal(size=(200, d)).astype(np.float32)
    rows = centers[rng.integers(0, 200, n)]
    rows += rng.standard_normal((n, d), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main() -> None:
    """Print the figures as JSON, on a line of their own: libraries may print too."""
    import cupy

    n, d = (int(argument) for argument in sys.argv[1:])
    found = peaks(load_backend("gpu"), n, d, lambda: int(cupy.cuda.runtime.memGetInfo()[0]))
    sys.stdout.write("\n" + FIGURES.dump_json(list(found)).decode() + "\n")


if __name__ == "__main__":
    main()
