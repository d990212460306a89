"""Sums over the rows of each cluster, in blocks and in any array library.

Sums of vectors are written as a product with a one-hot matrix, which every array API namespace
has, where scatter-add is spelled differently in each library; sums of single numbers as differences
of a running sum over the sorted groups. Matrices of n rows are read block by block, so that what a
stage needs beside them does not grow with them: they may fill the device, or lie in host memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from array_api_compat import array_namespace, device

from rapids_rap.backend.protocol import Array

BLOCK_BYTES = 256 * 2**20  # of working memory
_NARROW = 2**15 - 1  # the highest int16


def row_blocks(n: int, row_bytes: int, budget: int | None = None) -> Iterator[slice]:
    """Slices that cover 0..n, each of as many rows of `row_bytes` as a budget holds.

    budget: bytes, `BLOCK_BYTES` without one. What is read again and again asks the backend for its
    `cache_bytes`: a processor's cache and a GPU want different ones.
    """
    rows = max(1, (budget or BLOCK_BYTES) // max(1, row_bytes))
    for start in range(0, n, rows):
        yield slice(start, min(n, start + rows))


def one_hot(labels: Array, clusters: int, dtype: object) -> Array:
    """(n, clusters) of `dtype`: 1 where the row has that label; a row of zeros for noise (-1)."""
    xp = array_namespace(labels)
    names = xp.arange(clusters, dtype=labels.dtype, device=device(labels))
    return xp.astype(labels[:, None] == names[None, :], dtype, copy=False)


def near_rows(values: Array, block: slice) -> Array:
    """A copy of some rows: what reads rows that lie in host memory twice fetches them twice."""
    return array_namespace(values).asarray(values[block, :], copy=True)


def group_sums(values: Array, labels: Array, clusters: int, *, unit: bool = False) -> Array:
    """(clusters, d) float64: the sum of the rows of `values` (n, d) that carry each label.

    labels: (n,) int64, -1 counts nowhere. unit: rows count at length 1. Products are taken in the
    dtype of `values`, and the blocks are added in float64.
    """
    xp = array_namespace(values, labels)
    n, d = (int(size) for size in values.shape)
    total = xp.zeros((clusters, d), dtype=xp.float64, device=device(values))
    for block in row_blocks(n, 8 * (clusters + d), BLOCK_BYTES // 4):
        rows = near_rows(values, block)
        rows = unit_rows(rows) if unit else rows
        members = one_hot(labels[block], clusters, values.dtype)
        total = total + xp.astype(xp.matrix_transpose(members) @ rows, xp.float64)
    return total


def group_totals(weights: Array, labels: Array, clusters: int) -> Array:
    """(clusters,) float64: the sum of the `weights` (n,) that carry each label, -1 nowhere.

    Exact, and so the same on every machine, for whole and half numbers below 2^52 in all: a GPU
    adds in an order that differs from run to run, which other fractions show in the last digits.
    """
    xp = array_namespace(weights, labels)
    order = xp.argsort(_narrow(labels, clusters), stable=True)
    running = xp.cumulative_sum(
        xp.astype(xp.take(weights, order), xp.float64), include_initial=True
    )
    names = xp.arange(clusters + 1, dtype=labels.dtype, device=device(labels))
    edges = xp.take(running, xp.searchsorted(xp.take(labels, order), names))
    return edges[1:] - edges[:-1]


def group_first(labels: Array, clusters: int) -> Array:
    """(clusters,) int64: the lowest row that carries each label, n where none does."""
    xp = array_namespace(labels)
    n, where = int(labels.shape[0]), device(labels)
    names = xp.arange(clusters, dtype=labels.dtype, device=where)
    order = xp.astype(xp.argsort(_narrow(labels, clusters), stable=True), xp.int64)
    ordered = xp.take(labels, order)
    edges = xp.searchsorted(ordered, names)
    ends = xp.searchsorted(ordered, names, side="right")
    rows = xp.concat([order, xp.asarray([n], dtype=xp.int64, device=where)])
    return xp.take(rows, xp.where(edges < ends, edges, xp.full_like(edges, n)))


def _narrow(labels: Array, clusters: int) -> Array:
    """Numbers that sort as the labels 0..`clusters` - 1 do, the others before and behind them.

    In 16 bits where these hold them: several times faster to sort.
    """
    if clusters > _NARROW:
        return labels
    xp, where = array_namespace(labels), device(labels)
    last, before = (xp.asarray(n, dtype=labels.dtype, device=where) for n in (clusters, -1))
    return xp.astype(xp.maximum(xp.minimum(labels, last), before), xp.int16)


def ranks(groups: Array) -> Array:
    """(n,) int64: the place of each row in its group, from 1.

    groups: (n,) integers, sorted; memory grows with the range that they span.
    """
    xp, where = array_namespace(groups), device(groups)
    rows = xp.arange(1, int(groups.shape[0]) + 1, dtype=xp.int64, device=where)
    if not int(rows.shape[0]):
        return rows
    lowest, highest = int(groups[0]), int(groups[-1])
    names = xp.arange(lowest, highest + 1, dtype=groups.dtype, device=where)
    before = xp.astype(xp.searchsorted(groups, names), xp.int64, copy=False)
    return rows - xp.take(before, groups - lowest)


def unit_rows(vectors: Array) -> Array:
    """The rows at length 1; rows of zeros stay zero. A copy: pass blocks of a large matrix."""
    xp = array_namespace(vectors)
    norms = xp.sqrt(xp.sum(vectors * vectors, axis=1, keepdims=True))
    return vectors / xp.where(norms > 0, norms, xp.ones_like(norms))


def project(vectors: Array, mean: Array, axes: Array) -> Array:
    """(n, k): coordinates of `vectors` (n, d) minus `mean` (d,) along `axes` (k, d); n > 0."""
    xp = array_namespace(vectors, mean, axes)
    n, d = (int(size) for size in vectors.shape)
    directions = xp.matrix_transpose(axes)
    return xp.concat(
        [
            (vectors[block, :] - mean) @ directions
            for block in row_blocks(n, 4 * d, BLOCK_BYTES // 4)
        ]
    )
