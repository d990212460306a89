"""Where lines may be cut so that each stretch is cleaned by itself, and its results put together.

Rules look at neighbours: credits confirm each other down a block, furniture what stands beside it,
a title what is below it. None looks across four lines that are nothing but lyric by themselves, so
a cut lies in the midst of eight of them, or between two files. Where there are none such, a stretch
is as long as it must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.config import CorpusConfig
from rapids_rap.corpus import texts
from rapids_rap.corpus.all_lines import AllLines
from rapids_rap.corpus.cleaning import Cleaned, stand_alone
from rapids_rap.corpus.page_headers import HEADER_LINES
from rapids_rap.corpus.source import Mark

MARGIN = 4  # lines on either side of a cut that stand alone: the farthest that a rule sees is two
_LOOKED = 64  # lines that are looked at together


def cut_lines(lines: AllLines, config: CorpusConfig, size: int) -> list[tuple[int, int]]:
    """(first, behind the last) of stretches of about `size` lines, in order, none of them empty."""
    total = len(lines.text)
    edges = [0]
    while total - edges[-1] > size:
        at = next(_cuts(lines, config, edges[-1] + size), total)
        edges.append(at)
    if edges[-1] < total:
        edges.append(total)
    return list(pairwise(edges))


def first_lines(lines: AllLines) -> Int64s:
    """(groups,) where each group's first line stands; behind the last line for one without any."""
    first = np.full(len(lines.names), len(lines.text), dtype=np.int64)
    first[lines.group[::-1]] = np.arange(len(lines.text), dtype=np.int64)[::-1]
    return first


def join_cleaned(parts: Sequence[Cleaned]) -> Cleaned:
    """What cleaning made of stretches, end to end; associative."""
    before = 0
    decided_by: dict[int, int] = {}
    for part in parts:
        decided_by |= {i + before: j + before for i, j in part.decided_by.items()}
        before += len(part.norm)
    return Cleaned(
        texts.end_to_end([part.norm for part in parts]),
        np.concatenate([np.zeros(0, np.int8), *(part.rule for part in parts)]),
        np.concatenate([np.zeros(0, np.bool_), *(part.section for part in parts)]),
        decided_by,
    )


def _cuts(lines: AllLines, config: CorpusConfig, start: int) -> Iterator[int]:
    """The places from `start` on where the lines may be cut."""
    total, file, group = len(lines.text), lines.file, lines.group
    clear = _Clear(lines, config)
    plain = sum(clear(i) for i in range(max(0, start - MARGIN), min(total, start + MARGIN)))
    for at in range(start, total):
        if file[at] != file[at - 1]:
            yield at
        first, last = at - MARGIN, at + MARGIN
        whole = first >= 0 and last <= total and file[first] == file[last - 1]
        if whole and plain == 2 * MARGIN and _far_from_top(group, at):
            yield at
        plain += (last < total and clear(last)) - (first >= 0 and clear(first))


def _far_from_top(group: Int64s, at: int) -> bool:
    """Whether a title on top of the song would have been found before the cut."""
    top = group[max(0, at - HEADER_LINES) : at + 1]
    return bool(top[-1] != top[-2] or (len(top) > HEADER_LINES and (top == top[-1]).all()))


class _Clear:
    """Whether a line stands alone; judged as it is asked for, some lines at a time."""

    def __init__(self, lines: AllLines, config: CorpusConfig) -> None:
        self._lines, self._config = lines, config
        self._known: dict[int, list[bool]] = {}

    def __call__(self, i: int) -> bool:
        page = i // _LOOKED
        if page not in self._known:
            some = slice(page * _LOOKED, (page + 1) * _LOOKED)
            alone = stand_alone(self._lines.text[some], self._config)
            marks = self._lines.mark[some] == Mark.TEXT
            self._known[page] = [one and bool(mark) for one, mark in zip(alone, marks, strict=True)]
        return self._known[page][i % _LOOKED]
