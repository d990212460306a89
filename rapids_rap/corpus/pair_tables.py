"""Reading the small CSV files a user gives: the lexicon, the artists' regions, decisions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from rapids_rap.corpus.decode import decode
from rapids_rap.errors import InputError
from rapids_rap.runs.files import read_plain


def read_pairs(path: str | Path, columns: tuple[str, str]) -> Iterator[tuple[int, str, str]]:
    """Line number and the two cells, stripped, of every row of a CSV with these columns.

    The columns may come in either order; blank rows are skipped; the text is UTF-8 or
    GB18030, as lyrics are.
    Raises `InputError`, naming file and line, for a file that can't be read, other columns, a row
    of another length or an empty cell.
    """
    for line, cells in read_rows(path, columns):
        for name in columns:
            if not cells[name]:
                raise InputError(f"{path}:{line}: {name} is empty; fill it in or delete the row.")
        first, second = (cells[name] for name in columns)
        yield line, first, second


def read_rows(path: str | Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the cells by column, stripped, of every row of a CSV with these columns.

    As `read_pairs`, but cells may be empty.
    """
    expected = ",".join(columns)
    rows = _rows(Path(path), expected)
    header_line, header = next(rows, (1, []))
    if sorted(header) != sorted(columns):
        found = ",".join(header) or "an empty file"
        raise InputError(f"{path}:{header_line}: expected the columns {expected}, found {found}.")
    for line, row in rows:
        if len(row) != len(columns):
            raise InputError(
                f"{path}:{line}: expected {len(columns)} cells ({expected}), found {len(row)}; "
                "put a cell that holds a comma in double quotes."
            )
        yield line, dict(zip(header, row, strict=True))


def _rows(path: Path, expected: str) -> Iterator[tuple[int, list[str]]]:
    try:
        decoded = decode(read_plain(path), str(path), "auto")
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; expected a CSV file with the columns {expected}."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}).") from None
    if decoded.note:
        raise InputError(f"{path}: {decoded.note}; repair it.")
    reader = csv.reader(io.StringIO(decoded.text, newline=""))
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not readable as CSV: {error}.") from None
