"""Readers of Parquet files and of Excel workbooks; `line` is the number of the row."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import look_for_names, require_text, wanted_columns
from rapids_rap.corpus.headers import header_of, repeats
from rapids_rap.corpus.printed_lists import lines_of_list
from rapids_rap.corpus.rows import Row, SetApart, from_rows, name_of_number, row_of
from rapids_rap.corpus.source import Source
from rapids_rap.corpus.workbooks import SheetFacts, facts_of, filled_down
from rapids_rap.errors import CapabilityError, InputError, RapError
from rapids_rap.runs.files import listed
from rapids_rap.runs.received import measure_parquet, require_room

_UNPACKED = 15  # bytes of main memory that a byte of a workbook's XML takes as cells
_CHECKED = 1_000  # rows between two looks at the memory
_MOST_ROWS = 2**20  # of a sheet of Excel


def read_parquet(
    data: bytes, name: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """A Parquet file from its bytes. Raises InputError if it isn't one or has no text column."""
    with explained_parquet(name):
        measure_parquet(pa.BufferReader(data), name, wanted_columns(config))
        file = open_parquet(pa.BufferReader(data), name, config, folders)
        groups = range(file.num_row_groups)
        rows = parquet_rows(file, groups, name, config, folders)
    return from_rows("parquet", rows, name)


@contextlib.contextmanager
def explained_parquet(name: str) -> Iterator[None]:
    """Turn what a damaged file raises into a sentence."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name}: can't be read as Parquet ({reason}).") from error


def open_parquet(
    source: Any, name: str, config: InputConfig, folders: dict[str, str | None]
) -> pq.ParquetFile:
    """The file, its columns looked at. Raises InputError where it has no text column."""
    file = pq.ParquetFile(source)
    names = file.schema_arrow.names
    require_text(names, name, config)
    look_for_names(names, name, config, tuple(folders))
    return file


def parquet_rows(
    file: pq.ParquetFile,
    groups: Sequence[int],
    name: str,
    config: InputConfig,
    folders: dict[str, str | None],
    first: int = 1,
) -> Iterator[Row | SetApart]:
    """The rows of some row groups, the first of which is row `first`."""
    wanted = wanted_columns(config)
    present = [column for column in dict.fromkeys(wanted) if column in file.schema_arrow.names]
    # Without Arrow's threads: after many damaged files they have been seen to abort the exit.
    table = file.read_row_groups(list(groups), columns=present, use_threads=False)
    columns = [
        _column(table, column, name, textual=i == 0, dated=i >= len(wanted) - 2)
        for i, column in enumerate(wanted)
    ]
    return _parquet_rows(columns, name, config, folders, first)


def _parquet_rows(
    columns: list[list[Any]],
    name: str,
    config: InputConfig,
    folders: dict[str, str | None],
    first: int,
) -> Iterator[Row | SetApart]:
    """The rows; bytes that are no text are no lyric."""
    for number, values in enumerate(zip(*columns, strict=True), start=first):
        try:
            cells = [_text(value) for value in values]
        except UnicodeDecodeError as error:
            where = f"{name}: row {number:,} holds bytes that are not UTF-8"
            yield SetApart(number, repr(error.object)[:200], f"{where}; repair or remove it.")
        else:
            yield row_of(number, cells, config, folders)


def _text(cell: Any) -> str | None:
    if isinstance(cell, bytes):
        return cell.decode("utf-8")
    if isinstance(cell, list):
        return "\n".join(part for part in map(_text, cell) if part)
    if cell is None or isinstance(cell, str):
        return cell
    return name_of_number(cell)


def _column(
    table: pa.Table, column: str, name: str, *, textual: bool, dated: bool = False
) -> list[Any]:
    """A column's values, nulls if it is missing; a `textual` one may not hold numbers.

    A `dated` one may hold dates and times.

    Text is a string in any of Arrow's layouts, bytes (Spark and Impala write UTF-8 without saying
    so), or a list of either, a line each.
    """
    if column not in table.column_names:
        return [None] * table.num_rows
    values = table.column(column)
    kind = values.type
    while pa.types.is_dictionary(kind) or (textual and _is_list(kind)):
        kind = kind.value_type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if dated and (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        return [None if day is None else str(day) for day in _days(values)]
    if not _is_text(kind) and (textual or not is_number):
        raise InputError(f'{name}: column "{column}" must hold text, found {values.type}.')
    cells: list[Any] = values.to_pylist()
    return cells


def _days(values: pa.ChunkedArray) -> list[date | None]:
    """Dates and times as days; pandas would be needed for nanoseconds."""
    days: list[date | None] = values.cast(pa.date32(), safe=False).to_pylist()
    return days


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    tests = ("string", "large_string", "string_view", "null", "binary", "large_binary")
    return any(getattr(types, f"is_{test}")(kind) for test in (*tests, "binary_view"))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def read_xlsx(
    data: bytes, name: str, config: InputConfig, folders: dict[str, str | None]
) -> Source:
    """An Excel workbook from its bytes: every sheet whose first row names the text column.

    Raises CapabilityError without openpyxl, the extra `[xlsx]`, and for a workbook that does not
    fit into main memory, InputError where no sheet has the column.
    """
    try:
        import openpyxl
    except ImportError:
        raise CapabilityError(
            f"{name}: reading Excel workbooks needs openpyxl: pip install 'rapids-rap[xlsx]'; or "
            "save the sheet as CSV UTF-8."
        ) from None
    try:
        _measure_archive(data, name)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = {sheet.title: _cells_of(sheet, name) for sheet in book.worksheets}
        facts = {sheet.title: facts_of(data, sheet) for sheet in book.worksheets}
    except RapError:
        raise
    except Exception as error:  # whatever a damaged archive makes its parsers raise
        raise InputError(f"{name}: can't be read as an Excel workbook ({error}).") from error
    headers = {
        title: [_cell(cell) or "" for cell in rows[0]] for title, rows in sheets.items() if rows
    }
    chosen = [title for title, header in headers.items() if header.count(config.text) == 1]
    if not chosen:
        require_text(next((h for h in headers.values() if any(h)), []), name, config)
    dates: list[str] = []
    rows = (
        row
        for title in chosen
        for row in _sheet_rows(sheets[title], facts[title], name, config, folders, dates)
    )
    source = from_rows("xlsx", rows, name)
    if dates:
        source.notes.append(
            "dates as names, which may be titles that the spreadsheet changed (type them as text): "
            f"{listed(list(dict.fromkeys(dates)))}"
        )
    left_out = [title for title, header in headers.items() if title not in chosen and any(header)]
    if left_out:
        source.notes.append(f'sheets without a column "{config.text}": {", ".join(left_out)}')
    return source


def _measure_archive(data: bytes, name: str) -> None:
    """Refuse a workbook that says it unpacks to more than fits; zlib holds it to what it says."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(part.file_size for part in archive.infolist())
    require_room(name, _UNPACKED * size, f"{size:,} bytes, unpacked,")


