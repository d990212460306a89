"""Two nights beside each other: where each line's text was, or will be, in the other run.

A text is the same where its `text_norm` is, as in `compare`: equal texts are never in two clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.errors import InputError
from rapids_rap.runs.run import Run

_NEEDED = ["text_norm", "cluster", "x", "y"]


@dataclass(frozen=True)
class Extent:
    """What the unit square of the page shows: low (2,) its corner in the layout, span its edge."""

    low: Float64s
    span: float


@dataclass(frozen=True)
class Beside:
    """The other run, as the lines of this one see it.

    place: (n,) row of the other's clusters.csv plus one. partner: (n,) row of the other's first
    line with the same text plus one. Both are 0 where it lacks the text. extent: of both layouts.
    """

    run: Run
    later: bool
    place: Int64s
    partner: Int64s
    extent: Extent


def extent_of(points: Float64s) -> Extent:
    """The square that holds all points (n, 2)."""
    if not len(points):
        return Extent(np.zeros(2), 1.0)
    low = points.min(axis=0)
    return Extent(low, float((points.max(axis=0) - low).max()) or 1.0)


def points_of(table: pd.DataFrame) -> Float64s:
    """(n, 2) positions; what is no number is 0."""
    own = table[["x", "y"]].to_numpy(np.float64)
    return np.nan_to_num(own, nan=0.0, posinf=0.0, neginf=0.0)


def pair_nights(earlier: Run, later: Run) -> tuple[Beside, Beside]:
    """What each of two runs needs of the other, in their order.

    Raises `InputError` for runs of different units, without a text in common or without texts.
    """
    units = [
        str(run.manifest["config"].get("corpus", {}).get("unit", "")) for run in (earlier, later)
    ]
    if units[0] != units[1]:
        raise InputError(
            f"{earlier.path} has {units[0]}s and {later.path} has {units[1]}s: only runs of one "
            "unit (corpus.unit) can be looked at side by side."
        )
    tables = [_needed(run) for run in (earlier, later)]
    extent = extent_of(np.concatenate([points_of(table) for table in tables]))
    before = _beside(tables[0], tables[1], later, later=True, extent=extent)
    after = _beside(tables[1], tables[0], earlier, later=False, extent=extent)
    if not before.place.any():
        raise InputError(
            f"{earlier.path} and {later.path} have no text in common, so that no line moved: look "
            "at runs over the same lyrics."
        )
    return before, after


def _needed(run: Run) -> pd.DataFrame:
    table = run.line_columns(_NEEDED)
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise InputError(
            f"{run.path / 'lines.parquet'}: has no column {missing[0]}; run the command of "
            "manifest.json again."
        )
    return table


def _beside(
    table: pd.DataFrame, others: pd.DataFrame, run: Run, *, later: bool, extent: Extent
) -> Beside:
    rows_there = np.flatnonzero(~others["text_norm"].duplicated())
    firsts = others.iloc[rows_there]
    at = pd.Index(firsts["text_norm"]).get_indexer(pd.Index(table["text_norm"]))
    known = at >= 0
    rows = pd.Index(run.clusters["cluster"]).get_indexer(pd.Index(firsts["cluster"]))
    place = np.where(known, np.maximum(rows, 0)[at] + 1, 0).astype(np.int64)
    partner = np.where(known, rows_there[at] + 1, 0).astype(np.int64)
    return Beside(run, later, place, partner, extent)
