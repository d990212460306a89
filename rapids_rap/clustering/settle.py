"""Where every text lies among all others, from where a sample's layout has put it, part by part.

A sample's layout knows the islands. Which of their texts lie dense is a matter of all texts: a
third of them, or a place by the neighbours alone, makes other texts dense than the whole does
(docs/scale.md). So all texts take part in a descent of UMAP's graph of all of them, in which one
part of the texts after the other is pulled and pushes. What a device holds beside the graph and
the coordinates does not grow with the texts, but with a part of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.backend.axes import JITTER
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.clustering import layout as whole_layout
from rapids_rap.clustering.layout import WARM_RATE, Layout
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.clustering.sample import Near, Sample, place_among
from rapids_rap.clustering.warm_start import Earlier, starting_points, turn_back
from rapids_rap.config import LayoutConfig

VERSION = 1  # raise it when the same arguments give another result

# Both chosen on 60,000 lines, on one sample (docs/scale.md). Visits of several epochs, parts of
# which others take no notice, are worse than as many visits of one.
EPOCHS = 60
RATE = 0.4  # of the first epoch, falling to 0

FEWEST = 10_000  # texts that are pulled at a time, at least: any device holds their edges
FIRM = 1e-3  # of the mean distance: as wide as a neighbourhood is at least, as in umap-learn
HALVINGS = 40  # in the search for that width: float32 has no more to tell apart
SEEDS = 2**32


@dataclass(frozen=True)
class Edges:
    """UMAP's weighted graph of n texts, each of its e edges from either end, by rows.

    begins: (n + 1,) int64, where each row's edges begin. tails: (e,) int32, the other end.
    weights: (e,) float32 in (0, 1]; the nearest neighbour's is 1.
    """

    begins: Array
    tails: Array
    weights: Array


def settle_layout(
    layout: Layout,
    sample: Sample,
    near: Near,
    vectors: Array,
    graph: NeighborGraph,
    layouts: LayoutConfig,
    backend: Backend,
    seed: int | None,
    earlier: Earlier | None = None,
) -> Layout:
    """The layout of all n texts that begins with that of the `sample`.

    near: whom the others ask there. vectors (n, d), graph: of all. earlier: where all lay in an
    earlier run. Who lay somewhere goes on from there, by smaller steps, and the map is turned back;
    with nothing changed the places are the earlier ones.
    """
    if earlier is not None and earlier.unchanged and earlier.reduced is not None:
        return Layout(xy=earlier.xy, reduced=earlier.reduced)
    edges = weigh_edges(graph, layouts.n_neighbors, backend)
    before = (None, None) if earlier is None else (earlier.xy, earlier.reduced)
    places = []
    for points, known, min_dist in zip(
        (layout.xy, layout.reduced), before, (layouts.min_dist, 0.0), strict=True
    ):
        if earlier is None or known is None:
            start, rate = place_among(points, sample, near), RATE
        else:
            start = starting_points(known, earlier.placed, vectors, graph, backend)
            rate = WARM_RATE * RATE
        places.append(settle(start, edges, min_dist, backend, seed, part_rows(sample), rate))
    xy, reduced = places
    if earlier is not None:
        xy = turn_back(xy, earlier.xy, earlier.placed, backend)
    return Layout(xy=xy, reduced=reduced)


def check_kept(
    kept: Layout, layout: Layout, sample: Sample, near: Near, vectors: Array, *_: object
) -> None:
    """Raises ValueError for a layout that these arguments can't have given."""
    whole_layout.check_kept(kept, vectors)


def part_rows(sample: Sample) -> int:
    """Texts that are pulled at a time: as many as are laid out at once."""
    return max(FEWEST, int(sample.rows.shape[0]))


def weigh_edges(graph: NeighborGraph, n_neighbors: int, backend: Backend) -> Edges:
    """The fuzzy simplicial set (McInnes, Healy & Melville 2018) of each text's nearest.

    As umap-learn's, which counts a text as its own first neighbour: of n_neighbors - 1 others, as
    far as the graph has them. By blocks of rows, so that no copy of all edges is sorted.
    """
    xp, where = backend.xp, device(graph.indices)
    n, k = int(graph.indices.shape[0]), min(n_neighbors - 1, graph.k)
    near, distances = graph.indices[:, :k], graph.distances[:, :k]
    mean = xp.sum(distances) / max(1, n * (k + 1))
    none = xp.zeros((0,), dtype=xp.int64, device=where)
    held = [_strengths(distances[rows, :], mean) for rows in row_blocks(n, 24 * max(1, k))]
    strengths = xp.reshape(xp.concat([distances[:0, :], *held]), (-1,))
    flat = xp.reshape(near, (-1,))
    found = [_both_ways(flat, strengths, k, rows, n) for rows in row_blocks(n, 200 * max(1, k))]
    counts = [none, *(part[0] for part in found)]
    return Edges(
        xp.cumulative_sum(xp.concat(counts), include_initial=True),
        xp.concat([xp.astype(none, xp.int32), *(part[1] for part in found)]),
        xp.concat([strengths[:0], *(part[2] for part in found)]),
    )


