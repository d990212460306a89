"""From the rows of a table to a `Source`, whatever format the table came in.

A cell holds a whole song (it has several lines; it is a song of its own) or one line (rows with
the same artist and title are one song; rows without a title belong to no song). Columns `song_id`,
`stanza` and `line_no`, which a `corpus.parquet` written by `ingest` has, keep songs and stanzas
apart where they are present. A row that can't be read is set apart and counted; where half of the
rows can't be read, the table is refused.
"""

from __future__ import annotations

import base64
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import DATE
from rapids_rap.corpus.loose_stamps import with_usual_stamps
from rapids_rap.corpus.markup import spells_out_breaks
from rapids_rap.corpus.names import name_key
from rapids_rap.corpus.readers_lrc import looks_like_lrc, read_lrc
from rapids_rap.corpus.source import Group, Lines, Mark, Source, name_of, numbered_lines, visible
from rapids_rap.corpus.stamps import unflattened
from rapids_rap.corpus.years import FIRST, YearCells
from rapids_rap.errors import InputError
from rapids_rap.runs.files import listed

# What programs write for a missing cell: databases, Excel and pandas something that is no word ...
_MISSING = frozenset(("\\N", "#N/A", "#NA", "<NA>", "<na>", "#N/A N/A", "#NULL!"))
# ... and pandas, R and SQL what may be somebody's name, or a whole line of a song.
_PERHAPS_MISSING = frozenset(
    ("nan", "-nan", "na", "n/a", "null", "none", "nil", "nat", "inf", "-inf", "infinity")
)
_WHOLE = re.compile(r"(\d{3,})\.0")  # of a number that pandas wrote beside a gap
_CODED = 48  # characters; a shorter word may be one
_CODE = re.compile(
    r"[0-9A-Fa-f]+|(?=.{0,200}[0-9+/])(?=.{0,200}[a-z])(?=.{0,200}[A-Z])[A-Za-z0-9+/]+={0,2}"
)
_EXACT = 2**53  # a float beyond this is no whole number that anybody wrote


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
    year: str | None = None
    year_column: str = ""
    translation: str = ""


@dataclass(frozen=True, slots=True)
class SetApart:
    """A row that is no lyric: `why` says what is wrong with it, "" if it belongs to the format."""

    line: int
    text: str
    why: str = ""


def row_of(
    line: int,
    cells: Sequence[str | None],
    config: InputConfig,
    folders: Mapping[str, str | None],
    translation: str = "",
) -> Row:
    """The row whose cells are in the order of `wanted_columns`; folders name what cells do not."""
    artist, title, song_id, stanza, line_no, year, day = map(cell_name, cells[1:])
    if song_id is not None and song_id.endswith(".0"):
        song_id = song_id.removesuffix(".0")
    artist = artist or folders.get(config.artist)
    title = title or folders.get(config.song)
    named = DATE if year is None and day is not None else config.year
    year = year or day or (folders.get(config.year) if config.year else None)
    text = cells[0] or ""
    return Row(line, text, artist, title, song_id, stanza, line_no, year, named, translation)


def cell_name(cell: str | None) -> str | None:
    """The name in a cell; None where it holds what a program writes for nothing."""
    name = name_of(cell)
    return None if name in _MISSING else name


@dataclass
class _Table:
    """What is known of the rows so far."""

    source: Source
    years: YearCells
    reissued: dict[str, None] = field(default_factory=dict)
    known: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    seen: dict[tuple[str | None, ...], int] = field(default_factory=dict)
    owner: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    shared: dict[str, None] = field(default_factory=dict)
    returned: dict[str, None] = field(default_factory=dict)
    block: int = 0
    last: tuple[int | None, str | None] = (None, None)
    spelled_out: int = 0
    doubtful: dict[str, dict[str, int]] = field(default_factory=dict)
    again: dict[str, None] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    coded: int = 0
    ciphers: int = 0
    line: int = 0
    sheet: int = 0  # of a workbook: its rows are numbered anew

    def key(self, name: str | None) -> str | None:
        """The form in which the name is compared with those of other rows."""
        if name is None:
            return None
        if name not in self.keys:
            whole = _WHOLE.fullmatch(name)
            self.keys[name] = whole[1] if whole else name_key(name)
        return self.keys[name]

    def doubt(self, column: str, value: str | None) -> None:
        """Count a value that may stand for a missing one."""
        if value is not None and len(value) <= 8 and value.casefold() in _PERHAPS_MISSING:
            counts = self.doubtful.setdefault(column, {})
            counts[value] = counts.get(value, 0) + 1


def from_rows(kind: str, rows: Iterable[Row | SetApart], name: str) -> Source:
    """The lines of all rows, in their order; name: of the file.

    Raises InputError where half of them are broken, and for what is no year in a column named so.
    """
    table = _Table(Source(kind), YearCells(name))
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
    _say(table)
    return table.source


def _say_years(table: _Table) -> None:
    """Note which songs have several, and which cells have none."""
    if table.reissued:
        which = listed([title[:40] for title in table.reissued])
        table.source.notes.append(f"songs with several years, the earliest taken: {which}")
    for column, (count, first) in table.years.odd.items():
        table.source.notes.append(
            f'column "{column}", cells that are no year from {FIRST} to {table.years.last}, so '
            f"that none is known: {count:,} ({first}); --set input.year=NAME names another "
            "column, an empty NAME none"
        )


