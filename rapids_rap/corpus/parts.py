"""What a part of a large file holds, and how the parts of a text file are cut; see `ranges.py`."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa

from rapids_rap.arrays import Int64s
from rapids_rap.config import InputConfig
from rapids_rap.corpus.rows import Row, SetApart
from rapids_rap.corpus.source import Group

LONGEST = 8  # times the size of a part, after which a table or a songbook is not cut
_NAMES = ("artist", "title", "song_id", "stanza", "line_no", "year", "year_column", "translation")

Span = tuple[int, int, int]  # from, to, and the number of its first row or line


@dataclass(frozen=True)
class Parts:
    """Where a file may be cut. kind: a value of `ranges.KINDS`. stamp: to know the file by.

    spans: of each part, in bytes or in row groups. head: where a table's header ends, in bytes.
    """

    kind: str
    sha256: str
    stamp: tuple[int, ...]
    spans: tuple[Span, ...]
    head: int = 0


def _no_numbers() -> Int64s:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Part:
    """What a part holds. rows: of `table_of_rows`, of a songbook the columns of its `Source`.

    split: (m, 2), as `LoneQuotes` has it. names, nobody, none: of a songbook, as `Source.groups`
    and `ArtistDoubts` have them. counts: of a songbook, its blank lines, and `odd_lines`. complete:
    whether it could be read as a part.
    """

    rows: pd.DataFrame
    split: Int64s
    names: tuple[Group, ...] = ()
    nobody: Int64s = field(default_factory=_no_numbers)
    none: Int64s = field(default_factory=_no_numbers)
    counts: Int64s = field(default_factory=_no_numbers)
    complete: bool = True


def text_of(file: IO[bytes], first: int, last: int) -> str:
    """The text of these bytes. Raises ValueError where they are not UTF-8."""
    file.seek(first)
    return file.read(last - first).decode("utf-8")


def begin_text(file: IO[bytes], config: InputConfig, part_bytes: int) -> tuple[bytes, int]:
    """The first whole lines of a text file, and where its text begins, behind a byte order mark.

    Raises ValueError where another encoding was asked for.
    """
    if config.encoding == "gb18030":
        raise ValueError("another encoding was asked for")
    data = file.read(part_bytes) + file.readline()
    return data, len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0


def text_parts(
    file: IO[bytes], mark: bytes, next_part: Callable[[int], bytes]
) -> tuple[str, list[Span]]:
    """A text file's hash and parts. Raises ValueError where it is not plain UTF-8.

    mark: the bytes before its text. next_part: reads on, from a place that the file is at.
    """
    digest, spans, at, line = hashlib.sha256(mark), [], len(mark), 1
    file.seek(at)
    while data := next_part(at):
        digest.update(data)
        if 0 in data:
            raise ValueError("it holds NUL")
        data.decode("utf-8")
        spans.append((at, at + len(data), line))
        at += len(data)
        line += _breaks(data)
    return digest.hexdigest(), spans


def _breaks(data: bytes) -> int:
    """Line breaks of any kind."""
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def table_of_rows(rows: Iterable[Row | SetApart]) -> pd.DataFrame:
    """Rows as they are kept; `rows_of_table` takes it back."""
    found = list(rows)
    columns = {
        name: pd.array([getattr(row, name, None) for row in found], dtype="str") for name in _NAMES
    }
    return pd.DataFrame(
        {
            "line": [row.line for row in found],
            "text": pd.array([row.text for row in found], dtype="str"),
            "apart": [isinstance(row, SetApart) for row in found],
            "why": pd.array([getattr(row, "why", "") for row in found], dtype="str"),
            **columns,
        }
    )


def rows_of_table(table: pd.DataFrame) -> Iterator[Row | SetApart]:
    """The rows that `table_of_rows` kept."""
    columns = [pa.array(table[name]).to_pylist() for name in ("line", "text", "apart", "why")]
    names = [pa.array(table[name]).to_pylist() for name in _NAMES]
    for line, text, apart, why, *cells in zip(*columns, *names, strict=True):
        yield SetApart(line, text, why) if apart else Row(line, text, *cells)