def settle(
    points: Array,
    edges: Edges,
    min_dist: float,
    backend: Backend,
    seed: int | None,
    rows: int,
    rate: float = RATE,
) -> Array:
    """(n, m) float32 where n texts come to lie that begin at `points`, in the scale of a layout.

    rows: texts that are pulled at a time, one or more. In every epoch all parts have their turn; an
    edge of weight w is drawn in a share w of the epochs, evenly spread. Equal arguments give equal
    bytes on one machine, without a seed they do not.
    """
    n = int(points.shape[0])
    apart = np.random.RandomState(seed).normal(scale=JITTER, size=points.shape)
    points = points + backend.from_host(apart.astype(np.float32))  # for equals do not push equals
    starts = list(range(0, n, rows))
    parts = [_Part(edges, start, min(n, start + rows), backend, seed) for start in starts]
    for epoch in range(EPOCHS):
        alpha = rate * (1.0 - epoch / EPOCHS)
        for number, part in enumerate(parts):
            heads, tails = part.due(epoch)
            if int(heads.shape[0]):
                own = None if seed is None else (seed + epoch * len(parts) + number) % SEEDS
                points = backend.pull(points, heads, tails, min_dist, alpha, own)
    return points


class _Part:
    """The edges of some rows, and when each is due."""

    def __init__(
        self, edges: Edges, start: int, stop: int, backend: Backend, seed: int | None
    ) -> None:
        begins = edges.begins[start : stop + 1]
        first, last = int(begins[0]), int(begins[-1])
        own = None if seed is None else (seed + start) % SEEDS
        drawn = np.random.RandomState(own).random_sample(last - first).astype(np.float32)
        self._start, self._begins = start, begins - begins[0]
        self._tails, self._weights = edges.tails[first:last], edges.weights[first:last]
        self._phases = backend.from_host(drawn)

    def due(self, epoch: int) -> tuple[Array, Array]:
        """(d,) int32 heads, ascending, and tails of the edges that are drawn in an epoch."""
        xp = array_namespace(self._weights)
        before = xp.floor(self._weights * epoch + self._phases)
        after = xp.floor(self._weights * (epoch + 1) + self._phases)
        chosen = xp.nonzero(after > before)[0]
        heads = xp.searchsorted(self._begins, chosen, side="right") - 1 + self._start
        return xp.astype(heads, xp.int32), xp.take(self._tails, chosen)


def _strengths(distances: Array, mean: Array) -> Array:
    """(b, k) float32: how strongly each text holds its neighbours, at `distances` (b, k).

    1 for the nearest that is no copy and what is not farther, then falling, so fast that all add
    up to log2(k + 1). mean: of all distances, for texts that have copies only.
    """
    xp = array_namespace(distances)
    k = int(distances.shape[1])
    if not k:
        return distances
    endless = xp.full_like(distances, float("inf"))
    nearest = xp.min(xp.where(distances > 0, distances, endless), axis=1, keepdims=True)
    nearest = xp.where(xp.isinf(nearest), xp.zeros_like(nearest), nearest)
    beyond = xp.maximum(distances - nearest, xp.zeros_like(distances))
    low, width, high = xp.zeros_like(nearest), xp.ones_like(nearest), endless[:, :1]
    for _ in range(HALVINGS):
        much = xp.sum(xp.exp(-beyond / width), axis=1, keepdims=True) > math.log2(k + 1)
        low, high = xp.where(much, low, width), xp.where(much, width, high)
        width = xp.where(xp.isinf(high), 2 * width, (low + high) / 2)
    own = xp.sum(distances, axis=1, keepdims=True) / (k + 1)
    width = xp.maximum(width, FIRM * xp.where(nearest > 0, own, xp.zeros_like(own) + mean))
    return xp.astype(xp.exp(-beyond / width), xp.float32)


def _both_ways(
    flat: Array, strengths: Array, k: int, block: slice, n: int
) -> tuple[Array, Array, Array]:
    """(b,) int64 how many edges some rows have, and their tails and weights, row after row.

    flat: (n k,) the neighbours of all rows, strengths: (n k,) how strongly they are held. An edge
    weighs what either end holds the other, as one of two that may be there or not: a + b - a b.
    """
    xp, where = array_namespace(flat), device(flat)
    low, high = block.start, block.stop
    held = xp.nonzero((flat >= low) & (flat < high))[0]
    own = xp.arange(low * k, high * k, dtype=xp.int64, device=where)
    out = (own // max(1, k) - low) * n + xp.take(flat, own)
    back = (xp.take(flat, held) - low) * n + held // max(1, k)
    pairs = xp.concat([out, back])
    order = xp.argsort(pairs, stable=True)
    pairs = xp.take(pairs, order)
    weights = xp.take(xp.take(strengths, xp.concat([own, held])), order)
    first = xp.ones(pairs.shape, dtype=xp.bool, device=where)
    first[1:] = pairs[1:] != pairs[:-1]
    other = xp.zeros_like(weights)
    other[:-1] = xp.where(first[1:], xp.zeros_like(weights[1:]), weights[1:])
    kept = xp.nonzero(first & (weights + other > 0))[0]
    pairs = xp.take(pairs, kept)
    weights = xp.take(weights + other - weights * other, kept)
    ends = xp.arange(high - low + 1, dtype=xp.int64, device=where) * n
    begins = xp.searchsorted(pairs, ends)
    return xp.astype(begins[1:] - begins[:-1], xp.int64), xp.astype(pairs % n, xp.int32), weights
