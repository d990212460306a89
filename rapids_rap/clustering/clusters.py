"""Clusters of the distinct texts, with ids that don't depend on chance.

Clusters are what the layouts agree on (`consensus`); their centers are taken in the vectors. A
text's weight (its occurrences) orders the clusters and enters nothing else: no GPU library takes
weights in HDBSCAN, and a chorus repeated forty times is one idea.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from array_api_compat import array_namespace, device

from rapids_rap.backend.kept import require_array, require_between
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import group_first, group_sums, group_totals, row_blocks, unit_rows
from rapids_rap.clustering.consensus import find_consensus
from rapids_rap.clustering.neighbors import NeighborGraph, count_votes
from rapids_rap.clustering.votes import Votes, min_cluster_size
from rapids_rap.config import ClustersConfig

VERSION = 4  # raise it when the same arguments give another result
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clusters:
    """The clusters of n distinct texts. Cluster 0 has the largest total weight; noise is -1.

    labels: (n,) int64, final; labels_raw: (n,) int64 before noise was reassigned.
    probabilities: (n,) float32, strength of membership as HDBSCAN found it, the mean over the
    layouts that agree: 0 for noise, also for noise that was reassigned. agreement: (n,) float32, as
    of `Consensus`, of `labels_raw`. persistence: (K,) float32 in [0, 1]. centers: (K, d) float32,
    unit means of the members by `labels_raw`.
    """

    labels: Array
    labels_raw: Array
    probabilities: Array
    agreement: Array
    persistence: Array
    centers: Array


def find_clusters(
    votes: Votes,
    vectors: Array,
    weights: Array,
    graph: NeighborGraph,
    config: ClustersConfig,
    backend: Backend,
) -> Clusters:
    """What the votes on n texts agree on, described in `vectors` (n, d); weights: (n,) occurrences.

    Depends on the rows only: cluster ids go by total weight, then by the lowest text_id. No
    cluster, one or many are all answers; fewer than 3 texts are noise.
    """
    xp = backend.xp
    n = int(vectors.shape[0])
    size = min_cluster_size(n, config.min_cluster_size)
    found = find_consensus(votes, size, backend)
    count = int(found.persistence.shape[0])
    centers = cluster_centers(vectors, found.labels, count)
    labels = found.labels
    if config.noise == "nearest" and count:
        labels = join_nearest(labels, vectors, centers, graph)

    mass = group_totals(weights, labels, count)
    lowest = group_first(labels, count)
    order = _heaviest_first(mass, lowest)
    labels_raw = _rename(found.labels, order)
    log.info(
        "%d clusters of at least %d texts among %d, by %d layouts", count, size, n, votes.layouts
    )
    return Clusters(
        labels=_rename(labels, order),
        labels_raw=labels_raw,
        probabilities=found.probabilities,
        agreement=found.agreement,
        persistence=xp.take(found.persistence, order),
        centers=xp.take(centers, order, axis=0),
    )


def check_kept(kept: Clusters, votes: Votes, vectors: Array, *_: object) -> None:
    """Raises ValueError for clusters that these arguments can't have given."""
    (n, d), count = (int(size) for size in vectors.shape), int(kept.centers.shape[0])
    for name, labels in (("labels", kept.labels), ("labels_raw", kept.labels_raw)):
        require_array(name, labels, "i", (n,))
        require_between(name, labels, -1, count - 1)
    require_array("probabilities", kept.probabilities, "f", (n,))
    require_array("agreement", kept.agreement, "f", (n,))
    require_array("persistence", kept.persistence, "f", (count,))
    require_array("centers", kept.centers, "f", (count, d))


def cluster_centers(vectors: Array, labels: Array, count: int) -> Array:
    """(count, d) float32: the mean of each cluster's vectors at length 1."""
    xp = array_namespace(vectors, labels)
    return xp.astype(unit_rows(group_sums(vectors, labels, count)), xp.float32)


def join_nearest(labels: Array, vectors: Array, centers: Array, graph: NeighborGraph) -> Array:
    """Labels in which noise has joined the cluster that its neighbours vote for.

    A neighbour's vote weighs its cosine similarity; equal votes go to the nearer neighbour's
    cluster. Texts whose neighbours are all noise join the center of the highest cosine.
    """
    xp = array_namespace(labels, vectors)
    noise = xp.nonzero(labels < 0)[0]
    count, d = (int(size) for size in centers.shape)
    parts = [labels]
    for block in row_blocks(int(noise.shape[0]), 10 * graph.k**2 + 8 * count + 4 * d):
        rows = noise[block]
        near, distances = (xp.take(x, rows, axis=0) for x in (graph.indices, graph.distances))
        voted = _vote(labels, near, distances)
        own = xp.take(vectors, rows, axis=0)
        closest = xp.argmax(own @ xp.matrix_transpose(centers), axis=1)
        parts.append(xp.where(voted >= 0, voted, xp.astype(closest, voted.dtype)))
    # Text i reads position i, or if it is noise, its place among the noise behind all labels.
    places = xp.cumulative_sum(xp.astype(labels < 0, xp.int64)) - 1 + int(labels.shape[0])
    return xp.take(xp.concat(parts), xp.where(labels < 0, places, _positions(labels)))


def _vote(labels: Array, indices: Array, distances: Array) -> Array:
    """(rows,) the label with the most votes among each row's neighbours; -1 without any."""
    xp = array_namespace(labels, indices)
    rows, k = (int(size) for size in indices.shape)
    if k == 0:
        return xp.full((rows,), -1, dtype=labels.dtype, device=device(labels))
    near = xp.reshape(xp.take(labels, xp.reshape(indices, (-1,))), (rows, k))
    votes = (
        xp.minimum(xp.maximum(1.0 - distances, 0.0), 1.0) + 1e-6
    )  # an orthogonal neighbour still counts
    return count_votes(near, xp.where(near >= 0, votes, xp.zeros_like(votes)))[0]


def _positions(like: Array) -> Array:
    xp = array_namespace(like)
    return xp.arange(int(like.shape[0]), dtype=like.dtype, device=device(like))


def _heaviest_first(mass: Array, first: Array) -> Array:
    """Cluster numbers by total weight, descending; equal weights by their lowest text_id."""
    xp = array_namespace(mass, first)
    by_text = xp.argsort(first)
    by_mass = xp.argsort(-xp.take(mass, by_text), stable=True)
    return xp.take(by_text, by_mass)


def _rename(labels: Array, order: Array) -> Array:
    """Labels renumbered so that cluster `order[i]` becomes i; noise stays -1."""
    xp = array_namespace(labels, order)
    if int(order.shape[0]) == 0:
        return labels
    renamed = xp.take(xp.argsort(order), xp.maximum(labels, 0))
    return xp.where(labels >= 0, xp.astype(renamed, labels.dtype), labels)
