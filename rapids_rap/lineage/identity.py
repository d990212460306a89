"""Which number and name each of tonight's clusters and themes goes by.

Inside a run clusters are 0..K-1, because arrays are indexed by them. What people and other programs
see are ids that stay with a cluster from night to night: here they are found (`matching` decides),
and `publish` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float32s, HostArray, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.clusters import cluster_centers
from rapids_rap.clustering.themes import text_themes
from rapids_rap.config import NightlyConfig
from rapids_rap.corpus.decisions import Decisions
from rapids_rap.embedding import Vectors
from rapids_rap.lineage.by_hand import ByHand
from rapids_rap.lineage.heritage import Heritage, find_earlier
from rapids_rap.lineage.matching import Matching, Night, Rules, labels_by_id, match_groups

NO_DECISIONS = Decisions()
Colours = Mapping[int, tuple[int, int, int]]


@dataclass(frozen=True)
class Names:
    """Public ids and human labels.

    clusters: (K,) id of each cluster. themes: (T,) id of each theme. cluster_labels, theme_labels:
    what people named those that are alive tonight, by id. cluster_colours, theme_colours: of the
    earlier night, by id. record: the manifest's `identity`, None where the run inherits nothing.
    named_by: who named what, and when, by kind and id, where that is known. earlier_names: the rows
    of the earlier night's names.csv whose names a model gave.
    """

    clusters: Int64s
    themes: Int64s
    cluster_labels: Mapping[int, str]
    theme_labels: Mapping[int, str]
    cluster_colours: Colours
    theme_colours: Colours
    record: Mapping[str, Any] | None
    named_by: Mapping[tuple[str, int], str] = field(default_factory=dict)
    earlier_names: pd.DataFrame | None = None

    def public(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table whose columns cluster, cluster_raw and theme hold ids, -1 still none.

        Rows stay in their order: the heaviest cluster first, after noise.
        """
        known = {"cluster": self.clusters, "cluster_raw": self.clusters, "theme": self.themes}
        changed = {
            name: np.append(ids, -1)[table[name].to_numpy()]
            for name, ids in known.items()
            if name in table.columns
        }
        return table.assign(**changed)

    def public_columns(self, table: pd.DataFrame) -> pd.DataFrame:
        """artist_clusters.csv: the columns named by a cluster are named by its id."""
        names = {str(k): str(own) for k, own in enumerate(self.clusters.tolist())}
        return table.rename(columns=names)

    def labels_table(self) -> pd.DataFrame:
        """labels.csv: kind, id, label of what is alive and was named by people."""
        rows = [("cluster", *item) for item in self.cluster_labels.items()]
        rows += [("theme", *item) for item in self.theme_labels.items()]
        return pd.DataFrame(rows, columns=["kind", "id", "label"])


def match_clusters(
    texts: Sequence[str],
    weights: Array,
    labels: Array,
    count: int,
    vectors: Vectors,
    heritage: Heritage | None,
    config: NightlyConfig,
    backend: Backend,
) -> Matching:
    """The ids of tonight's clusters as they were found, `labels` (n,) of `count`, of `texts` (n,).

    weights: (n,) occurrences. Without a heritage ids are the numbers within the run. The labels,
    and the centers of the groups in the vectors before post-processing (whose fit differs between
    nights), are copied to the host on purpose. Centers are compared only where both nights used one
    model.
    """
    if heritage is None:
        own = np.arange(count)
        return Matching(own, (), tuple(own.tolist()), (), (), (), count)
    return _match("cluster", texts, weights, labels, count, vectors, heritage, config, backend)


def name_groups(
    texts: Sequence[str],
    weights: Array,
    labels: Array,
    themes: Array,
    vectors: Vectors,
    heritage: Heritage | None,
    config: NightlyConfig,
    backend: Backend,
    decisions: Decisions = NO_DECISIONS,
    matched: Matching | None = None,
    by_hand: ByHand | None = None,
) -> Names:
    """The names of tonight's clusters, `labels` (n,), and of their themes (K,), of `texts` (n,).

    weights: (n,) occurrences. matched: the clusters as they were found, of `match_clusters`;
    by_hand: what people made of them; None: nothing, and `labels` are matched here.
    """
    theme_of = text_themes(labels, themes)
    count = int(themes.shape[0])
    theme_count = int(backend.xp.max(themes)) + 1 if count else 0
    if matched is None:
        matched = match_clusters(texts, weights, labels, count, vectors, heritage, config, backend)
    ids = matched.ids if by_hand is None else by_hand.ids
    next_cluster = matched.next_id if by_hand is None else by_hand.next_cluster
    if heritage is None:
        own = np.arange(theme_count)
        found = _called(decisions, {}, {}, ids, own)
        return Names(ids, own, *found[:2], {}, {}, None, _named_by(decisions))
    of_themes = _match(
        "theme", texts, weights, theme_of, theme_count, vectors, heritage, config, backend
    )
    return _names(heritage, matched, of_themes, ids, next_cluster, decisions)


