"""Clusters, themes, artists, emotions and regions as the page lists, colours and labels them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.maps.fonts import visible
from rapids_rap.maps.palette import NOISE, Colour, cluster_colours, theme_colours
from rapids_rap.runs.run import Run
from rapids_rap.tables.by_hand import decided, on_maps
from rapids_rap.tables.doubts import find_doubts

Group = dict[str, Any]  # as JSON: id, name, colour, at, and what a kind has beside

ARTISTS_COLOURED = 18  # by lines; the others share a grey
TERMS = 12
_CELLS = 48  # squares along an edge, of which a label stands in its group's fullest
_OTHERS: Colour = (148, 148, 148)


def group_positions(xy: Float64s, groups: Int64s, count: int) -> Float64s:
    """(count, 2) where each group (n,) of the points xy (n, 2) in [0, 1] is densest.

    It is the mean of the group's points in its fullest square; NaN for a group without points. -1
    is no group.
    """
    known = groups >= 0
    own, points = groups[known], xy[known]
    square = np.minimum((points * _CELLS).astype(np.int64), _CELLS - 1)
    keys = (own * _CELLS + square[:, 1]) * _CELLS + square[:, 0]
    found, sizes = np.unique(keys, return_counts=True)
    order = np.lexsort((found, -sizes, found // _CELLS**2))
    first = np.unique((found // _CELLS**2)[order], return_index=True)[1]
    chosen = np.isin(keys, found[order][first])
    sums = [np.bincount(own[chosen], points[chosen, axis], minlength=count) for axis in (0, 1)]
    total = np.bincount(own[chosen], minlength=count)
    return np.stack(sums, axis=1) / np.where(total > 0, total, np.nan)[:, None]


def list_clusters(run: Run, xy: Float64s, position: Int64s) -> list[Group]:
    """A group a row of clusters.csv, in its order; position: (n,) its row, of each point."""
    table, terms = run.clusters, _terms(run)
    ids = table["cluster"].to_numpy(np.int64)
    at = group_positions(xy, position, len(ids))
    doubts, named = find_doubts(table, run.manifest), run.names_of("cluster")
    told = decided(run.manifest.get("by_hand"))
    given = _kept(run, "clusters")
    real = np.flatnonzero(ids >= 0)
    themes = pd.factorize(table["theme"].to_numpy(np.int64)[real], sort=True)[0].astype(np.int64)
    places = np.nan_to_num(at[real])
    sizes = table["lines"].to_numpy(np.int64)[real]
    shades = cluster_colours(themes, places, sizes, None, [given.get(int(i)) for i in ids[real]])
    colours = dict(zip(ids[real].tolist(), shades.tolist(), strict=True))
    out: list[Group] = []
    for row, own in zip(table.to_dict("records"), ids.tolist(), strict=True):
        words = terms.get(own, [])
        out.append(
            {
                "id": own,
                "name": on_maps(_text(named.get(own)) or "·".join(words[:3]), own, told),
                "colour": colours.get(own, NOISE),
                "at": _spot(at[len(out)]),
                "terms": words,
                "theme": int(row["theme"]),
                "emotion": _text(row.get("suggested_label")),
                "agreement": _number(row.get("agreement")),
                "stability": _number(row.get("stability")),
                "mark": doubts.sign(own),
            }
        )
    return out


def list_themes(run: Run, xy: Float64s, position: Int64s) -> list[Group]:
    """A group a row of themes.csv, in its order; position: (n,) its row, of each point."""
    table, named, given = run.themes, run.names_of("theme"), _kept(run, "themes")
    told = decided(run.manifest.get("by_hand"), "theme")
    ids = table["theme"].astype(int).tolist()
    at = group_positions(xy, position, len(ids))
    real = [own for own in ids if own >= 0]
    colours = dict(
        zip(real, theme_colours(len(real), [given.get(i) for i in real]).tolist(), strict=True)
    )
    return [
        {
            "id": own,
            "name": on_maps(_text(named.get(own)) or _text(label), own, told),
            "colour": colours.get(own, NOISE),
            "at": _spot(at[row]),
        }
        for row, (own, label) in enumerate(zip(ids, table["label"], strict=True))
    ]


def list_names(
    names: Sequence[str], sizes: Int64s, coloured: int = ARTISTS_COLOURED
) -> list[Group]:
    """A group a name, (k,) with sizes (k,), the largest with colours of their own."""
    largest = np.argsort(-sizes, kind="stable")[:coloured]
    shades = theme_colours(len(largest)).tolist()
    colours = dict(zip(largest.tolist(), shades, strict=True))
    return [
        {"id": number, "name": _text(name), "colour": colours.get(number, _OTHERS)}
        for number, name in enumerate(names)
    ]


def _kept(run: Run, kind: str) -> Mapping[int, Colour]:
    """The colours that the manifest gives, by id; a run may come from elsewhere."""
    table = run.manifest.get("colours")
    rows = table.get(kind) if isinstance(table, Mapping) else None
    found: dict[int, Colour] = {}
    for own, rgb in rows.items() if isinstance(rows, Mapping) else ():
        right = isinstance(rgb, list) and len(rgb) == 3
        if str(own).isdecimal() and right and all(type(v) is int and 0 <= v < 256 for v in rgb):
            found[int(own)] = (rgb[0], rgb[1], rgb[2])
    return found


def _terms(run: Run) -> dict[int, list[str]]:
    """The first terms of each cluster, by the method that clusters.csv takes: the first given."""
    table = run.cluster_terms
    if not len(table):
        return {}
    own = table[table["method"] == table["method"].iloc[0]].sort_values(["cluster", "rank"])
    heads = own.groupby("cluster").head(TERMS)
    return {int(i): [_text(term) for term in part["term"]] for i, part in heads.groupby("cluster")}


def _spot(point: Float64s) -> list[float] | None:
    return None if np.isnan(point).any() else [round(float(value), 5) for value in point]


def _number(value: object) -> float | None:
    return round(float(value), 4) if isinstance(value, float) and value == value else None


def _text(value: object) -> str:
    return visible(value) if isinstance(value, str) else ""
