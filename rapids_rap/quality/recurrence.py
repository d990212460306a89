"""Which clusters of one clustering are there again in another one of some of the same texts.

The Jaccard index of a cluster, restricted to the texts that the other clustering held, with its
best match there (Hennig 2007, Cluster-wise assessment of cluster stability). All in host memory;
what is quadratic is the number of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rapids_rap.arrays import Bools, Float64s, Int64s

NOISE, HELD_OUT = -1, -2
MOST = 0.5  # of a cluster's texts: where they are, it went
PART = 0.2  # of a cluster's texts: a part, where there are two


@dataclass(frozen=True)
class Again:
    """How K clusters of n texts fared in another clustering.

    jaccard: (K,) float64 in [0, 1], NaN where the other one held none of a cluster's texts.
    stayed: (n,) bool, texts that lie in the match of their cluster, or in none again; clusters are
    matched one to one here. held: (n,) bool. partner: (K,) int64, the cluster that the most of
    this one lies together with, -1 for none. split, faded: (K,) bool, two parts or more lie apart;
    most lies in no cluster. agreement: texts in matched clusters over those in any, NaN without.
    """

    jaccard: Float64s
    stayed: Bools
    held: Bools
    partner: Int64s
    split: Bools
    faded: Bools
    agreement: float


def compare_again(labels: Int64s, again: Int64s) -> Again:
    """labels: (n,) int64, clusters 0..K - 1, noise -1; again: the other, -2 where it held none."""
    held = again != HELD_OUT
    own, other = labels[held], again[held]
    count = int(labels.max(initial=NOISE)) + 1
    table = shared_texts(own, other, count)
    size = np.bincount(own[own >= 0], minlength=count).astype(np.float64)
    size_there = np.bincount(other[other >= 0], minlength=table.shape[1])
    either = size[:, None] + size_there[None, :] - table
    index = (table / np.maximum(either, 1)).max(axis=1, initial=0.0)
    parts = table / np.maximum(size, 1)[:, None]
    place = _matched(table)
    same = np.where(own >= 0, (other >= 0) & (other == place[own]), other < 0)
    stayed = np.zeros(len(labels), dtype=bool)
    stayed[held] = same
    any_cluster = (own >= 0) | (other >= 0)
    return Again(
        jaccard=np.where(size > 0, index, np.nan),
        stayed=stayed,
        held=held,
        partner=_partners(parts, table),
        split=np.count_nonzero(parts >= PART, axis=1) > 1,
        faded=(size > 0) & (parts.sum(axis=1) < MOST),
        agreement=float(same[any_cluster].mean()) if any_cluster.any() else float("nan"),
    )


def shared_texts(own: Int64s, other: Int64s, count: int) -> Int64s:
    """(count, clusters of `other`): how many texts two labels (n,) share, noise left out."""
    across = int(other.max(initial=NOISE)) + 1
    inside = (own >= 0) & (other >= 0)
    cell = own[inside] * across + other[inside]
    return np.bincount(cell, minlength=count * across).reshape(count, across).astype(np.int64)


def _matched(table: Int64s) -> Int64s:
    """(K + 1,) the one match of each cluster, -2 for none, so that no label equals it."""
    from scipy.optimize import linear_sum_assignment

    place = np.full(len(table) + 1, HELD_OUT, dtype=np.int64)  # the last is read by noise
    rows, columns = linear_sum_assignment(-table)
    met = table[rows, columns] > 0
    place[rows[met]] = columns[met]
    return place


def _partners(parts: Float64s, table: Int64s) -> Int64s:
    """(K,) with which other cluster most of each lies in one; of several the largest there."""
    partner = np.full(len(parts), NOISE, dtype=np.int64)
    if not table.size:
        return partner
    main = parts.argmax(axis=1)
    went = parts[np.arange(len(parts)), main] >= MOST
    for cluster in np.flatnonzero(went).tolist():
        others = np.flatnonzero(went & (main == main[cluster]))
        others = others[others != cluster]
        if len(others):
            partner[cluster] = others[table[others, main[cluster]].argmax()]
    return partner
