"""The loops behind UMAP's weighted graph, as umap-learn computes them, without importing it.

Importing umap-learn takes a second and a half: it compiles its nearest-neighbour search and its
metrics, none of which is used here. These are its `smooth_knn_dist` and
`compute_membership_strengths` (BSD, Leland McInnes) to the bit: McInnes, Healy & Melville, "UMAP"
(2018, arXiv:1802.03426), algorithms 2 and 3. Compiled once and kept on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from rapids_rap.arrays import Float32s, Int32s, Int64s

STEPS = 64  # of the search for a row's bandwidth
TOLERANCE = 1e-5
LEAST_SHARE = 1e-3  # of a mean distance that a bandwidth has at least
LARGEST = float(np.finfo(np.float32).max)
_NARROW = dict.fromkeys(("total", "low", "middle", "high"), numba.types.float32)


def _compiled(**how: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiled when first called, and kept on disk where there is a folder for it."""

    def compile_loop(loop: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return numba.njit(**how, cache=True)(loop)  # type: ignore[no-any-return]
        except RuntimeError:
            return numba.njit(**how)(loop)  # type: ignore[no-any-return]

    return compile_loop


@_compiled(locals=_NARROW, parallel=True)
def bandwidths(distances: Float32s, k: float) -> tuple[Float32s, Float32s]:
    """Of each row of (n, k) neighbour distances: its bandwidth, and its nearest other's distance.

    With that bandwidth a row's memberships sum to log2(k). Rows are ascending, and begin with the
    point itself.
    """
    target = np.log2(k) * 1.0
    nearest = np.zeros(distances.shape[0], dtype=np.float32)
    found = np.zeros(distances.shape[0], dtype=np.float32)
    mean = np.mean(distances)
    for i in numba.prange(distances.shape[0]):
        low = 0.0
        high = LARGEST
        middle = 1.0
        own = distances[i]
        apart = own[own > 0.0]
        if apart.shape[0] > 0:
            nearest[i] = apart[0]
        for _ in range(STEPS):
            total = 0.0
            for j in range(1, distances.shape[1]):
                beyond = distances[i, j] - nearest[i]
                if beyond > 0:
                    total += np.exp(-(beyond / middle))
                else:
                    total += 1.0
            if np.fabs(total - target) < TOLERANCE:
                break
            if total > target:
                high = middle
                middle = (low + high) / 2.0
            else:
                low = middle
                if high >= LARGEST:
                    middle *= 2
                else:
                    middle = (low + high) / 2.0
        found[i] = middle
        usual = np.mean(own) if nearest[i] > 0.0 else mean
        if found[i] < LEAST_SHARE * usual:
            found[i] = LEAST_SHARE * usual
    return found, nearest


@_compiled(locals={"value": numba.types.float32})
def memberships(
    indices: Int64s, distances: Float32s, widths: Float32s, nearest: Float32s
) -> tuple[Int32s, Int32s, Float32s]:
    """Rows, columns and strengths of the n·k directed edges; 0 for a point's edge to itself."""
    n, k = indices.shape
    rows = np.zeros(n * k, dtype=np.int32)
    columns = np.zeros(n * k, dtype=np.int32)
    values = np.zeros(n * k, dtype=np.float32)
    for i in range(n):
        for j in range(k):
            if indices[i, j] == -1:
                continue
            if indices[i, j] == i:
                value = 0.0
            elif distances[i, j] - nearest[i] <= 0.0 or widths[i] == 0.0:
                value = 1.0
            else:
                value = np.exp(-((distances[i, j] - nearest[i]) / (widths[i])))
            rows[i * k + j] = i
            columns[i * k + j] = indices[i, j]
            values[i * k + j] = value
    return rows, columns, values
