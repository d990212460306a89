"""The clusters that most layouts agree on.

The clusters of all layouts are themselves clustered, by the texts they share (the meta-clustering
algorithm of Strehl & Ghosh 2002, with average linkage of their Jaccard indices and a cut that is
stated rather than a number of clusters). A text belongs where most of its votes go, if enough of
them do: as many texts are clustered as a layout clusters on average, those with the highest
agreement. Memory is linear in texts and layouts; what is quadratic is the number of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Float64s, HostArray, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import group_totals, row_blocks
from rapids_rap.clustering.neighbors import count_votes
from rapids_rap.clustering.votes import NOT_HELD, Votes

NOISE = -1
_STEPS = 10_000  # in which shares of votes are counted
SAME = 0.2  # mean Jaccard index from which clusters of several layouts are one: a third of each


@dataclass(frozen=True)
class Consensus:
    """K clusters of n texts. labels: (n,) int64, noise -1, 0..K - 1 in no particular order.

    agreement: (n,) float32, of the layouts that held a text, the share that put it in its cluster;
    of noise, the share that left it out. probabilities: (n,) float32, mean strength of membership
    in those layouts, 0 for noise. persistence: (K,) float32, mean over the layouts' clusters.
    """

    labels: Array
    agreement: Array
    probabilities: Array
    persistence: Array


def find_consensus(votes: Votes, smallest: int, backend: Backend) -> Consensus:
    """What the layouts agree on; a single layout as it is. Clusters have `smallest` texts or more.

    The table of the layouts' clusters, some hundreds of each, is copied to the host on purpose.
    """
    sizes = backend.to_host(votes.counts).tolist()
    groups = _same_clusters(_jaccard(votes, sizes, backend), len(sizes) == 1)
    places = np.split(groups, np.cumsum(sizes)[:-1])
    chosen, share = _elect(votes, places, backend)
    kept = _enough(chosen, share, votes, smallest, backend)
    return _described(votes, places, kept, share, backend)


def _jaccard(votes: Votes, sizes: list[int], backend: Backend) -> Float64s:
    """(M, M) on the host, of the M clusters of all layouts, layout after layout; 0 within one.

    Over the texts that both layouts held.
    """
    begins = np.concatenate(([0], np.cumsum(sizes)))
    found = np.eye(begins[-1])
    for a in range(len(sizes)):
        for b in range(a + 1, len(sizes)):
            both = _overlaps(votes.labels[a, :], votes.labels[b, :], sizes[a], sizes[b], backend)
            of_a, of_b = both.sum(axis=1)[1:], both.sum(axis=0)[1:]
            shared = both[1:, 1:]
            either = of_a[:, None] + of_b[None, :] - shared
            table = shared / np.maximum(either, 1.0)
            found[begins[a] : begins[a + 1], begins[b] : begins[b + 1]] = table
            found[begins[b] : begins[b + 1], begins[a] : begins[a + 1]] = table.T
    return found


def _overlaps(a: Array, b: Array, most_a: int, most_b: int, backend: Backend) -> Float64s:
    """(1 + most_a, 1 + most_b) on the host: how many texts two labels (n,) share; noise first."""
    xp = array_namespace(a, b)
    held = (a > NOT_HELD) & (b > NOT_HELD)
    cell = xp.where(held, (a + 1) * (most_b + 1) + b + 1, xp.full_like(a, NOISE))
    counts = group_totals(xp.ones_like(cell), cell, (most_a + 1) * (most_b + 1))
    return np.asarray(backend.to_host(counts), dtype=np.float64).reshape(most_a + 1, most_b + 1)


def _same_clusters(jaccard: Float64s, single: bool) -> Int64s:
    """(M,) int64: which clusters of the layouts are one, numbered by first."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    m = len(jaccard)
    if single or m < 2:
        return np.arange(m, dtype=np.int64)
    apart = 1.0 - jaccard
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), method="average")
    found = fcluster(tree, 1.0 - SAME, criterion="distance")
    first = np.unique(found, return_index=True)[1]
    return np.argsort(np.argsort(first))[np.unique(found, return_inverse=True)[1]].astype(np.int64)


def _elect(votes: Votes, places: list[Int64s], backend: Backend) -> tuple[Array, Array]:
    """(n,) int64 the group with most votes of each text, -1 without any; (n,) float32 its share."""
    xp, layouts = backend.xp, votes.layouts
    n = int(votes.labels.shape[1])
    chosen, share = [], []
    for block in row_blocks(n, 24 * layouts**2):
        names = xp.stack(
            [_named(votes.labels[v, block], places[v], backend) for v in range(layouts)], axis=1
        )
        weight = xp.astype(names >= 0, xp.float32)
        best, most = count_votes(names, weight)
        held = xp.sum(xp.astype(votes.labels[:, block] > NOT_HELD, xp.float32), axis=0)
        chosen.append(xp.where(most > 0, best, xp.full_like(best, NOISE)))
        share.append(most / xp.where(held > 0, held, xp.ones_like(held)))
    if not n:
        return votes.labels[0, :], votes.probabilities[0, :]
    return xp.concat(chosen), xp.astype(xp.concat(share), xp.float32)


