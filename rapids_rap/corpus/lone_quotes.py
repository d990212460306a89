"""Quote marks that nobody meant as a table's: two lone ones make one cell of the rows between them.

By RFC 4180 a cell may hold line breaks, so that `甲,一,"别走` and, further down, `丙,三,走吧"` are
the two ends of one cell. Where every line between is a row by itself, the cell is none.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field

_WIDE = 3  # columns; with two, a verse with a comma in each line looks like rows
_LONG = 3  # lines, of a record that is surely none if all of them are rows of a wide table
_SINGLE = 4  # records of one line for each of several, in a table with a line a row


class NeedsAllError(ValueError):
    """What a part of a table doesn't tell: the whole has to be read."""


@dataclass
class LoneQuotes:
    """Judge of the records of one CSV that span several lines, given with their ends.

    lines: all of them, or those of a part (`whole` False), of which `before` stand above; width:
    fields of the header, 0 before there is one. split, left: (first, last) line, counted from 1, of
    what was read as rows, and of what might be rows and was not. Of a part `rows` raises
    `NeedsAllError` where the other lines of the table decide.
    """

    lines: Sequence[str]
    delimiter: str
    before: int = 0
    whole: bool = True
    width: int = 0
    split: list[tuple[int, int]] = field(default_factory=list)
    left: list[tuple[int, int]] = field(default_factory=list)
    _by_lines: bool | None = None

    def rows(self, fields: Sequence[str], start: int, end: int) -> list[list[str]] | None:
        """The rows of the lines from `start` to before `end`, or None where they are one record.

        fields: what RFC 4180 makes of the lines.
        """
        self.width = self.width or len(fields)
        if end - start < 2 or self.width < 2:
            return None
        if not self._look_like_rows(start, end, whole=len(fields) == self.width):
            return None
        sure = self.width >= _WIDE and end - start >= _LONG
        if not sure and not self._has_a_line_a_row():
            self.left.append((self.before + start + 1, self.before + end))
            return None
        self.split.append((self.before + start + 1, self.before + end))
        return [self._row(line) or self._cells(line) for line in self.lines[start:end]]

    def _look_like_rows(self, start: int, end: int, *, whole: bool) -> bool:
        """Whether the first line, the last, and nearly all between them are rows.

        whole: the record has as many fields as the header; one of another width is broken at its
        first line, which needs to be no row.
        """
        if self._row(self.lines[end - 1]) is None:
            return False
        if whole and self._row(self.lines[start]) is None:
            return False
        between = [line for line in self.lines[start + 1 : end - 1] if line.strip()]
        return 4 * sum(self._row(line) is not None for line in between) >= 3 * len(between)

    def _row(self, line: str) -> list[str] | None:
        """The fields of a line that is a row by itself; a blank behind a comma makes a sentence."""
        cells = self._cells(line)
        if len(cells) != self.width and '"' in line:
            cells = next(csv.reader([line.rstrip("\r\n")], delimiter=self.delimiter))
            if self.delimiter in cells[-1]:
                return None
        if len(cells) != self.width or not any(cells):
            return None
        return None if any(cell.startswith(" ") for cell in cells[1:]) else cells

    def _cells(self, line: str) -> list[str]:
        return line.rstrip("\r\n").split(self.delimiter)

    def _has_a_line_a_row(self) -> bool:
        """Whether the other records of the file are of one line, nearly all of them."""
        if not self.whole:
            raise NeedsAllError("the other rows say whether a row is a line")
        if self._by_lines is None:
            single, several, start = -1, 0, 0  # without the header
            reader = csv.reader(self.lines, delimiter=self.delimiter)
            for fields in reader:
                if reader.line_num - start == 1:
                    single += bool(fields)
                elif not self._look_like_rows(start, reader.line_num, whole=True):
                    several += 1
                start = reader.line_num
            self._by_lines = single > _SINGLE * several
        return self._by_lines


def said_of_quotes(split: Sequence[tuple[int, int]], left: Sequence[tuple[int, int]]) -> list[str]:
    """What was decided, a clause each; split, left: as `LoneQuotes` has them."""
    return [
        f"{words}: {len(found):,} (lines {found[0][0]:,} to {found[0][1]:,})"
        for found, words in (
            (split, "quoted cells whose lines are rows, read as rows, their quote marks as lyric"),
            (left, "quoted cells whose lines might be rows, read as lyric"),
        )
        if found
    ]
