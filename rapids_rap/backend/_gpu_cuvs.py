"""cuVS: brute force that takes CuPy arrays directly, and NN-descent over more rows than that.

NN-descent (Dong, Moses & Li 2011; Wang et al. 2021, arXiv:2103.15386) compares in half precision
and is not deterministic. What it finds is therefore measured again in float32, repaired where a
row has a hole or a neighbour twice, and its recall taken against brute force on a sample.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from rapids_rap.backend._gpu_faiss import by_tiles
from rapids_rap.backend._gpu_rows import Find, Rows, blocks, recall_of
from rapids_rap.backend.extras import require
from rapids_rap.backend.gpu_plan import BLOCK, OVERLAP, Choice
from rapids_rap.backend.nearest import as_distances, break_ties, drop_self, sampled_rows
from rapids_rap.backend.protocol import Array

DEGREE = 64  # of the graph that NN-descent keeps, at least; cuVS' own
ITERATIONS = 20

log = logging.getLogger(__name__)


def brute_force(rows: Rows) -> Find:
    """Exact search over all rows; over tiles of them where they live in host memory."""
    library = require("cuvs.neighbors.brute_force", "neighbors.engine=cuvs", "gpu")
    xp = rows.xp
    metric = "inner_product" if rows.metric == "cosine" else "sqeuclidean"

    def over(base: Array) -> Find:
        # The index refers to its base without owning it, so both are kept.
        built = library.build(base, metric=metric), base

        def find(queries: Array, k: int) -> tuple[Array, Array]:
            raw = xp.empty((int(queries.shape[0]), k), dtype=xp.float32)
            indices = xp.empty(raw.shape, dtype=xp.int64)
            library.search(built[0], queries, k, neighbors=indices, distances=raw)
            return as_distances(raw, rows.metric), indices

        return find

    if not rows.mapped:
        return over(rows.points)
    return lambda queries, k: by_tiles(rows, queries, k, lambda q, base, k: over(base)(q, k))


def all_neighbors(
    rows: Rows, k: int, choice: Choice, min_recall: float, seed: int | None
) -> tuple[Array, Array, float]:
    """Indices (n, k), distances (n, k) and the sampled recall of each row's others.

    Where the recall is too low, once more with a graph of twice the degree.
    """
    xp, n = rows.xp, int(rows.points.shape[0])
    exact = brute_force(rows)
    chosen = sampled_rows(n, seed)
    truth, _ = break_ties(*exact(rows.take(xp.asarray(chosen)), k + 1))
    recall = 0.0
    for degree in (max(DEGREE, k + 1), 2 * max(DEGREE, k + 1)):
        indices, distances = _measure(rows, _build(rows, k, choice, degree), k, exact)
        # The row itself, which `truth` holds, is left out of what was found.
        found = xp.take(distances, xp.asarray(chosen), axis=0)
        recall = recall_of(found, truth, xp)
        log.info("NN-descent neighbours: degree %d, recall %.4f", degree, recall)
        if recall >= min_recall:
            break
    return indices, distances, recall


def _build(rows: Rows, k: int, choice: Choice, degree: int) -> Array:
    """(n, k + 1) ids as cuVS gives them, on the device, or on the host if the rows are there."""
    neighbors = require("cuvs.neighbors.all_neighbors", "The neighbour search", "gpu")
    descent = require("cuvs.neighbors.nn_descent", "The neighbour search", "gpu")
    metric = "cosine" if rows.metric == "cosine" else "sqeuclidean"
    params = neighbors.AllNeighborsParams(
        algo="nn_descent",
        overlap_factor=OVERLAP if choice.n_clusters > 1 else 0,
        n_clusters=choice.n_clusters,
        metric=metric,
        nn_descent_params=descent.IndexParams(
            metric=metric,
            graph_degree=degree,
            intermediate_graph_degree=2 * degree,
            max_iterations=ITERATIONS,
        ),
    )
    shape = (int(rows.points.shape[0]), k + 1)
    points = rows.memory.host_view(rows.points) if rows.mapped else rows.points
    found = (np if rows.mapped else rows.xp).empty(shape, dtype=np.int64)
    neighbors.build(points, k + 1, params, indices=found)
    rows.memory.synchronize()  # cuVS doesn't wait for its own stream here
    return found


def _measure(rows: Rows, graph: Array, k: int, exact: Find) -> tuple[Array, Array]:
    """Indices and distances of the k others in `graph` (n, k + 1), measured and sorted."""
    xp, (n, d) = rows.xp, (int(size) for size in rows.points.shape)
    indices = xp.empty((n, k), dtype=xp.int64)
    distances = xp.empty((n, k), dtype=xp.float32)
    for block in blocks(n, BLOCK // (8 * d * (k + 2))):
        ids = xp.asarray(graph[block, :])
        queries = rows.read(block)
        near = _distances(rows, queries, xp.minimum(xp.maximum(ids, 0), n - 1))
        bad = xp.nonzero(_damaged(ids, n, xp))[0]
        if bad.size:
            near[bad, :], ids[bad, :] = exact(xp.take(queries, bad, axis=0), k + 1)
        near, ids = break_ties(near, ids)
        own = xp.arange(block.start, block.stop, dtype=ids.dtype)
        near, ids = drop_self(near, ids, own)
        distances[block, :], indices[block, :] = near, ids
    return indices, distances


def _distances(rows: Rows, queries: Array, ids: Array) -> Array:
    """(m, k + 1) float32 distances of each query to its own ids."""
    xp, (m, wanted) = rows.xp, (int(size) for size in ids.shape)
    others = xp.reshape(rows.take(xp.reshape(ids, (-1,))), (m, wanted, -1))
    if rows.metric == "cosine":
        return as_distances(xp.sum(others * queries[:, None, :], axis=2), "cosine")
    difference = others - queries[:, None, :]
    return xp.sqrt(xp.sum(difference * difference, axis=2))


def _damaged(ids: Array, n: int, xp: Any) -> Array:
    """(m,) whether a row of ids has one out of range, or one twice."""
    ordered = xp.sort(ids, axis=1)
    twice = xp.any(ordered[:, 1:] == ordered[:, :-1], axis=1)
    return twice | (ordered[:, 0] < 0) | (ordered[:, -1] >= n)
