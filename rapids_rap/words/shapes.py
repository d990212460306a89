"""What can be seen of a text without understanding it: its length, blanks, rhyme, script, repeats.

A clustering that groups lines by these has found form, whatever its silhouette says.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from pypinyin import Style, lazy_pinyin

from rapids_rap.arrays import Int64s
from rapids_rap.words.segment import is_chinese

NOTHING = -1  # the code of a text that has no such value


@dataclass(frozen=True)
class Shape:
    """One visible property of n texts.

    codes: (n,) int64, position in `values`, `NOTHING` where a text has none. values: what each
    code means, as a reader would say it.
    """

    codes: Int64s
    values: tuple[str, ...]


def line_shapes(texts: Sequence[str]) -> dict[str, Shape]:
    """The shapes by name: length, blanks, rhyme, script, first_character, repetition.

    length: characters without white space. blanks: runs of white space between them. rhyme: the
    final of the last Chinese character at the line's end, by its most usual reading, tone left out.
    repetition: the share of characters that stood in the line before, in quarters.
    """
    return {name: _coded([shape(text) for text in texts]) for name, shape in _SHAPES.items()}


def _coded(found: Sequence[Hashable]) -> Shape:
    kinds = sorted({value for value in found if value is not None}, key=str)
    place: dict[Hashable, int] = {value: i for i, value in enumerate(kinds)}
    codes = np.fromiter((place.get(value, NOTHING) for value in found), np.int64, len(found))
    return Shape(codes, tuple(map(str, kinds)))


def _length(text: str) -> int:
    return len("".join(text.split()))


def _blanks(text: str) -> int:
    return max(0, len(text.split()) - 1)


def _rhyme(text: str) -> str | None:
    return _final(text[-1]) if text else None


@cache
def _final(character: str) -> str | None:
    """The final (韵母) of a Chinese character, or None of any other."""
    if not is_chinese(character):
        return None
    read = lazy_pinyin(character, style=Style.FINALS, strict=False, errors="ignore")
    return read[0] if read and read[0] else None


def _script(text: str) -> str | None:
    letters = [c for c in text if c.isalpha()]
    chinese = sum(map(is_chinese, letters))
    if not letters:
        return None
    if chinese == len(letters):
        return "Chinese"
    if chinese:
        return "mixed"
    latin = all("LATIN" in unicodedata.name(c, "") for c in letters)
    return "Latin" if latin else "other"


def _first(text: str) -> str | None:
    return text[0].casefold() if text else None


def _repetition(text: str) -> str | None:
    bare = "".join(text.casefold().split())
    if not bare:
        return None
    repeated = 1 - len(set(bare)) / len(bare)
    if not repeated:
        return "none"
    return ("up to a quarter", "up to a half", "up to three quarters", "more")[
        min(3, int(np.ceil(4 * repeated)) - 1)
    ]


_SHAPES: dict[str, Callable[[str], Hashable]] = {
    "length": _length,
    "blanks": _blanks,
    "rhyme": _rhyme,
    "script": _script,
    "first_character": _first,
    "repetition": _repetition,
}
SHAPES = tuple(_SHAPES)