def _match(
    kind: Literal["cluster", "theme"],
    texts: Sequence[str],
    weights: Array,
    group: Array,
    count: int,
    vectors: Vectors,
    heritage: Heritage,
    config: NightlyConfig,
    backend: Backend,
) -> Matching:
    place, old = find_earlier(heritage, texts)
    rules = Rules(config.match_overlap, config.match_cosine, config.split_share, config.merge_share)
    next_id = heritage.next_cluster if kind == "cluster" else heritage.next_theme
    centers = _earlier_centers(heritage, old, kind, vectors)
    own = None
    if centers is not None:
        own = backend.to_host(cluster_centers(vectors.matrix, group, count))
    before = Night(old[kind].to_numpy(), old["weight"].to_numpy(), centers)
    tonight = Night(backend.to_host(group), backend.to_host(weights), own)
    return match_groups(before, tonight, place, next_id, rules)


def _called(
    decisions: Decisions,
    cluster_labels: Mapping[int, str],
    theme_labels: Mapping[int, str],
    clusters: Int64s,
    themes: Int64s,
) -> tuple[dict[int, str], dict[int, str], list[tuple[str, int, str]]]:
    """What people call the clusters and themes that are there, and what they call others."""
    found, unused = [], []
    for kind, labels, ids in (
        ("cluster", cluster_labels, clusters),
        ("theme", theme_labels, themes),
    ):
        kept, gone = labels_by_id(ids, {**labels, **decisions.names(kind)})
        found.append(kept)
        unused += [(kind, *item) for item in gone.items()]
    return found[0], found[1], unused


def _named_by(decisions: Decisions) -> dict[tuple[str, int], str]:
    return {(row.kind, row.id): row.by for row in decisions.rows if row.decision == "name"}


def _names(
    heritage: Heritage,
    clusters: Matching,
    themes: Matching,
    ids: Int64s,
    next_cluster: int,
    decisions: Decisions,
) -> Names:
    cluster_labels, theme_labels, unused = _called(
        decisions, heritage.cluster_labels, heritage.theme_labels, ids, themes.ids
    )
    manifest: Mapping[str, Any] = heritage.run.manifest if heritage.run else {}
    colours = manifest.get("colours", {})
    record = {
        "previous": manifest.get("created"),
        "next_cluster": next_cluster,
        "next_theme": themes.next_id,
        "clusters": clusters.as_json("cluster"),
        "themes": themes.as_json("theme"),
        "unused_labels": [{"kind": k, "id": i, "label": text} for k, i, text in unused],
    }
    return Names(
        ids,
        themes.ids,
        cluster_labels,
        theme_labels,
        _colours(colours.get("clusters", {})),
        _colours(colours.get("themes", {})),
        record,
        _named_by(decisions),
        _models_names(heritage),
    )


def _models_names(heritage: Heritage) -> pd.DataFrame | None:
    """A cluster that is there again keeps the name that a model gave it."""
    table = None if heritage.run is None else heritage.run.names
    return None if table is None else table[table["source"] == "model"]


def _colours(table: Mapping[str, Sequence[int]]) -> Colours:
    return {int(own): (int(rgb[0]), int(rgb[1]), int(rgb[2])) for own, rgb in table.items()}


def _earlier_centers(
    heritage: Heritage, old: pd.DataFrame, kind: str, vectors: Vectors
) -> Float32s | None:
    """(K, d) unit means of the earlier groups by ascending id; None where the space is another."""
    run = heritage.run
    if run is None or run.manifest["model"].get("space") != vectors.report.space:
        return None
    numbers, group = np.unique(old[kind].to_numpy(), return_inverse=True)
    none = int((numbers < 0).sum())
    matrix = run.vectors
    if matrix.shape != (len(old), vectors.dim):
        return None
    return _means(matrix, group - none, len(numbers) - none)


def _means(matrix: HostArray, group: Int64s, count: int) -> Float32s:
    """Mean rows of each group, -1 nowhere; the matrix is read in blocks, for it may be large."""
    from scipy.sparse import csr_matrix

    sums = np.zeros((count, matrix.shape[1]))
    step = 50_000
    for start in range(0, len(matrix), step):
        part = group[start : start + step]
        inside = np.flatnonzero(part >= 0)
        members = csr_matrix(
            (np.ones(len(inside), np.float32), (part[inside], inside)), (count, len(part))
        )
        sums += members @ np.asarray(matrix[start : start + step], dtype=np.float32)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(norms, 1e-12), dtype=np.float32)
