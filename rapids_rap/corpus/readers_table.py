"""Readers of CSV and TSV, in the dialects that spreadsheets and programs write.

CSV (RFC 4180): commas, or the semicolon, tab or bar with which the header names the text column; a
first line `sep=;` is obeyed. TSV (`text/tab-separated-values`) has no quoting: a quote mark is part
of its cell, but for cells that can only have been quoted by a program; one whose header is quoted
throughout is CSV with tabs. A row that repeats the header, as `cat *.csv` leaves them, is a line of
the format, and names the columns below it anew. `line` is the physical line on which a row begins.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import look_for_names, require_text
from rapids_rap.corpus.headers import Header, header_of, repeats
from rapids_rap.corpus.lone_quotes import LoneQuotes
from rapids_rap.corpus.printed_lists import lines_of_list
from rapids_rap.corpus.rows import Row, SetApart, from_rows, row_of
from rapids_rap.corpus.source import Source
from rapids_rap.errors import InputError
from rapids_rap.runs.cells import unescape_cell

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SEP_LINE = re.compile(r'\s*"?sep=([^"\w\s]|\t)"?\s*', re.I)
# Columns of the tables of lines that this program writes: corpora and exports, and examples.
_OURS = ({"line_id", "text_norm"}, {"cluster", "rank", "similarity"})
_MOST_READINGS = 100  # of a file's lines: a row with broken quotes may read on to the file's end
_FLOAT = re.compile(r"(\d+)\.0")

Records = Iterator[tuple[int, list[str] | SetApart]]


def read_table(
    text: str, name: str, suffix: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """A CSV or TSV file from its decoded text. Raises InputError where it has no text column."""
    is_tsv = suffix == ".tsv"
    bare = is_tsv and not _all_quoted(text)
    said: list[str] = []
    with _huge_cells():
        records = _tsv_records(text) if bare else _csv_records(text, name, config, said)
        source = from_rows("tsv" if is_tsv else "csv", _rows(records, name, config, folders), name)
    source.notes += said
    _whole_titles(source)
    return source


def header_delimiter(line: str, config: InputConfig) -> str | None:
    """The delimiter with which a line is a header: it names the text column and another one."""
    for delimiter in _DELIMITERS:
        names = [cell.strip(' "\ufeff') for cell in line.split(delimiter)]
        others = {config.artist, config.song, "song_id"} - {config.text}
        if config.text in names and not others.isdisjoint(names):
            return delimiter
    return None


@contextmanager
def _huge_cells() -> Iterator[None]:
    """While it lasts, a cell of a CSV may be of any length."""
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


@dataclass(frozen=True)
class _Header:
    """Where the columns are, and whether the table is one that this program wrote."""

    columns: Header
    ours: bool

    @property
    def names(self) -> list[str]:
        """Of all columns."""
        return self.columns.names

    def cells(self, fields: Sequence[str]) -> list[str | None]:
        """The cells that are read; our own tables have an apostrophe in front of formulas."""
        cells = [None if place is None else fields[place] for place in self.columns.places]
        if self.ours:
            cells = [cell if cell is None else unescape_cell(cell) for cell in cells]
        if cells[0] is not None and "[" in cells[0]:
            cells[0] = lines_of_list(cells[0])
        return cells


def _rows(
    records: Records, name: str, config: InputConfig, folders: dict[str, str | None]
) -> Iterator[Row | SetApart]:
    """The rows below the header; every row must have the header's number of fields."""
    header: _Header | None = None
    for line, fields in records:
        if isinstance(fields, SetApart):
            yield fields
        elif not any(field.strip() for field in fields):
            continue  # a blank row
        elif header is None:
            header = _header(fields, config)
            require_text(header.names, f"{name}{_other_delimiter(fields)}", config)
            look_for_names(header.names, name, config, tuple(folders))
        elif repeats(fields, header.columns):
            header = _header(fields, config, header.columns)
            yield SetApart(line, " ".join(fields))
        elif len(fields) != len(header.names):
            yield SetApart(
                line,
                " ".join(fields),
                f"{name}: the row on line {line:,} has {len(fields)} fields, the header has "
                f"{len(header.names)}; quote cells that contain the delimiter.",
            )
        else:
            yield row_of(line, header.cells(fields), config, folders)


def _header(fields: Sequence[str], config: InputConfig, before: Header | None = None) -> _Header:
    names = [field.strip().lstrip("\ufeff").strip() for field in fields]
    names = [unescape_cell(name) for name in names]
    return _Header(header_of(names, config, before), any(set(names) >= ours for ours in _OURS))


def _other_delimiter(fields: Sequence[str]) -> str:
    """What to say where a header of one cell holds another delimiter."""
    found = [word for sign, word in _DELIMITERS.items() if sign != "," and sign in fields[0]]
    if len(fields) > 1 or not found:
        return ""
    return f": its first line holds {found[0]} and no commas; is another delimiter meant"