def _cells_of(sheet: Any, name: str) -> list[tuple[Any, ...]]:
    """The rows of a sheet, as far as they go: a sheet may say that it is larger than it is."""
    sheet.reset_dimensions()
    rows, texts = [], 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > _MOST_ROWS:
            raise InputError(f"{name}: has more than {_MOST_ROWS:,} rows, the most of a sheet.")
        rows.append(row)
        texts += sum(len(cell) for cell in row if isinstance(cell, str))  # shared in the file
        if number % _CHECKED == 0:
            require_room(name, 4 * texts, f"{texts:,} characters in {number:,} rows")
    return rows


def _sheet_rows(
    rows: list[tuple[Any, ...]],
    facts: SheetFacts,
    name: str,
    config: InputConfig,
    folders: dict[str, str | None],
    dates: list[str],
) -> Iterator[Row | SetApart]:
    """The rows of one sheet; names that are dates are added to `dates`."""
    header = header_of([_cell(cell) or "" for cell in rows[0]], config)
    look_for_names(header.names, name, config, tuple(folders))
    rows = filled_down(rows, facts, header.places[1:3])  # artist and song
    for number, row in enumerate(rows[1:], start=2):
        fields = [_cell(cell) or "" for cell in row]
        if repeats(fields, header):
            header = header_of(fields, config, header)
            yield SetApart(number, " ".join(fields))
            continue
        cells = [_cell(row[p]) if p is not None and p < len(row) else None for p in header.places]
        if cells[0] is None and (number - 1, header.places[0]) in facts.no_value:
            yield SetApart(
                number,
                " ".join(filter(None, fields)) or "(a formula)",
                f"{name}: row {number:,} has a formula for its lyrics that no spreadsheet has "
                "computed; open the file in one, save it, and read that.",
            )
            continue
        dates += [cells[i] or "" for i in (1, 2) if _is_date(row, header.places[i])]
        cells[0] = cells[0] and lines_of_list(cells[0])
        yield row_of(number, cells, config, folders)


def _is_date(row: tuple[Any, ...], place: int | None) -> bool:
    return place is not None and place < len(row) and isinstance(row[place], date | time)


def _cell(value: Any) -> str | None:
    """A cell as text: numbers as they read, `1989.0` as 1989."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return name_of_number(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value).strip("\ufeff") if isinstance(value, str) else str(value)
