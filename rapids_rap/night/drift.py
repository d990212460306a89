"""Tonight against the published night: lines that came and went, clusters that grew or shrank.

Pure functions over the tables of two runs.

A line is an (artist, text) that occurs so many times; what comes and goes is counted as a
multiset, so a song that is listed twice tonight adds its lines once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, norm

from rapids_rap.arrays import Float64s
from rapids_rap.quality.figures import DECLARATIONS, top_figures

FIGURES = tuple(one.key for one in DECLARATIONS if one.watched)
MOST_LISTED = 50  # artists with new lines that nightly.json names


@dataclass(frozen=True)
class Flow:
    """Lines and distinct texts of two nights: tonight's, what is new of them, what is gone."""

    lines: int
    lines_before: int
    lines_new: int
    lines_gone: int
    texts: int
    texts_new: int
    texts_gone: int
    by_cluster: Mapping[int, int]
    by_artist: Mapping[str, int]


def flow_of(before: pd.DataFrame | None, now: pd.DataFrame) -> Flow:
    """From two `lines.parquet`, `before` None on the first night.

    by_cluster, by_artist: new lines of tonight's clusters (-1: noise), and of artists, the most
    first; lines without an artist count under "".
    """
    old = _counted(before) if before is not None else None
    new = _counted(now)
    known = old["lines"].reindex(new.index).fillna(0) if old is not None else 0
    more = (new["lines"] - known).clip(lower=0).astype(np.int64)
    gone = 0
    if old is not None:
        left = new["lines"].reindex(old.index).fillna(0)
        gone = int((old["lines"] - left).clip(lower=0).sum())
    texts = set(now["text_norm"])
    texts_before = set(before["text_norm"]) if before is not None else set()
    artists = more.groupby(level="artist").sum().sort_values(ascending=False, kind="stable")
    clusters = more.groupby(new["cluster"]).sum()
    return Flow(
        lines=int(new["lines"].sum()),
        lines_before=int(old["lines"].sum()) if old is not None else 0,
        lines_new=int(more.sum()),
        lines_gone=gone,
        texts=len(texts),
        texts_new=len(texts - texts_before),
        texts_gone=len(texts_before - texts),
        by_cluster=_as_counts(clusters[clusters > 0]),
        by_artist={str(k): int(n) for k, n in artists[artists > 0].items()},
    )


def _counted(lines: pd.DataFrame) -> pd.DataFrame:
    """Lines and cluster of each (artist, text_norm)."""
    each = lines["lines"] if "lines" in lines.columns else 1
    # As it was found: what people cut or joined is no drift of the corpus.
    found = lines["cluster_found" if "cluster_found" in lines.columns else "cluster"]
    table = lines[["text_norm"]].assign(
        cluster=found, lines=each, artist=lines["artist"].fillna("")
    )
    groups = table.groupby(["artist", "text_norm"], sort=True)
    return groups.agg(lines=("lines", "sum"), cluster=("cluster", "first"))


@dataclass(frozen=True)
class Growth:
    """A cluster whose share changed beyond chance.

    before, now: distinct texts. ratio: of the shares. effect: Cohen's h of the shares (0.2 is
    small, 0.5 medium). z: of the difference; q: false discovery rate at which it is one.
    """

    cluster: int
    before: int
    now: int
    ratio: float
    effect: float
    z: float
    q: float


