"""DBCV: Moulavi, Jaskowiak, Campello, Zimek & Sander, "Density-Based Clustering Validation" (2014).

On the host, on at most some ten thousand points: O(n²·d) in time and O(n) in memory. The loops over
pairs are compiled, and run without Python's lock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from rapids_rap.arrays import Bools, Float64s, Int64s

ORDERS = 16  # of blobs six sigma apart one order's value is off by 0.13 (SD), a mean of 16 by 0.03
NEAR = 1e-5  # reachabilities that differ by less, relatively, tie: hdbscan's np.isclose


def density_validity(points: Float64s, labels: Int64s, sizes: Int64s, total: int) -> float:
    """DBCV of `points` (m, d), all of them clustered, two clusters at least.

    sizes: (K,) how many of the `total` points each cluster has in all, noise counting in `total`
    only: the weight of a cluster is sizes / total. A cluster's validity is
    (separation - sparseness) / max(separation, sparseness), where sparseness is the longest inner
    edge of its spanning tree of mutual reachability and separation the least mutual reachability
    between its inner points and another cluster's. A cluster of one point has validity 0.

    Reachabilities tie wherever a core distance decides them, and which of the tied edges are taken
    decides which points are inner. `hdbscan.validity.validity_index` leaves that to the order of
    the rows; this is the mean of its values over `row_orders`, the same to the bit however the rows
    come.
    """
    names, owner, counts = np.unique(labels, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    orders = row_orders(points, owner)
    core = np.empty(len(points))
    for start, end in zip(ends - counts, ends, strict=True):
        members = orders[0, start:end]
        core[members] = core_distances(points[members])
    weights = sizes[names] / total
    values = [_validities(points[rows], core[rows], ends) * weights for rows in orders]
    return math.fsum(np.ravel(values)) / ORDERS


def row_orders(points: Float64s, labels: Int64s) -> Int64s:
    """(ORDERS, m) the rows by cluster, those of a cluster shuffled, whatever their order was.

    They are sorted by coordinates and shuffled from there by a fixed seed. Sorted alone they are no
    fair draw: the value then lies outside of what random orders give.
    """
    rows = np.lexsort((labels, *points.T[::-1]))
    rng = np.random.default_rng(0)
    shuffled = [rows[rng.permutation(len(rows))] for _ in range(ORDERS)]
    return np.stack([order[np.argsort(labels[order], kind="stable")] for order in shuffled])


def _validities(points: Float64s, core: Float64s, ends: Int64s) -> Float64s:
    """(K,) the validity of each cluster. ends: (K,) where its rows end and the next one's begin."""
    counts = np.diff(ends, prepend=0)
    inner, sparseness = _inner_trees(points, core, ends)
    rows = np.flatnonzero(inner)
    rows = rows[np.argsort(core[rows])]
    owner = np.repeat(np.arange(len(ends)), counts)
    separation = np.sqrt(_least_reach(points[rows], core[rows] ** 2, owner[rows], len(ends)))
    widest = np.maximum(separation, sparseness)
    return np.divide(
        separation - sparseness,
        widest,
        out=np.zeros(len(ends)),
        where=(widest > 0.0) & (counts > 1),
    )


