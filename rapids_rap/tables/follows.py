"""What a run says of what its clusters follow, in sentences; see `quality.follows`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

CLEAR = 0.5  # of a cluster's texts beyond the share elsewhere: this is what the cluster is


def followed(quality: Mapping[str, Any]) -> tuple[str, str]:
    """The sentence of a quality.json, in Chinese and English; "" where it says nothing."""
    entry = quality.get("follows")
    said = entry if isinstance(entry, Mapping) else {}
    return str(said.get("chinese") or ""), str(said.get("sentence") or "")


def clear_traits(table: pd.DataFrame | None) -> dict[int, list[str]]:
    """For each cluster that has any: the traits that half of it has beyond the rest.

    table: cluster_traits.csv, or None of a run that has none.
    """
    said: dict[int, list[str]] = {}
    if table is None:
        return said
    for row in table[table["beyond_rest"] >= CLEAR].to_dict("records"):
        fact = str(row["fact"]).replace("_", " ")
        said.setdefault(int(row["cluster"]), []).append(
            f"{fact} {row['value']}: {row['share']:.0%} (elsewhere {row['elsewhere']:.0%})"
        )
    return said


def told_by_form(traits: pd.DataFrame | None, clusters: pd.DataFrame) -> tuple[int, int] | None:
    """How many clusters have a clear trait of form, and how many there are; None if not computed.

    traits, clusters: cluster_traits.csv and clusters.csv.
    """
    if traits is None or not len(traits):
        return None
    form = traits[(traits["side"] == "form") & (traits["beyond_rest"] >= CLEAR)]
    return int(form["cluster"].nunique()), int((clusters["cluster"] >= 0).sum())
