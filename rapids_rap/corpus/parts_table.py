"""Where a large CSV or TSV file may be cut.

In CSV a quote mark may open a cell anywhere above. So a cut is a guess, by the parity of the quote
marks and by lines that are rows by themselves, and the reading says whether it was right: the first
part begins with a row; where one begins and no cell is open at its end, the next one begins with a
row, too. A part that ends within a cell has the file read whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import folder_values
from rapids_rap.corpus.parts import LONGEST, Span, begin_text, text_parts
from rapids_rap.corpus.readers import refuse_other_bytes, refuse_pages
from rapids_rap.corpus.readers_table import Piece, TableRows, table_head, table_shape
from rapids_rap.runs.files import label_of

_LOOKED = 64  # lines of a table in which a place to cut is looked for
_ROWS = 3  # lines in a row that are rows by themselves: hardly ever in the midst of a cell


def table_parts(
    file: IO[bytes], path: Path, config: InputConfig, part_bytes: int
) -> tuple[str, list[Span], int]:
    """A table's hash, its parts, and where its header ends. Raises for what is unusual."""
    data, at = begin_text(file, config, part_bytes)
    head, edges = _look_at_head(data, at, path, config)
    sha256, spans = text_parts(
        file, data[:at], lambda first: edges.next_part(file, first, part_bytes)
    )
    return sha256, spans, head


def _look_at_head(data: bytes, at: int, path: Path, config: InputConfig) -> tuple[int, _RecordEnds]:
    """Where the header of a table ends that begins so, and what tells the ends of its rows.

    at: where its text begins. Raises for what is unusual, also for a header over several lines.
    """
    label, suffix = label_of(path), path.suffix.lower()
    text = data[at:].decode("utf-8")
    refuse_other_bytes(data, label)
    refuse_pages(text, label)
    head = table_head(text)
    rows = TableRows("", label, suffix, config, folder_values(path), Piece(head))
    delimiter, width = table_shape(rows)
    return at + len(head.encode()), _RecordEnds(delimiter.encode(), width, suffix == ".tsv")


@dataclass(frozen=True)
class _RecordEnds:
    """Guesses where rows of a table end. width: of its rows in fields. sure: a cut must be sure."""

    delimiter: bytes
    width: int
    sure: bool

    def next_part(self, file: IO[bytes], at: int, part_bytes: int) -> bytes:
        """The bytes from `at` on to a guessed end of a row, or to the end of the file."""
        data = b""
        while more := file.read(part_bytes):
            data += more + file.readline()
            ahead = [line for _ in range(_LOOKED) if (line := file.readline())]
            cut = self._cut(data, ahead)
            if cut is not None:
                data += b"".join(ahead[:cut])
                file.seek(at + len(data))
                return data
            data += b"".join(ahead)
            if len(data) > LONGEST * part_bytes:
                raise ValueError("no end of a row was found")
        return data

    def _cut(self, data: bytes, ahead: list[bytes]) -> int | None:
        """How many of the lines ahead belong to the part; None where no place is likely."""
        if self.sure:
            return next((i + 1 for i, line in enumerate(ahead) if self._is_row(line)), None)
        odd, even = data.count(b'"') % 2, []
        for i, line in enumerate(ahead):
            even += [i] * (not odd)
            odd ^= line.count(b'"') % 2
        rows = [
            i + 1
            for i in range(len(ahead) - _ROWS + 1)
            if self.width >= _ROWS and all(map(self._is_row, ahead[i : i + _ROWS]))
        ]
        likely = [*(i for i in rows if i in even), *rows, *even]
        return next(iter(likely), None)

    def _is_row(self, line: bytes) -> bool:
        return b'"' not in line and line.count(self.delimiter) + 1 == self.width
