"""Readers of tables: CSV, TSV, JSON Lines and Parquet.

A cell holds a whole song (it has several lines; it is a song of its own) or one line (rows with
the same artist and title are one song; rows without a title belong to no song). Columns `song_id`
and `stanza`, which a `corpus.parquet` written by `ingest` has, keep songs and stanzas apart where
they are present. `line` is the physical line on which the row begins (CSV, TSV, JSON Lines), or
the row's number (Parquet).
"""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rapids_rap.config import InputConfig
from rapids_rap.corpus.readers_text import looks_like_lrc, read_lrc
from rapids_rap.corpus.source import Group, Source, numbered_lines
from rapids_rap.errors import InputError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_SONG_ID, _STANZA = "song_id", "stanza"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    line: int
    text: str
    artist: str | None
    title: str | None
    song_id: str | None
    stanza: str | None


def read_table(text: str, name: str, suffix: str, config: InputConfig) -> Source:
    """A CSV, TSV or JSON Lines file from its decoded text. Raises InputError naming the line."""
    if suffix in (".jsonl", ".ndjson"):
        return _from_rows("jsonl", _json_rows(text, name, config))
    kind = suffix.lstrip(".")
    return _from_rows(kind, _csv_rows(text, name, config, "\t" if kind == "tsv" else ","))


def read_parquet(data: bytes, name: str, config: InputConfig) -> Source:
    """A Parquet file from its bytes. Raises InputError if it isn't one or has no text column."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = file.schema_arrow.names
        _require_text(names, name, config)
        wanted = (config.text, config.artist, config.song, _SONG_ID, _STANZA)
        present = [column for column in dict.fromkeys(wanted) if column in names]
        # Without Arrow's threads: after many damaged files they have been seen to abort the exit.
        table = file.read(columns=present, use_threads=False)
        columns = [_column(table, column, name, textual=i == 0) for i, column in enumerate(wanted)]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name}: can't be read as Parquet ({reason}).") from error
    rows = (
        Row(number, text or "", artist, title, song_id, stanza)
        for number, (text, artist, title, song_id, stanza) in enumerate(
            zip(*columns, strict=True), start=1
        )
    )
    return _from_rows("parquet", rows)


def _from_rows(kind: str, rows: Iterator[Row]) -> Source:
    source = Source(kind)
    known: dict[tuple[str | None, ...], int] = {}
    block = 0
    last: tuple[int, str | None] | None = None
    for row in rows:
        lines = [(row.line, line) for _, line in numbered_lines(row.text)]
        many = sum(bool(line) for _, line in lines) > 1
        group = _group(row, many, source.groups, known)
        if last != (group, row.stanza) or many:
            block += 1
        last = (group, row.stanza)
        if many and looks_like_lrc([line for _, line in lines]):
            block = _add_lrc(source, lines, group, block)
            continue
        for number, line in lines:
            if line:
                source.add(line, number, group, block)
            else:
                block += 1
    return source


def _add_lrc(source: Source, lines: Sequence[tuple[int, str]], group: int, block: int) -> int:
    song = read_lrc(lines, PurePath("cell"))
    for text, number, inner, mark in zip(song.text, song.line, song.block, song.mark, strict=True):
        source.text.append(text)
        source.line.append(number)
        source.group.append(group)
        source.block.append(block + inner)
        source.mark.append(mark)
    return block + max(song.block, default=0)


def _group(
    row: Row, many: bool, groups: list[Group], known: dict[tuple[str | None, ...], int]
) -> int:
    """The group of a row: a known song or a new one."""
    is_song = row.song_id is not None or row.title is not None or many
    key: tuple[str | None, ...] = ("song_id", row.song_id)
    if row.song_id is None:
        key = ("cell", str(row.line)) if many else ("rows", row.artist, row.title)
    if key not in known:
        known[key] = len(groups)
        groups.append(Group(row.artist, row.title, is_song))
    return known[key]


def _csv_rows(text: str, name: str, config: InputConfig, delimiter: str) -> Iterator[Row]:
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        yield from _records(reader, name, config)
    finally:
        csv.field_size_limit(limit)


def _records(reader: Any, name: str, config: InputConfig) -> Iterator[Row]:
    """The rows below the header; every row must have the header's number of fields."""
    places: list[int | None] = []
    width, begin = 0, 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f"{name}: the row that begins on line {begin:,} is not valid CSV ({error}); a cell "
                f"with quotes or line breaks must be quoted, its quotes doubled."
            ) from error
        if fields is None:
            return
        if not any(field.strip() for field in fields):
            pass  # a blank row
        elif not places:
            places, width = _header(fields, name, config), len(fields)
        elif len(fields) != width:
            raise InputError(
                f"{name}: the row on line {begin:,} has {len(fields)} fields, the header has "
                f"{width}; quote cells that contain the delimiter."
            )
        else:
            cells = [None if place is None else fields[place] for place in places]
            text, artist, title, song_id, stanza = cells
            yield Row(begin, text or "", *(_named(c) for c in (artist, title, song_id, stanza)))
        begin = reader.line_num + 1