def _named(labels: Array, places: Int64s, backend: Backend) -> Array:
    """(n,) int64: the group of each text's cluster in one layout, -1 for noise."""
    xp = array_namespace(labels)
    table = backend.from_host(np.append(places, NOISE))
    last = xp.full_like(labels, len(places))
    return xp.take(table, xp.where(labels >= 0, labels, last))


def _enough(chosen: Array, share: Array, votes: Votes, smallest: int, backend: Backend) -> Array:
    """(n,) int64: `chosen` where the share of votes is enough, in groups that are large enough.

    Enough is the share that leaves nearest to as many texts as a layout clusters on average; of
    two as near, the higher.
    """
    xp = backend.xp
    if votes.layouts == 1:
        return chosen
    held = float(xp.count_nonzero(votes.labels > NOT_HELD))
    mean = float(xp.count_nonzero(votes.labels >= 0)) / max(1.0, held) * int(share.shape[0])
    limit = _limit(share, mean, backend)
    chosen = xp.where(share > limit, chosen, xp.full_like(chosen, NOISE))
    groups = int(xp.max(chosen)) + 1 if int(chosen.shape[0]) else 0
    sizes = group_totals(xp.ones_like(chosen), chosen, groups)
    large = xp.concat([sizes >= smallest, xp.zeros((1,), dtype=xp.bool, device=device(sizes))])
    at = xp.where(chosen >= 0, chosen, xp.full_like(chosen, groups))
    return xp.where(xp.take(large, at), chosen, xp.full_like(chosen, NOISE))


def _limit(share: Array, wanted: float, backend: Backend) -> float:
    """Between two shares (n,) of votes: those above it are nearest to `wanted` in number.

    Of two as near, the higher. Shares that differ by less than a ten-thousandth are one, and texts
    without a vote are never above it.
    """
    xp = backend.xp
    steps = xp.astype(xp.round(share * _STEPS), xp.int64)
    texts_with = group_totals(xp.ones_like(steps), steps, _STEPS + 1)
    passed = xp.cumulative_sum(texts_with)
    gap = xp.abs(xp.astype(passed[-1] - passed[:-1], xp.float64) - wanted)  # of those above a step
    nearest = xp.nonzero(gap <= xp.min(gap))[0]
    return (int(nearest[-1]) + 0.5) / _STEPS


def _described(
    votes: Votes, places: list[Int64s], kept: Array, share: Array, backend: Backend
) -> Consensus:
    """The consensus with its clusters numbered 0..K - 1."""
    xp = backend.xp
    count = int(max([0, *(int(part.max(initial=-1)) + 1 for part in places)]))
    names = np.flatnonzero(backend.to_host(group_totals(xp.ones_like(kept), kept, count)))
    number = np.full(count + 1, NOISE, dtype=np.int64)
    number[names] = np.arange(len(names))
    at = xp.where(kept >= 0, kept, xp.full_like(kept, count))
    labels = xp.take(backend.from_host(number), at)
    strength = xp.zeros_like(share)
    given = xp.zeros_like(share)
    held = xp.zeros_like(share)
    out = xp.zeros_like(share)
    for v, part in enumerate(places):
        own = votes.labels[v, :]
        mine = (_named(own, part, backend) == kept) & (kept >= 0)
        strength = strength + xp.where(mine, votes.probabilities[v, :], xp.zeros_like(share))
        given = given + xp.astype(mine, share.dtype)
        out = out + xp.astype(own == NOISE, share.dtype)
        held = held + xp.astype(own != NOT_HELD, share.dtype)
    inside = labels >= 0
    return Consensus(
        labels=labels,
        agreement=xp.where(inside, share, out / xp.where(held > 0, held, xp.ones_like(held))),
        probabilities=strength / xp.where(given > 0, given, xp.ones_like(given)),
        persistence=backend.from_host(_mean_persistence(votes, places, names, backend)),
    )


def _mean_persistence(
    votes: Votes, places: list[Int64s], names: Int64s, backend: Backend
) -> HostArray:
    """(K,) float32: of the groups `names` (K,), the mean over the layouts' clusters in each."""
    group = np.concatenate([*places, np.zeros(0, np.int64)])
    lasting = backend.to_host(votes.persistence)
    sums = np.bincount(group, weights=lasting, minlength=int(names.max(initial=-1)) + 1)
    counts = np.maximum(np.bincount(group, minlength=len(sums)), 1)
    return (sums / counts)[names].astype(np.float32)
