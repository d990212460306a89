"""Nearest neighbours on the CPU: FAISS (Johnson, Douze & Jégou 2017, arXiv:1702.08734).

Exact search costs O(n²·d); beyond the cost of `EXACT_LIMIT` rows each with each, an inverted file
(IVF, `_cpu_lists`) searches only the lists near each query, as many as a measured recall needs.
"""

from __future__ import annotations

import logging
import os
from functools import partial

import numpy as np

from rapids_rap.arrays import Float32s, HostArray, Int64s
from rapids_rap.backend._cpu_lists import build_lists, needed_probes, search_lists
from rapids_rap.backend._cpu_threads import side_by_side
from rapids_rap.backend.extras import require
from rapids_rap.backend.nearest import as_distances, break_ties, drop_self, nearest_of, sampled_rows
from rapids_rap.backend.protocol import Engine, Knn, Metric, check_engine

EXACT_LIMIT = 30_000  # rows, each compared with each; beyond, `auto` takes the inverted file
QUERY_BLOCK = 4_096  # queries a call: a call a core, and an interrupt never waits for all
BASE_BLOCK = 8_192  # rows among which ties are looked for together, where there are many
EXTRA = 3  # neighbours beyond the k-th, to see whether others are as far
KD_TREE_DIMENSIONS = 16  # Euclidean spaces up to this wide are searched by a k-d tree


log = logging.getLogger(__name__)


def nearest(
    points: HostArray,
    k: int,
    *,
    queries: HostArray | None = None,
    metric: Metric = "cosine",
    engine: Engine = "auto",
    min_recall: float = 0.95,
    seed: int | None = 42,
) -> Knn:
    """See `Backend.knn`; FAISS, or a k-d tree for Euclidean points of few dimensions.

    Raises ValueError for a k out of range or rows that aren't finite, and CapabilityError for the
    engine that only a GPU has.
    """
    n = points.shape[0]
    most = n - 1 if queries is None else n
    if not 1 <= k <= most:
        raise ValueError(f"k must lie between 1 and {most} for {n} points, got {k}")
    check_engine("cpu", engine)
    if metric == "euclidean" and points.shape[1] <= KD_TREE_DIMENSIONS:
        distances, indices = _kd_tree(points, queries, k)
        return Knn(indices, distances, "exact", 1.0)

    base = _prepare(points, metric)
    asked = base if queries is None else _prepare(queries, metric)
    wanted = k if queries is not None else k + 1
    if engine == "ivf" or (engine == "auto" and n * asked.shape[0] > EXACT_LIMIT**2):
        distances, indices, recall = _inverted_file(base, asked, wanted, metric, min_recall, seed)
        distances, indices = break_ties(distances, indices)
        used = "ivf"
    else:
        distances, indices = _exact(base, asked, wanted, metric)
        used, recall = "exact", 1.0
    if queries is None:
        distances, indices = drop_self(distances, indices, np.arange(n))
    return Knn(indices, distances, used, recall)


