"""The same cluster, the next night: groups of two nights matched, and what became of each named.

Groups are clusters or themes. Two of them are the same where the lines that both nights put in some
group say so: those of which each is more than half of the other, then the assignment (Kuhn 1955) of
the greatest weighted Jaccard index in all. Where hardly any line of a group is such a line, the
lines can't say, and the cosine of the centers decides. Pure functions on the host; an id that is
gone is never given again.

What is noise in either night says nothing: density clustering lets texts at the rim of a cluster
come and go from one night to the next, and that does not make it another cluster.

A shared text weighs the smaller of its occurrences in both nights: a new song that repeats an old
hook forty times says nothing about what the old cluster was, and matching backwards gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rapids_rap.arrays import Bools, Float64s, Int64s
from rapids_rap.lineage.overlap import best_matches

LEAST_SAID = 0.1  # of a group's weight in texts that both nights group; less can't say anything
_TIE = 1e-6  # of the Jaccard index: what the cosine may decide where both nights' lines are silent


@dataclass(frozen=True)
class Night:
    """One night's groups of n texts.

    labels: (n,) the group of each text, below 0 for none. Of the earlier night they are its ids, of
    tonight any numbers. weights: (n,) occurrences. centers: (K, d) of the groups in ascending order
    of their label, of any length and in one space with the other night's; None where there is no
    common space.
    """

    labels: Int64s
    weights: Int64s
    centers: npt.NDArray[np.floating] | None = None


@dataclass(frozen=True)
class Rules:
    """When a group is the same, a part, or swallowed; see `config.NightlyConfig`."""

    overlap: float
    cosine: float
    split: float
    merge: float


@dataclass(frozen=True)
class ClusterSplit:
    """An earlier group of which several of tonight's are made, by id."""

    group: int
    into: tuple[int, ...]


@dataclass(frozen=True)
class ClusterMerge:
    """Earlier groups that lie in one of tonight's, by id."""

    groups: tuple[int, ...]
    into: int


@dataclass(frozen=True)
class Matching:
    """ids: (K,) id of each of tonight's groups, in ascending order of its label.

    kept and born are tonight's ids, kept and dead the earlier night's, each in ascending order.
    split and merged say more of some of them: the part or parent that is the assigned one keeps the
    id. next_id: the lowest id never used.
    """

    ids: Int64s
    kept: tuple[int, ...]
    born: tuple[int, ...]
    dead: tuple[int, ...]
    split: tuple[ClusterSplit, ...]
    merged: tuple[ClusterMerge, ...]
    next_id: int

    def as_json(self, kind: str) -> dict[str, Any]:
        """What the manifest says of it; kind: `cluster` or `theme`."""
        return {
            "kept": list(self.kept),
            "born": list(self.born),
            "dead": list(self.dead),
            "split": [{kind: s.group, "into": list(s.into)} for s in self.split],
            "merged": [{f"{kind}s": list(m.groups), "into": m.into} for m in self.merged],
        }


@dataclass(frozen=True)
class _Table:
    """What the groups of both nights share; rows are earlier groups, columns tonight's.

    shared: (rows, columns) weight in both. said: share of each group's own weight that lies in
    texts which both nights group. cosine: (rows, columns), 0 where it is unknown.
    """

    shared: Float64s
    said: tuple[Float64s, Float64s]
    cosine: Float64s

    @property
    def jaccard(self) -> Float64s:
        """Weighted Jaccard index over the texts that both nights group."""
        rows, columns = self.shared.sum(axis=1), self.shared.sum(axis=0)
        return self.shared / np.maximum(rows[:, None] + columns[None, :] - self.shared, 1)

    @property
    def majority(self) -> Bools:
        """Pairs that share more than half of what is shared of either group."""
        rows, columns = self.shared.sum(axis=1), self.shared.sum(axis=0)
        return self.shared > np.maximum(rows[:, None], columns[None, :]) / 2

    @property
    def of_earlier(self) -> Float64s:
        """(rows, columns) share of each earlier group's shared weight in each of tonight's."""
        return self.shared / np.maximum(self.shared.sum(axis=1), 1)[:, None]

    @property
    def unsaid(self) -> Bools:
        """Pairs of which one group hardly holds a text that the other night groups."""
        known = [share >= LEAST_SAID for share in self.said]
        return ~(known[0][:, None] & known[1][None, :])


def match_groups(
    before: Night, tonight: Night, place: Int64s, next_id: int, rules: Rules
) -> Matching:
    """Name tonight's groups after those of the night `before`.

    place: (texts before,) the position of each earlier text among tonight's, -1 where it is gone.
    The answer does not depend on tonight's numbers: new ids go by weight, the heaviest group first,
    equal ones by their first text. Memory is that of (groups before x groups tonight).
    """
    old, row = _groups(before.labels)
    new, column = _groups(tonight.labels)
    order = _heaviest_first(column, tonight.weights, len(new))
    rank = np.empty(len(new), dtype=np.int64)
    rank[order] = np.arange(len(new))
    column = np.where(column >= 0, rank[column] if len(new) else column, column)
    table = _table(before, tonight, place, row, column, len(old), order)
    parent = _assign(table, rules)
    fresh = np.flatnonzero(parent < 0)
    start = max(next_id, int(old.max(initial=-1)) + 1)  # never below what the night before used
    ids = np.append(old, -1)[parent]
    ids[fresh] = start + np.arange(len(fresh))
    heirs = set(parent.tolist())
    return Matching(
        ids=ids[rank],
        kept=tuple(sorted(old[parent[parent >= 0]].tolist())),
        born=tuple(ids[fresh].tolist()),
        dead=tuple(int(old[i]) for i in range(len(old)) if i not in heirs),
        split=_splits(table, old, ids, rules),
        merged=_merges(table, old, ids, rules),
        next_id=start + len(fresh),
    )


