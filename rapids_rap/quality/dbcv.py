"""DBCV: Moulavi, Jaskowiak, Campello, Zimek & Sander, "Density-Based Clustering Validation" (2014).

On the host, on at most some ten thousand points: O(n²·d) in time and O(n) in memory. The loops over
pairs are compiled, and run without Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

BLOCK_BYTES = 64 * 2**20

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def density_validity(points: Floats, labels: Ints, sizes: Ints, total: int) -> float:
    """DBCV of `points` (m, d), all of them clustered, two clusters at least.

    sizes: (K,) how many of the `total` points each cluster has in all, noise counting in `total`
    only: the weight of a cluster is sizes / total. A cluster's validity is
    (separation - sparseness) / max(separation, sparseness), where sparseness is the longest inner
    edge of its spanning tree of mutual reachability and separation the least mutual reachability
    between its inner points and another cluster's. A cluster of one point has validity 0.
    """
    order = np.argsort(labels, kind="stable")
    points, labels = points[order], labels[order]
    names, starts = np.unique(labels, return_index=True)
    ends = np.append(starts[1:], len(labels))

    core = np.empty(len(points))
    inner = np.zeros(len(points), dtype=bool)
    sparseness = np.zeros(len(names))
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        members = slice(start, end)
        core[members] = core_distances(points[members])
        inner[members], sparseness[place] = _inner_tree(points[members], core[members])

    separation = _separation(points[inner], core[inner], labels[inner], names)
    widest = np.maximum(separation, sparseness)
    validity = np.divide(
        separation - sparseness, widest, out=np.zeros(len(names)), where=widest > 0.0
    )
    validity[ends - starts == 1] = 0.0
    return float(np.sum(validity * sizes[names]) / total)


def core_distances(points: Floats) -> Floats:
    """All-points core distance of each of m points of one cluster in d dimensions, (m,).

    ((1 / (m - 1)) · sum over the others of (1 / distance)^d) ^ (-1/d), in logarithms, since the
    d-th power overflows from some dozens of dimensions. Points at distance 0 are left out; a point
    that has no other gets 0.
    """
    m, d = points.shape
    result = np.zeros(m)
    if m < 2:
        return result
    rows = max(1, BLOCK_BYTES // (8 * m))
    for start in range(0, m, rows):
        with np.errstate(divide="ignore"):
            logs = np.log(cdist(points[start : start + rows], points))
        terms = np.where(np.isneginf(logs), -np.inf, -d * logs)
        mean = logsumexp(terms, axis=1) - np.log(m - 1)
        with np.errstate(over="ignore"):
            result[start : start + rows] = np.where(np.isneginf(mean), 0.0, np.exp(-mean / d))
    return result


def _inner_tree(points: Floats, core: Floats) -> tuple[npt.NDArray[np.bool_], float]:
    """Which points are inner nodes of the spanning tree, and its longest edge between those.

    Inner nodes have more than one edge. Where there is none (two points), or no edge joins two of
    them (a star), all points or all edges count.
    """
    if len(points) == 1:
        return np.ones(1, dtype=bool), 0.0
    tails, heads, lengths = _spanning_tree(points, core)
    degree = np.bincount(np.concatenate([tails, heads]), minlength=len(points))
    inner = degree > 1
    if not inner.any():
        inner[:] = True
    between = inner[tails] & inner[heads]
    return inner, float(np.max(lengths[between] if between.any() else lengths))


def _compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when first called, and kept on disk where there is a folder for it."""
    try:
        return numba.njit(nogil=True, cache=True)(loop)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(nogil=True)(loop)  # type: ignore[no-any-return]


@_compiled
def _spanning_tree(points: Floats, core: Floats) -> tuple[Ints, Ints, Floats]:
    """Prim's (1957) minimum spanning tree of mutual reachability: tails, heads and lengths.

    Reachability ties wherever a core distance decides it, and which tied edges are taken decides
    which points are inner. The shorter distance goes first, so the tree, and with it DBCV, depends
    on the points and not on their order. Distances are computed row by row: no m × m matrix exists.
    """
    m, d = points.shape
    best, shortest = np.full(m, np.inf), np.full(m, np.inf)
    source = np.zeros(m, dtype=np.int64)
    outside = np.ones(m, dtype=np.bool_)
    tails, heads, lengths = np.empty(m - 1, np.int64), np.empty(m - 1, np.int64), np.empty(m - 1)
    current = 0
    for edge in range(m - 1):
        outside[current] = False
        nearest = -1
        for i in range(m):
            if not outside[i]:
                continue
            squared = 0.0
            for k in range(d):
                squared += (points[i, k] - points[current, k]) ** 2
            distance = np.sqrt(squared)
            reach = max(distance, core[i], core[current])
            if reach < best[i] or (reach == best[i] and distance < shortest[i]):
                best[i], shortest[i], source[i] = reach, distance, current
            if (
                nearest < 0
                or best[i] < best[nearest]
                or (best[i] == best[nearest] and shortest[i] < shortest[nearest])
            ):
                nearest = i
        current = nearest
        tails[edge], heads[edge], lengths[edge] = source[current], current, best[current]
    return tails, heads, lengths


def _separation(points: Floats, core: Floats, labels: Ints, names: Ints) -> Floats:
    """(K,) the least mutual reachability between each cluster and any other."""
    owner = np.searchsorted(names, labels)
    return np.asarray(_least_reach(points, core, owner, len(names)))


@_compiled
def _least_reach(points: Floats, core: Floats, owner: Ints, clusters: int) -> Floats:
    """(clusters,) the least mutual reachability of a point of each and a point of another one."""
    m, d = points.shape
    least = np.full(clusters, np.inf)
    for i in range(m):
        mine = owner[i]
        for j in range(i):
            theirs = owner[j]
            dense = max(core[i], core[j])
            if theirs == mine or (dense >= least[mine] and dense >= least[theirs]):
                continue
            squared = 0.0
            for k in range(d):
                squared += (points[i, k] - points[j, k]) ** 2
            reach = max(np.sqrt(squared), dense)
            least[mine], least[theirs] = min(least[mine], reach), min(least[theirs], reach)
    return least