def _header(fields: Sequence[str], name: str, config: InputConfig) -> list[int | None]:
    names = [field.strip() for field in fields]
    _require_text(names, name, config)
    wanted = (config.text, config.artist, config.song, _SONG_ID, _STANZA)
    return [names.index(column) if column in names else None for column in wanted]


def _json_rows(text: str, name: str, config: InputConfig) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{name}: line {number:,}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{where} is not JSON ({error}); expected one object a line, such as "
                f'{{"{config.artist}": "…", "{config.song}": "…", "{config.text}": "…"}}.'
            ) from error
        if not isinstance(record, dict):
            raise InputError(f"{where}: expected a JSON object, found {_kind(record)}.")
        if config.text not in record:
            _require_text(list(record), where, config)
        cell = record[config.text]
        if cell is not None and not isinstance(cell, str):
            raise InputError(f'{where}: "{config.text}" must be text, found {_kind(cell)}.')
        names = (config.artist, config.song, _SONG_ID, _STANZA)
        row = Row(number, cell or "", *(_json_name(record, key, where) for key in names))
        _refuse_surrogates(row, where)
        yield row


def _json_name(record: dict[str, Any], key: str, where: str) -> str | None:
    value = record.get(key)
    if value is None or isinstance(value, str):
        return _named(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f'{where}: "{key}" must be text or a number, found {_kind(value)}.')
    return str(value)


def _refuse_surrogates(row: Row, where: str) -> None:
    """JSON can spell half of a character (a lone surrogate), which no file can hold."""
    try:
        "".join(filter(None, (row.text, row.artist, row.title, row.song_id))).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{where}: holds half of a surrogate pair (\\u{ord(error.object[error.start]):04x}), "
            f"which is not a character; repair or remove it."
        ) from error


def _column(table: pa.Table, column: str, name: str, *, textual: bool) -> list[str | None]:
    """A column as text, nulls if it is missing; a `textual` one may not hold numbers."""
    if column not in table.column_names:
        return [None] * table.num_rows
    values = table.column(column)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not is_text and (textual or not is_number):
        raise InputError(f'{name}: column "{column}" must hold text, found {values.type}.')
    cells = values.to_pylist()
    if textual:
        return cells
    return [None if cell is None else _named(str(cell)) for cell in cells]


def _require_text(names: Sequence[str], name: str, config: InputConfig) -> None:
    if list(names).count(config.text) == 1:
        _look_for_names(names, name, config)
        return
    problem = "two columns" if config.text in names else "no column"
    has = ", ".join(f'"{column[:40]}"' for column in list(names)[:12]) or "none"
    raise InputError(
        f'{name}: {problem} named "{config.text}" for the lyrics; it has {has}. '
        f"Say which one it is: --set input.text=NAME"
    )


def _look_for_names(names: Sequence[str], name: str, config: InputConfig) -> None:
    """Refuse a column that was asked for and isn't there; say what is not read otherwise."""
    usual, read = InputConfig(), {config.text, config.artist, config.song, _SONG_ID, _STANZA}
    others = [column for column in names if column not in read]
    for key in ("artist", "song"):
        wanted = getattr(config, key)
        if wanted in names:
            continue
        if wanted != getattr(usual, key):
            raise InputError(
                f'{name}: has no column "{wanted}", which input.{key} names; it has '
                f"{', '.join(names)}."
            )
        if others:
            log.warning(
                '%s: no column "%s"; if one of %s is it, say so: --set input.%s=NAME',
                name,
                wanted,
                ", ".join(others[:12]),
                key,
            )


def _named(value: str | None) -> str | None:
    return (value.strip() or None) if value is not None else None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