def _prepare(points: HostArray, metric: Metric) -> Float32s:
    """Contiguous float32 rows, of unit length for the cosine (a copy only where one is needed).

    What becomes of a row depends on that row only.
    """
    rows: Float32s = np.ascontiguousarray(points, dtype=np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if not np.all(np.isfinite(norms)):
        bad = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise ValueError(f"row {bad} of the vectors holds a value that is not finite")
    even = (np.abs(norms - 1.0) < 1e-6) | (norms == 0.0)
    if metric == "euclidean" or np.all(even):
        return rows
    lengths: Float32s = np.where(even, 1.0, norms).astype(np.float32)
    unit: Float32s = rows / lengths[:, None]
    return unit


def _exact(base: Float32s, queries: Float32s, k: int, metric: Metric) -> tuple[Float32s, Int64s]:
    """(q, k) distances and indices, by distance, then by index, also at the k-th place."""
    distances = np.empty((queries.shape[0], k), dtype=np.float32)
    indices = np.empty((queries.shape[0], k), dtype=np.int64)

    def search(start: int) -> None:
        require("faiss", "The neighbour search").omp_set_num_threads(1)
        # Of this thread: products round by the number of threads.
        block = slice(start, start + QUERY_BLOCK)
        distances[block], indices[block] = _least(queries[block], base, k, k + EXTRA, metric)

    starts = range(0, queries.shape[0], QUERY_BLOCK)
    side_by_side([partial(search, start) for start in starts], os.cpu_count() or 1)
    return distances, indices


def _least(
    queries: Float32s, base: Float32s, k: int, fetched: int, metric: Metric
) -> tuple[Float32s, Int64s]:
    """The first k of all of `base` in the order by distance, then by index.

    FAISS leaves open which of equally far rows it takes, so more than k are fetched, until what is
    left out is further than the k-th. Cut at multiples of 4,096 queries and 1,024 rows, its own
    blocks, products have the same bits, and so has what is merged of the pieces.
    """
    faiss = require("faiss", "The neighbour search")
    code = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2
    n = base.shape[0]
    fetched = min(fetched, n)
    raw, indices = faiss.knn(queries, base, fetched, metric=code)
    distances = as_distances(raw, metric)
    if fetched == n or bool(np.all(distances[:, k - 1] < distances[:, -1])):
        distances, indices = break_ties(distances, indices.astype(np.int64, copy=False))
        return distances[:, :k], indices[:, :k]
    if n <= BASE_BLOCK:
        return _least(queries, base, k, 8 * fetched, metric)
    return nearest_of(
        [
            _shifted(_least(queries, base[at : at + BASE_BLOCK], k, fetched, metric), at)
            for at in range(0, n, BASE_BLOCK)
        ],
        k,
    )


def _shifted(found: tuple[Float32s, Int64s], by: int) -> tuple[Float32s, Int64s]:
    return found[0], found[1] + by


def _inverted_file(
    base: Float32s, queries: Float32s, k: int, metric: Metric, min_recall: float, seed: int | None
) -> tuple[Float32s, Int64s, float]:
    """Search as many lists of an inverted file as a sample of the queries needs."""
    lists = build_lists(base, metric, seed)
    sample = sampled_rows(len(queries), seed)
    _, truth = _exact(base, queries[sample], k, metric)
    if queries is base:
        truth = truth[:, 1:]  # the row itself, or one like it, is found in any case
    probes, recall = needed_probes(queries[sample], truth, metric, lists, min_recall)
    log.info(
        "IVF neighbours: %d of %d lists probed, recall %.4f", probes, len(lists.centroids), recall
    )
    raw, indices = search_lists(queries, k, metric, lists, probes)
    distances = as_distances(raw, metric)
    # Lists that hold fewer than k rows leave places empty; those few queries are searched exactly.
    short = np.flatnonzero(np.any(indices < 0, axis=1))
    if short.size:
        distances[short], indices[short] = _exact(base, queries[short], k, metric)
    return distances, indices, recall


def _kd_tree(points: HostArray, queries: HostArray | None, k: int) -> tuple[Float32s, Int64s]:
    """Exact neighbours in a few dimensions.

    Float64 throughout: on a layout |x|² is 10⁶ times the squared distance of neighbours, which is
    more than float32's |x|² + |y|² - 2xy, as FAISS computes it, can resolve.
    """
    from scipy.spatial import cKDTree

    if not np.all(np.isfinite(points)):
        raise ValueError("the points hold a value that is not finite")
    asked = points if queries is None else queries
    wanted = k if queries is not None else k + 1
    tree = cKDTree(np.asarray(points, dtype=np.float64))
    raw, indices = tree.query(np.asarray(asked, dtype=np.float64), k=wanted, workers=-1)
    shape = (asked.shape[0], wanted)
    distances, indices = break_ties(raw.reshape(shape), indices.astype(np.int64).reshape(shape))
    if queries is None:
        distances, indices = drop_self(distances, indices, np.arange(len(points)))
    return distances.astype(np.float32), indices
