"""Rows as engines take them, and what every engine's answer goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rapids_rap.backend._gpu_memory import GpuMemory
from rapids_rap.backend.gpu_plan import Home
from rapids_rap.backend.protocol import Array, Metric

RECALL_QUERIES = 500
GRID = 2.0**20  # see `_cpu_knn`: equal rows are equally far


# Finds the k nearest of some queries: distances (m, k) float32 and indices (m, k) int64.
Find = Callable[[Array, int], tuple[Array, Array]]


@dataclass(frozen=True)
class Rows:
    """Points as engines take them.

    points: (n, d) float32, contiguous. uneven: whether a cosine is asked for and their lengths are
    not 1, so that what is read must be scaled. mapped: whether they live in host memory.
    """

    points: Array
    metric: Metric
    uneven: bool
    mapped: bool
    xp: Any
    memory: GpuMemory

    @property
    def home(self) -> Home:
        """Where they live, as the plan calls it."""
        return "host" if self.mapped else "device"

    def read(self, block: slice) -> Array:
        """Rows in device memory, ready to be compared."""
        rows = self.points[block, :]
        if self.mapped:
            rows = self.xp.asarray(self.memory.host_view(rows))
        return unit_rows(rows, self.xp) if self.uneven else rows

    def take(self, indices: Array) -> Array:
        """The rows of a flat int64 index, ready to be compared."""
        rows = self.xp.take(self.points, indices, axis=0)
        return unit_rows(rows, self.xp) if self.uneven else rows


def break_ties(distances: Array, indices: Array, xp: Any) -> tuple[Array, Array]:
    """Every row by distance, then by index."""
    by_index = xp.argsort(indices, axis=1)
    distances = xp.take_along_axis(distances, by_index, axis=1)
    indices = xp.take_along_axis(indices, by_index, axis=1)
    order = xp.argsort(distances, axis=1, stable=True)
    return xp.take_along_axis(distances, order, axis=1), xp.take_along_axis(indices, order, axis=1)


def drop_self(distances: Array, indices: Array, block: slice, xp: Any) -> tuple[Array, Array]:
    """Without each row's own index; without the last where duplicates crowded it out.

    distances, indices: (m, k + 1) of the points `block`.
    """
    m, wanted = (int(size) for size in indices.shape)
    own = indices == xp.arange(block.start, block.start + m, dtype=indices.dtype)[:, None]
    own[:, -1] |= ~xp.any(own, axis=1)
    # Sorting is stable, so the others keep their order and the row itself goes to the end.
    order = xp.argsort(xp.astype(own, xp.int8), axis=1, stable=True)[:, : wanted - 1]
    return xp.take_along_axis(distances, order, axis=1), xp.take_along_axis(indices, order, axis=1)


def as_distances(raw: Array, metric: Metric, xp: Any) -> Array:
    """Inner products or squared L2 as distances: 1 - cosine on `GRID`, or the root.

    `maximum` and not `clip`, whose array API version waits for the device.
    """
    if metric == "euclidean":
        return xp.sqrt(xp.maximum(raw, 0.0))
    distances = xp.round((1.0 - raw) * GRID) / GRID
    return xp.astype(xp.maximum(distances, 0.0), xp.float32, copy=False)


def sampled_rows(m: int, seed: int | None) -> npt.NDArray[np.int64]:
    """Queries, ascending, whose exact neighbours an approximate search is measured against."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(m, min(RECALL_QUERIES, m), replace=False))


def recall_of(found: Array, truth: Array, xp: Any) -> float:
    """Share of the true neighbours that were found; a neighbour tied with the last one counts."""
    within = found <= truth[:, -1:] + 2.0 / GRID
    return float(xp.count_nonzero(within)) / max(1, within.size)


def unit_rows(rows: Array, xp: Any) -> Array:
    """The rows at length 1; rows of zeros stay zero."""
    lengths = xp.linalg.vector_norm(rows, axis=1, keepdims=True)
    return rows / xp.where(lengths > 0.0, lengths, xp.ones_like(lengths))


def blocks(n: int, rows: int) -> list[slice]:
    """Slices of at most `rows` that cover 0..n."""
    step = max(1, rows)
    return [slice(start, min(n, start + step)) for start in range(0, n, step)]