def centered_cosine(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> Float64s:
    """(rows of a, rows of b) float64 cosine after the mean of all rows is taken off.

    Sentence vectors share a large common direction (Mu & Viswanath 2018, arXiv:1702.01417), beside
    which every two centers look alike.
    """
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)))
    left, right = a.astype(np.float64), b.astype(np.float64)
    mean = (left.mean(axis=0) + right.mean(axis=0)) / 2
    left, right = left - mean, right - mean
    norms = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)[None, :]
    return np.divide(left @ right.T, norms, out=np.zeros_like(norms), where=norms > 0)


def labels_by_id(ids: Int64s, labels: Mapping[int, str]) -> tuple[dict[int, str], dict[int, str]]:
    """Human labels of `ids` (K,), which are alive, and those of others, each by id."""
    alive = set(ids.tolist())
    kept = {group: text for group, text in sorted(labels.items()) if group in alive}
    return kept, {group: text for group, text in sorted(labels.items()) if group not in alive}


def _groups(labels: Int64s) -> tuple[Int64s, Int64s]:
    """The group numbers, ascending, and (n,) each text's position among them, -1 for none."""
    numbers, position = np.unique(labels, return_inverse=True)
    none = int((numbers < 0).sum())
    return numbers[none:].astype(np.int64), np.maximum(position.astype(np.int64) - none, -1)


def _heaviest_first(column: Int64s, weights: Int64s, count: int) -> Int64s:
    """Groups by weight, falling; equal ones by their first text."""
    inside = np.flatnonzero(column >= 0)
    first = np.full(count, len(column), dtype=np.int64)
    np.minimum.at(first, column[inside], inside)
    return np.lexsort((first, -_sums(column, weights, count))).astype(np.int64)


def _table(
    before: Night,
    tonight: Night,
    place: Int64s,
    row: Int64s,
    column: Int64s,
    rows: int,
    order: Int64s,
) -> _Table:
    columns = len(order)
    kept = np.flatnonzero(place >= 0)
    there = place[kept]
    both = (row[kept] >= 0) & (column[there] >= 0)
    kept, there = kept[both], there[both]
    weight = np.minimum(before.weights[kept], tonight.weights[there])
    cells = np.bincount(
        row[kept] * columns + column[there], weights=weight, minlength=rows * columns
    )
    shared = cells.astype(np.float64, copy=False).reshape(rows, columns)
    cosine = np.zeros((rows, columns))
    if before.centers is not None and tonight.centers is not None:
        cosine = centered_cosine(before.centers, tonight.centers[order])
    return _Table(
        shared=shared,
        said=(
            _said(row, before.weights, kept, rows),
            _said(column, tonight.weights, there, columns),
        ),
        cosine=cosine,
    )


def _said(groups: Int64s, weights: Int64s, texts: Int64s, count: int) -> Float64s:
    """(count,) share of each group's weight in these texts."""
    return _sums(groups[texts], weights[texts], count) / _sums(groups, weights, count)


def _sums(groups: Int64s, weights: Int64s, count: int) -> Float64s:
    inside = groups >= 0
    return np.bincount(groups[inside], weights=weights[inside], minlength=count).astype(np.float64)


def _assign(table: _Table, rules: Rules) -> Int64s:
    """(columns,) the earlier group each of tonight's is, -1 for none: by lines, then by centers."""
    jaccard = table.jaccard
    # A pair that is most of both its groups has no rival, and 1 more than any two other pairs.
    score = jaccard + table.majority + _TIE * (1 + table.cosine)
    parent = best_matches(np.where((jaccard >= rules.overlap) & ~table.unsaid, score, 0.0))
    by_center = np.where(table.unsaid & (table.cosine >= rules.cosine), table.cosine, 0.0)
    rows = np.setdiff1d(np.arange(len(table.shared)), parent)
    columns = np.flatnonzero(parent < 0)
    parent[columns] = np.append(rows, -1)[best_matches(by_center[np.ix_(rows, columns)])]
    return parent


def _splits(table: _Table, old: Int64s, ids: Int64s, rules: Rules) -> tuple[ClusterSplit, ...]:
    """Earlier groups that lie in two or more of tonight's, which are mostly made of them."""
    made = table.shared > 0.5 * table.shared.sum(axis=0)
    parts = (table.of_earlier >= rules.split) & made
    return tuple(
        ClusterSplit(int(old[i]), tuple(sorted(ids[parts[i]].tolist())))
        for i in np.flatnonzero(parts.sum(axis=1) >= 2)
    )


def _merges(table: _Table, old: Int64s, ids: Int64s, rules: Rules) -> tuple[ClusterMerge, ...]:
    """Tonight's groups in which two or more earlier ones lie."""
    swallowed = table.of_earlier >= rules.merge
    found = [
        ClusterMerge(tuple(old[swallowed[:, j]].tolist()), int(ids[j]))
        for j in np.flatnonzero(swallowed.sum(axis=0) >= 2)
    ]
    return tuple(sorted(found, key=lambda merge: merge.into))
