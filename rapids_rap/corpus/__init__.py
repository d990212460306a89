"""Reading, cleaning and counting: from files to a `Corpus` of units and distinct texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s

LINE_KINDS = {  # i: whole numbers, n: whole numbers or none, t: text or none
    "line_id": "i",
    "text": "t",
    "text_norm": "t",
    "artist": "t",
    "song": "t",
    "song_id": "n",
    "line_no": "i",
    "stanza": "i",
    "text_id": "i",
    "weight": "i",
    "file": "t",
    "file_line": "i",
    "year": "n",
}
DROPPED_KINDS = {"file": "t", "line": "i", "text": "t", "rule": "t", "decided_by": "t"}
LINE_COLUMNS, DROPPED_COLUMNS = tuple(LINE_KINDS), tuple(DROPPED_KINDS)


@dataclass(frozen=True)
class FileCount:
    """What became of one input file: read == kept + sum(dropped.values()), in lines.

    format: songbook (the researchers' layout), lrc (any timed lyrics), srt, vtt, ass, plain, csv,
    tsv, xlsx, jsonl, json or parquet. encoding: utf-8, gb18030, utf-16 or utf-32. dropped: lines by
    rule, rules that dropped none left out.
    """

    path: str
    sha256: str
    format: str
    encoding: str
    read: int
    kept: int
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Corpus:
    """The lyrics after cleaning.

    lines: one row an occurrence, in reading order, with `LINE_COLUMNS`. `line_id` 0..n-1;
    `artist`, `song`, `song_id`, `year` are null where unknown; `line_no` counts from 1 within the
    song (the file, where there is no song); `stanza` counts from 0 within the song; `file_line`
    counts from 1; `weight` is how many occurrences share the row's text. Where the unit is a stanza
    or a song, a row joins its lines, `line_no` and `file_line` are its first line's, and one more
    column, `lines`, counts them.
    texts: the distinct `text_norm`, sorted by code point: position = `text_id`. Sorting makes every
    later stage independent of the order of the input.
    dropped: every dropped line with its rule, `DROPPED_COLUMNS`; `decided_by` is the line of the
    same file without which it would have stayed (`line 3: 作词：NAME`), null for most.
    """

    lines: pd.DataFrame
    texts: tuple[str, ...]
    dropped: pd.DataFrame
    files: tuple[FileCount, ...]
    warnings: tuple[str, ...] = ()

    @property
    def weights(self) -> Int64s:
        """(n,) occurrences of each distinct text."""
        return np.bincount(self.lines["text_id"], minlength=len(self.texts)).astype(np.int64)
