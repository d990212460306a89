"""Dense linear algebra on the CPU: principal axes and the exact silhouette."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rapids_rap.arrays import Float32s, Float64s, HostArray
from rapids_rap.backend import axes
from rapids_rap.backend.protocol import Pca

BLOCK_BYTES = 64 * 2**20  # of float64 working memory a block


def principal_axes(points: HostArray, n_components: int) -> Pca:
    """`axes.principal_axes` by LAPACK, which computes the wanted ones alone; blocks of 64 MiB."""
    from scipy.linalg import eigh

    last = points.shape[1] - 1
    return axes.principal_axes(
        points,
        np.mean(points, axis=0, dtype=np.float64),
        n_components,
        lambda covariance: eigh(covariance, subset_by_index=(last + 1 - n_components, last)),
        budget=BLOCK_BYTES,
    )


def euclidean_silhouette(points: HostArray, labels: HostArray) -> Float32s:
    """See `Backend.silhouette`: O(n²·d) in time, `BLOCK_BYTES` a thread in memory.

    With fewer than two clusters the figure is undefined and every row is NaN; the only member of a
    cluster gets 0 (Rousseeuw 1987).
    """
    result = np.full(points.shape[0], np.nan, dtype=np.float32)
    kept = np.flatnonzero(labels >= 0)
    names, members = np.unique(labels[kept], return_inverse=True)
    if names.size < 2:
        return result

    # Sorted by cluster, the distances of a row to a cluster are one slice, summed by `reduceat`.
    order = np.argsort(members, kind="stable")
    members = members[order]
    data = np.asarray(points[kept[order]], dtype=np.float64)
    sizes = np.bincount(members)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rows = max(1, BLOCK_BYTES // (8 * len(data)))
    values = np.empty(len(data))

    def fill(start: int) -> None:
        block = slice(start, start + rows)
        values[block] = _silhouette_rows(data, block, members, starts, sizes)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(0, len(data), rows)))
    result[kept[order]] = values
    return result


def _silhouette_rows(
    data: Float64s,
    block: slice,
    members: HostArray,
    starts: HostArray,
    sizes: HostArray,
) -> Float64s:
    from scipy.spatial.distance import cdist

    own = members[block]
    here = np.arange(len(own))
    sums = np.add.reduceat(cdist(data[block], data), starts, axis=1)
    within = sums[here, own] / np.maximum(sizes[own] - 1, 1)
    sums /= sizes
    sums[here, own] = np.inf
    nearest = sums.min(axis=1)
    widest = np.maximum(within, nearest)
    values = np.divide(nearest - within, widest, out=np.zeros(len(own)), where=widest != 0.0)
    return np.where(sizes[own] > 1, values, 0.0)
