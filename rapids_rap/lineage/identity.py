"""Which number and name each of tonight's clusters and themes goes by.

Inside a run clusters are 0..K-1, because arrays are indexed by them. What people and other programs
see are ids that stay with a cluster from night to night: here they are found (`matching` decides),
and `publish` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float32s, HostArray, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.clusters import cluster_centers
from rapids_rap.clustering.themes import text_themes
from rapids_rap.config import NightlyConfig
from rapids_rap.embedding import Vectors
from rapids_rap.lineage.heritage import Heritage, find_earlier
from rapids_rap.lineage.matching import Matching, Night, Rules, labels_by_id, match_groups

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


def name_groups(
    texts: Sequence[str],
    weights: Array,
    labels: Array,
    themes: Array,
    vectors: Vectors,
    heritage: Heritage | None,
    config: NightlyConfig,
    backend: Backend,
) -> Names:
    """The names of tonight's clusters, `labels` (n,), and of their themes (K,), of `texts` (n,).

    weights: (n,) occurrences. Without a heritage ids are the numbers within the run. The labels,
    and the centers of the groups in the vectors before post-processing (whose fit differs between
    nights), are copied to the host on purpose. Centers are compared only where both nights used one
    model.
    """
    theme_of = text_themes(labels, themes)
    count = int(themes.shape[0])
    counts = count, int(backend.xp.max(themes)) + 1 if count else 0
    if heritage is None:
        return Names(np.arange(counts[0]), np.arange(counts[1]), {}, {}, {}, {}, None)
    host = backend.to_host(weights)
    place, old = find_earlier(heritage, texts)
    rules = Rules(config.match_overlap, config.match_cosine, config.split_share, config.merge_share)
    found = []
    for kind, group, many, next_id in (
        ("cluster", labels, counts[0], heritage.next_cluster),
        ("theme", theme_of, counts[1], heritage.next_theme),
    ):
        centers = _earlier_centers(heritage, old, kind, vectors)
        own = None
        if centers is not None:
            own = backend.to_host(cluster_centers(vectors.matrix, group, many))
        before = Night(old[kind].to_numpy(), old["weight"].to_numpy(), centers)
        tonight = Night(backend.to_host(group), host, own)
        found.append(match_groups(before, tonight, place, next_id, rules))
    return _names(heritage, found[0], found[1])


def _names(heritage: Heritage, clusters: Matching, themes: Matching) -> Names:
    cluster_labels, no_cluster = labels_by_id(clusters, heritage.cluster_labels)
    theme_labels, no_theme = labels_by_id(themes, heritage.theme_labels)
    unused = [("cluster", *item) for item in no_cluster.items()]
    unused += [("theme", *item) for item in no_theme.items()]
    manifest: Mapping[str, Any] = heritage.run.manifest if heritage.run else {}
    colours = manifest.get("colours", {})
    record = {
        "previous": manifest.get("created"),
        "next_cluster": clusters.next_id,
        "next_theme": themes.next_id,
        "clusters": clusters.as_json("cluster"),
        "themes": themes.as_json("theme"),
        "unused_labels": [{"kind": k, "id": i, "label": text} for k, i, text in unused],
    }
    return Names(
        clusters.ids,
        themes.ids,
        cluster_labels,
        theme_labels,
        _colours(colours.get("clusters", {})),
        _colours(colours.get("themes", {})),
        record,
        earlier_names=_models_names(heritage),
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
