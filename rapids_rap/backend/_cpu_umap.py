"""UMAP on the CPU, as umap-learn computes it, on a neighbour graph that is already there.

A seeded layout is made by one thread (updates of several threads race). Two layouts of one graph
don't touch each other, so they run side by side in two threads of this process: our epochs
(`_cpu_umap_epoch`) are compiled without Python's lock. umap-learn itself is imported only for what
it alone computes: spectral starts, and layouts without a seed. Nothing of it is changed.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import curve_fit
from scipy.sparse import coo_matrix
from scipy.spatial import cKDTree

from rapids_rap.arrays import Float32s, Float64s, HostArray, Int64s
from rapids_rap.backend._cpu_threads import side_by_side
from rapids_rap.backend.axes import EXTENT, starting_layout
from rapids_rap.backend.extras import require
from rapids_rap.backend.protocol import Knn, Pca, UmapSpec

SPREAD = 1.0
SMALL = 10_000  # rows up to which a layout takes 500 epochs rather than 200
PULLED = 2  # epochs in which every edge of the largest weight is drawn once


def layouts(
    points: HostArray,
    graph: Knn,
    specs: Sequence[UmapSpec],
    seed: int | None,
    axes: Pca | None,
) -> list[Float32s]:
    """A layout for each spec; `axes` are the principal axes where a spec starts from them.

    The weighted graph of equal `n_neighbors` is computed once and shared. Raises ValueError when a
    layout isn't finite.
    """
    weighted = {
        k: _weighted_graph(graph, k, points.shape[0]) for k in {s.n_neighbors for s in specs}
    }
    starts = [_start(points, weighted[s.n_neighbors], s, s.seeded(seed), axes) for s in specs]
    jobs = [(weighted[s.n_neighbors], s, start) for s, start in zip(specs, starts, strict=True)]
    if seed is None or len(jobs) == 1:
        found = [_optimise(*job, job[1].seeded(seed)) for job in jobs]
    else:
        calls = [functools.partial(_optimise, *job, job[1].seeded(seed)) for job in jobs]
        found = side_by_side(calls, threads=min(len(calls), max(2, os.cpu_count() or 1)))
    for layout in found:
        if not np.all(np.isfinite(layout)):
            raise ValueError("UMAP returned a coordinate that is not finite")
    return found


def _weighted_graph(graph: Knn, n_neighbors: int, n: int) -> Any:
    """The fuzzy simplicial set, sparse (n, n), of the first `n_neighbors` - 1 neighbours.

    umap-learn counts a point as its own first neighbour.
    """
    others = min(n_neighbors - 1, graph.indices.shape[1])
    own = np.arange(n, dtype=np.int64)[:, None]
    indices = np.hstack([own, graph.indices[:, :others]])
    distances = np.hstack([np.zeros((n, 1), np.float32), graph.distances[:, :others]])
    return fuzzy_set(indices, np.ascontiguousarray(distances, dtype=np.float32))


def fuzzy_set(indices: Int64s, distances: Float32s) -> Any:
    """umap-learn's `fuzzy_simplicial_set` of neighbours (n, k), each its own first; (n, n)."""
    from rapids_rap.backend._cpu_umap_graph import bandwidths, memberships

    n, k = indices.shape
    widths, nearest = bandwidths(distances, float(k))
    rows, columns, values = memberships(indices, distances, widths, nearest)
    found = coo_matrix((values, (rows, columns)), shape=(n, n))
    found.eliminate_zeros()
    transpose = found.transpose()
    both = found.multiply(transpose)
    # As umap-learn mixes union and intersection, so that bits agree.
    mixed = 1.0 * (found + transpose - both) + 0.0 * both
    mixed.eliminate_zeros()
    return mixed


def _start(
    points: HostArray, weighted: Any, spec: UmapSpec, seed: int | None, axes: Pca | None
) -> Float32s:
    """`starting_layout`, spectral ones by umap-learn."""

    def spectral(random: np.random.RandomState) -> Any:
        make = require("umap.spectral", "The layout").spectral_layout
        return make(points, weighted, spec.n_components, random, metric="cosine")

    return np.asarray(starting_layout(points, spec, seed, axes, spectral))


def _optimise(weighted: Any, spec: UmapSpec, start: Float32s, seed: int | None) -> Float32s:
    """The layout after the stochastic descent, from a finished layout as it is."""
    fresh = spec.start is None
    curve = _curve(spec.min_dist)
    return descend(weighted, start, curve, spec.n_epochs, spec.learning_rate, seed, scaled=fresh)


