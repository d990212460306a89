"""Sums over the rows of each cluster, in blocks and in any array library.

Written as a product with a one-hot matrix, which every array API namespace has, where scatter-add
is spelled differently in each library.
"""

from __future__ import annotations

from collections.abc import Iterator

from array_api_compat import array_namespace, device

from rapids_rap.backend import Array

BLOCK_BYTES = 256 * 2**20


def row_blocks(n: int, row_bytes: int, budget: int = BLOCK_BYTES) -> Iterator[slice]:
    """Slices that cover 0..n, each of as many rows of `row_bytes` as `budget` bytes hold."""
    rows = max(1, budget // max(1, row_bytes))
    for start in range(0, n, rows):
        yield slice(start, min(n, start + rows))


def one_hot(labels: Array, clusters: int, dtype: object) -> Array:
    """(n, clusters) of `dtype`: 1 where the row has that label; a row of zeros for noise (-1)."""
    xp = array_namespace(labels)
    names = xp.arange(clusters, dtype=labels.dtype, device=device(labels))
    return xp.astype(labels[:, None] == names[None, :], dtype)


def group_sums(values: Array, labels: Array, clusters: int) -> Array:
    """(clusters, d) float64: the sum of the rows of `values` (n, d) that carry each label.

    labels: (n,) int64, -1 counts nowhere. Products are taken in the dtype of `values`, and the
    blocks are added in float64.
    """
    xp = array_namespace(values, labels)
    n, d = (int(size) for size in values.shape)
    total = xp.zeros((clusters, d), dtype=xp.float64, device=device(values))
    row_bytes = 8 * (clusters + d)
    for block in row_blocks(n, row_bytes, BLOCK_BYTES // 4):
        members = one_hot(labels[block], clusters, values.dtype)
        total = total + xp.astype(xp.matrix_transpose(members) @ values[block, :], xp.float64)
    return total


def group_first(labels: Array, clusters: int) -> Array:
    """(clusters,) int64: the lowest row that carries each label, n where none does."""
    xp = array_namespace(labels)
    n = int(labels.shape[0])
    where = device(labels)
    first = xp.full((clusters,), n, dtype=xp.int64, device=where)
    names = xp.arange(clusters, dtype=labels.dtype, device=where)
    for block in row_blocks(n, 10 * clusters):
        rows = xp.arange(block.start, block.stop, dtype=xp.int64, device=where)
        carried = labels[block][:, None] == names[None, :]
        lowest = xp.min(xp.where(carried, rows[:, None], xp.asarray(n, device=where)), axis=0)
        first = xp.minimum(first, lowest)
    return first


def unit_rows(vectors: Array) -> Array:
    """The rows at length 1 (the array itself if they are already); rows of zeros stay zero."""
    xp = array_namespace(vectors)
    norms = xp.sqrt(xp.sum(vectors * vectors, axis=1, keepdims=True))
    if bool(xp.all(xp.abs(norms - 1.0) < 1e-6)):
        return vectors
    return vectors / xp.where(norms > 0, norms, xp.ones_like(norms))
