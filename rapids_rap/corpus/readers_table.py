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
from rapids_rap.corpus.lone_quotes import LoneQuotes, NeedsAllError, said_of_quotes
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
_BLANK_ROW = " \t\r\n\ufeff,"  # all that a line without a name may hold
_FLOAT = re.compile(r"(\d+)\.0")

Records = Iterator[tuple[int, list[str] | SetApart]]


@dataclass(frozen=True)
class Piece:
    """Which lines of a table a text has; all of them, where nothing else is said.

    head: the lines down to the header, for a text that begins below it. first: the number of the
    text's first line. more: whether lines follow.
    """

    head: str = ""
    first: int = 1
    more: bool = False


WHOLE = Piece()


@dataclass
class TableRows:
    """The rows of a CSV or TSV from its decoded text, or of a piece of one, as they are asked for.

    looked: its columns were looked at before. header: the latest. quotes: of a CSV, what was
    decided about its quote marks, once the rows were read. Raises InputError where there is no text
    column, and `NeedsAllError` where the lines of a piece don't say which rows they hold.
    """

    text: str
    name: str
    suffix: str
    config: InputConfig
    folders: dict[str, str | None]
    piece: Piece = WHOLE
    looked: bool = False
    header: _Header | None = None
    quotes: LoneQuotes | None = None

    def __iter__(self) -> Iterator[Row | SetApart]:
        """The rows, once."""
        above = _read_head(self) if self.piece.head else None
        if above is not None:
            self.header = above.header
        if self.suffix == ".tsv" and not _all_quoted(self.piece.head or self.text):
            return self._rows(_tsv_records(self.text, self.piece))
        lines = _csv_lines(self.text)
        dialect = _dialect(_csv_lines(self.piece.head) if above else lines, self.config)
        quotes = LoneQuotes(lines, dialect.delimiter, self.piece.first - 1, self.piece == WHOLE)
        if above is not None:
            dialect = replace(dialect, start=0)
            quotes.width = above.quotes.width if above.quotes else 0
        self.quotes = quotes
        return self._rows(_csv_records(lines, dialect, self.name, quotes, self.piece))

    def _rows(self, records: Records) -> Iterator[Row | SetApart]:
        """The rows below the header; every row must have the header's number of fields."""
        for line, fields in records:
            header = self.header
            if isinstance(fields, SetApart):
                yield fields
            elif not any(field.strip() for field in fields):
                continue  # a blank row
            elif header is None:
                self.header = header = _header(fields, self.config)
                require_text(header.names, f"{self.name}{_other_delimiter(fields)}", self.config)
                if not self.looked:
                    look_for_names(header.names, self.name, self.config, tuple(self.folders))
            elif repeats(fields, header.columns):
                self.header = _header(fields, self.config, header.columns)
                if self.piece != WHOLE and self.header != header:
                    raise NeedsAllError("a header names the columns anew")
                yield SetApart(line, " ".join(fields))
            elif len(fields) != len(header.names):
                yield SetApart(
                    line,
                    " ".join(fields),
                    f"{self.name}: the row on line {line:,} has {len(fields)} fields, the header "
                    f"has {len(header.names)}; quote cells that contain the delimiter.",
                )
            else:
                yield row_of(line, header.cells(fields), self.config, self.folders)


