"""Approximate neighbours of many rows at once: an inverted file, searched list by list.

FAISS searches an inverted file query by query, and reads a list anew for each. With millions of
queries every list has thousands of them, so that a list and its queries make one matrix product:
the parts of `faiss.contrib.big_batch_search`, without its printing. As many of the lists nearest to
a query are searched as a sample needs to find its true neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.extras import require
from rapids_rap.backend.protocol import Metric

TRAINING_ROWS_PER_LIST = 40
TRAINING_ROUNDS = 8
SCORE_BYTES = 64 * 2**20  # of the products of one list and some of its queries


@dataclass(frozen=True)
class Lists:
    """A FAISS inverted file of rows, (m, d) centroids, and (n,) the list of each row."""

    index: Any
    centroids: Float32s
    home: Int64s


def build_lists(base: Float32s, metric: Metric, seed: int | None) -> Lists:
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
    centroids: Float32s = np.asarray(means.centroids, dtype=np.float32)
    index, home = _inverted_file(base, centroids, metric)
    return Lists(index, centroids, home)


def _inverted_file(base: Float32s, centroids: Float32s, metric: Metric) -> tuple[Any, Int64s]:
    """Every row in the list of its nearest centroid; a copy of the rows, list after list."""
    faiss = require("faiss", "The neighbour search")
    n, d = base.shape
    code = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2
    quantizer = faiss.IndexFlat(d, code)
    quantizer.add(centroids)
    index = faiss.IndexIVFFlat(quantizer, d, len(centroids), code)
    index.own_fields = True
    quantizer.this.disown()
    index.is_trained = True
    home = _nearest_lists(base, centroids, 1, metric)[:, 0].astype(np.int64)
    index.add_core(n, faiss.swig_ptr(base), None, faiss.swig_ptr(home))
    return index, home


def search_lists(
    queries: Float32s, k: int, metric: Metric, lists: Lists, probes: int
) -> tuple[Float32s, Int64s]:
    """The k nearest rows among the `probes` lists nearest to each query (q, d).

    (q, k) inner products, descending, or squared distances, ascending, and row numbers; -1 behind
    the last where the lists held fewer than k.
    """
    batch = require("faiss.contrib.big_batch_search", "The neighbour search")
    search = batch.BigBatchSearcher(lists.index, queries, k)
    block = batch.BlockComputer(lists.index)
    search.decode_func, search.by_residual = block.decode_func, block.by_residual
    search.q_assign = _nearest_lists(queries, lists.centroids, probes, metric).astype(np.int32)
    search.reorder_assign()
    for number in range(lists.index.nlist):
        asking, rows, members, vectors = search.prepare_bucket(number)
        step = max(1, SCORE_BYTES // (4 * max(1, len(members))))
        for part in (slice(i, i + step) for i in range(0, len(asking), step)):
            if len(members):
                scores = _scores(rows[part], vectors, metric)
                search.add_results_to_heap(asking[part], scores, members, None)
    search.rh.finalize()
    return search.rh.D, search.rh.I


def _scores(queries: Float32s, rows: Float32s, metric: Metric) -> Float32s:
    """(q, m) inner products or squared distances. NumPy's product is the faster one."""
    products = queries @ rows.T
    if metric == "cosine":
        return products
    squares = np.einsum("ij,ij->i", queries, queries)[:, None] + np.einsum("ij,ij->i", rows, rows)
    return np.maximum(squares - 2.0 * products, 0.0, dtype=np.float32)


def needed_probes(
    queries: Float32s, truth: Int64s, metric: Metric, lists: Lists, min_recall: float
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


def _nearest_lists(queries: Float32s, centroids: Float32s, probes: int, metric: Metric) -> Int64s:
    """(q, probes) the lists whose centroids are nearest, nearest first."""
    faiss = require("faiss", "The neighbour search")
    code = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2
    found: Int64s = faiss.knn(queries, centroids, probes, metric=code)[1]
    return found
