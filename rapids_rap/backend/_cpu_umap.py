"""UMAP on the CPU: the functions of umap-learn, on a neighbour graph that is already there.

umap-learn makes a seeded layout with one thread (updates of several threads race). Two layouts of
one graph don't touch each other, so they run side by side in two threads of this process: the
compiled epochs (`_cpu_umap_epoch`) are built without Python's lock. That beats two processes, each
of which would import and compile umap-learn again.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rapids_rap.backend._cpu_threads import side_by_side
from rapids_rap.backend._extras import require
from rapids_rap.backend.axes import starting_layout
from rapids_rap.backend.protocol import Knn, Pca, UmapSpec

SPREAD = 1.0
SMALL = 10_000  # rows up to which a layout takes 500 epochs rather than 200
EPOCH = "_nb_optimize_layout_euclidean_single_epoch"
GRAPH_FUNCTIONS = ("smooth_knn_dist", "compute_membership_strengths")

Floats = npt.NDArray[np.float32]
_prepare_once = threading.Lock()


def layouts(
    points: npt.NDArray[Any],
    graph: Knn,
    specs: Sequence[UmapSpec],
    seed: int | None,
    axes: Pca | None,
) -> list[Floats]:
    """A layout for each spec; `axes` are the principal axes where a spec starts from them.

    The weighted graph of equal `n_neighbors` is computed once and shared. Raises ValueError when a
    layout isn't finite.
    """
    _prepare_compiled_functions()
    weighted = {
        k: _weighted_graph(graph, k, points.shape[0]) for k in {s.n_neighbors for s in specs}
    }
    starts = [_start(points, weighted[s.n_neighbors], s, seed, axes) for s in specs]
    jobs = [(weighted[s.n_neighbors], s, start) for s, start in zip(specs, starts, strict=True)]
    if seed is None or len(jobs) == 1:
        found = [_optimise(*job, seed) for job in jobs]
    else:
        calls = [functools.partial(_optimise, *job, seed) for job in jobs]
        found = side_by_side(calls, threads=len(calls))
    for layout in found:
        if not np.all(np.isfinite(layout)):
            raise ValueError("UMAP returned a coordinate that is not finite")
    return found


def _weighted_graph(graph: Knn, n_neighbors: int, n: int) -> Any:
    """The fuzzy simplicial set, sparse (n, n), of the first `n_neighbors` - 1 neighbours.

    umap-learn counts a point as its own first neighbour.
    """
    umap_ = require("umap.umap_", "The layout")
    others = min(n_neighbors - 1, graph.indices.shape[1])
    own = np.arange(n, dtype=np.int64)[:, None]
    indices = np.hstack([own, graph.indices[:, :others]])
    distances = np.hstack([np.zeros((n, 1), np.float32), graph.distances[:, :others]])
    weighted, _, _ = umap_.fuzzy_simplicial_set(
        np.empty((n, 0)),  # only its length is read when the neighbours are given
        others + 1,
        None,
        "precomputed",
        knn_indices=indices,
        knn_dists=np.ascontiguousarray(distances, dtype=np.float32),
    )
    return weighted


def _start(
    points: npt.NDArray[Any], weighted: Any, spec: UmapSpec, seed: int | None, axes: Pca | None
) -> Floats:
    """`starting_layout`, spectral ones by umap-learn."""

    def spectral(random: np.random.RandomState) -> Any:
        make = require("umap.spectral", "The layout").spectral_layout
        return make(points, weighted, spec.n_components, random, metric="cosine")

    return np.asarray(starting_layout(points, spec, seed, axes, spectral))


def _optimise(weighted: Any, spec: UmapSpec, start: Floats, seed: int | None) -> Floats:
    """The layout after the stochastic descent; several threads race only without a seed."""
    umap_ = require("umap.umap_", "The layout")
    a, b = umap_.find_ab_params(SPREAD, spec.min_dist)
    if spec.start is not None:
        return descend(weighted, start, (a, b), spec.n_epochs, spec.learning_rate, seed)
    layout, _ = umap_.simplicial_set_embedding(
        None,  # data are read only for a start that umap-learn computes itself
        weighted.copy(),  # its smallest weights are zeroed in place
        spec.n_components,
        1.0,
        a,
        b,
        1.0,
        5,
        spec.n_epochs,
        start,
        np.random.RandomState(seed),
        "cosine",
        {},
        False,
        {},
        False,
        parallel=seed is None,
    )
    return np.asarray(layout, dtype=np.float32)


def descend(
    weighted: Any,
    start: Floats,
    curve: tuple[float, float],
    n_epochs: int | None,
    rate: float,
    seed: int | None,
) -> Floats:
    """The stochastic descent from `start` as it is; `rate` is the first epoch's.

    The steps of umap-learn's `simplicial_set_embedding`, which would first stretch every axis of
    the start to 0..10 and so pull a finished layout out of shape.
    """
    umap_ = require("umap.umap_", "The layout")
    descent = require("umap.layouts", "The layout")
    graph = weighted.tocoo(copy=True)
    graph.sum_duplicates()
    n = graph.shape[0]
    usual = 500 if n <= SMALL else 200
    epochs = n_epochs or usual
    least = graph.data.max(initial=0.0) / (epochs if epochs > 10 else usual)
    graph.data[graph.data < least] = 0.0  # edges that no epoch would draw
    graph.eliminate_zeros()
    limits = np.iinfo(np.int32)
    state = np.random.RandomState(seed).randint(limits.min + 1, limits.max - 1, 3)
    layout = descent.optimize_layout_euclidean(
        *[np.array(start, dtype=np.float32, order="C")] * 2,
        graph.row,
        graph.col,
        epochs,
        n,
        umap_.make_epochs_per_sample(graph.data, epochs),
        *curve,
        state.astype(np.int64),
        1.0,
        rate,
        5,
        parallel=seed is None,
        densmap_kwds={},
        tqdm_kwds={},
        move_other=True,
    )
    return np.asarray(layout, dtype=np.float32)


def _prepare_compiled_functions() -> None:
    """Give umap-learn our epoch, and keep its compiled functions on disk.

    Our epoch runs without Python's lock and takes about half the time (docs/performance.md).
    Compiling umap-learn's functions takes 5-10 s in every process, reading them back none. Where a
    later umap-learn names them differently, layouts are still right, and only slower.
    """
    require("numba", "The layout")
    sets = require("umap.umap_", "The layout")
    descent = require("umap.layouts", "The layout")
    from rapids_rap.backend._cpu_umap_epoch import epoch

    with _prepare_once:
        if getattr(descent, EPOCH, epoch) is epoch:
            return
        setattr(descent, EPOCH, epoch)
        with contextlib.suppress(AttributeError, RuntimeError):  # no folder that can be written
            for name in GRAPH_FUNCTIONS:
                getattr(sets, name).enable_caching()
