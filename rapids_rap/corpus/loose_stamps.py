"""Clocks that are none of LRC's, as video sites, editors and Lyricify write them in front of lines.

`00:01.00 WORDS`, `0:01 WORDS`, `(00:01.00)WORDS`, `[12.34]WORDS` (seconds) and Lyricify's
`[4]WORD(1000,200)WORD(1200,300)`. Each may stand in a lyric, too: it is a clock where most lines of
a text have it, and it has hundredths or goes back only to a song's beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from rapids_rap.corpus.source import Lines

_CLOCK = r"(\d{1,3}):([0-5]\d)(?:[.:,](\d{1,3}))?"
_BARE = re.compile(rf"{_CLOCK}\s{{1,9}}(?=\S)")
_ROUND = re.compile(rf"[(（]\s?{_CLOCK}\s?[)）]")
_SECONDS = re.compile(r"\[(\d{1,4})\.(\d{2,3})\]")
_LYRICIFY = re.compile(r"\[\d?\](?=[^()]{0,80}\((\d{1,9}),\d{1,9}\))")
_TAG = re.compile(r"\[[A-Za-z#]")
_LEAST = 3
_FIRST = 120_000  # milliseconds in which somebody sings; later times may be of a day

Reading = tuple[re.Pattern[str], Callable[[re.Match[str]], int]]


def _by_clock(match: re.Match[str]) -> int:
    minutes, seconds, fraction = match.groups()
    return (60 * int(minutes) + int(seconds)) * 1000 + int((fraction or "0").ljust(3, "0"))


def _by_seconds(match: re.Match[str]) -> int:
    return int(match[1]) * 1000 + int(match[2].ljust(3, "0"))


_READINGS: tuple[Reading, ...] = (
    (_BARE, _by_clock),
    (_ROUND, _by_clock),
    (_SECONDS, _by_seconds),
    (_LYRICIFY, lambda match: int(match[1])),
)


def with_usual_stamps(lines: Lines) -> Lines:
    """The lines with LRC's stamps in place of others; the very lines where there are no others."""
    maybe = [
        (i, line) for i, (_, line) in enumerate(lines) if line[:1] in "0123456789[(（" and line
    ]
    words = sum(bool(line) and not _TAG.match(line) for _, line in lines)
    if len(maybe) < _LEAST or 2 * len(maybe) <= words:
        return lines
    for stamp, time_of in _READINGS:
        found = [(i, match) for i, line in maybe if (match := stamp.match(line))]
        times = [time_of(match) for _, match in found]
        if len(found) < _LEAST or 2 * len(found) <= words:
            continue
        if (time_of is _by_clock and all(match[3] for _, match in found)) or _runs_on(times):
            changed = list(lines)
            for (i, match), time in zip(found, times, strict=True):
                number, line = lines[i]
                usual = f"[{time},0]" if stamp is _LYRICIFY else _usual(time)
                changed[i] = (number, usual + line[match.end() :])
            return changed
    return lines


def _runs_on(times: Sequence[int]) -> bool:
    """Whether times are those of songs: they begin early, and go back only to a beginning."""
    return times[0] <= _FIRST and all(
        later >= time or later <= _FIRST for time, later in pairwise(times)
    )


def _usual(time: int) -> str:
    """A time as LRC's stamp."""
    return f"[{time // 60_000:02d}:{time // 1_000 % 60:02d}.{time % 1_000:03d}]"
