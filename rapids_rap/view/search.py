"""The server's search: every line is looked at, as `webapp/src/search.ts` does in the page.

The page may hold a million lines and a server may be far away, so whoever has a server asks it and
gets the numbers of lines. Both sides fold alike and use the same tables (`chinese.py`); a test
holds them together.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from rapids_rap.arrays import Int64s
from rapids_rap.view.chinese import BASIC, plain_form
from rapids_rap.view.texts import END

Way = Literal["text", "pinyin", "rhyme"]
Units = npt.NDArray[np.uint16]  # UTF-16, as the page counts
Table = npt.NDArray[np.bool_]  # (BASIC,): which units may stand in a place

_PARTED = re.compile(r"[\s'’-]+")
_LONGEST = 31  # syllables of a question
_MOST_CUTS = 64  # ways to cut `xian` into syllables that are tried
_RHYMED = 3
_LETTERS = 6  # of the longest syllable, zhuang
_BETWEEN = "\ue000"  # stands between lines while they are folded, which takes NUL away


class LineSearch:
    """Lines folded once, and asked in three ways."""

    def __init__(self, chunks: Iterable[str], tables: Mapping[str, Mapping[str, str]]) -> None:
        """chunks: as `texts.lines_of` gives them. tables: `fold`, `readings`, `finals`."""
        self._readings = tables["readings"]
        self._finals = tables["finals"]
        self._folded = np.arange(BASIC, dtype=np.uint16)
        for old, new in tables["fold"].items():
            self._folded[ord(old)] = ord(new)
        parts = [self._units(_marked(chunk)) for chunk in chunks]
        self._codes = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint16)
        self._codes[self._codes == ord(_BETWEEN)] = 0
        self._ends = np.flatnonzero(self._codes == 0)

    def find(self, question: str, way: Way) -> Int64s | None:
        """The rows that match, ascending; None where it can't be asked this way."""
        if way == "rhyme":
            return self._find_rhyme(question)
        if way == "pinyin":
            return self._find_pinyin(question)
        asked = self._asked(question)
        if not len(asked):
            return None
        return self._rows(self._begins([_only([int(unit)]) for unit in asked]))

    def _units(self, text: str) -> Units:
        units = np.frombuffer(plain_form(text).encode("utf-16-le", "replace"), dtype="<u2")
        return np.asarray(self._folded[units], dtype=np.uint16)

    def _asked(self, question: str) -> Units:
        held = question.replace(END, "\ufffd")
        text = self._units(held).tobytes().decode("utf-16-le", "replace").strip()
        return np.frombuffer(text.encode("utf-16-le"), dtype="<u2")

    def _begins(self, places: Sequence[Table]) -> Int64s:
        """Where such units stand one after another; a line's end is in no table."""
        last = max(len(self._codes) - len(places) + 1, 0)
        at = np.flatnonzero(places[0][self._codes[:last]])
        for step, allowed in enumerate(places[1:], start=1):
            at = at[allowed[self._codes[at + step]]]
        return at.astype(np.int64)

    def _rows(self, at: Int64s) -> Int64s:
        return np.unique(np.searchsorted(self._ends, at)).astype(np.int64)

    def _find_pinyin(self, question: str) -> Int64s | None:
        letters = self._asked(question).tobytes().decode("utf-16-le").replace("ü", "v")
        cuts = cut_syllables(letters, self._readings)
        if not cuts:
            return None
        found = [
            self._begins([_only(map(ord, self._readings[syllable])) for syllable in cut])
            for cut in cuts
        ]
        return self._rows(np.concatenate(found))

    def _find_rhyme(self, question: str) -> Int64s | None:
        """Lines whose last one to three syllables have the finals of the question's last ones."""
        names = list(self._finals)
        final = np.zeros(BASIC, dtype=np.int64)
        for number, name in enumerate(names, start=1):
            final[[ord(character) for character in self._finals[name]]] = number
        asked = self._asked(question)
        spoken = [int(number) for number in final[asked] if number]
        words = asked.tobytes().decode("utf-16-le").replace("ü", "v").split()
        named = [names.index(word) + 1 if word in self._finals else 0 for word in words]
        wanted = spoken or (named if all(named) else [])
        if not wanted:
            return None
        kept = (final[self._codes] > 0) | _letters()[self._codes] | (self._codes == 0)
        sung = self._codes[kept]  # punctuation and blanks are not sung
        ends = np.flatnonzero(sung == 0)
        told = np.concatenate([np.zeros(_RHYMED, dtype=np.int64), final[sung]])
        matches = np.ones(len(ends), dtype=bool)
        for back, number in enumerate(reversed(wanted[-_RHYMED:]), start=1):
            matches &= told[ends + _RHYMED - back] == number
        return np.flatnonzero(matches).astype(np.int64)


def cut_syllables(letters: str, known: Mapping[str, str]) -> list[list[str]]:
    """Every way to cut letters into known syllables; blanks and apostrophes always part two."""
    cuts: list[list[str]] = [[]]
    for word in filter(None, _PARTED.split(letters)):
        here: list[list[str]] = []
        waiting: list[tuple[str, list[str]]] = [(word, [])]
        while waiting and len(here) < _MOST_CUTS:
            rest, done = waiting.pop()
            if not rest:
                here.append(done)
            elif len(done) < _LONGEST:
                heads = [rest[:end] for end in range(1, min(_LETTERS, len(rest)) + 1)]
                waiting += [(rest[len(h) :], [*done, h]) for h in heads if h in known]
        cuts = [[*cut, *more] for cut in cuts for more in here][:_MOST_CUTS]
    return [cut for cut in cuts if 0 < len(cut) <= _LONGEST]


def _marked(chunk: str) -> str:
    return chunk.replace(_BETWEEN, "\ufffd").replace(END, _BETWEEN)


def _only(units: Iterable[int]) -> Table:
    table = np.zeros(BASIC, dtype=bool)
    table[list(units)] = True
    return table


@functools.cache
def _letters() -> Table:
    """Units that are letters or digits, or half of a character beyond the basic plane."""
    table = np.array([unicodedata.category(chr(code))[0] in "LN" for code in range(BASIC)])
    table[0xD800:0xE000] = True
    return table