def _say(table: _Table) -> None:
    """Note what was decided about the rows as a whole."""
    for found, words in (
        (table.shared, "stands for songs of several names, kept apart"),
        (table.returned, "comes back after other songs and nothing names it, taken for one song"),
    ):
        if found:
            which = listed([number[:40] for number in found])
            table.source.notes.append(f"song_id {words}: {which}")
    if table.again:
        which = listed([title[:40] for title in table.again])
        table.source.notes.append(
            "no artist, and titles that come back after other songs, each taken for one song: "
            f"{which}"
        )
    _say_years(table)
    for column, counts in table.doubtful.items():
        said = ", ".join(f'"{value}" {count:,} times' for value, count in counts.items())
        table.source.notes.append(
            f"{column} {said}: what programs write where nothing is known, kept as it is (empty "
            "the cell if nothing is meant)"
        )
    unnamed, named = _without_artist(table.source)
    if unnamed and named and table.source.format in ("csv", "tsv", "xlsx"):
        table.source.notes.append(
            f"no artist for {unnamed:,} lines, beside {named:,} with one: an empty cell is not the "
            "artist above (fill it in if it is meant)"
        )
    if table.ciphers:
        table.source.notes.append(
            f"rows dropped, because their lyrics are in code (QQ's QRC, perhaps), which must be "
            f"decoded first: {table.ciphers:,}"
        )
    if table.coded:
        table.source.notes.append(f"lyrics decoded from Base64 in {table.coded:,} cells")
    if table.spelled_out:
        table.source.notes.append(
            f"the two characters \\n are read as line breaks in {table.spelled_out:,} cells"
        )


def _without_artist(source: Source) -> tuple[int, int]:
    """How many lines of rows have no artist, and how many have one."""
    nobody = [group.artist is None for group in source.groups]
    counts = Counter(
        nobody[group]
        for group, mark in zip(source.group, source.mark, strict=True)
        if mark == Mark.TEXT
    )
    return counts[True], counts[False]


def _add_row(table: _Table, row: Row) -> None:
    source = table.source
    if row.text.strip() in _MISSING:
        _add_apart(table, SetApart(row.line, row.text))
        return
    table.sheet += row.line < table.line
    table.line = row.line
    if _is_coded(row.text):
        _add_coded(table, row)
        return
    for column, value in (("artist", row.artist), ("title", row.title), ("lyric", row.text)):
        table.doubt(column, value)
    lines: Lines = [(row.line, line) for _, line in numbered_lines(unflattened(row.text))]
    many = sum(bool(line) for _, line in lines) > 1
    lines = with_usual_stamps(lines) if many else lines
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


def _is_coded(text: str) -> bool:
    """Whether a cell is one long word of Base64 or of hexadecimal digits, which no lyric is."""
    return len(text) >= _CODED and text.isascii() and _CODE.fullmatch(text.strip()) is not None


def _decoded(text: str) -> str | None:
    """The lyrics in Base64, as QQ Music and Kugou send them; None where they aren't."""
    try:
        plain = base64.b64decode(text.strip(), validate=True).decode("utf-8-sig")
    except ValueError:
        return None
    shown = "".join(plain.split())
    return plain if shown and shown.isprintable() else None


def _add_coded(table: _Table, row: Row) -> None:
    """The row with its lyrics decoded, or set apart if they are a cipher."""
    text = _decoded(row.text)
    if text is None or _is_coded(text):
        table.ciphers += 1
        _add_apart(table, SetApart(row.line, row.text[:200], "in code"))
        return
    table.coded += 1
    _add_row(table, replace(row, text=text))


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
    source.groups[group] = replace(
        own, artist=own.artist or tags.artist, title=own.title or tags.title, is_song=True
    )
    place = [group, *range(len(source.groups), len(source.groups) + len(songs.groups) - 1)]
    source.groups += [replace(song, year=own.year) for song in songs.groups[1:]]
    source.second |= {len(source.text) + position for position in songs.second}
    source.notes += songs.notes
    for i, text in enumerate(songs.text):
        block = table.block + songs.block[i]
        source.add(text, songs.line[i], place[songs.group[i]], block, Mark(songs.mark[i]))
    table.block += max(songs.block, default=0)


def _group(row: Row, many: bool, table: _Table) -> int:
    """The group of a row: a known song or a new one."""
    is_song = row.song_id is not None or row.title is not None or many
    year = table.years.read(row.line, row.year, row.year_column)
    key: tuple[str | None, ...] = ("rows", table.key(row.artist), table.key(row.title))
    if row.song_id is not None:
        key = _numbered_song(row, table)
    elif many:
        key = ("cell", str(len(table.source.groups)))
    elif row.artist is None and row.title is not None:
        key = (*key, str(table.sheet))
        if key in table.known and table.last[0] != table.known[key]:
            table.again[row.title] = None
    if not is_song:
        key = (*key, str(year))  # a song has one year; lines of no song have each their own
    if key not in table.known:
        table.known[key] = len(table.source.groups)
        table.source.groups.append(Group(row.artist, row.title, is_song, year))
    group = table.known[key]
    known = table.source.groups[group]
    if year is not None and year != known.year:
        if known.year is not None:
            table.reissued[known.title or f"song_id {row.song_id}"] = None
        earliest = min(year, known.year or year)
        table.source.groups[group] = replace(known, year=earliest)
    return group


def _numbered_song(row: Row, table: _Table) -> tuple[str | None, ...]:
    """The key of a song with a number: two artists, or two corpora, may both count from nought.

    In a corpus of our own each place (stanza, line_no) of a song occurs once, so that the second
    time is a song of the next corpus.
    """
    assert row.song_id is not None
    names = (table.key(row.artist), table.key(row.title))
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
