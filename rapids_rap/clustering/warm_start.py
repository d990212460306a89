"""Tonight's layout begins where last night's ended, so that the picture does not flip.

A text of both nights starts where it lay, a new one among its nearest neighbours of those. After
the descent the map is turned, scaled and moved back onto the earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass

from array_api_compat import array_namespace, device

from rapids_rap.backend.axes import on_axes
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.clustering.procrustes import Similarity, fit_moments


@dataclass(frozen=True)
class Earlier:
    """Where tonight's n texts lay the night before; arrays are the backend's.

    placed: (n,) bool, whether a text lay anywhere; other rows of the coordinates mean nothing.
    xy: (n, 2) float32 on the map. reduced: (n, dimensions) float32 in the space that is clustered,
    None where that was another space. stage_key: a hash of all this. unchanged: whether
    tonight's texts are those of the night before and all that shapes a layout is as it was, so that
    the places stay as they are.
    """

    placed: Array
    xy: Array
    reduced: Array | None
    stage_key: str
    unchanged: bool = False


def starting_points(
    known: Array, placed: Array, vectors: Array, graph: NeighborGraph, backend: Backend
) -> Array:
    """(n, m) float32: `known` where `placed`, and for every other text a place beside its like.

    That is the mean of its placed neighbours, weighted by cosine similarity; a text without any
    lies on the principal axes of `vectors` (n, d), scaled to the spread of what is placed.
    """
    xp, where = backend.xp, device(known)
    m, k = int(known.shape[1]), graph.k
    parts, lost = [], False
    for block in row_blocks(int(known.shape[0]), 4 * max(k, 1) * (m + 4)):
        own, kept = known[block, :], placed[block]
        near = xp.reshape(graph.indices[block, :], (-1,))
        votes = xp.minimum(xp.maximum(1.0 - graph.distances[block, :], 0.0), 1.0) + 1e-6
        there = xp.reshape(xp.take(placed, near), votes.shape)
        votes = xp.where(there, votes, xp.zeros_like(votes))
        total = xp.sum(votes, axis=1)
        around = xp.reshape(xp.take(known, near, axis=0), (*votes.shape, m))
        mean = (
            xp.sum(votes[:, :, None] * around, axis=1)
            / xp.where(total > 0, total, xp.ones_like(total))[:, None]
        )
        found = kept | (total > 0)
        empty = xp.full(own.shape, float("nan"), dtype=known.dtype, device=where)
        place = xp.where(kept[:, None], own, mean)
        parts.append(xp.where(found[:, None], place, empty))
        lost = lost or not bool(xp.all(found))
    points = xp.concat(parts)
    if not lost:
        return points
    return xp.where(xp.isnan(points), _on_axes(known, placed, vectors, backend), points)


def turn_back(xy: Array, earlier: Array, placed: Array, backend: Backend) -> Array:
    """The map `xy` (n, 2) rotated, mirrored, scaled and moved onto the `earlier` one (n, 2).

    The similarity is that of `align.procrustes` over the texts that are `placed`; only sums of
    points leave the device.
    """
    xp = array_namespace(xy)
    rows = xp.nonzero(placed)[0]
    n = int(rows.shape[0])
    if not n:
        return xy
    source, target = (xp.astype(xp.take(x, rows, axis=0), xp.float64) for x in (xy, earlier))
    mean_a, mean_b = xp.mean(source, axis=0), xp.mean(target, axis=0)
    source, target = source - mean_a, target - mean_b
    turned = fit_moments(
        n,
        (backend.to_host(mean_a), backend.to_host(mean_b)),
        (float(xp.sum(source**2)), float(xp.sum(target**2))),
        backend.to_host(xp.matrix_transpose(source) @ target),
    )
    return _apply(turned, xy, backend)


def _apply(turn: Similarity, xy: Array, backend: Backend) -> Array:
    xp = backend.xp
    rotation, shift = backend.from_host(turn.rotation), backend.from_host(turn.shift)
    moved = turn.scale * (xp.astype(xy, xp.float64) @ rotation) + shift
    return xp.astype(moved, xp.float32)


def _on_axes(known: Array, placed: Array, vectors: Array, backend: Backend) -> Array:
    """(n, m) float32 principal coordinates with the centre and spread of the placed points."""
    xp, m = backend.xp, int(known.shape[1])
    points = on_axes(vectors, backend.pca(vectors, min(m, int(vectors.shape[1]))), m)
    there = xp.take(known, xp.nonzero(placed)[0], axis=0)
    centre = xp.mean(there, axis=0)
    spread, own = xp.std(there), xp.std(points)
    scale = float(spread) / float(own) if float(own) > 0 else 1.0
    return points * scale + centre
