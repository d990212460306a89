"""The year in a cell: a year, or a date as people and programs write it.

Read are `2018`, `2018-05-01` (with `/`, `.` or nothing between, the month alone, a time behind it),
`2018年5月1日` and `01.05.2018`. What programs write for nothing is no year. No year is guessed, for
that would be wrong in silence: in a column that somebody named for it anything else is an
error, in one that only happens to be called `year` or `date` it is not known, and said so. A year
that has not begun is no year of release: it is a slip of a key, or stands for nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from rapids_rap.errors import InputError

USUAL = ("year", "date")  # columns that are read though nobody named them
FIRST = 1900  # recorded lyrics have no earlier one
_NOTHING = frozenset(
    (
        *("nan", "na", "n/a", "null", "none", "nil", "nat", "<na>", "#n/a", "\\n", "-", "--", "—"),
        *("?", "??", "????", "unknown", "未知", "不详", "无", "0", "0000", "0000-00-00"),
    )
)
_YEAR = re.compile(r"([0-9]{4})(?:\.0+)?年?")
_FIRST = re.compile(  # 2018-05, 2018/5/1, 2018年5月1日, 2018-05-01T08:00:00Z
    r"([0-9]{4})(?:[-/.]|年)([0-9]{1,2})(?:月|(?:(?:[-/.]|月)([0-9]{1,2})日?))?"
    # A time and its zone, and nothing else: behind a dash or a word could stand another year.
    r"(?:[T ](?:上午|下午)?[0-9]{1,2}:[0-9]{2}[0-9:.,]{0,16} ?[A-Za-z]{0,4}(?:[-+][0-9:]{2,5})?)?"
)
_PACKED = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:\.0+)?")  # 20180501
_LAST = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")  # 01.05.2018, 5/1/2018
_LONGEST = 80  # characters; what is longer is no date


def this_year() -> int:
    """The year that it is somewhere on Earth: in the east a year begins 14 hours before UTC's."""
    return (datetime.now(UTC) + timedelta(hours=14)).year


@dataclass
class YearCells:
    """The cells of a file that hold years; each text is read once.

    last: the year that it is; later ones are none.
    odd: of a column that nobody named, how many cells are no year, and the first of them.
    """

    name: str
    last: int = field(default_factory=this_year)
    known: dict[str, int | None] = field(default_factory=dict)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)

    def read(self, line: int, cell: str | None, column: str) -> int | None:
        """The year in a cell. Raises InputError for something else in a column that was named."""
        if cell is None:
            return None
        if cell not in self.known and column in USUAL:
            try:
                self.known[cell] = year_of(cell, self.last)
            except ValueError:
                count, first = self.odd.get(column, (0, f'"{cell[:40]}" in line {line:,}'))
                self.odd[column] = (count + 1, first)
                return None
        if cell not in self.known:
            try:
                self.known[cell] = year_of(cell, self.last)
            except ValueError as error:
                raise InputError(
                    f'{self.name}: line {line:,}, column "{column}": "{cell[:40]}" is not '
                    f"a year from {FIRST} to {self.last} or a date that begins or ends with one "
                    f"({error}). Correct it or empty the cell; --set input.year=NAME "
                    "names another column, an empty NAME none."
                ) from None
        return self.known[cell]


def year_of(cell: str | None, last: int) -> int | None:
    """The year of release in a cell, None where nothing is known. Raises ValueError for no year.

    last: the latest that there can be.
    """
    text = unicodedata.normalize("NFKC", (cell or "")[: _LONGEST + 1]).strip()
    if not text or text.casefold() in _NOTHING:
        return None
    if len(text) <= _LONGEST:
        if found := _YEAR.fullmatch(text):
            return _plausible(int(found[1]), last)
        if found := _FIRST.fullmatch(text) or _PACKED.fullmatch(text):
            return _dated(found[1], found[2], found[3] or "1", last)
        if found := _LAST.fullmatch(text):
            first, second = (int(part) for part in found.groups()[:2])
            day, month = (first, second) if second <= 12 else (second, first)  # 13 is no month
            return _dated(found[3], str(month), str(day), last)
    raise ValueError("no such date is known")


def _dated(year: str, month: str, day: str, last: int) -> int:
    if int(month) or int(day):  # databases write 2018-00-00 where the year alone is known
        date(int(year), int(month) or 1, int(day) or 1)
    return _plausible(int(year), last)


def _plausible(year: int, last: int) -> int:
    if year > last:
        raise ValueError(f"{year} is in the future")
    if year < FIRST:
        raise ValueError(f"{year} is too early")
    return year
