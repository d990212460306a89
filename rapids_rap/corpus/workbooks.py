"""What a workbook's XML says and reading it as rows of values doesn't: merged cells, formulas.

Of merged cells only the first has a value; a formula has one only where a spreadsheet computed it,
which the libraries that write workbooks do not (ECMA-376, part 1, 18.3.1.55 and 18.3.1.40).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MERGED = re.compile(
    rb'<(?:\w{1,20}:)?mergeCell\s[^<>]{0,100}?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"'
)
_NO_VALUE = re.compile(
    rb'<c r="([A-Z]{1,3})(\d{1,7})"[^<>]{0,100}><f[^<>]{0,200}(?:/>|>[^<>]{0,8192}</f>)'
    rb"(?:<v\s?/>|<v></v>)?</c>"
)


@dataclass(frozen=True)
class SheetFacts:
    """Positions, from 0.

    merged: column, first and last row of cells merged down a column. no_value: row and column of
    formulas that nobody computed.
    """

    merged: tuple[tuple[int, int, int], ...] = ()
    no_value: frozenset[tuple[int, int]] = frozenset()


def facts_of(data: bytes, sheet: Any) -> SheetFacts:
    """What the XML of an openpyxl sheet says; nothing where it can't be found."""
    path = getattr(sheet, "_worksheet_path", None)  # openpyxl has no public name for it
    if not isinstance(path, str):
        return SheetFacts()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read(path)
    merged = [
        (_column(left), int(top) - 1, int(bottom) - 1)
        for left, top, right, bottom in _MERGED.findall(xml)
        if left == right
    ]
    no_value = {(int(row) - 1, _column(column)) for column, row in _NO_VALUE.findall(xml)}
    return SheetFacts(tuple(merged), frozenset(no_value))


def filled_down(
    rows: Sequence[tuple[Any, ...]], facts: SheetFacts, columns: Sequence[int | None]
) -> list[tuple[Any, ...]]:
    """The rows with the value of merged cells in each row that they span, in these columns.

    No cell is in two ranges; a second one, as only an attacker writes it, is passed over.
    """
    filled, ends = list(rows), dict.fromkeys(columns, -1)
    for column, first, last in sorted(facts.merged):
        if first <= ends.get(column, len(rows)) or first >= len(rows):
            continue
        if column >= len(rows[first]):
            continue
        value, ends[column] = rows[first][column], last
        for row in range(first + 1, min(last + 1, len(rows))):
            cells = [*filled[row], *[None] * (column + 1 - len(filled[row]))]
            cells[column] = value
            filled[row] = tuple(cells)
    return filled


def _column(letters: bytes) -> int:
    """`A` is 0, `AA` 26."""
    place = 0
    for letter in letters:
        place = 26 * place + letter - ord("A") + 1
    return place - 1