def pulled(
    points: Float32s,
    heads: HostArray,
    tails: HostArray,
    min_dist: float,
    rate: float,
    seed: int | None,
) -> Float32s:
    """See `Backend.pull`. In umap-learn's count an edge of the largest weight is due in epoch 1."""
    n = len(points)
    once = coo_matrix((np.ones(len(heads), dtype=np.float32), (heads, tails)), shape=(n, n))
    return descend(once, points, _curve(min_dist), PULLED, rate, seed, scaled=False)


@functools.cache
def _curve(min_dist: float) -> tuple[float, float]:
    return attraction_curve(SPREAD, min_dist)


def attraction_curve(spread: float, min_dist: float) -> tuple[float, float]:
    """The a and b of 1 / (1 + a·x^2b) nearest to 1 up to `min_dist`, an exponential beyond it.

    As umap-learn's `find_ab_params`.
    """

    def curve(x: Any, a: float, b: float) -> Any:
        return 1.0 / (1.0 + a * x ** (2 * b))

    x = np.linspace(0, spread * 3, 300)
    wanted = np.zeros(x.shape)
    wanted[x < min_dist] = 1.0
    wanted[x >= min_dist] = np.exp(-(x[x >= min_dist] - min_dist) / spread)
    (a, b), _ = curve_fit(curve, x, wanted)
    return a, b


def epochs_between(weights: Float32s, epochs: int) -> Float64s:
    """(m,) epochs from one draw of an edge to its next, the strongest one's 1; -1: never drawn.

    As umap-learn's `make_epochs_per_sample`.
    """
    between = -1.0 * np.ones(weights.shape[0], dtype=np.float64)
    draws = epochs * (weights / weights.max())
    between[draws > 0] = float(epochs) / np.float64(draws[draws > 0])
    return between


def descend(
    weighted: Any,
    start: Float32s,
    curve: tuple[float, float],
    n_epochs: int | None,
    rate: float,
    seed: int | None,
    *,
    scaled: bool,
) -> Float32s:
    """The stochastic descent from `start`; `rate` is the first epoch's.

    The steps of umap-learn's `simplicial_set_embedding`, and to the bit its random numbers. scaled:
    every axis of the start is first stretched to 0..10, as there, which would pull a finished
    layout out of shape. Without a seed several threads race.
    """
    graph = weighted.tocoo(copy=True)
    graph.sum_duplicates()
    usual = 500 if graph.shape[0] <= SMALL else 200
    epochs = n_epochs or usual
    least = graph.data.max(initial=0.0) / (epochs if epochs > 10 else usual)
    graph.data[graph.data < least] = 0.0  # edges that no epoch would draw
    graph.eliminate_zeros()
    random = np.random.RandomState(seed)
    points = np.array(_scaled(start, random) if scaled else start, dtype=np.float32, order="C")
    limits = np.iinfo(np.int32)
    state = random.randint(limits.min + 1, limits.max - 1, 3).astype(np.int64)
    every = epochs_between(graph.data, epochs)
    if seed is not None:
        from rapids_rap.backend._cpu_umap_epoch import run_epochs

        return run_epochs(points, graph.row, graph.col, every, curve, state, epochs, rate)
    return _race(points, graph, every, curve, state, epochs, rate)


def _scaled(start: Float32s, random: np.random.RandomState) -> Float32s:
    """umap-learn's start: rows that coincide are moved apart, then each axis fills 0..10."""
    points = start
    if len(np.unique(points, axis=0)) < len(points):
        apart = np.mean(cKDTree(points).query(points, k=2)[0][:, 1])
        points = points + random.normal(scale=0.001 * apart, size=points.shape).astype(np.float32)
    low, high = np.min(points, 0), np.max(points, 0)
    return (EXTENT * (points - low) / (high - low)).astype(np.float32)


def _race(
    points: Float32s,
    graph: Any,
    every: Any,
    curve: tuple[float, float],
    state: Int64s,
    epochs: int,
    rate: float,
) -> Float32s:
    """umap-learn's own loop on all cores, in which no two layouts are the same."""
    descent = require("umap.layouts", "The layout")
    layout = descent.optimize_layout_euclidean(
        points,
        points,
        graph.row,
        graph.col,
        epochs,
        len(points),
        every,
        *curve,
        state,
        1.0,
        rate,
        5,
        parallel=True,
        densmap_kwds={},
        tqdm_kwds={},
        move_other=True,
    )
    return np.asarray(layout, dtype=np.float32)
