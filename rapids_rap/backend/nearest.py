"""What the answer of every neighbour search goes through, on either backend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Int64s
from rapids_rap.backend.protocol import Array, Metric

SAMPLE = 500  # queries whose exact neighbours an approximate search is measured against
# Float32 inner products of equal rows differ in the last bits by their place in a BLAS block. On a
# grid of 2^-20 equal rows are equally far, which makes "ties go to the lower index" well defined.
GRID = 2.0**20


def as_distances(raw: Array, metric: Metric) -> Array:
    """Inner products or squared L2, float32, as distances: 1 - cosine on `GRID`, or the root.

    `maximum` and not `clip`, whose array API version waits for a GPU.
    """
    xp = array_namespace(raw)
    if metric == "euclidean":
        return xp.sqrt(xp.maximum(raw, 0.0))
    distances = xp.round((1.0 - raw) * GRID) / GRID
    return xp.astype(xp.maximum(distances, 0.0), xp.float32, copy=False)


def break_ties(distances: Array, indices: Array) -> tuple[Array, Array]:
    """Every row by distance, then by index."""
    xp = array_namespace(distances, indices)
    by_index = xp.argsort(indices, axis=1)
    distances = xp.take_along_axis(distances, by_index, axis=1)
    indices = xp.take_along_axis(indices, by_index, axis=1)
    order = xp.argsort(distances, axis=1, stable=True)
    return xp.take_along_axis(distances, order, axis=1), xp.take_along_axis(indices, order, axis=1)


def nearest_of(parts: Sequence[tuple[Array, Array]], k: int) -> tuple[Array, Array]:
    """The k first of distances and indices (m, ...) that several searches found, by `break_ties`.

    Associative: pieces of the points may be merged in any order, and give what all of them give.
    A row that is found twice counts once, at its smallest distance; places that nothing fills have
    an infinite distance.
    """
    xp = array_namespace(parts[0][0])
    distances = xp.concat([part[0] for part in parts], axis=1)
    indices = xp.concat([part[1] for part in parts], axis=1)
    distances, indices = break_ties(distances, indices)
    by_index = xp.argsort(indices, axis=1, stable=True)
    sorted_ids = xp.take_along_axis(indices, by_index, axis=1)
    again = sorted_ids[:, 1:] == sorted_ids[:, :-1]
    if bool(xp.any(again)):
        distances = xp.take_along_axis(distances, by_index, axis=1)
        inf = xp.full_like(distances[:, 1:], float("inf"))
        rest = xp.where(again, inf, distances[:, 1:])
        distances, indices = break_ties(xp.concat([distances[:, :1], rest], axis=1), sorted_ids)
    return distances[:, :k], indices[:, :k]


def other_places(indices: Array, own: Array) -> Array:
    """(m, k) int64: the places in each row of `indices` (m, k + 1) but that of its `own` (m,).

    Where duplicates crowded that out, all but the last.
    """
    xp, where = array_namespace(indices, own), device(indices)
    k = int(indices.shape[1]) - 1
    places = xp.arange(k, dtype=xp.int64, device=where)[None, :]
    after = xp.cumulative_sum(xp.astype(indices == own[:, None], xp.int64), axis=1)[:, :k]
    return places + after


def drop_self(distances: Array, indices: Array, own: Array) -> tuple[Array, Array]:
    """`distances` and `indices` (m, k + 1), nearest first, at `other_places`."""
    places = other_places(indices, own)
    take = array_namespace(distances, indices).take_along_axis
    return take(distances, places, axis=1), take(indices, places, axis=1)


def sampled_rows(m: int, seed: int | None) -> Int64s:
    """`SAMPLE` of m queries, ascending."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(m, min(SAMPLE, m), replace=False))
