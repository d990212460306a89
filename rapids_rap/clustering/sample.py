"""A sample that fits, and the place of every other text beside its neighbours there.

A layout by UMAP fits one device. Of more texts a sample is laid out (`scale.fit_lines`), the others
are placed beside it, and then all settle (`settle`). The sample is stratified by density, for
density is what makes a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Int64s
from rapids_rap.backend.kept import require_array, require_between
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.clustering.neighbors import NeighborGraph, backend_engine
from rapids_rap.clustering.warm_start import Earlier
from rapids_rap.config import LayoutConfig, NeighborsConfig

VERSION = 2  # raise it when the same arguments give another result

STRATA = 100  # of equally many texts each, by density
VOTERS = 15  # neighbours with a vote, as in `reading.assign`
WIDER = 2  # times the neighbours that UMAP reads of a sample, as far as the graph has them
TINY = 1e-6  # what a vote weighs at least


@dataclass(frozen=True)
class Sample:
    """rows: (m,) int64, ascending, the texts that are fitted; others: (n - m,), the rest."""

    rows: Array
    others: Array


@dataclass(frozen=True)
class Near:
    """The nearest fitted texts of every other one, nearest first.

    indices: (n - m, k) int64 positions among the fitted. distances: (n - m, k) float32, 1 - cosine.
    """

    indices: Array
    distances: Array


def text_draws(texts: Sequence[str], seed: int | None) -> Int64s:
    """(n,) a number of each text, by which a stratum's are drawn: the same from night to night."""
    key = str(seed).encode()
    found = [blake2b(text.encode(), digest_size=7, key=key).digest() for text in texts]
    return np.array([int.from_bytes(digest) for digest in found], dtype=np.int64)