def read_table(
    text: str, name: str, suffix: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """A CSV or TSV file from its decoded text. Raises InputError where it has no text column."""
    rows = TableRows(text, name, suffix, config, folders)
    with huge_cells():
        source = from_rows(suffix.removeprefix("."), rows, name)
    finish_table(source, *(rows.quotes.split, rows.quotes.left) if rows.quotes else ())
    return source


def finish_table(
    source: Source,
    split: Sequence[tuple[int, int]] = (),
    left: Sequence[tuple[int, int]] = (),
) -> None:
    """What only all rows of a table tell; split, left: as `LoneQuotes` has them, of all pieces."""
    source.notes += said_of_quotes(split, left)
    _whole_titles(source)


def table_head(text: str) -> str:
    """The lines down to the first that is neither blank nor `sep=`: a header, if it is one line."""
    head, said = [], False
    for line in io.StringIO(text, newline=""):
        head.append(line)
        if not line.strip(_BLANK_ROW):
            continue
        if said or _SEP_LINE.fullmatch(line.strip("\ufeff")) is None:
            break
        said = True
    return "".join(head)


def table_shape(rows: TableRows) -> tuple[str, int]:
    """The delimiter and the number of fields, of the rows below `rows.piece.head`.

    Raises `NeedsAllError` where that holds no header, InputError where it has no text column.
    """
    head = _read_head(rows)
    assert head.header is not None
    return head.quotes.delimiter if head.quotes else "\t", len(head.header.names)


def _read_head(rows: TableRows) -> TableRows:
    head = replace(rows, text=rows.piece.head, piece=WHOLE)
    if any(not isinstance(row, SetApart) or row.why for row in head) or head.header is None:
        raise NeedsAllError("its first line is no header")
    return head


def header_delimiter(line: str, config: InputConfig) -> str | None:
    """The delimiter with which a line is a header: it names the text column and another one."""
    for delimiter in _DELIMITERS:
        names = [cell.strip(' "\ufeff') for cell in line.split(delimiter)]
        others = {config.artist, config.song, "song_id"} - {config.text}
        if config.text in names and not others.isdisjoint(names):
            return delimiter
    return None


@contextmanager
def huge_cells() -> Iterator[None]:
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


def _csv_lines(text: str) -> list[str]:
    return io.StringIO(text, newline="").readlines()


@dataclass(frozen=True)
class _Dialect:
    """start: the line below `sep=`, where that stands, from 0. sep: that line."""

    delimiter: str
    start: int = 0
    sep: str = ""


def _dialect(lines: Sequence[str], config: InputConfig) -> _Dialect:
    """How a CSV is written, from its first lines."""
    if not lines:
        return _Dialect(",")
    first = next((i for i, line in enumerate(lines) if line.strip(_BLANK_ROW)), 0)
    sep = _SEP_LINE.fullmatch(lines[first].strip("\ufeff"))
    if sep is not None:
        return _Dialect(sep[1], first + 1, lines[first])
    return _Dialect(header_delimiter(lines[first], config) or _only_text(lines[first], config))


def _csv_records(
    lines: Sequence[str], dialect: _Dialect, name: str, quotes: LoneQuotes, piece: Piece
) -> Records:
    """(line, fields) of every record; one that isn't valid gives up its first line alone."""
    start, before = dialect.start, piece.first - 1
    if start:
        yield before + start, SetApart(before + start, dialect.sep)
    left = _MOST_READINGS * len(lines)
    while start < len(lines):
        rest = (lines[i] for i in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=dialect.delimiter, strict=True)
        begin = start + 1
        try:
            for fields in reader:
                end = start + reader.line_num
                rows = quotes.rows(fields, begin - 1, end) or [fields]
                yield from enumerate(rows, start=before + begin)
                begin = end + 1
            break
        except csv.Error as error:
            if piece.more and next(rest, None) is None:
                raise NeedsAllError("a cell is open where the piece ends") from error
            why = (
                f"{name}: the row that begins on line {before + begin:,} is not valid CSV "
                f"({error}); a cell with quotes or line breaks must be quoted, its quotes doubled."
            )
            left -= start + reader.line_num - begin
            if left < 0:
                raise InputError(why) from error
            yield before + begin, SetApart(before + begin, lines[begin - 1], why)
            start = begin


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


def _tsv_records(text: str, piece: Piece) -> Records:
    """(line, fields) of every line; a cell that a program quoted may span several of them."""
    lines = _tsv_lines(text)
    first, width = _tsv_header(_tsv_lines(piece.head) if piece.head else lines)
    if piece.head:
        first = -1
    if piece.more and not _ends_record(lines[-2], width):
        raise NeedsAllError("a cell may be open where the piece ends")
    cells = _QuotedCells(lines, width) if '"' in text else None
    i = 0
    while i < len(lines):
        end = cells.end(i) if cells and i > first and '"' in lines[i] else i
        fields = lines[i].split("\t") if end == i else _fields_of(lines[i : end + 1])
        if len(fields) > width > 1 and '"' in lines[i]:
            fields = _with_tabs(lines[i], width) or fields
        yield piece.first + i, [_unquoted(field) for field in fields]
        i = end + 1


def _tsv_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _tsv_header(lines: Sequence[str]) -> tuple[int, int]:
    """Where the first line that is not blank stands, from 0, and how many fields it has."""
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    return first, lines[first].count("\t") + 1 if first < len(lines) else 0


def _ends_record(line: str, width: int) -> bool:
    """Whether no cell of a TSV reaches beyond the line, for it is a record by itself."""
    return '"' not in line and line.count("\t") + 1 == width


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
