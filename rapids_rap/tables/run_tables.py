"""The tables of the run directory, put together on the host from what the stages found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Float32s, HostArray, Int64s
from rapids_rap.clustering.themes import text_themes
from rapids_rap.tables.stability import with_stability
from rapids_rap.words.terms import METHODS

NOISE = -1
MAP_TERMS = 3  # terms that label a cluster on a map
TOP_TERMS = 10  # terms quoted in clusters.csv and themes.csv; the rest is in cluster_terms.csv


@dataclass(frozen=True)
class HostClusters:
    """The clusters as NumPy arrays: of n texts, K clusters (see `clusters.Clusters`)."""

    labels: Int64s
    labels_raw: Int64s
    probabilities: Float32s
    agreement: Float32s
    persistence: Float32s
    themes: Int64s


def line_table(
    lines: pd.DataFrame,
    clusters: HostClusters,
    xy: Float32s,
    hits: Int64s,
    categories: Sequence[str],
    placed: Bools,
) -> pd.DataFrame:
    """lines.parquet: every occurrence with what is known of its text.

    placed: (n,) whether a text began beside its neighbours, and was not in the sample.
    """
    ids = lines["text_id"].to_numpy()
    known: dict[str, HostArray] = {
        "cluster": clusters.labels,
        "probability": clusters.probabilities,
        "agreement": clusters.agreement,
        "cluster_raw": clusters.labels_raw,
        "placed": placed,
        "theme": text_themes(clusters.labels, clusters.themes),
        "x": xy[:, 0],
        "y": xy[:, 1],
    }
    known |= {f"hits_{name}": hits[:, i] for i, name in enumerate(categories)}
    return lines.assign(**{name: values[ids] for name, values in known.items()})


def cluster_table(
    table: pd.DataFrame,
    persistence: Float32s,
    terms: pd.DataFrame,
    emotions: pd.DataFrame,
    themes: Int64s,
    stability: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """clusters.csv, noise (-1) first. `table` is lines.parquet.

    `agreement` is the mean over distinct texts. `songs` and `artists` are empty where the lyrics
    name none; see `tables.stability` for the columns of stability.
    """
    # A stanza or a song has several lines, which its row counts.
    table = table if "lines" in table.columns else table.assign(lines=1)
    groups = table.groupby("cluster", sort=True)
    out = groups.agg(
        lines=("lines", "sum"),
        distinct_lines=("text_id", "nunique"),
        songs=("song_id", "nunique"),
        artists=("artist", "nunique"),
    ).reset_index()
    for column, source in (("songs", "song_id"), ("artists", "artist")):
        if table[source].isna().all():
            out[column] = pd.array([None] * len(out), dtype="Int64")
    ids = out["cluster"].to_numpy()
    out["share"] = out["lines"] / table["lines"].sum()
    out["persistence"] = np.append(persistence, np.nan)[ids]
    each = table.drop_duplicates("text_id").groupby("cluster")["agreement"].mean()
    out["agreement"] = out["cluster"].map(each)
    out["stability"] = np.nan
    out["top_terms"] = out["cluster"].map(top_terms(terms, "cluster")).fillna("")
    labels = emotions.set_index("cluster")["suggested_label"]
    out["suggested_label"] = out["cluster"].map(labels)
    out["theme"] = np.append(themes, NOISE)[ids]
    return with_stability(out, stability)


def theme_table(
    clusters: pd.DataFrame,
    terms: pd.DataFrame,
    ids: Int64s | None = None,
    labels: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """themes.csv: theme, label, clusters, lines, distinct_lines, share, top_terms; noise first.

    ids: (T,) the id of each theme, and labels: what people named some of those; label is that, or
    else the first terms.
    """
    out = (
        clusters.groupby("theme", sort=True)
        .agg(
            clusters=("cluster", "size"),
            lines=("lines", "sum"),
            distinct_lines=("distinct_lines", "sum"),
            share=("share", "sum"),
        )
        .reset_index()
    )
    out["top_terms"] = out["theme"].map(top_terms(terms, "theme")).fillna("")
    short = out["top_terms"].str.split("、").str[:3].str.join("·")
    own = out["theme"] if ids is None else pd.Series(np.append(ids, NOISE)[out["theme"]])
    named = short.where(short != "", "主题 " + own.astype(str))  # no term stands out
    given = labels or {}
    named = pd.Series([given.get(k, text) for k, text in zip(own, named, strict=True)], dtype="str")
    out.insert(1, "label", named.where(out["theme"] != NOISE, "噪声"))
    return out


def example_table(examples: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """cluster_examples.csv: examples by text_id, joined with their first occurrence's song."""
    first = lines.drop_duplicates("text_id").set_index("text_id")
    found = first.loc[examples["text_id"].to_numpy(), ["artist", "song", "text"]]
    columns = examples[["cluster", "rank", "similarity"]].reset_index(drop=True)
    return pd.concat([columns, found.reset_index(drop=True)], axis=1)


def top_terms(terms: pd.DataFrame, group: str, most: int = TOP_TERMS) -> dict[Any, str]:
    """The first terms of each group by the default method, joined for reading."""
    best = terms[(terms["method"] == METHODS[0]) & (terms["rank"] <= most)]
    ordered = best.sort_values([group, "rank"])
    return {name: "、".join(part["term"]) for name, part in ordered.groupby(group)}
