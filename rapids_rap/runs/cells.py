"""Text cells of CSV files that a spreadsheet must not read as formulas.

A lyric that begins with `=` is a formula to a spreadsheet that opens the file, and a formula can
call programs and send cells away. So a text cell that begins with one of `= + - @`, their
full-width forms, a tab or a line break gets an apostrophe in front, and so does one in which only
apostrophes stand before those: taking one off is always right. Numbers are no text and stay as they
are. Parquet and JSON lines hold the text itself.
"""

from __future__ import annotations

import re

import pandas as pd

_OPENS_FORMULA = r"^('*[=+\-@\t\r\n＝＋－＠])"
_ESCAPED = r"^'('*[=+\-@\t\r\n＝＋－＠])"
_APOSTROPHE = re.compile(_ESCAPED)


def escape_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its text cells, and its column names, safe for a spreadsheet."""
    return _replaced(table, _OPENS_FORMULA, r"'\1")


def unescape_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it was before `escape_cells`."""
    return _replaced(table, _ESCAPED, r"\1")


def _replaced(table: pd.DataFrame, pattern: str, by: str) -> pd.DataFrame:
    names = pd.Series(table.columns.astype("str")).str.replace(pattern, by, regex=True)
    out = table.set_axis(list(names), axis=1)
    for place, kind in enumerate(table.dtypes):
        if pd.api.types.is_string_dtype(kind) or pd.api.types.is_object_dtype(kind):
            cells = table.iloc[:, place]
            changed = cells.str.replace(pattern, by, regex=True)
            # `.str` gives null for what isn't text; that stays as it is.
            out.isetitem(place, changed.where(changed.notna(), cells).array)
    return out


def unescape_cell(cell: str) -> str:
    """One cell as it was before `escape_cells`."""
    return _APOSTROPHE.sub(r"\1", cell) if cell.startswith("'") else cell
