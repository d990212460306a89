"""Parts of one large file that can be read apart: of CSV, TSV, JSON Lines, Parquet, songbooks.

What a row holds doesn't depend on the rows before it; which song it belongs to does. So the parts
give rows, and the rows of all parts, in their order, are put into songs as those of a whole file
are. What is unusual in any way is read whole, and says then what is wrong with it: broken UTF-8, a
column that is missing, a file that changes meanwhile.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from rapids_rap.config import InputConfig
from rapids_rap.corpus.all_lines import ReadFile, file_of
from rapids_rap.corpus.columns import folder_values, look_for_names
from rapids_rap.corpus.json_songs import parse
from rapids_rap.corpus.parts import Part, Parts, Span, rows_of_table, table_of_rows, text_of
from rapids_rap.corpus.parts_songbook import joined_songbook, songbook_part, songbook_parts
from rapids_rap.corpus.parts_table import table_parts
from rapids_rap.corpus.readers_columns import open_parquet, parquet_rows
from rapids_rap.corpus.readers_json import json_line_rows
from rapids_rap.corpus.readers_table import Piece, TableRows, finish_table, huge_cells
from rapids_rap.corpus.rows import Row, SetApart, from_rows
from rapids_rap.errors import RapError
from rapids_rap.runs.files import label_of, open_plain

PART_BYTES = 2**24  # of text, up to the end of a row
PART_ROWS = 250_000  # of Parquet, in whole row groups

KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "songbook",
}
_UNREADABLE = (OSError, ValueError, RecursionError, RapError, pa.ArrowException)


def may_have_parts(path: Path) -> bool:
    """Whether the file's name is that of a format that may be read in parts."""
    return path.suffix.lower() in KINDS


def find_parts(
    path: Path,
    config: InputConfig,
    where: Path,
    part_bytes: int = PART_BYTES,
    part_rows: int = PART_ROWS,
) -> Parts | None:
    """The parts of a file, None where it has to be read whole. where: as of `read_file`."""
    kind, head = KINDS[path.suffix.lower()], 0
    try:
        with open_plain(where) as file:
            stamp = _stamp(file)
            if kind == "parquet":
                spans = _groups(file, path, config, part_rows)
                file.seek(0)
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            elif kind == "jsonl":
                sha256, spans = _lines(file, path, config, part_bytes)
            elif kind == "songbook":
                sha256, spans = songbook_parts(file, path, config, part_bytes)
            else:
                sha256, spans, head = table_parts(file, path, config, part_bytes)
            if len(spans) < 2 or _stamp(file) != stamp:
                return None
    except _UNREADABLE:
        return None
    return Parts(kind, sha256, stamp, tuple(spans), head)


def read_part(
    path: Path, config: InputConfig, where: Path, parts: Parts, number: int
) -> Part | None:
    """The rows of a part, None where it can't be read as the whole would be."""
    first, last, row = parts.spans[number]
    label, folders = label_of(path), folder_values(path)
    rows: Iterable[Row | SetApart]
    split: list[tuple[int, int]] = []
    try:
        with open_plain(where) as file:
            if _stamp(file) != parts.stamp:
                return None
            if parts.kind == "parquet":
                opened = open_parquet(file, label, config, folders)
                rows = list(parquet_rows(opened, range(first, last), label, config, folders, row))
            elif parts.kind == "songbook":
                part = songbook_part(text_of(file, first, last), row, number + 1 < len(parts.spans))
                return part if _stamp(file) == parts.stamp else None
            elif parts.kind == "jsonl":
                text = text_of(file, first, last)
                rows = json_line_rows(text, label, config, folders, first=row, looked=True)
            else:
                head = text_of(file, parts.spans[0][0], parts.head) if number else ""
                piece = Piece(head, row, more=number + 1 < len(parts.spans))
                text = text_of(file, first, last)
                suffix = path.suffix.lower()
                table = TableRows(text, label, suffix, config, folders, piece, looked=True)
                with huge_cells():
                    rows = list(table)
                split = table.quotes.split if table.quotes else []
            part = Part(table_of_rows(rows), np.array(split, dtype=np.int64).reshape(-1, 2))
            return part if _stamp(file) == parts.stamp else None
    except _UNREADABLE:
        return None


def join_parts(path: Path, config: InputConfig, parts: Parts, tables: Iterable[Part]) -> ReadFile:
    """The file of its parts' rows. Raises InputError where half of them are broken."""
    label = label_of(path)
    if parts.kind == "songbook":
        return file_of(label, parts.sha256, "utf-8", joined_songbook(path, tables, config))
    split: list[tuple[int, int]] = []

    def rows() -> Iterator[Row | SetApart]:
        for part in tables:
            split.extend((int(first), int(last)) for first, last in part.split)
            yield from rows_of_table(part.rows)

    source = from_rows(parts.kind, rows(), label)
    if parts.kind in ("csv", "tsv"):
        finish_table(source, split)
    return file_of(label, parts.sha256, "utf-8", source)


def _lines(
    file: IO[bytes], path: Path, config: InputConfig, part_bytes: int
) -> tuple[str, list[Span]]:
    """The file's hash, and parts of whole lines. Raises ValueError where it is not plain UTF-8."""
    if config.encoding == "gb18030":
        raise ValueError("another encoding was asked for")
    digest, spans, at, line = hashlib.sha256(), [], 0, 1
    while data := file.read(part_bytes):
        data += file.readline()
        digest.update(data)
        if 0 in data:
            raise ValueError("it holds NUL")
        data.decode("utf-8")
        if not at:
            _look_at_first(data, path, config)
        spans.append((at, at + len(data), line))
        at += len(data)
        line += data.count(b"\n")
    return digest.hexdigest(), spans


def _look_at_first(data: bytes, path: Path, config: InputConfig) -> None:
    """Look at the columns of the first row, as for the whole file. Raises for what is unusual."""
    if not data.startswith(b"{"):
        raise ValueError("it does not begin with an object")
    record = parse(data[: data.find(b"\n") + 1].decode())
    if not isinstance(record, dict) or config.text not in record:
        raise ValueError("its first row has no lyrics")
    look_for_names(list(record), label_of(path), config, tuple(folder_values(path)))


def _groups(file: IO[bytes], path: Path, config: InputConfig, part_rows: int) -> list[Span]:
    """Parts of row groups that follow each other."""
    opened = open_parquet(file, label_of(path), config, folder_values(path))
    spans, first, row, held = [], 0, 1, 0
    for group in range(opened.num_row_groups):
        held += opened.metadata.row_group(group).num_rows
        if held >= part_rows or group + 1 == opened.num_row_groups:
            spans.append((first, group + 1, row))
            first, row, held = group + 1, row + held, 0
    return spans


def _stamp(file: IO[bytes]) -> tuple[int, ...]:
    known = os.fstat(file.fileno())
    return known.st_size, known.st_mtime_ns, known.st_ino