def choose_sample(
    graph: NeighborGraph, draws: Array, fit: int, backend: Backend, turn: float = 0.0
) -> Sample:
    """`fit` of n texts, 0 < fit < n: of every density as many as there are.

    graph: of all; a text is as dense as its last neighbour is near. draws: (n,) int64, different,
    by which the texts of a stratum stand in a circle. turn: where on it the sample begins, in 0..1.
    """
    xp, where = backend.xp, device(draws)
    n, strata = int(draws.shape[0]), min(STRATA, fit)
    last = graph.distances[:, -1] if graph.k else xp.zeros_like(draws)
    ranks = xp.argsort(xp.argsort(last, stable=True), stable=True)
    stratum = xp.astype(ranks, xp.int64) * strata // n
    drawn = xp.argsort(draws, stable=True)
    order = xp.take(drawn, xp.argsort(xp.take(stratum, drawn), stable=True))
    # Stratum s has the places from begin[s] on; as many of them are taken as bring what is taken so
    # far to its share of all.
    begin = -(-xp.arange(strata + 1, dtype=xp.int64, device=where) * n // strata)
    share = begin * fit // n
    place = xp.arange(n, dtype=xp.int64, device=where)
    own = place * strata // n
    first, wanted = xp.take(begin, own), xp.take(share, own + 1) - xp.take(share, own)
    size = xp.take(begin, own + 1) - first
    start = xp.astype(xp.floor(xp.astype(size, xp.float64) * turn), xp.int64)
    taken = (place - first - start) % size < wanted
    chosen = xp.take(taken, xp.argsort(order))
    return Sample(xp.nonzero(chosen)[0], xp.nonzero(~chosen)[0])


def fitted_rows(vectors: Array, sample: Sample) -> Array:
    """(m, d): the vectors of the fitted texts, of all (n, d)."""
    return array_namespace(vectors).take(vectors, sample.rows, axis=0)


def nearest_fitted(
    vectors: Array, sample: Sample, config: NeighborsConfig, backend: Backend, seed: int | None
) -> Near:
    """Whom every text of `vectors` (n, d) that is not fitted asks, by cosine."""
    xp = backend.xp
    fitted, others = (xp.take(vectors, rows, axis=0) for rows in (sample.rows, sample.others))
    columns = near_columns(sample)
    if not int(others.shape[0]):
        none = (0, columns)
        where = device(vectors)
        return Near(
            xp.zeros(none, dtype=xp.int64, device=where),
            xp.zeros(none, dtype=xp.float32, device=where),
        )
    found = backend.knn(
        fitted,
        columns,
        queries=others,
        engine=backend_engine(config),
        min_recall=config.min_recall,
        seed=seed,
    )
    return Near(found.indices, found.distances)


def near_columns(sample: Sample) -> int:
    """Fitted texts that are looked for: those with a vote, and the first without one."""
    return min(VOTERS + 1, int(sample.rows.shape[0]))


def check_kept(kept: Near, vectors: Array, sample: Sample, *_: object) -> None:
    """Raises ValueError for neighbours that these arguments can't have given."""
    shape = (int(sample.others.shape[0]), near_columns(sample))
    require_array("indices", kept.indices, "i", shape)
    require_between("indices", kept.indices, 0, int(sample.rows.shape[0]) - 1)
    require_array("distances", kept.distances, "f", shape)


def sample_layouts(layouts: LayoutConfig) -> LayoutConfig:
    """How a sample is laid out: with `WIDER` times as many neighbours, for it has fewer texts.

    Measured in docs/scale.md: a wider graph of a sample is more like that of the whole.
    """
    return layouts.model_copy(update={"n_neighbors": WIDER * layouts.n_neighbors})


def of_fitted_places(earlier: Earlier | None, sample: Sample) -> Earlier | None:
    """Where the fitted texts lay the night before; None where none of them lay anywhere."""
    if earlier is None:
        return None
    xp, rows = array_namespace(sample.rows), sample.rows
    placed = xp.take(earlier.placed, rows)
    if not bool(xp.any(placed)):
        return None
    return replace(
        earlier,
        placed=placed,
        xy=xp.take(earlier.xy, rows, axis=0),
        reduced=None if earlier.reduced is None else xp.take(earlier.reduced, rows, axis=0),
        stage_key=f"{earlier.stage_key} of the fitted",
    )


def place_among(points: Array, sample: Sample, near: Near) -> Array:
    """(n, d) where texts begin to settle: the fitted at their `points` (m, d), others beside."""
    return in_order(points, _among(points, near), sample, axis=0)


def voters(near: Near, block: slice) -> tuple[Array, Array]:
    """(b, v) the texts that have a vote, and what each weighs."""
    count = max(1, min(VOTERS, int(near.indices.shape[1]) - 1))
    distances = near.distances[block, : count + 1]
    weights = distances[:, -1:] - distances[:, :count] + TINY
    return near.indices[block, :count], weights


def _among(points: Array, near: Near) -> Array:
    """(r, d): a place for every text that is not fitted, among its neighbours at `points` (m, d).

    The neighbours of one text may lie on several islands, and a mean of all would lie in the sea
    between them. So it is the mean of those that lie about the one with most of the weight nearby.
    """
    xp, d = array_namespace(points), int(points.shape[1])
    places = [points[:0, :]]
    for block in row_blocks(int(near.indices.shape[0]), 8 * VOTERS**2 * (d + 3)):
        who, weights = voters(near, block)
        around = xp.reshape(xp.take(points, xp.reshape(who, (-1,)), axis=0), (*who.shape, d))
        places.append(_island_mean(around, weights))
    return xp.concat(places)


def _island_mean(around: Array, weights: Array) -> Array:
    """(b, d) the mean of `around` (b, v, d) about the one with most of the `weights` (b, v) nearby.

    How near is UMAP's own similarity of a layout, 1 / (1 + squared distance).
    """
    xp = array_namespace(around)
    apart = around[:, :, None, :] - around[:, None, :, :]
    like = 1.0 / (1.0 + xp.sum(apart * apart, axis=3))
    most = xp.argmax(xp.sum(like * weights[:, None, :], axis=2), axis=1)
    own = weights * xp.take_along_axis(like, most[:, None, None], axis=1)[:, 0, :]
    own = own / xp.sum(own, axis=1, keepdims=True)
    return xp.astype(xp.sum(own[:, :, None] * around, axis=1), around.dtype, copy=False)


def in_order(fitted: Array, placed: Array, sample: Sample, axis: int) -> Array:
    """What is known of the fitted and of the others, in the order of all texts."""
    xp = array_namespace(fitted)
    order = xp.argsort(xp.concat([sample.rows, sample.others]))
    return xp.take(xp.concat([fitted, placed], axis=axis), order, axis=axis)
