"""The researchers' own decisions applied to the clusters of a run, by stable id.

Clusters are found, then matched with the night before, and only then cut and joined by hand, so
that lineage compares what the machine found with what it had found: a merge by hand is no merge of
the night, and what was joined comes apart again the day that its row is taken out. Parts of a split
have ids of their own from the same count. Once cut, a text stays in its part, and a new one joins
the nearest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.clusters import Clusters, cluster_centers
from rapids_rap.clustering.parts import cut_into_parts, nearest_part
from rapids_rap.corpus.decisions import Decision, Decisions
from rapids_rap.lineage.heritage import Heritage

COLUMNS = ("kind", "id", "decision", "value", "who", "when", "applied", "note")


@dataclass(frozen=True)
class ByHand:
    """What the decisions made of the clusters.

    clusters: as everything after sees them. ids: (K,) public id of each. found, parts: (n,) the id
    that a text's cluster had as it was found, and after the splits; None where nothing was cut or
    joined. next_cluster: the lowest id never used. split: the parts' ids of each that was cut, the
    first of them its own. merged: ids that were joined, by the id they go by. found_ids: of the
    clusters as they were found.
    """

    clusters: Clusters
    ids: Int64s
    next_cluster: int
    found_ids: Int64s
    found: Int64s | None = None
    parts: Int64s | None = None
    split: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    merged: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def record(self, decisions: Decisions, themes: Int64s) -> dict[str, Any]:
        """`by_hand` of the manifest."""
        table = self.table(decisions, themes)
        return {
            "decisions": table.to_dict("records"),
            "found": sorted(self.found_ids.tolist()),
            "clusters": sorted(self.ids.tolist()),
            "split": [{"cluster": own, "into": list(ids)} for own, ids in self.split.items()],
            "merged": [{"clusters": list(ids), "into": own} for own, ids in self.merged.items()],
        }

    def table(self, decisions: Decisions, themes: Int64s) -> pd.DataFrame:
        """decisions.csv: every row of the file, and whether there was anything to apply it to."""
        rows = []
        for row in decisions.rows:
            note = self._resting(row, set(themes.tolist()))
            told = (row.kind, row.id, row.decision, row.value, row.who, row.when)
            rows.append((*told, "no" if note else "yes", note))
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        return table.astype({"id": "int64"} | {c: "str" for c in COLUMNS if c != "id"})

    def _resting(self, row: Decision, themes: set[int]) -> str:
        """Why a decision has nothing to apply to, "" where it has."""
        if row.kind == "theme":
            return "" if row.id in themes else "no such theme in this run"
        after_cut = set(self.found_ids.tolist()).union(*self.split.values())
        if row.decision == "merge" and row.id not in after_cut:
            return "no such cluster in this run"
        if row.decision == "split":
            if row.id not in self.found_ids:
                return "no such cluster in this run"
            return "" if row.id in self.split else "its texts can't be told apart"
        if row.decision in ("exclude", "name") and row.id not in self.ids:
            return "no such cluster in this run"
        return ""


def decide_by_hand(
    clusters: Clusters,
    ids: Int64s,
    next_cluster: int,
    decisions: Decisions,
    heritage: Heritage | None,
    texts: Sequence[str],
    vectors: Array,
    weights: Array,
    backend: Backend,
) -> ByHand:
    """Cut and join the clusters of `texts` (n,) in `vectors` (n, d) as the decisions say.

    ids: (K,) of the clusters as they were found. next_cluster: the lowest id never used. weights:
    (n,) occurrences. Labels and weights are copied to the host on purpose: a number a text.
    """
    same = ByHand(clusters, ids, next_cluster, ids)
    if not decisions.regroup or not len(ids):
        return same
    found = np.append(ids, -1)[backend.to_host(clusters.labels)]
    parts, split, after = _cut(found, next_cluster, decisions, heritage, texts, vectors, backend)
    joined, merged = _join(parts, decisions)
    if not split and not merged:
        return same
    numbers = _heaviest_first(joined, backend.to_host(weights))
    made = _regrouped(clusters, found, joined, numbers, vectors, backend)
    return ByHand(made, numbers, after, ids, found, parts, split, merged)


def _cut(
    found: Int64s,
    next_cluster: int,
    decisions: Decisions,
    heritage: Heritage | None,
    texts: Sequence[str],
    vectors: Array,
    backend: Backend,
) -> tuple[Int64s, dict[int, tuple[int, ...]], int]:
    """(n,) the id of each text's part, the parts of each that was cut, and the next id."""
    parts = found.copy()
    split: dict[int, tuple[int, ...]] = {}
    earlier = _Earlier(heritage, texts)
    for own, count in sorted(decisions.splits.items()):
        members = np.flatnonzero(found == own)
        if not len(members):
            continue
        rows = backend.xp.take(vectors, backend.from_host(members), axis=0)
        known, part_ids = earlier.parts_of(own, members)
        if len(part_ids) == count and (known >= 0).any():
            parts[members] = _carried_on(known, part_ids, rows, backend)
            split[own] = part_ids
            continue
        cut = cut_into_parts(rows, count, backend)
        if not cut.any():
            continue
        many = int(cut.max())
        part_ids = (own, *range(next_cluster, next_cluster + many))
        next_cluster += many
        parts[members] = np.array(part_ids)[cut]
        split[own] = part_ids
    return parts, split, next_cluster


