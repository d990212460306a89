"""Which clusters of a run may not be there again, by what of that is known.

Their recurrence on other songs where it was computed (`quality.stability`); else their layouts: a
cluster that gets less than half of the votes is not what most layouts found. Of one layout nothing
is known, nor of runs from before layouts voted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from rapids_rap.maps.marks import SIGNS, Mark

FEW = 0.5  # of the votes: a cluster with less is marked
ASK = "`rapids-rap stability RUN`"
CHINESE: Mapping[str, str] = {
    "doubtful": "存疑",
    "unstable": "不稳定",
    "few votes": "得票不足半数",
}


@dataclass(frozen=True)
class Doubts:
    """by: what the marks rest on, "" where nothing is known. marks: by id, of those in doubt."""

    by: Literal["stability", "agreement", ""] = ""
    marks: Mapping[int, Mark] = field(default_factory=dict)

    def mark(self, cluster: int) -> Mark:
        """How a cluster is marked, "" where it is not."""
        return self.marks.get(cluster, "")

    def sign(self, cluster: int) -> str:
        """The sign of a cluster's mark, "" where it has none."""
        return SIGNS[self.mark(cluster)]


def find_doubts(clusters: pd.DataFrame, manifest: Mapping[str, Any]) -> Doubts:
    """From clusters.csv and the manifest (of which `config` is read)."""
    real = clusters[clusters["cluster"] >= 0]
    ids = real["cluster"].tolist()
    if "stability_class" in real and real["stability_class"].fillna("").ne("").any():
        classes = zip(ids, real["stability_class"], strict=True)
        weak: dict[str, Mark] = {"doubtful": "doubtful", "unstable": "unstable"}
        return Doubts("stability", {own: weak[name] for own, name in classes if name in weak})
    if "agreement" in real and have_voted(manifest) and real["agreement"].notna().any():
        few = real.loc[real["agreement"] < FEW, "cluster"].tolist()
        return Doubts("agreement", dict.fromkeys(few, "few votes"))
    return Doubts()


def have_voted(manifest: Mapping[str, Any]) -> bool:
    """Whether more than one layout made the clusters."""
    config = manifest.get("config")
    clusters = config.get("clusters") if isinstance(config, Mapping) else None
    layouts = clusters.get("layouts") if isinstance(clusters, Mapping) else None
    return isinstance(layouts, int) and layouts != 1


def mean_agreement(clusters: pd.DataFrame, manifest: Mapping[str, Any]) -> float | None:
    """The mean share of votes of the clustered distinct texts; None where nobody voted."""
    real = clusters[clusters["cluster"] >= 0]
    if not {"agreement", "distinct_lines"} <= set(real) or not have_voted(manifest):
        return None
    known = real[real["agreement"].notna()]
    if not len(known) or not known["distinct_lines"].sum():
        return None
    return float(np.average(known["agreement"], weights=known["distinct_lines"]))


def firmness(clusters: pd.DataFrame, manifest: Mapping[str, Any]) -> dict[int, float]:
    """How much each cluster counts that stays or is gone: its stability, else its agreement, or 1.

    By id, in [0, 1]. All of a run's clusters are weighed alike: one whose stability is not known
    among others whose is has none.
    """
    real = clusters[clusters["cluster"] >= 0]
    ids = real["cluster"].tolist()
    by = find_doubts(clusters, manifest).by
    if not by:
        return dict.fromkeys(ids, 1.0)
    weights = real[by].fillna(0.0).clip(0.0, 1.0)
    return dict(zip(ids, weights.tolist(), strict=True))
