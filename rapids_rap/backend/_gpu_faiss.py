"""FAISS on the GPU (Johnson, Douze & Jégou 2017, arXiv:1702.08734), on torch's views of the arrays.

FAISS takes its scratch memory from the driver, outside RMM's pool, and has it while a search lasts.
`faiss.contrib.torch_utils` gives its functions torch tensors and puts its work on torch's stream.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
from typing import Any

import numpy as np

from rapids_rap.backend._gpu_rows import Find, Rows, blocks, recall_of
from rapids_rap.backend.extras import require
from rapids_rap.backend.gpu_plan import SCRATCH, TILE, list_count, training_rows, vector_bytes
from rapids_rap.backend.nearest import as_distances, break_ties, sampled_rows
from rapids_rap.backend.protocol import Array
from rapids_rap.errors import CapabilityError

ADDED_ROWS = 65_536  # a call
MOST_PROBES = 2048  # of FAISS on a GPU

log = logging.getLogger(__name__)


def has_gpu_half() -> bool:
    """Whether a FAISS is installed that can search on a GPU; faiss-cpu can't."""
    try:
        return hasattr(importlib.import_module("faiss"), "StandardGpuResources")
    except ImportError:
        return False


def faiss_on_gpu() -> tuple[Any, Any]:
    """FAISS and its resources, with scratch memory until it is freed (`free_scratch`).

    FAISS ends the process when it is called without a GPU, so it is asked first: raises
    CapabilityError where it sees none.
    """
    faiss = require("faiss", "The neighbour search", "gpu")
    if getattr(faiss, "get_num_gpus", int)() == 0:
        raise CapabilityError(
            "FAISS sees no GPU: faiss-cpu is installed over faiss-gpu, or its CUDA runtime finds "
            "no driver; run `pip install --force-reinstall faiss-gpu`, or use "
            "neighbors.engine=cuvs."
        )
    require("faiss.contrib.torch_utils", "The neighbour search", "gpu")
    resources = _resources()
    resources.setTempMemory(SCRATCH)
    return faiss, resources


@functools.cache
def _resources() -> Any:
    """One for the process: each makes streams and cuBLAS handles of its own.

    Without pinned memory (256 MiB by default), for what is searched is on the device already.
    """
    resources = require("faiss", "The neighbour search", "gpu").StandardGpuResources()
    resources.setPinnedMemory(0)
    return resources


def free_scratch() -> None:
    """Give the scratch memory back to the driver, for the libraries that work after a search."""
    if _resources.cache_info().currsize:
        with contextlib.suppress(RuntimeError):  # of a device that failed, which was said already
            _resources().setTempMemory(0)


def brute_force(rows: Rows) -> Find:
    """Exact search over all rows; over tiles of them where they live in host memory."""
    return _brute_force(rows, *faiss_on_gpu())


def _brute_force(rows: Rows, faiss: Any, resources: Any) -> Find:
    code = _metric(faiss, rows)
    memory, xp = rows.memory, rows.xp

    def search(queries: Array, base: Array, k: int) -> tuple[Array, Array]:
        raw, indices = _results(queries, k, xp)
        faiss.knn_gpu(
            resources,
            memory.as_torch(queries),
            memory.as_torch(base),
            k,
            D=memory.as_torch(raw),
            I=memory.as_torch(indices),
            metric=code,
        )
        return as_distances(raw, rows.metric), indices

    if not rows.mapped:
        return lambda queries, k: search(queries, rows.points, k)
    return lambda queries, k: by_tiles(rows, queries, k, search)


def by_tiles(rows: Rows, queries: Array, k: int, search: Any) -> tuple[Array, Array]:
    """The k nearest over tiles of host rows, merged tile by tile."""
    xp, (n, d) = rows.xp, (int(size) for size in rows.points.shape)
    best: tuple[Array, Array] | None = None
    for tile in blocks(n, TILE // vector_bytes(1, d)):
        near, ids = search(queries, rows.read(tile), min(k, tile.stop - tile.start))
        near, ids = near, ids + tile.start
        if best is not None:
            near, ids = xp.concat([best[0], near], axis=1), xp.concat([best[1], ids], axis=1)
        near, ids = break_ties(near, ids)
        best = near[:, :k], ids[:, :k]
    assert best is not None
    return best


def inverted_file(
    rows: Rows, asked: Rows, k: int, min_recall: float, seed: int | None
) -> tuple[Find, float]:
    """An IVF index that probes twice as many lists until the sampled recall suffices."""
    xp, memory = rows.xp, rows.memory
    faiss, resources = faiss_on_gpu()
    index = _train(rows, seed, faiss, resources)
    exact = _brute_force(rows, faiss, resources)
    sample = asked.take(xp.asarray(sampled_rows(int(asked.points.shape[0]), seed)))
    truth, _ = break_ties(*exact(sample, k))

    def find(queries: Array, k: int) -> tuple[Array, Array]:
        raw, indices = _results(queries, k, xp)
        index.search(
            memory.as_torch(queries), k, D=memory.as_torch(raw), I=memory.as_torch(indices)
        )
        near = as_distances(raw, rows.metric)
        # A probe that met fewer than k rows pads with -1; those few queries are searched exactly.
        short = xp.nonzero(xp.any(indices < 0, axis=1))[0]
        if short.size:
            near[short, :], indices[short, :] = exact(xp.take(queries, short, axis=0), k)
        return near, indices

    index.nprobe = min(8, index.nlist)
    while True:
        recall = recall_of(find(sample, k)[0], truth, xp)
        if recall >= min_recall or index.nprobe >= min(index.nlist, MOST_PROBES):
            break
        index.nprobe = min(2 * index.nprobe, index.nlist, MOST_PROBES)
    log.info(
        "IVF neighbours: %d of %d lists probed, recall %.4f", index.nprobe, index.nlist, recall
    )
    return find, recall


def _train(rows: Rows, seed: int | None, faiss: Any, resources: Any) -> Any:
    """An index with all rows in its lists. FAISS takes the k-means of its centres to the host."""
    n, d = (int(size) for size in rows.points.shape)
    rng = np.random.default_rng(seed)
    index = faiss.GpuIndexIVFFlat(resources, d, list_count(n), _metric(faiss, rows))
    index.cp.seed = int(rng.integers(2**31 - 1))
    index.cp.niter = 8
    index.cp.min_points_per_centroid = 1  # our own sample decides; silences a warning on stderr
    index.cp.spherical = rows.metric == "cosine"
    chosen = np.sort(rng.choice(n, training_rows(n), replace=False))
    index.train(rows.memory.as_torch(rows.take(rows.xp.asarray(chosen))))
    for block in blocks(n, ADDED_ROWS):
        index.add(rows.memory.as_torch(rows.read(block)))
    return index


def _metric(faiss: Any, rows: Rows) -> Any:
    return faiss.METRIC_INNER_PRODUCT if rows.metric == "cosine" else faiss.METRIC_L2


def _results(queries: Array, k: int, xp: Any) -> tuple[Array, Array]:
    m = int(queries.shape[0])
    return xp.empty((m, k), dtype=xp.float32), xp.empty((m, k), dtype=xp.int64)
