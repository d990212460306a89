"""What people decided, as the tables show it: marked as theirs, with who and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

BY_HAND = "（人工）"
OUT_OF_TABLES = (
    "cluster_emotions.csv",
    "cluster_emotion_rates.csv",
    "cluster_keyness.csv",
    "cluster_terms.csv",
    "cluster_artists.csv",
    "cluster_regions.csv",
    "cluster_examples.csv",
    "cluster_traits.csv",
)


def decided(record: Mapping[str, Any] | None, kind: str = "cluster") -> dict[int, str]:
    """What people made of each cluster, or theme, by id: `merged with 4 (LW 2026-11-02)`.

    record: `by_hand` of the manifest, None where nobody decided anything.
    """
    if not record:
        return {}
    said: dict[int, list[str]] = {}
    parts = {split["cluster"]: split["into"] for split in record.get("split", ())}
    for row in record.get("decisions", ()):
        if row.get("applied") != "yes" or row.get("kind") != kind:
            continue
        own, by = int(row["id"]), f"({row['who']} {row['when']})"
        if row["decision"] == "merge":
            said.setdefault(int(row["value"]), []).append(f"merged with {own} {by}")
        elif row["decision"] == "split":
            for part in parts.get(own, ()):
                said.setdefault(part, []).append(f"part of {own}, which was split {by}")
        elif row["decision"] == "exclude":
            said.setdefault(own, []).append(f"excluded from tables {by}")
        else:
            said.setdefault(own, []).append(f"named {by}")
    return {own: "; ".join(parts) for own, parts in said.items()}


def on_maps(text: str, own: int, told: Mapping[int, str]) -> str:
    """The label of a cluster or theme as maps have it: what people decided is marked as theirs."""
    return f"{text}{BY_HAND}" if own in told else text


def excluded(record: Mapping[str, Any] | None) -> set[int]:
    """The ids of clusters that people excluded from the tables."""
    rows = record.get("decisions", ()) if record else ()
    return {
        int(row["id"])
        for row in rows
        if row.get("decision") == "exclude" and row.get("applied") == "yes"
    }


def with_decisions(
    tables: Mapping[str, pd.DataFrame], record: Mapping[str, Any] | None
) -> dict[str, pd.DataFrame]:
    """The tables of a run, by id, as people decided.

    clusters.csv has a column `by_hand`; what is excluded stays there and in lines.parquet, and is
    in no other table of clusters. Shares of the others are as they were.
    """
    out = dict(tables)
    told = decided(record)
    if not told:
        return out
    clusters = out["clusters.csv"]
    notes = [told.get(own, "") for own in clusters["cluster"].tolist()]
    out["clusters.csv"] = clusters.assign(by_hand=pd.array(notes, dtype="str"))
    away = excluded(record)
    for name in OUT_OF_TABLES if away else ():
        if name in out:
            out[name] = out[name][~out[name]["cluster"].isin(away)].reset_index(drop=True)
    if away and "artist_clusters.csv" in out:
        gone = [str(own) for own in away]
        out["artist_clusters.csv"] = out["artist_clusters.csv"].drop(columns=gone, errors="ignore")
    return out
