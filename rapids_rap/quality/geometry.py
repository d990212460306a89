"""How well clusters hold together and how faithful a layout is, from geometry alone.

Three measures that see different things: the silhouette asks whether clusters are round and apart,
DBCV whether they are dense and separated by emptiness whatever their shape, and trustworthiness
whether neighbours on the map are neighbours in the vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Int64s
from rapids_rap.backend.nearest import other_places
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import (
    group_sums,
    group_totals,
    near_rows,
    one_hot,
    row_blocks,
    unit_rows,
)

TIE = 5e-7  # float32 cosines of equal vectors differ by less, whichever way they are summed


@dataclass(frozen=True)
class SilhouetteSummary:
    """Means of a silhouette over the rows that have one; None where no row has.

    mean: each text once. weighted: each text by its occurrences. coverage: share of texts that have
    a value (noise has none); weighted_coverage: share of occurrences.
    """

    mean: float | None
    weighted: float | None
    coverage: float
    weighted_coverage: float


@dataclass(frozen=True)
class SampledFigure:
    """A figure, None where it is undefined, and the rows it was computed on.

    sampled: whether those are fewer than all rows that could have entered.
    """

    value: float | None
    rows: int
    sampled: bool


def cosine_silhouette(vectors: Array, labels: Array) -> Array:
    """Exact silhouette by cosine distance of every row, (n,) float32 (Rousseeuw 1987).

    vectors: (n, d), any length; labels: (n,) int64, ids below 0 are noise: they get NaN and count
    in no cluster. With fewer than two clusters every row is NaN; a cluster's only member gets 0.

    In O(n·K·d) rather than O(n²·d): on unit rows the mean cosine distance of x to a cluster C with
    sum S is 1 - x·S/|C|; within its own cluster the x·x of the sum is taken out,
    (|C| - 1 - x·S + x·x) / (|C| - 1).
    """
    xp = array_namespace(vectors, labels)
    n, d = (int(size) for size in vectors.shape)
    clusters = int(xp.max(labels)) + 1 if n else 0
    ones = xp.ones((n,), dtype=xp.float32, device=device(vectors))
    sizes = group_totals(ones, labels, clusters)
    if int(xp.count_nonzero(sizes)) < 2:
        return ones * math.nan
    sums = xp.astype(group_sums(vectors, labels, clusters, unit=True), vectors.dtype)
    sizes = xp.astype(sizes, vectors.dtype)
    values = [
        _silhouette_block(unit_rows(near_rows(vectors, block)), labels[block], sums, sizes)
        for block in row_blocks(n, 20 * clusters + 12 * d)
    ]
    return xp.astype(xp.concat(values), xp.float32, copy=False)


def _silhouette_block(units: Array, labels: Array, sums: Array, sizes: Array) -> Array:
    """Values of a block of unit rows; sums: (K, d) and sizes: (K,) of the clusters."""
    xp = array_namespace(units)
    own = xp.maximum(labels, 0)  # of noise, anything
    dots = units @ xp.matrix_transpose(sums)
    own_dot = xp.take_along_axis(dots, own[:, None], axis=1)[:, 0]
    own_size = xp.take(sizes, own)
    others = xp.maximum(own_size - 1.0, xp.ones_like(own_size))
    within = (own_size - 1.0 - own_dot + xp.sum(units * units, axis=1)) / others

    filled = xp.maximum(sizes, xp.ones_like(sizes))  # ids nobody carries are left out below
    apart = one_hot(labels, int(sizes.shape[0]), xp.bool) | (sizes == 0)[None, :]
    infinite = xp.asarray(math.inf, dtype=dots.dtype, device=device(dots))
    nearest = xp.min(xp.where(apart, infinite, 1.0 - dots / filled[None, :]), axis=1)

    within, nearest = xp.maximum(within, 0.0), xp.maximum(nearest, 0.0)
    widest = xp.maximum(within, nearest)
    values = (nearest - within) / xp.where(widest > 0, widest, xp.ones_like(widest))
    values = xp.where(own_size > 1.0, values, xp.zeros_like(values))
    return xp.where(labels >= 0, values, xp.full_like(values, math.nan))


def silhouette_summary(values: Array, weights: Array) -> SilhouetteSummary:
    """Means of `values` (n,), NaN where a row has none, with `weights` (n,) occurrences."""
    xp = array_namespace(values, weights)
    n = int(values.shape[0])
    known = ~xp.isnan(values)
    amount = xp.astype(known, xp.float64)
    mass = xp.where(known, xp.astype(weights, xp.float64), xp.zeros_like(amount))
    value = xp.where(known, xp.astype(values, xp.float64), xp.zeros_like(amount))
    rows, heavy = float(xp.sum(amount)), float(xp.sum(mass))
    total = float(xp.sum(xp.astype(weights, xp.float64)))
    return SilhouetteSummary(
        mean=float(xp.sum(value)) / rows if rows else None,
        weighted=float(xp.sum(value * mass)) / heavy if heavy else None,
        coverage=rows / n if n else 0.0,
        weighted_coverage=heavy / total if total else 0.0,
    )


def dbcv(
    points: Array, labels: Array, backend: Backend, *, sample: int, seed: int | None
) -> SampledFigure:
    """Density-based clustering validation in [-1, 1], of Euclidean points (Moulavi et al. 2014).

    points: (n, d), labels: (n,) int64, -1 is noise. Noise belongs to no cluster and lowers the
    figure by its share. Above `sample` clustered points a seeded, stratified sample of them is
    measured (each cluster keeps its share, and 3 points at least). Undefined below two clusters.
    The labels and the points that are measured are copied to the host.
    """
    return sampled_dbcv(points, labels, backend, sample=sample, seed=seed)()


def sampled_dbcv(
    points: Array, labels: Array, backend: Backend, *, sample: int, seed: int | None
) -> Callable[[], SampledFigure]:
    """What computes `dbcv` when it is called: on the host alone, where its sample is already."""
    names = np.asarray(backend.to_host(labels))
    chosen = _stratified(names, sample, seed)
    clustered = int(np.count_nonzero(names >= 0))
    sizes = np.bincount(names[names >= 0])
    if np.count_nonzero(sizes) < 2:
        return lambda: SampledFigure(None, len(chosen), len(chosen) < clustered)
    xp = array_namespace(points)
    rows = backend.to_host(xp.take(points, _on_device(chosen, points, backend), axis=0))

    def measure() -> SampledFigure:
        # Not before: it needs numba, without which the other measures can be tried on a GPU.
        from rapids_rap.quality.dbcv import density_validity

        measured = np.asarray(rows, dtype=np.float64)
        value = density_validity(measured, names[chosen], sizes, len(names))
        return SampledFigure(value, len(chosen), len(chosen) < clustered)

    return measure


def trustworthiness(
    vectors: Array,
    xy: Array,
    backend: Backend,
    *,
    n_neighbors: int = 15,
    sample: int,
    seed: int | None,
) -> SampledFigure:
    """Whether neighbours on the map are neighbours by cosine, in [0, 1] (Venna & Kaski 2001).

    T = 1 - 2 / (n·k·(2n - 3k - 1)) · sum over i, over the k nearest j of i on the map, of
    max(0, r(i, j) - k), with r the rank of j among the cosine neighbours of i (1 the nearest). The
    mean over a seeded sample of rows i; ranks are against all n rows, and cosines within `TIE` of
    each other rank alike. `n_neighbors` is cut to what the formula allows (k < n / 2). Undefined
    below 3 rows. The sample is drawn on the host, so that every backend measures the same rows.
    """
    (found,) = trustworthiness_of_maps(
        vectors, [xy], backend, n_neighbors=n_neighbors, sample=sample, seed=seed
    )
    return found


def trustworthiness_of_maps(
    vectors: Array,
    maps: Sequence[Array],
    backend: Backend,
    *,
    n_neighbors: int = 15,
    sample: int,
    seed: int | None,
) -> list[SampledFigure]:
    """The `trustworthiness` of several maps (n, 2) of the same vectors, which are read once."""
    xp = array_namespace(vectors, *maps)
    n = int(vectors.shape[0])
    k = min(n_neighbors, (n - 1) // 2)
    if k < 1:
        return [SampledFigure(None, n, False)] * len(maps)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(n, min(sample, n), replace=False))
    rows = _on_device(chosen, vectors, backend)
    near = []
    for xy in maps:
        queries = xp.take(xy, rows, axis=0)
        seen = backend.knn(xy, min(k + 1, n), queries=queries, metric="euclidean").indices
        near.append(xp.take_along_axis(seen, other_places(seen, rows), axis=1)[:, :k])
    ranks = _ranks(vectors, rows, xp.concat(near, axis=1), backend.cache_bytes)
    beyond = xp.maximum(ranks - k, 0)
    worst = len(chosen) * k * (2.0 * n - 3.0 * k - 1.0)
    penalties = [float(xp.sum(beyond[:, k * m : k * m + k])) for m in range(len(maps))]
    return [
        SampledFigure(1.0 - 2.0 * penalty / worst, len(chosen), len(chosen) < n)
        for penalty in penalties
    ]


def _ranks(vectors: Array, rows: Array, others: Array, cache: int) -> Array:
    """(r, k) int64: the cosine rank of `others` (r, k) among the neighbours of `rows` (r,), from 1.

    By blocks of `vectors`, each of which is read once, and of `rows`, so that the similarities are
    still in a `cache` of so many bytes when they are counted: column by column in that of a
    processor, and as many columns at once as a device has room for.
    """
    xp, where = array_namespace(vectors), device(vectors)
    n, d = (int(size) for size in vectors.shape)
    sampled, k = (int(size) for size in others.shape)
    queries = unit_rows(xp.take(vectors, rows, axis=0))
    bound = _cosines(vectors, queries, others, cache) + TIE
    itself = xp.asarray(-math.inf, dtype=queries.dtype, device=where)
    nearer = xp.zeros((sampled, k), dtype=xp.int64, device=where)
    for block in row_blocks(n, 14 * sampled + 12 * d):
        units = xp.matrix_transpose(unit_rows(near_rows(vectors, block)))
        ids = xp.arange(block.start, block.stop, dtype=rows.dtype, device=where)
        for part in row_blocks(sampled, 7 * int(ids.shape[0]), cache):
            similarity = queries[part, :] @ units
            similarity = xp.where(rows[part, None] == ids[None, :], itself, similarity)
            left = cache - 7 * similarity.size
            for columns in row_blocks(k, 2 * similarity.size, max(1, left)):
                above = similarity[:, None, :] > bound[part, columns][:, :, None]
                nearer[part, columns] += _count(above)
    return nearer + 1


def _count(true: Array) -> Array:
    """(r, k) int64: how many along the last axis of (r, k, c) bool. Small integers add fastest."""
    xp = array_namespace(true)
    counts = xp.sum(xp.astype(true, xp.uint8), axis=2, dtype=xp.int32)
    return xp.astype(counts, xp.int64)


def _cosines(vectors: Array, queries: Array, others: Array, cache: int) -> Array:
    """(r, k): the cosine of each of the unit `queries` (r, d) to its `others` (r, k) rows.

    By matrix products, as in `_ranks`, so that the same pair has the same value in both.
    """
    xp = array_namespace(vectors)
    k, d = int(others.shape[1]), int(vectors.shape[1])
    found = []
    for block in row_blocks(int(others.shape[0]), 12 * k * d, cache):
        asked = queries[block, :]
        near = unit_rows(xp.take(vectors, xp.reshape(others[block, :], (-1,)), axis=0))
        own = xp.arange(int(near.shape[0]), dtype=others.dtype, device=device(others))
        every = asked @ xp.matrix_transpose(near)
        found.append(xp.take_along_axis(every, xp.reshape(own, (-1, k)), axis=1))
    return xp.concat(found)


def _stratified(labels: Int64s, sample: int, seed: int | None) -> Int64s:
    """Clustered rows, ascending: all, or about `sample` of them, each cluster by its share."""
    clustered = np.flatnonzero(labels >= 0)
    if len(clustered) <= sample:
        return clustered
    shuffled = np.random.default_rng(seed).permutation(clustered)
    shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sizes = np.bincount(labels[shuffled])
    quota = np.maximum(sizes * sample // len(clustered), 3)
    place = np.arange(len(shuffled)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(shuffled[place < quota[labels[shuffled]]])


def _on_device(rows: Int64s, like: Array, backend: Backend) -> Array:
    xp = array_namespace(like)
    return xp.asarray(backend.from_host(rows), device=device(like))
