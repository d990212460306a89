"""Kept lines to rows: the unit (line, stanza, song), its place in the song, its distinct text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.corpus import LINE_COLUMNS
from rapids_rap.corpus.source import Group
from rapids_rap.corpus.texts import column, numbered, repeated


@dataclass(frozen=True)
class KeptLines:
    """The lines that cleaning kept, in reading order; all but `names` and `files` are parallel.

    group: positions in `names`. block: equal within a stanza, any numbers. file: positions in
    `files`, the paths' labels.
    """

    text: Sequence[str]
    norm: Sequence[str]
    group: Int64s
    block: Int64s
    file: Int64s
    file_line: Int64s
    names: Sequence[Group]
    files: Sequence[str]


def make_units(
    kept: KeptLines, unit: Literal["line", "stanza", "song"]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table of rows (`LINE_COLUMNS`) and the distinct texts in code point order.

    A row of a stanza or song joins its lines, with a line break in `text` and a blank in
    `text_norm`; its `line_no` and `file_line` are those of its first line, and a column `lines`
    counts them. Stanzas and lines are numbered over what is kept. Lines of which no song is known
    are grouped as their file groups them, with `song_id` null.
    """
    stanza, line_no = _places(kept.group, kept.block)
    first, members = _members(kept, stanza, unit)
    norm: Sequence[str] = kept.norm
    text: Sequence[str] = kept.text
    if unit != "line":
        own_text, own_norm = list(kept.text), list(kept.norm)
        text = ["\n".join([own_text[i] for i in rows]) for rows in members]
        norm = [" ".join([own_norm[i] for i in rows]) for rows in members]
    texts, text_id = numbered(norm)
    group = kept.group[first]
    frame = pd.DataFrame(
        {
            "line_id": np.arange(len(norm), dtype=np.int64),
            "text": column(text),
            "text_norm": column(norm),
            "artist": column(repeated([name.artist for name in kept.names], group)),
            "song": column(repeated([name.title for name in kept.names], group)),
            "song_id": _song_ids(group, kept.names),
            "line_no": line_no[first],
            "stanza": stanza[first],
            "text_id": text_id,
            "weight": np.bincount(text_id, minlength=len(texts)).astype(np.int64)[text_id],
            "file": column(repeated(kept.files, kept.file[first])),
            "file_line": kept.file_line[first],
            "year": _years(group, kept.names),
        },
        columns=list(LINE_COLUMNS),
    )
    if unit != "line":
        frame["lines"] = np.asarray([len(rows) for rows in members], dtype=np.int64)
    return frame, texts


def _places(group: Int64s, block: Int64s) -> tuple[Int64s, Int64s]:
    """(stanza from 0, line from 1) of every line within its group; groups may be interleaved."""
    order = np.argsort(group, kind="stable")
    sorted_group, sorted_block = group[order], block[order]
    new_group = np.r_[True, sorted_group[1:] != sorted_group[:-1]][: len(order)]
    new_stanza = np.r_[True, sorted_block[1:] != sorted_block[:-1]][: len(order)] | new_group
    start = np.flatnonzero(new_group)
    which = np.cumsum(new_group) - 1
    count = np.cumsum(new_stanza)
    stanza = np.empty(len(order), dtype=np.int64)
    line_no = np.empty(len(order), dtype=np.int64)
    stanza[order] = count - count[start][which]
    line_no[order] = np.arange(len(order)) - start[which] + 1
    return stanza, line_no


def _members(
    kept: KeptLines, stanza: Int64s, unit: Literal["line", "stanza", "song"]
) -> tuple[Int64s, list[list[int]]]:
    """The first line of every unit, in reading order, and the lines of each (not for lines)."""
    if unit == "line":
        return np.arange(len(kept.group), dtype=np.int64), []
    units: dict[tuple[int, int], list[int]] = {}
    part = stanza if unit == "stanza" else np.zeros_like(stanza)
    for i, key in enumerate(zip(kept.group.tolist(), part.tolist(), strict=True)):
        units.setdefault(key, []).append(i)
    members = list(units.values())
    return np.asarray([rows[0] for rows in members], dtype=np.int64), members


def _years(group: Int64s, names: Sequence[Group]) -> pd.api.extensions.ExtensionArray:
    """The year of each row's song, null where nothing says it."""
    years = np.array([name.year or 0 for name in names], dtype=np.int64)[group]
    return pd.arrays.IntegerArray(years, years == 0)


def _song_ids(group: Int64s, names: Sequence[Group]) -> pd.api.extensions.ExtensionArray:
    """A number for every song in order of appearance; null where no song is known."""
    is_song = np.array([name.is_song for name in names], dtype=bool)[group]
    ids = np.zeros(len(group), dtype=np.int64)
    ids[is_song] = pd.factorize(group[is_song])[0]
    return pd.arrays.IntegerArray(ids, ~is_song)