def _csv_records(text: str, name: str, config: InputConfig, said: list[str]) -> Records:
    """(line, fields) of every record; one that isn't valid gives up its first line alone.

    What was decided about quote marks is added to `said`, when all records were read.
    """
    lines = io.StringIO(text, newline="").readlines()
    start, delimiter = 0, ","
    first = next((i for i, line in enumerate(lines) if line.strip(" \t\r\n\ufeff,")), 0)
    sep = _SEP_LINE.fullmatch(lines[first].strip("\ufeff")) if lines else None
    if sep is not None:
        yield first + 1, SetApart(first + 1, lines[first])
        start, delimiter = first + 1, sep[1]
    elif lines:
        delimiter = header_delimiter(lines[first], config) or _only_text(lines[first], config)
    left = _MOST_READINGS * len(lines)
    quotes = LoneQuotes(lines, delimiter)
    while start < len(lines):
        rest = (lines[i] for i in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        begin = start + 1
        try:
            for fields in reader:
                end = start + reader.line_num
                rows = quotes.rows(fields, begin - 1, end) or [fields]
                yield from enumerate(rows, start=begin)
                begin = end + 1
            break
        except csv.Error as error:
            why = (
                f"{name}: the row that begins on line {begin:,} is not valid CSV ({error}); a cell "
                f"with quotes or line breaks must be quoted, its quotes doubled."
            )
            left -= start + reader.line_num - begin
            if left < 0:
                raise InputError(why) from error
            yield begin, SetApart(begin, lines[begin - 1], why)
            start = begin
    said += quotes.said()


def _only_text(line: str, config: InputConfig) -> str:
    """The delimiter of a header that names the text column alone among columns nobody reads."""
    for delimiter in _DELIMITERS:
        names = [cell.strip(' "\ufeff\r\n') for cell in line.split(delimiter)]
        if len(names) > 1 and config.text in names:
            return delimiter
    return ","


def _all_quoted(text: str) -> bool:
    """Whether the header of a TSV is quoted cell by cell: so is what a program wrote below it."""
    first = next((line for line in io.StringIO(text) if line.strip()), "").strip("\ufeff\r\n")
    return all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in first.split("\t"))


def _tsv_records(text: str) -> Records:
    """(line, fields) of every line; a cell that a program quoted may span several of them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines):
        return
    width = lines[first].count("\t") + 1
    cells = _QuotedCells(lines, width) if '"' in text else None
    i = 0
    while i < len(lines):
        end = cells.end(i) if cells and i > first and '"' in lines[i] else i
        fields = lines[i].split("\t") if end == i else _fields_of(lines[i : end + 1])
        if len(fields) > width > 1 and '"' in lines[i]:
            fields = _with_tabs(lines[i], width) or fields
        yield i + 1, [_unquoted(field) for field in fields]
        i = end + 1


class _QuotedCells:
    """Which lines of a TSV belong to one record, because a quoted cell spans them.

    An open quote reads on to the line that closes it, if that makes a record of `width` fields and
    no line between them is a record in itself: else the quote mark is a lyric's. Linear in the
    lines.
    """

    def __init__(self, lines: Sequence[str], width: int) -> None:
        n = len(lines)
        self._width = width
        self._tabs = [0] * (n + 1)  # in all lines before
        for i, line in enumerate(lines):
            self._tabs[i + 1] = self._tabs[i] + line.count("\t")
        # Where the quotes that a line opens are closed at last, those opened on the way included;
        # None where they never are, or a record of its own stands in between.
        self._last: list[int | None] = [None] * n
        close, full = n, n  # the next line that closes a quote, that is a record by itself
        for i in range(n - 1, -1, -1):
            if width < 2 or not _opens(lines[i].rpartition("\t")[2]):
                self._last[i] = i
            elif close <= full and close < n:
                self._last[i] = self._last[close]
            close = i if _closes(lines[i].partition("\t")[0]) else close
            full = i if self._tabs[i + 1] - self._tabs[i] + 1 == width else full

    def end(self, i: int) -> int:
        """The last line of the record that begins on line i."""
        end = self._last[i]
        whole = end is not None and self._tabs[end + 1] - self._tabs[i] == self._width - 1
        return end if whole and end is not None else i


def _with_tabs(line: str, width: int) -> list[str] | None:
    """The fields of a line in which a program quoted a tab; None if that makes none of `width`."""
    try:
        fields = next(csv.reader([line], delimiter="\t", strict=True))
    except csv.Error:
        return None
    return fields if len(fields) == width else None


def _fields_of(lines: Sequence[str]) -> list[str]:
    """The fields of a record that spans these lines."""
    cells: list[list[str]] = [[]]
    for line in lines:
        first, *more = line.split("\t")
        cells[-1].append(first)
        cells += [[field] for field in more]
    return ["\n".join(cell) for cell in cells]


def _opens(cell: str) -> bool:
    """Whether a quote mark that is not doubled opens the cell and none closes it."""
    opening = len(cell) - len(cell.lstrip('"'))
    return opening % 2 == 1 and cell.count('"') % 2 == 1


def _closes(end: str) -> bool:
    """Whether the cell that ends so is closed by a quote mark that is not doubled."""
    return end.endswith('"') and (len(end) - len(end.rstrip('"'))) % 2 == 1


def _unquoted(cell: str) -> str:
    """The cell without the quotes of a program, which puts them around what needs them only."""
    inner = cell[1:-1]
    if len(cell) < 3 or not (cell[0] == cell[-1] == '"') or '"' in inner.replace('""', ""):
        return cell
    return inner.replace('""', '"') if any(sign in inner for sign in '"\n\t,') else cell


def _whole_titles(source: Source) -> None:
    """`1989.0` -> `1989` where all titles are such: a gap makes pandas write whole numbers so."""
    titles = {group.title for group in source.groups if group.title is not None}
    matches = [_FLOAT.fullmatch(title) for title in titles]
    if any(match and len(match[1]) > 2 for match in matches) and all(matches):
        source.groups[:] = [
            replace(group, title=group.title and group.title.removesuffix(".0"))
            for group in source.groups
        ]
