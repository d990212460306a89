"""From the rows of a table to a `Source`, whatever format the table came in.

A cell holds a whole song (it has several lines; it is a song of its own) or one line (rows with
the same artist and title are one song; rows without a title belong to no song). Columns `song_id`,
`stanza` and `line_no`, which a `corpus.parquet` written by `ingest` has, keep songs and stanzas
apart where they are present. A row that can't be read is set apart and counted; where half of the
rows can't be read, the table is refused.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import unquote

from rapids_rap.config import InputConfig
from rapids_rap.corpus.markup import spells_out_breaks
from rapids_rap.corpus.readers_lrc import looks_like_lrc, read_lrc
from rapids_rap.corpus.source import Group, Mark, Source, name_of, numbered_lines, visible
from rapids_rap.errors import InputError, NoLyricsError
from rapids_rap.runs.files import listed

_SONG_ID, _STANZA, _LINE_NO = "song_id", "stanza", "line_no"
_EXACT = 2**53  # a float beyond this is no whole number that anybody wrote

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    line: int
    text: str
    artist: str | None = None
    title: str | None = None
    song_id: str | None = None
    stanza: str | None = None
    line_no: str | None = None
    translation: str = ""


@dataclass(frozen=True, slots=True)
class SetApart:
    """A row that is no lyric: `why` says what is wrong with it, "" if it belongs to the format."""

    line: int
    text: str
    why: str = ""


def wanted_columns(config: InputConfig) -> tuple[str, ...]:
    """The columns of a `Row`'s text, artist, title, song_id, stanza and line_no."""
    return (config.text, config.artist, config.song, _SONG_ID, _STANZA, _LINE_NO)


def row_of(
    line: int,
    cells: Sequence[str | None],
    config: InputConfig,
    folders: Mapping[str, str | None],
    translation: str = "",
) -> Row:
    """The row whose cells are in the order of `wanted_columns`; folders name what cells do not."""
    artist, title, song_id, stanza, line_no = map(name_of, cells[1:])
    artist = artist or folders.get(config.artist)
    title = title or folders.get(config.song)
    return Row(line, cells[0] or "", artist, title, song_id, stanza, line_no, translation)


@dataclass
class _Table:
    """What is known of the rows so far."""

    source: Source
    known: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    seen: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    owner: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    shared: dict[str, None] = field(default_factory=dict)
    returned: dict[str, None] = field(default_factory=dict)
    block: int = 0
    last: tuple[int | None, str | None] = (None, None)
    spelled_out: int = 0


def from_rows(kind: str, rows: Iterable[Row | SetApart]) -> Source:
    """The lines of all rows, in their order. Raises InputError where half of them are broken."""
    table = _Table(Source(kind))
    read, broken, first = 0, 0, ""
    for row in rows:
        if isinstance(row, Row):
            read += 1
            _add_row(table, row)
            continue
        broken += bool(row.why)
        first = first or row.why
        _add_apart(table, row)
    if broken and broken >= read:
        raise InputError(first)
    if broken:
        table.source.notes.append(f"rows dropped, because they can't be read: {broken:,} ({first})")
    for found, words in (
        (table.shared, "stands for songs of several names, kept apart"),
        (table.returned, "comes back after other songs and nothing names it, taken for one song"),
    ):
        if found:
            which = listed([number[:40] for number in found])
            table.source.notes.append(f"song_id {words}: {which}")
    if table.spelled_out:
        table.source.notes.append(
            f"the two characters \\n are read as line breaks in {table.spelled_out:,} cells"
        )
    return table.source


def _add_row(table: _Table, row: Row) -> None:
    source = table.source
    lines = [(row.line, line) for _, line in numbered_lines(row.text)]
    many = sum(bool(line) for _, line in lines) > 1
    table.spelled_out += many and spells_out_breaks(row.text)
    timed = many and looks_like_lrc([line for _, line in lines])
    group = _group(row, many, table)
    if table.last != (group, row.stanza) or many:
        table.block += 1
    table.last = (group, row.stanza)
    if timed:
        _add_lrc(table, lines, group)
    else:
        for number, line in lines:
            if line:
                source.add(line, number, group, table.block)
            else:
                table.block += 1
    for _, line in numbered_lines(row.translation) if row.translation else ():
        if line:
            source.add(line, row.line, group, table.block, Mark.TRANSLATION)