class _Earlier:
    """The parts into which clusters were cut the night before."""

    def __init__(self, heritage: Heritage | None, texts: Sequence[str]) -> None:
        self.run = None if heritage is None else heritage.run
        self.texts = texts

    def parts_of(self, own: int, members: Int64s) -> tuple[Int64s, tuple[int, ...]]:
        """(m,) the earlier part of each member, -1 where it had none; and the ids of the parts."""
        none = np.full(len(members), -1, dtype=np.int64)
        if self.run is None:
            return none, ()
        record = self.run.manifest.get("by_hand") or {}
        ids = next((s["into"] for s in record.get("split", ()) if s["cluster"] == own), ())
        old = self.run.regrouped_texts
        if not ids or old is None:
            return none, ()
        here = old[old["cluster_parts"].isin(ids)]
        known = dict(zip(here["text_norm"], here["cluster_parts"].tolist(), strict=True))
        return np.array([known.get(self.texts[i], -1) for i in members.tolist()]), tuple(ids)


def _carried_on(known: Int64s, part_ids: tuple[int, ...], rows: Array, backend: Backend) -> Int64s:
    """(m,) the part of each text: the one it had, else the nearest of those that have texts."""
    alive = [part for part in part_ids if (known == part).any()]
    place = np.full(len(known), -1, dtype=np.int64)
    for number, part in enumerate(alive):
        place[known == part] = number
    centers = cluster_centers(rows, backend.from_host(place), len(alive))
    near = nearest_part(rows, centers, backend)
    return np.array(alive)[np.where(place >= 0, place, near)]


def _join(parts: Int64s, decisions: Decisions) -> tuple[Int64s, dict[int, tuple[int, ...]]]:
    """(n,) ids after the merges, and the ids that lie in each that was joined."""
    joined = parts.copy()
    merged: dict[int, tuple[int, ...]] = {}
    alive = set(np.unique(parts[parts >= 0]).tolist())
    for own, target in decisions.merges.items():
        if own in alive:
            joined[parts == own] = target
            merged[target] = (*merged.get(target, (target,) if target in alive else ()), own)
    return joined, merged


def _heaviest_first(labels: Int64s, weights: Int64s) -> Int64s:
    """(K,) ids by weight, falling; equal ones by their first text."""
    inside = labels >= 0
    ids, first, place = np.unique(labels[inside], return_index=True, return_inverse=True)
    mass = np.bincount(place, weights[inside], minlength=len(ids))
    return ids[np.lexsort((first, -mass))].astype(np.int64)


def _regrouped(
    clusters: Clusters,
    found: Int64s,
    joined: Int64s,
    ids: Int64s,
    vectors: Array,
    backend: Backend,
) -> Clusters:
    """The same description of the new groups; persistence is the mean over their texts."""
    place = {own: number for number, own in enumerate(ids.tolist())}
    labels = np.array([place.get(own, -1) for own in joined.tolist()], dtype=np.int64)
    raw = np.where(backend.to_host(clusters.labels_raw) >= 0, labels, -1)
    old = backend.to_host(clusters.labels)
    lasting = np.append(backend.to_host(clusters.persistence), 0.0)[old]
    inside = labels >= 0
    sums = np.bincount(labels[inside], lasting[inside], minlength=len(ids))
    counts = np.bincount(labels[inside], minlength=len(ids))
    raw_labels = backend.from_host(raw)
    return replace(
        clusters,
        labels=backend.from_host(labels),
        labels_raw=raw_labels,
        persistence=backend.from_host((sums / np.maximum(counts, 1)).astype(np.float32)),
        centers=cluster_centers(vectors, raw_labels, len(ids)),
    )