def grown_clusters(before: Mapping[int, int], now: Mapping[int, int], rate: float) -> list[Growth]:
    """Clusters of both nights whose share of the distinct texts changed beyond chance.

    before, now: distinct texts by cluster id, noise (-1) too, for it is part of the whole. Each
    share is compared by the two-proportion z test with pooled variance, and the discoveries are
    held to the false discovery rate `rate` (Benjamini & Hochberg 1995). The nights share most of
    their texts, so their shares vary less than the test assumes: it errs towards silence. Texts are
    counted once, for the lines of a hook that is sung forty times do not come independently.
    Largest effect first.
    """
    ids = sorted(i for i in before.keys() & now.keys() if i >= 0)
    total_before, total_now = sum(before.values()), sum(now.values())
    if not ids or not total_before or not total_now:
        return []
    old = np.array([before[i] for i in ids], dtype=np.float64)
    new = np.array([now[i] for i in ids], dtype=np.float64)
    p, q = old / total_before, new / total_now
    z = _z_scores(old + new, q - p, total_before, total_now)
    rates = false_discovery_control(2 * norm.sf(np.abs(z)))
    effect = 2 * np.arcsin(np.sqrt(q)) - 2 * np.arcsin(np.sqrt(p))
    found = [
        Growth(
            ids[i],
            int(old[i]),
            int(new[i]),
            round(float(q[i] / p[i]), 4) if p[i] else 0.0,
            round(float(effect[i]), 4),
            round(float(z[i]), 3),
            float(f"{rates[i]:.3g}"),
        )
        for i in np.flatnonzero(rates <= rate)
    ]
    return sorted(found, key=lambda growth: -abs(growth.effect))


def _z_scores(both: Float64s, difference: Float64s, n_before: int, n_now: int) -> Float64s:
    pooled = both / (n_before + n_now)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n_before + 1 / n_now))
    safe = np.where(spread > 0, spread, 1.0)  # a cluster that is everything, both nights
    return np.where(spread > 0, difference / safe, 0.0)


def texts_by_cluster(texts: pd.DataFrame) -> dict[int, int]:
    """Distinct texts of each cluster id, noise (-1) among them, from `Run.texts`."""
    return _as_counts(texts["cluster"].value_counts())


def _as_counts(series: pd.Series) -> dict[int, int]:
    return dict(zip(series.index.tolist(), series.astype(int).tolist(), strict=True))


def figures_of(quality: Mapping[str, Any]) -> dict[str, float]:
    """The single figures of quality.json that were computed, noise share among them."""
    every = top_figures(quality)
    found = {name: every[name].value for name in FIGURES if name in every}
    found["noise_share"] = quality.get("clusters", {}).get("noise_share_lines")
    return {name: float(value) for name, value in found.items() if value is not None}


def on_other_songs(
    before: Mapping[str, Any], now: Mapping[str, Any], *, same_model: bool
) -> frozenset[str]:
    """Figures that two nights measured on different songs, because of what their models had read.

    before, now: quality.json. A night leaves out what its model was trained on; the songs left are
    the same ones where neither left any out, or where both had one model.
    """
    found = set()
    for one in DECLARATIONS:
        left_out = [
            isinstance(figure, Mapping) and bool(figure.get("songs_left_out"))
            for figure in (before.get(one.key), now.get(one.key))
        ]
        if one.memorised and any(left_out) and not (all(left_out) and same_model):
            found.add(one.key)
    return frozenset(found)


def compare_figures(
    before: Mapping[str, float],
    now: Mapping[str, float],
    apart: frozenset[str] = frozenset(),
) -> dict[str, dict[str, float | None]]:
    """Each figure of either night: before, now and the difference; null where not computed.

    apart: figures of other songs, which have no difference.
    """
    table: dict[str, dict[str, float | None]] = {}
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        change = round(new - old, 6) if old is not None and new is not None else None
        change = None if name in apart else change
        table[name] = {"before": old, "now": new, "change": change}
    return table


def report(
    flow: Flow,
    grown: Sequence[Growth],
    figures: Mapping[str, Mapping[str, float | None]],
    rate: float,
) -> dict[str, Any]:
    """`drift` of nightly.json."""
    artists = list(flow.by_artist.items())
    return {
        "new_lines_by_cluster": [{"cluster": k, "lines": n} for k, n in flow.by_cluster.items()],
        "new_lines_by_artist": [
            {"artist": name or None, "lines": n} for name, n in artists[:MOST_LISTED]
        ],
        "artists_with_new_lines": len(artists),
        "beyond_chance": [vars(growth) for growth in grown],
        "test": "two-proportion z of a cluster's share of distinct texts, "
        f"Benjamini-Hochberg at {rate}; effect is Cohen's h",
        "figures": figures,
    }