def _compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when first called, and kept on disk where there is a folder for it."""
    try:
        return numba.njit(nogil=True, cache=True)(loop)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(nogil=True)(loop)  # type: ignore[no-any-return]


@numba.njit(inline="always")
def _squared_distance(points: Float64s, i: int, j: int) -> float:
    total = 0.0
    for k in range(points.shape[1]):
        total += (points[i, k] - points[j, k]) ** 2
    return total


@numba.njit(inline="always")
def _reach(points: Float64s, core: Float64s, i: int, j: int) -> float:
    """Mutual reachability: the distance, or a core distance where that is longer."""
    return max(np.sqrt(_squared_distance(points, i, j)), core[i], core[j])


@_compiled
def core_distances(points: Float64s) -> Float64s:
    """All-points core distance of each of m points of one cluster in d dimensions, (m,).

    ((1 / (m - 1)) · sum over the others of (1 / distance)^d) ^ (-1/d), with the least distance as
    the unit, since the d-th power overflows from some dozens of dimensions. Points at distance 0
    are left out; a point that has no other gets 0.
    """
    m, d = points.shape
    result, squared = np.zeros(m), np.empty(m)
    for i in range(m):
        least = np.inf
        for j in range(m):
            squared[j] = _squared_distance(points, i, j)
            if 0.0 < squared[j] < least:
                least = squared[j]
        if least == np.inf:
            continue
        density = 0.0
        for j in range(m):
            if squared[j] > 0.0:
                ratio = least / squared[j]
                power = np.sqrt(ratio) if d % 2 else 1.0
                for _ in range(d // 2):
                    power *= ratio
                density += power
        result[i] = np.sqrt(least) * (density / (m - 1)) ** (-1.0 / d)
    return result


@_compiled
def _inner_trees(points: Float64s, core: Float64s, ends: Int64s) -> tuple[Bools, Float64s]:
    """(m,) which points are inner nodes of their cluster's tree; (K,) its longest edge of those.

    Inner nodes have more than one edge. Where there is none (two points), or no edge joins two of
    them (a star), all points or all edges count, as in the authors' own program.
    """
    inner, sparseness = np.zeros(len(points), np.bool_), np.zeros(len(ends))
    start = 0
    for cluster, end in enumerate(ends):
        tails, heads, lengths = _spanning_tree(points[start:end], core[start:end])
        degree = np.zeros(end - start, np.int64)
        for edge in range(len(lengths)):
            degree[tails[edge]] += 1
            degree[heads[edge]] += 1
        enough = 2 if len(degree) > 2 else 0
        longest, between = 0.0, -1.0
        for edge in range(len(lengths)):
            longest = max(longest, lengths[edge])
            if min(degree[tails[edge]], degree[heads[edge]]) >= enough:
                between = max(between, lengths[edge])
        for member in range(end - start):
            inner[start + member] = degree[member] >= enough
        sparseness[cluster] = between if between >= 0.0 else longest
        start = end
    return inner, sparseness


@_compiled
def _spanning_tree(points: Float64s, core: Float64s) -> tuple[Int64s, Int64s, Float64s]:
    """Prim's (1957) minimum spanning tree of mutual reachability: tails, heads and lengths.

    As `hdbscan` builds it, from row 0: of the rows that are nearest the first joins, and its edge
    leads to the first row of the tree that is as near, to `NEAR`. Distances are computed where a
    core distance doesn't decide, and no m × m matrix exists.
    """
    m = len(points)
    best, joined, waiting = np.full(m, np.inf), np.zeros(m, np.bool_), np.arange(m)
    tails, heads, lengths = np.empty(m - 1, np.int64), np.empty(m - 1, np.int64), np.empty(m - 1)
    current, left = 0, m
    for edge in range(m - 1):
        joined[current] = True
        nearest, length, kept = -1, np.inf, 0
        for place in range(left):
            i = waiting[place]
            if i == current:
                continue
            waiting[kept] = i
            kept += 1
            if max(core[i], core[current]) < best[i]:
                best[i] = min(best[i], _reach(points, core, i, current))
            if best[i] < length:
                nearest, length = i, best[i]
        tail = 0
        while not (joined[tail] and _reach(points, core, tail, nearest) <= (1.0 + NEAR) * length):
            tail += 1
        tails[edge], heads[edge], lengths[edge] = tail, nearest, length
        current, left = nearest, kept
    return tails, heads, lengths


@_compiled
def _least_reach(points: Float64s, core: Float64s, owner: Int64s, clusters: int) -> Float64s:
    """(clusters,) the least mutual reachability of a point of each and a point of another one.

    Squared, as `core` is. Points come by ascending core distance, so that the first beyond all
    values so far ends it.
    """
    least = np.full(clusters, np.inf)
    for i in range(len(points)):
        mine, dense = owner[i], core[i]
        if dense >= np.max(least):
            break
        for j in range(i):
            theirs = owner[j]
            if theirs == mine or (dense >= least[mine] and dense >= least[theirs]):
                continue
            reach = max(_squared_distance(points, i, j), dense)
            if reach < least[mine]:
                least[mine] = reach
            if reach < least[theirs]:
                least[theirs] = reach
    return least
