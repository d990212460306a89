"""Rows as the engines of a GPU take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rapids_rap.backend._gpu_memory import GpuMemory
from rapids_rap.backend.gpu_plan import Home
from rapids_rap.backend.nearest import GRID
from rapids_rap.backend.protocol import Array, Metric
from rapids_rap.backend.rows import unit_rows

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
        return unit_rows(rows) if self.uneven else rows

    def take(self, indices: Array) -> Array:
        """The rows of a flat int64 index, ready to be compared."""
        rows = self.xp.take(self.points, indices, axis=0)
        return unit_rows(rows) if self.uneven else rows


def recall_of(found: Array, truth: Array, xp: Any) -> float:
    """Share of the true neighbours that were found; a neighbour tied with the last one counts."""
    within = found <= truth[:, -1:] + 2.0 / GRID
    return float(xp.count_nonzero(within)) / max(1, within.size)


def blocks(n: int, rows: int) -> list[slice]:
    """Slices of at most `rows` that cover 0..n."""
    step = max(1, rows)
    return [slice(start, min(n, start + step)) for start in range(0, n, step)]
