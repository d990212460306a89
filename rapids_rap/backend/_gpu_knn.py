"""Nearest neighbours on the GPU: the contract, whatever engine searches.

FAISS is the default engine (`_gpu_faiss`), cuVS the alternative and the way through more rows than
brute force can compare (`_gpu_cuvs`); `gpu_plan` chooses. Distances lie on the CPU backend's grid,
and ties are broken by index, so that exact search gives the CPU's answer but for the rounding of
products and for more equally far rows at the k-th place than are fetched.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from array_api_compat import array_namespace

from rapids_rap.backend._gpu_faiss import free_scratch, has_gpu_half
from rapids_rap.backend._gpu_memory import GpuMemory
from rapids_rap.backend._gpu_rows import Find, Rows, blocks
from rapids_rap.backend.gpu_plan import BLOCK, QUERIES, Choice, plan_neighbors, vector_bytes
from rapids_rap.backend.lanes import release_cache
from rapids_rap.backend.nearest import break_ties, drop_self
from rapids_rap.backend.protocol import Array, Engine, Knn, Metric

DIRECT_DIMENSIONS = 16  # Euclidean spaces up to this wide are compared coordinate by coordinate
MOST_NEIGHBORS = 2047  # FAISS selects at most 2048 on a GPU, the row itself counted
EXTRA, AGAIN = (
    3,
    8,
)  # neighbours beyond the k-th, to see whether others are as far; times as many then
QUERY_ROWS = 16_384  # queries a call, so that an interrupt never waits for the whole search


def nearest(
    points: Array,
    k: int,
    *,
    queries: Array | None,
    metric: Metric,
    xp: Any,
    memory: GpuMemory,
    engine: Engine = "auto",
    min_recall: float = 0.95,
    seed: int | None = 42,
) -> tuple[Knn, Choice]:
    """See `Backend.knn`, and what ran.

    Raises ValueError for a k out of range or rows that aren't finite, and CapabilityError for a
    missing library or too little memory.
    """
    n, d = (int(size) for size in points.shape)
    most = min(n - 1 if queries is None else n, MOST_NEIGHBORS)
    if not 1 <= k <= most:
        raise ValueError(f"k must lie between 1 and {most} for {n} points, got {k}")
    if metric == "euclidean" and d <= DIRECT_DIMENSIONS:
        return _direct(points, queries, k, xp, memory)
    rows = prepare(points, metric, xp, memory)
    asked = rows if queries is None else prepare(queries, metric, xp, memory)
    choice = plan_neighbors(
        n,
        d,
        k,
        memory.memory().free + (0 if rows.mapped else vector_bytes(n, d)),
        home=rows.home,
        engine=engine,
        copied=rows.uneven,
        queries=None if queries is None else int(queries.shape[0]),
        faiss=has_gpu_half(),
    )
    try:
        with memory.explain("The neighbour search", choice.peak):
            return _run(rows, asked, k, choice, min_recall, seed), choice
    finally:
        free_scratch()


def _run(
    rows: Rows, asked: Rows, k: int, choice: Choice, min_recall: float, seed: int | None
) -> Knn:
    from rapids_rap.backend import _gpu_cuvs, _gpu_faiss

    alone = asked is rows
    if rows.uneven and not rows.mapped:
        rows = _scaled(rows)
        asked = rows if alone else asked
    if choice.algorithm == "cuvs nn_descent":
        indices, distances, recall = _gpu_cuvs.all_neighbors(rows, k, choice, min_recall, seed)
        return Knn(indices, distances, choice.algorithm, recall)
    if choice.algorithm == "faiss ivf":
        find, recall = _gpu_faiss.inverted_file(rows, asked, k + alone, min_recall, seed)
        return Knn(*fill(asked, k, find, alone=alone), "ivf", recall)
    library = _gpu_cuvs if choice.algorithm.startswith("cuvs") else _gpu_faiss
    find = library.brute_force(rows)
    find = partial(_first, find, min(int(rows.points.shape[0]), MOST_NEIGHBORS + 1))
    indices, distances = fill(asked, k, find, alone=alone)
    return Knn(indices, distances, "exact" if library is _gpu_faiss else "cuvs brute_force", 1.0)


def _scaled(rows: Rows) -> Rows:
    """A copy of device rows at length 1, made by blocks."""
    points = rows.xp.empty_like(rows.points)
    for block in blocks(*_block_shape(points)):
        points[block, :] = rows.read(block)
    return replace(rows, points=points, uneven=False)


def _block_shape(points: Array) -> tuple[int, int]:
    """Rows in all, and those of which a block and its squares take `BLOCK` bytes."""
    n, d = (int(size) for size in points.shape)
    return n, BLOCK // (8 * d)


def prepare(points: Array, metric: Metric, xp: Any, memory: GpuMemory) -> Rows:
    """Contiguous float32 rows, and whether an engine must bring them to unit length.

    Raises ValueError, which names the first row, for values that aren't finite.
    """
    mapped = memory.is_mapped(points)
    if points.dtype != xp.float32 or not points.flags.c_contiguous:
        points, mapped = memory.cupy.ascontiguousarray(points, dtype=xp.float32), False
    even = True
    for block in blocks(*_block_shape(points)):
        norms = xp.linalg.vector_norm(points[block, :], axis=1)
        bad = ~xp.isfinite(norms)
        if bool(xp.any(bad)):
            row = block.start + int(xp.argmax(xp.astype(bad, xp.int32)))
            raise ValueError(f"row {row} of the vectors holds a value that is not finite")
        # A row of zeros has no direction and is compared as it is.
        even = even and bool(xp.all((xp.abs(norms - 1.0) < 1e-6) | (norms == 0.0)))
    return Rows(points, metric, metric == "cosine" and not even, mapped, xp, memory)


def fill(asked: Rows, k: int, find: Find, *, alone: bool) -> tuple[Array, Array]:
    """Indices (m, k) and distances (m, k) of the queries, by blocks.

    alone: the queries are the points, and each leaves itself out.
    """
    xp, m = asked.xp, int(asked.points.shape[0])
    indices = xp.empty((m, k), dtype=xp.int64)
    distances = xp.empty((m, k), dtype=xp.float32)
    # Over host vectors every block reads all tiles, so it is as large as the plan allows.
    rows = QUERIES // vector_bytes(1, int(asked.points.shape[1])) if asked.mapped else QUERY_ROWS
    for block in blocks(m, min(rows, BLOCK // (48 * (k + 1 + EXTRA)))):
        near, ids = break_ties(*find(asked.read(block), k + alone))
        if alone:
            near, ids = drop_self(near, ids, xp.arange(block.start, block.stop, dtype=ids.dtype))
        distances[block, :], indices[block, :] = near, ids
    return indices, distances


def _first(find: Find, most: int, queries: Array, k: int) -> tuple[Array, Array]:
    """The first k in the order by distance, then by index, of `most` that can be had.

    Libraries leave open which of equally far rows they take at the k-th place.
    """
    fetched = min(k + EXTRA, most)
    near, ids = break_ties(*find(queries, fetched))
    if fetched < most and bool(array_namespace(near).any(near[:, k - 1] == near[:, -1])):
        near, ids = break_ties(*find(queries, min(AGAIN * fetched, most)))
    return near[:, :k], ids[:, :k]


def _direct(
    points: Array, queries: Array | None, k: int, xp: Any, memory: GpuMemory
) -> tuple[Knn, Choice]:
    """Exact neighbours in a few dimensions, by float64 differences of coordinates.

    On a layout |x|² is 10⁶ times the squared distance of neighbours: more than float32's
    |x|² + |y|² - 2xy, as FAISS and cuVS compute it, can resolve.
    """
    asked = points if queries is None else queries
    if not bool(xp.all(xp.isfinite(points))) or not bool(xp.all(xp.isfinite(asked))):
        raise ValueError("the points hold a value that is not finite")
    n, m, alone = int(points.shape[0]), int(asked.shape[0]), queries is None
    base = xp.astype(points, xp.float64)
    indices = xp.empty((m, k), dtype=xp.int64)
    distances = xp.empty((m, k), dtype=xp.float32)
    peak = 4 * BLOCK + 8 * base.size + 12 * m * k
    because = "few dimensions: float64 differences"
    with memory.explain("The neighbour search", peak):
        for block in blocks(m, BLOCK // (8 * n)):
            near, ids = _least(asked[block, :], base, k + alone, xp, memory)
            if alone:
                near, ids = drop_self(
                    near, ids, xp.arange(block.start, block.stop, dtype=ids.dtype)
                )
            distances[block, :], indices[block, :] = xp.astype(near, xp.float32), ids
        release_cache()
    return Knn(indices, distances, "exact", 1.0), Choice("neighbors", "direct", peak, because)


def _least(queries: Array, base: Array, k: int, xp: Any, memory: GpuMemory) -> tuple[Array, Array]:
    """(m, k) distances to the nearest of `base` (n, d) float64, and their ids."""
    squares = _squared_differences(xp.astype(queries, xp.float64), base, xp)
    top = memory.as_torch(squares).topk(k, dim=1, largest=False)
    return break_ties(xp.sqrt(memory.from_torch(top.values)), memory.from_torch(top.indices))


def _squared_differences(queries: Array, base: Array, xp: Any) -> Array:
    """(m, n) squared distances, a coordinate at a time."""
    total = xp.zeros((int(queries.shape[0]), int(base.shape[0])), dtype=xp.float64)
    for column in range(int(base.shape[1])):
        difference = queries[:, column, None] - base[None, :, column]
        total += difference * difference
    return total
