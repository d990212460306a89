"""Approximate neighbours of many rows at once: an inverted file, searched list by list.

FAISS searches an inverted file query by query, and reads a list anew for each. With millions of
queries every list has thousands of them, so that a list and its queries make one matrix product:
the arithmetic is the same, at the speed of BLAS. As many of the lists nearest to a query are
searched as a sample needs to find its true neighbours.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rapids_rap.backend.extras import require
from rapids_rap.backend.protocol import Metric

TRAINING_ROWS_PER_LIST = 40
TRAINING_ROUNDS = 8
CHUNK_BYTES = 256 * 2**20  # of queries, their lists and their neighbours so far, at one time
SCORE_BYTES = 16 * 2**20  # of the products of one list and some of its queries

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lists:
    """Rows of `base` by the centroid they are nearest to.

    centroids: (m, d). members: (n,) row numbers, list after list; list i has
    members[borders[i]:borders[i + 1]]. home: (n,) the list of each row.
    """

    centroids: Floats
    members: Ints
    borders: Ints
    home: Ints


def build_lists(base: Floats, metric: Metric, seed: int | None) -> Lists:
    """k-means (spherical for the cosine) of a sample, about 2 √n lists; every row to the nearest.

    Repeatable with a seed.
    """
    faiss = require("faiss", "The neighbour search")
    n, d = base.shape
    count = max(1, min(int(2 * np.sqrt(n)), n // TRAINING_ROWS_PER_LIST))
    rng = np.random.default_rng(seed)
    means = faiss.Kmeans(
        d,
        count,
        niter=TRAINING_ROUNDS,
        seed=int(rng.integers(2**31 - 1)),
        spherical=metric == "cosine",
        min_points_per_centroid=1,
        max_points_per_centroid=TRAINING_ROWS_PER_LIST,
    )
    size = min(n, TRAINING_ROWS_PER_LIST * count)
    means.train(base[np.sort(rng.choice(n, size, replace=False))])
    centroids: Floats = np.asarray(means.centroids, dtype=np.float32)
    home = _nearest_lists(base, centroids, 1, metric)[:, 0].astype(np.int64)
    borders = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(home, minlength=count), out=borders[1:])
    return Lists(centroids, np.argsort(home, kind="stable"), borders, home)


def search_lists(
    base: Floats, queries: Floats, k: int, metric: Metric, lists: Lists, probes: int
) -> tuple[Floats, Ints]:
    """The k nearest rows of `base` (n, d) among the `probes` lists nearest to each query (q, d).

    (q, k) inner products, descending, or squared distances, ascending, and row numbers; -1 behind
    the last where the lists held fewer than k.
    """
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    indices = np.full((len(queries), k), -1, dtype=np.int64)
    squares = np.einsum("ij,ij->i", base, base) if metric == "euclidean" else None
    rows = max(1, CHUNK_BYTES // (4 * queries.shape[1] + 16 * probes + 12 * k))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(queries), rows):
            block = slice(start, start + rows)
            _search_chunk(
                base,
                queries[block],
                squares,
                lists,
                _nearest_lists(queries[block], lists.centroids, probes, metric),
                (scores[block], indices[block]),
                pool,
            )
    if squares is None:
        return scores, indices
    own = np.einsum("ij,ij->i", queries, queries)
    return np.maximum(own[:, None] - scores, 0.0), indices


def needed_probes(
    queries: Floats, truth: Ints, metric: Metric, lists: Lists, min_recall: float
) -> tuple[int, float]:
    """How many lists must be searched to find `min_recall` of the true neighbours, and the recall.

    truth: (q, k) their row numbers. A neighbour is found once its list is among those searched, so
    the recall of every number of lists follows from where the neighbours' lists stand in each
    query's order.
    """
    count = len(lists.centroids)
    order = _nearest_lists(queries, lists.centroids, count, metric)
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(count, dtype=order.dtype)[None, :], axis=1)
    reached = np.take_along_axis(place, lists.home[truth].astype(order.dtype), axis=1)
    found = np.cumsum(np.bincount(reached.ravel(), minlength=count)) / truth.size
    probes = int(np.searchsorted(found, min_recall - 1e-9)) + 1
    return min(probes, count), float(found[min(probes, count) - 1])


def _nearest_lists(queries: Floats, centroids: Floats, probes: int, metric: Metric) -> Ints:
    """(q, probes) the lists whose centroids are nearest, nearest first."""
    faiss = require("faiss", "The neighbour search")
    code = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2
    found: Ints = faiss.knn(queries, centroids, probes, metric=code)[1]
    return found


def _search_chunk(
    base: Floats,
    queries: Floats,
    squares: Floats | None,
    lists: Lists,
    probes: Ints,
    best: tuple[Floats, Ints],
    pool: ThreadPoolExecutor,
) -> None:
    """Search every list for the queries that want it; `best` is updated in place.

    A query's lists come in the order of their numbers, and in a list no query stands twice, so
    threads may share its queries.
    """
    offer = _compiled_offer()
    count = len(lists.borders) - 1
    # NumPy sorts small integers by their digits, five times as fast as others.
    flat = probes.ravel().astype(np.int16 if count <= np.iinfo(np.int16).max else np.int32)
    by_list = np.argsort(flat, kind="stable") // probes.shape[1]
    ends = np.cumsum(np.bincount(flat, minlength=count))
    cores = os.cpu_count() or 1
    for number in range(count):
        members = lists.members[lists.borders[number] : lists.borders[number + 1]]
        asking = by_list[ends[number - 1] if number else 0 : ends[number]]
        if not len(members) or not len(asking):
            continue
        vectors = base[members].T
        most = max(cores, SCORE_BYTES // (4 * len(members)))
        for begin in range(0, len(asking), most):
            some = asking[begin : begin + most]
            scores = queries[some] @ vectors
            if squares is not None:
                scores = 2.0 * scores - squares[members]
            step = -(-len(some) // cores)
            parts = [slice(i, i + step) for i in range(0, len(some), step)]
            list(pool.map(lambda p: offer(scores[p], some[p], members, *best), parts))  # noqa: B023


@functools.cache
def _compiled_offer() -> Callable[..., None]:
    """`_offer`, compiled without Python's lock, and kept on disk where there is a place for it."""
    numba = require("numba", "The neighbour search")
    try:
        return numba.njit(nogil=True, cache=True)(_offer)  # type: ignore[no-any-return]
    except RuntimeError:  # no folder that can be written
        return numba.njit(nogil=True)(_offer)  # type: ignore[no-any-return]


def _offer(scores: Any, rows: Any, members: Any, best: Any, indices: Any) -> None:
    """Keep of `scores` (r, m) those above the least in row rows[i] of `best`, which descends.

    Of equal scores the one that came first stays before.
    """
    last = best.shape[1] - 1
    for i in range(scores.shape[0]):
        row = rows[i]
        least = best[row, last]
        for j in range(scores.shape[1]):
            value = scores[i, j]
            if value > least:
                place = last
                while place > 0 and best[row, place - 1] < value:
                    best[row, place] = best[row, place - 1]
                    indices[row, place] = indices[row, place - 1]
                    place -= 1
                best[row, place] = value
                indices[row, place] = members[j]
                least = best[row, last]