def _add_apart(table: _Table, row: SetApart) -> None:
    """A line of no song; what can't be seen of it leaves nothing to count."""
    text = visible(" ".join(row.text.split()))
    if text:
        table.source.groups.append(Group(None, None, is_song=False))
        mark = Mark.ROW if row.why else Mark.SYNTAX
        table.source.add(text, row.line, len(table.source.groups) - 1, table.block, mark)


def _add_lrc(table: _Table, lines: Sequence[tuple[int, str]], group: int) -> None:
    """The songs of a cell with stamps: its tags name what the row does not."""
    source, songs = table.source, read_lrc(lines, PurePath())
    own = source.groups[group]
    tags = songs.groups[0]
    source.groups[group] = Group(own.artist or tags.artist, own.title or tags.title, is_song=True)
    place = [group, *range(len(source.groups), len(source.groups) + len(songs.groups) - 1)]
    source.groups += songs.groups[1:]
    source.second |= {len(source.text) + position for position in songs.second}
    source.notes += songs.notes
    for i, text in enumerate(songs.text):
        block = table.block + songs.block[i]
        source.add(text, songs.line[i], place[songs.group[i]], block, Mark(songs.mark[i]))
    table.block += max(songs.block, default=0)


def _group(row: Row, many: bool, table: _Table) -> int:
    """The group of a row: a known song or a new one."""
    is_song = row.song_id is not None or row.title is not None or many
    key: tuple[str | None, ...] = ("rows", row.artist, row.title)
    if row.song_id is not None:
        key = _numbered_song(row, table)
    elif many:
        key = ("cell", str(len(table.source.groups)))
    if key not in table.known:
        table.known[key] = len(table.source.groups)
        table.source.groups.append(Group(row.artist, row.title, is_song))
    return table.known[key]


def _numbered_song(row: Row, table: _Table) -> tuple[str | None, ...]:
    """The key of a song with a number: two artists, or two corpora, may both count from nought.

    In a corpus of our own each place (stanza, line_no) of a song occurs once, so that the second
    time is a song of the next corpus.
    """
    assert row.song_id is not None
    names = (row.artist, row.title)
    if table.owner.setdefault(row.song_id, names) != names:
        table.shared[row.song_id] = None
    key = ("song_id", row.song_id, *names)
    if row.line_no is None:
        if names == (None, None) and key in table.known and table.last[:1] != (table.known[key],):
            table.returned[row.song_id] = None
        return key
    place = (*key, row.stanza, row.line_no)
    table.seen[place] = table.seen.get(place, -1) + 1
    return (*key, str(table.seen[place]))


def name_of_number(value: float) -> str | None:
    """A number as a name: `1989.0` is 1989; what is no number is no name."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return None
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else str(value)


def require_text(names: Sequence[str], name: str, config: InputConfig) -> None:
    """Raises InputError where no column, or more than one, is called as the lyrics are."""
    if list(names).count(config.text) == 1:
        return
    problem = "two columns" if config.text in names else "no column"
    has = ", ".join(f'"{column[:40]}"' for column in list(names)[:12]) or "none"
    kind = InputError if config.text in names else NoLyricsError
    raise kind(
        f'{name}: {problem} named "{config.text}" for the lyrics; it has {has}. '
        f"Say which one it is: --set input.text=NAME"
    )


def look_for_names(
    names: Sequence[str], name: str, config: InputConfig, folders: Sequence[str] = ()
) -> None:
    """Refuse a column that was asked for and isn't there; say what is not read otherwise.

    folders: the names that folders called `NAME=VALUE` give.
    """
    usual, read = InputConfig(), set(wanted_columns(config))
    others = [f'"{column}"' for column in names if column not in read]
    for key in ("artist", "song"):
        wanted = getattr(config, key)
        if wanted in names or wanted in folders:
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


def folder_values(path: PurePath) -> dict[str, str | None]:
    """What folders called `NAME=VALUE` say of all rows below them, as Hive and Spark write them."""
    values: dict[str, str | None] = {}
    for part in path.parts[:-1]:
        key, sign, value = part.partition("=")
        if sign and key:
            missing = value == "__HIVE_DEFAULT_PARTITION__"
            values[key] = None if missing else name_of(unquote(value))
    return values
