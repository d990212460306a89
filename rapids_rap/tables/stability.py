"""What a run says of how much of it would be there again; see `quality.stability`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.tables import doubts
from rapids_rap.tables.doubts import ASK, find_doubts, have_voted, mean_agreement

OWN = ("stability", "stability_low", "stability_high", "stability_class")
LASTING = ("stable", "highly stable")
OFTEN = 0.2  # of the subsamples: rarer fates are not told
CHINESE = {"highly stable": "非常稳定", "stable": "稳定", **doubts.CHINESE}


def with_stability(clusters: pd.DataFrame, found: pd.DataFrame | None) -> pd.DataFrame:
    """clusters.csv with its columns `OWN`: from `found`, by cluster, or empty, as noise's are.

    They stand where `stability` stood, or behind the last column of a run from before it.
    """
    place = list(clusters.columns).index("stability") if "stability" in clusters else None
    out = clusters.drop(columns=[name for name in OWN if name in clusters])
    rows = None if found is None else found.set_index("cluster")
    for step, name in enumerate(OWN):
        empty = pd.Series("" if name == "stability_class" else np.nan, index=out.index)
        own = empty if rows is None else out["cluster"].map(rows[name])
        if name == "stability_class":
            own = own.fillna("").astype("str")
        out.insert(len(out.columns) if place is None else place + step, name, own)
    return out


def again(
    quality: Mapping[str, Any], clusters: pd.DataFrame, manifest: Mapping[str, Any]
) -> tuple[str, str]:
    """How much would be there again, in Chinese and English, or the command that tells it.

    quality, clusters, manifest: quality.json, clusters.csv and manifest.json (`config` is read).
    "" where there is no cluster.
    """
    entry = quality.get("stability")
    value = entry.get("value") if isinstance(entry, Mapping) else None
    real = clusters[clusters["cluster"] >= 0]
    if not len(real):
        return "", ""
    if not isinstance(value, int | float) or "stability_class" not in clusters:
        return _unmeasured(entry, real, manifest)
    lasting = real[real["stability_class"].isin(LASTING)]
    share = lasting["lines"].sum() / max(1, real["lines"].sum())
    english = (
        f"{len(lasting)} of {len(real)} clusters, with {share:.0%} of the clustered lines, would "
        f"be there again on other songs (mean recurrence {value:.2f}"
    )
    chinese = (
        f"换一批歌曲，{len(real)} 个聚类中有 {len(lasting)} 个会再现，占已聚类行的 {share:.0%}"
        f"（平均再现度 {value:.2f}"
    )
    chance = entry.get("baseline") if isinstance(entry, Mapping) else None
    if not isinstance(chance, int | float):
        return (
            f"{chinese}）。尚未与无结构的向量比较：请运行 rapids-rap stability RUN。",
            f"{english}). No null stands beside it: {ASK} makes it.",
        )
    chinese += f"，无结构的向量为 {chance:.2f}）"
    english += f"; {chance:.2f} of vectors without structure)"
    if value <= chance:
        return (
            f"{chinese}；并不优于无结构的向量，不能据此认为这些聚类真实存在。",
            f"{english}; that is no better than without structure, so nothing says that they are "
            "more than chance.",
        )
    return f"{chinese}。", f"{english}."


def _unmeasured(entry: Any, real: pd.DataFrame, manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Of a run whose clusters were not resampled: why not, and what its layouts say."""
    note = str(entry.get("note") or "") if isinstance(entry, Mapping) else ""
    why = note.partition("not computed: ")[2]  # earlier versions only say that it was not
    votes = _votes_said(real, manifest)
    if why and "rapids-rap" not in why:
        return (
            f"换一批歌曲有多少会再现，无法计算（{why}）。{votes[0]}",
            f"How much of this would be there again on other songs can't be computed: {why}."
            f"{votes[1]}",
        )
    return (
        f"换一批歌曲有多少会再现，尚未计算：请运行 rapids-rap stability RUN。{votes[0]}",
        f"How much of this would be there again on other songs was not measured: {ASK} does it."
        f"{votes[1]}",
    )


def _votes_said(real: pd.DataFrame, manifest: Mapping[str, Any]) -> tuple[str, str]:
    """What is known without resampling: whether layouts agree on the clusters."""
    share = mean_agreement(real, manifest)
    if share is not None:
        few = len(find_doubts(real, manifest).marks)
        return (
            f"各布局平均有 {share:.0%} 投票一致，{len(real)} 个聚类中有 {few} 个得票不足半数。",
            f" Its layouts agree on a line's cluster by {share:.0%} on average; {few} of "
            f"{len(real)} clusters got less than half of the votes.",
        )
    if "agreement" in real and not have_voted(manifest):
        return "聚类只出自一个布局，换一个种子就会不同。", (
            " One layout made the clusters, and another seed makes others."
        )
    return "", ""


def doubt_of(row: Mapping[Any, Any], mark: str) -> str:
    """What is known of whether a cluster would be there again: its stability, else its votes."""
    said = said_of(row)
    votes = row.get("agreement")
    if said or votes is None or pd.isna(votes):
        return said
    return f"agreement {votes:.2f}" + (f", {mark}" if mark else "")


def said_of(row: Mapping[Any, Any]) -> str:
    """A cluster's stability as it is read: `0.81 [0.70, 0.92] stable`, "" where there is none."""
    value, low, high = (row.get(name) for name in OWN[:3])
    if value is None or pd.isna(value):
        return ""
    span = "" if low is None or pd.isna(low) else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}{span} {row.get('stability_class') or ''}".strip()


def with_ids(table: pd.DataFrame, ids: Int64s) -> pd.DataFrame:
    """cluster_stability.csv with the id of each cluster (K,) in place of its number."""
    partner = table["merges_with"]
    known = [None if pd.isna(k) else int(ids[int(k)]) for k in partner]
    return table.assign(
        cluster=ids[table["cluster"].to_numpy(np.int64)],
        merges_with=pd.array(known, dtype="Int64"),
    )


def happens(row: Mapping[str, Any]) -> str:
    """What mostly becomes of a cluster on other songs: `merges with 4 (60 %), splits (25 %)`."""
    said = []
    if not pd.isna(row["merges_with"]) and row["merges"] >= OFTEN:
        said.append(f"merges with {int(row['merges_with'])} ({row['merges']:.0%})")
    said += [f"{name} ({row[name]:.0%})" for name in ("splits", "fades") if row[name] >= OFTEN]
    return ", ".join(said)
