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
from rapids_rap.backend.nearest import as_distances, break_ties, drop_self, sampled_rows
from rapids_rap.backend.protocol import Engine, Knn, Metric, check_engine

EXACT_LIMIT = 30_000  # rows, each compared with each; beyond, `auto` takes the inverted file
QUERY_BLOCK = 4_096  # queries a call: a call a core, and an interrupt never waits for all
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
        raw, indices, recall = _inverted_file(base, asked, wanted, metric, min_recall, seed)
        used = "ivf"
    else:
        raw, indices = _exact(base, asked, wanted, metric)
        used, recall = "exact", 1.0
    distances = as_distances(raw, metric)
    distances, indices = break_ties(distances, indices)
    if queries is None:
        distances, indices = drop_self(distances, indices, np.arange(n))
    return Knn(indices, distances, used, recall)


def _prepare(points: HostArray, metric: Metric) -> Float32s:
    """Contiguous float32 rows, of unit length for the cosine (a copy only where one is needed)."""
    rows: Float32s = np.ascontiguousarray(points, dtype=np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if not np.all(np.isfinite(norms)):
        bad = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise ValueError(f"row {bad} of the vectors holds a value that is not finite")
    if metric == "euclidean" or np.all(np.abs(norms - 1.0) < 1e-6):
        return rows
    lengths: Float32s = np.where(norms > 0.0, norms, 1.0).astype(np.float32)
    unit: Float32s = rows / lengths[:, None]
    return unit


def _exact(base: Float32s, queries: Float32s, k: int, metric: Metric) -> tuple[Float32s, Int64s]:
    faiss = require("faiss", "The neighbour search")
    code = faiss.METRIC_INNER_PRODUCT if metric == "cosine" else faiss.METRIC_L2
    distances = np.empty((queries.shape[0], k), dtype=np.float32)
    indices = np.empty((queries.shape[0], k), dtype=np.int64)

    def search(start: int) -> None:
        faiss.omp_set_num_threads(1)  # of this thread: distances round by the number
        block = slice(start, start + QUERY_BLOCK)
        distances[block], indices[block] = faiss.knn(queries[block], base, k, metric=code)

    starts = range(0, queries.shape[0], QUERY_BLOCK)
    side_by_side([partial(search, start) for start in starts], os.cpu_count() or 1)
    return distances, indices


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
    # Lists that hold fewer than k rows leave places empty; those few queries are searched exactly.
    short = np.flatnonzero(np.any(indices < 0, axis=1))
    if short.size:
        raw[short], indices[short] = _exact(base, queries[short], k, metric)
    return raw, indices, recall


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
