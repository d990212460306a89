"""Clusters that came, went or changed, each with what was known of its being there again.

A cluster in doubt that dies is churn: nobody could count on it. One that was firm is a loss.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from rapids_rap.runs.run import Run
from rapids_rap.tables.doubts import Doubts, find_doubts, have_voted


def changed_clusters(before: Run | None, built: Run) -> dict[str, Any]:
    """`lost`, `churned` and `changed` of `clusters` in nightly.json; ids, ascending.

    lost, churned: what died, by whether the published night had it in doubt. changed: of each that
    was born, died, split or was merged: what happened, whether it is `in_doubt` ("" for not), its
    agreement, stability and class, null where unknown. What was born is told as of tonight,
    everything else as of the published night.
    """
    groups = built.manifest["identity"]["clusters"]
    earlier = Doubts() if before is None else find_doubts(before.clusters, before.manifest)
    merged = sorted({own for merge in groups["merged"] for own in merge["clusters"]})
    changed = [_told(built, own, "born") for own in groups["born"]]
    if before is not None:
        changed += [
            _told(before, own, change)
            for change, ids in (
                ("died", groups["dead"]),
                ("split", [split["cluster"] for split in groups["split"]]),
                ("merged", merged),
            )
            for own in ids
        ]
    return {
        "lost": [own for own in groups["dead"] if not earlier.mark(own)],
        "churned": [own for own in groups["dead"] if earlier.mark(own)],
        "changed": changed,
    }


def _told(run: Run, cluster: int, change: str) -> dict[str, Any]:
    rows = run.clusters[run.clusters["cluster"] == cluster].to_dict("records")
    row = rows[0] if rows else {}
    voted = have_voted(run.manifest)
    return {
        "cluster": cluster,
        "change": change,
        "in_doubt": find_doubts(run.clusters, run.manifest).mark(cluster),
        "agreement": _known(row.get("agreement")) if voted else None,
        "stability": _known(row.get("stability")),
        "stability_class": _known(row.get("stability_class")) or None,
    }


def _known(value: Any) -> Any:
    return None if value is None or pd.isna(value) else value
