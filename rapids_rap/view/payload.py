"""A run as the page reads it: a header in JSON, a column of numbers for each thing known of a line.

Every part is packed by itself (gzip, which a browser unpacks without a library), so that the server
can hand out the map before the lines, and a single file can hold all of them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, HostArray, Int64s
from rapids_rap.maps.palette import NOISE, theme_colours
from rapids_rap.runs.run import Run
from rapids_rap.view.chinese import search_tables
from rapids_rap.view.groups import Group, list_clusters, list_names, list_themes
from rapids_rap.view.nights import Beside, Extent, extent_of, points_of
from rapids_rap.view.texts import CHUNK_LINES, Coding, coding_of, lines_of

FORMAT = 1  # raise it when a page of another version could not read the parts
NO_SHARE = 255  # of an agreement that is not known; others are hundredths
_LEVEL = 6
_STEPS = 65_535
_COLUMNS = ["text", "artist", "song", "song_id", "line_id", "text_id", "cluster", "theme", "x", "y"]


@dataclass(frozen=True)
class Payload:
    """parts: packed bytes by name: `header`, `xy`, columns, and `text-0` and so on.

    lines: how many there are. chunks: how many parts hold texts; 0 where lyrics are left out.
    """

    parts: Mapping[str, bytes]
    lines: int
    chunks: int


def build_payload(run: Run, *, lyrics: bool = True, beside: Beside | None = None) -> Payload:
    """Everything that the page needs of a run; without lyrics no line, song or neighbour of one.

    beside: another night, for the page to show both.
    """
    emotions = run.emotions
    table = run.line_columns(
        [*_COLUMNS, "year", "agreement", "region", *(f"hits_{e}" for e in emotions)]
    )
    points = points_of(table)
    extent = extent_of(points) if beside is None else beside.extent
    xy = _scaled(points, extent)
    header, columns = _facets(run, table, xy, emotions)
    columns["xy"] = _stepped(xy)
    if beside is not None:
        header["other"], moved = _other(beside)
        columns |= moved
    parts: dict[str, bytes] = {}
    coding: Coding = "gb18030"
    if lyrics:
        parts, coding = _texts(table["text"].fillna("").tolist())
        songs, columns["song"] = _songs(table)
        parts["songs"] = _pack(_json(songs))
        parts["chinese"] = _pack(_json(search_tables(table["text"].dropna())))
    header |= {
        "format": FORMAT,
        "lines": len(table),
        "title": run.path.resolve().name,
        "created": str(run.manifest.get("created", "")),
        "model": str(_mapping(run.manifest.get("model")).get("name", "")),
        "unit": str(_mapping(_mapping(run.manifest.get("config")).get("corpus")).get("unit", "")),
        "frame": _frame(xy),
        "coding": coding,
        "chunks": sum(name.startswith("text-") for name in parts),
        "chunkLines": CHUNK_LINES,
        "columns": {name: column.dtype.str for name, column in columns.items()},
        "vocabulary": _vocabulary(run) if lyrics else [],
    }
    parts |= {name: _pack(np.ascontiguousarray(c).tobytes()) for name, c in columns.items()}
    parts["header"] = _pack(_json(header))
    return Payload(parts, len(table), header["chunks"])


def _facets(
    run: Run, table: pd.DataFrame, xy: Float64s, emotions: list[str]
) -> tuple[dict[str, Any], dict[str, HostArray]]:
    """What lines are coloured and filtered by: lists for the header, a column of places in each."""
    cluster = _places(run.clusters["cluster"], table["cluster"])
    theme = _places(run.themes["theme"], table["theme"])
    header: dict[str, Any] = {
        "clusters": list_clusters(run, xy, cluster),
        "themes": list_themes(run, xy, theme),
    }
    columns: dict[str, HostArray] = {"cluster": _small(cluster), "theme": _small(theme)}
    if emotions:
        hits = table[[f"hits_{name}" for name in emotions]].to_numpy(np.int64)
        # The last place stands for lines without any.
        best = np.where(hits.max(axis=1) > 0, hits.argmax(axis=1), len(emotions))
        header["emotions"] = _emotions(emotions)
        columns["emotion"] = _small(best.astype(np.int64))
    for name in ("artist", "region"):
        if name in table and table[name].notna().any():
            codes, names = pd.factorize(table[name], sort=True)
            sizes = np.bincount(codes[codes >= 0], minlength=len(names))
            groups = list_names([str(one) for one in names], sizes)
            header[f"{name}s"] = [*groups, {"id": len(groups), "name": "", "colour": NOISE}]
            columns[name] = _small(np.where(codes < 0, len(names), codes).astype(np.int64))
    if "year" in table and table["year"].notna().any():
        columns["year"] = _small(table["year"].fillna(0).to_numpy(np.int64).clip(0))
    if "agreement" in table and table["agreement"].notna().any():
        share = table["agreement"].to_numpy(np.float64)
        percent = np.round(100 * np.clip(np.nan_to_num(share), 0, 1))
        columns["agreement"] = np.where(np.isnan(share), NO_SHARE, percent).astype("u1")
    numbered = "line_id" in table and (table["line_id"] == np.arange(len(table))).all()
    if "line_id" in table and not numbered:
        columns["line_id"] = table["line_id"].to_numpy("<u4")
    return header, columns


def _emotions(names: list[str]) -> list[Group]:
    shades = theme_colours(len(names)).tolist()
    known = [{"id": i, "name": n, "colour": shades[i]} for i, n in enumerate(names)]
    return [*known, {"id": len(names), "name": "", "colour": NOISE}]


def _other(beside: Beside) -> tuple[dict[str, Any], dict[str, HostArray]]:
    """The other night: for the header, and for each line its cluster there and its first line.

    `partner` is stored as differences, which pack well: most lines follow each other in both.
    """
    run = beside.run
    said = {
        "title": run.path.resolve().name,
        "later": beside.later,
        "clusters": run.clusters["cluster"].astype(int).tolist(),
    }
    steps = np.diff(beside.partner, prepend=0).astype("<u4")
    return said, {"other": _small(beside.place), "partner": steps}


def _scaled(points: Float64s, extent: Extent) -> Float64s:
    """Positions in [0, 1], one scale for both axes."""
    return (points - extent.low) / extent.span


def _stepped(xy: Float64s) -> HostArray:
    return np.round(xy * _STEPS).astype("<u2")


def _frame(xy: Float64s) -> list[float]:
    """The box that is first seen (x, y, x, y): without strays, a thousandth on each side."""
    if not len(xy):
        return [0.0, 0.0, 1.0, 1.0]
    box = np.quantile(xy, [0.001, 0.999], axis=0)
    return [round(float(value), 5) for value in box.ravel()]


def _texts(texts: list[str]) -> tuple[dict[str, bytes], Coding]:
    chunks = list(lines_of(texts))
    coding = coding_of(chunks)
    packed = {f"text-{i}": _pack(chunk.encode(coding)) for i, chunk in enumerate(chunks)}
    return packed, coding


def _songs(table: pd.DataFrame) -> tuple[list[str], HostArray]:
    """Titles, and the place of each line's; place 0 is for lines of no known song."""
    known = table["song_id"].notna().to_numpy()
    codes, first = np.zeros(len(table), dtype=np.int64), [""]
    if known.any():
        ids = table.loc[known, "song_id"].to_numpy(np.int64)
        _, at, own = np.unique(ids, return_index=True, return_inverse=True)
        titles = table.loc[known, "song"].fillna("").to_numpy(object)
        first += [str(title) for title in titles[at]]
        codes[known] = own + 1
    return first, _small(codes)


def _vocabulary(run: Run) -> list[str]:
    """The run's own terms, each once: what the page counts in a selection."""
    terms = run.cluster_terms["term"].dropna().astype(str)
    return sorted({term.lower() for term in terms if term})


def _places(ids: pd.Series, named: pd.Series) -> Int64s:
    """The row of each id; one that its table lacks goes to the first row, which is noise."""
    found = pd.Index(ids).get_indexer(pd.Index(named)).astype(np.int64)
    return np.maximum(found, 0)


def _small(column: Int64s) -> HostArray:
    """Non-negative numbers in as few bytes as hold them, little-endian."""
    most = int(column.max(initial=0))
    return column.astype("u1" if most < 2**8 else "<u2" if most < 2**16 else "<u4")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _pack(data: bytes) -> bytes:
    return gzip.compress(data, _LEVEL, mtime=0)
