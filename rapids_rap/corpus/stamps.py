"""The clocks of timed lyrics, as players and platforms spell them.

A stamp in front of a line: `[01:02.34]`, `[01:02:34]`, `[00:07,80]`, `[01:02:03.45]` with hours,
`[-00:01.00]`, with NetEase's suffix `[00:01.10-1]`, with an end `[00:01.00-00:02.00]`, also in
full-width signs. Word-timed lines begin with `[start,length]` in milliseconds: Kugou's KRC (words
behind `<0,240,0>`), QQ's QRC (before `(1000,240)`) and NetEase's YRC (behind `(1000,240,0)`).
Every expression is linear in the line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_OPEN, _CLOSE, _COLON = r"[\[［【]", r"[\]］】]", r"[:：∶]"
_CLOCK = rf"-?\d{{1,4}}{_COLON}\d{{1,2}}(?:{_COLON}\d{{1,3}})?(?:[.．,，]\d{{0,6}})?"
_STAMP = rf"{_OPEN}\s?{_CLOCK}(?:\s?[-–~]\s?(?:{_CLOCK}|\d{{1,3}}))?\s?{_CLOSE}"
_STAMPS = re.compile(rf"(?:\s{{0,9}}{_STAMP})+")
_ANY_STAMP = re.compile(
    rf"{_STAMP}|<\d{{1,3}}{_COLON}\d{{1,2}}(?:{_COLON}\d{{1,3}})?(?:[.．,，]\d{{1,6}})?>"
)
# A clock for certain: `[00:12]`, or any with hundredths; in front of a line its seconds will do.
_CERTAIN = rf"-?(?:0\d{{1,3}}{_COLON}[0-5]\d|\d{{1,4}}{_COLON}\d{{1,2}}(?:{_COLON}|[.．,，])\d)"
_CERTAIN_STAMP = re.compile(rf"(?={_OPEN}\s?{_CERTAIN}){_STAMP}|<{_CERTAIN}[\d:.,]{{0,12}}>")
_IN_FRONT = re.compile(rf"\s{{0,9}}{_OPEN}\s?(?:{_CERTAIN}|-?\d{{1,4}}{_COLON}[0-5]\d)")
_START = re.compile(
    rf"{_OPEN}\s?(-?)(\d{{1,4}}){_COLON}(\d{{1,2}})(?:{_COLON}(\d{{1,3}}))?(?:[.．,，](\d{{0,6}}))?"
)
_WORD_TIMED = re.compile(r"\[(\d{1,9}),(\d{1,9})\]")
_WORD = re.compile(r"[(<]\d{1,9},\d{1,9}(?:,-?\d{1,9})?[)>]")


_FLAT = re.compile(r"(?:^|\s)\[(\d{1,3}):(\d{2})[.:]\d{1,3}\]")
_BETWEEN_FLAT = re.compile(r"\s{1,9}(?=\[\d{1,3}:\d{2}[.:]\d{1,3}\])")


class Stamped(NamedTuple):
    """Where a line stands on the clock, in milliseconds, once for each stamp, and its words."""

    times: tuple[int, ...]
    text: str


def stamped(line: str, *, hours: bool = False) -> Stamped | None:
    """The stamps in front of a line and what follows them; None where there are none.

    `[01:02:03]` is minutes, seconds and hundredths, or with `hours` hours, minutes and seconds.
    """
    if line[:1] not in ("[", "［", "【"):
        return None
    words = _word_timed(line)
    if words is not None:
        return Stamped((int(words[1]),), _WORD.sub("", line[words.end() :]).strip())
    stamps = _STAMPS.match(line)
    if stamps is None:
        return None
    times = [_milliseconds(match, hours) for match in _START.finditer(stamps[0])]
    return Stamped(tuple(dict.fromkeys(times)), line[stamps.end() :].strip())


def has_hours(line: str) -> bool:
    """Whether the stamp in front of the line has hours, minutes and seconds: `[01:02:03.45]`."""
    match = _START.match(line)
    return match is not None and match[4] is not None and match[5] is not None


def is_stamped(line: str) -> bool:
    """Whether a stamp of any spelling stands in front of the line."""
    return line[:1] in ("[", "［", "【") and (
        _STAMPS.match(line) is not None or _word_timed(line) is not None
    )


def strip_stamps(text: str) -> str:
    """The text without any stamp, wherever it stands, and without the times of its words.

    Within a line that has none in front, a stamp has hundredths: `[3:2]` and `[21:19]` are scores.
    """
    words = _word_timed(text)
    if words is not None:
        text = _WORD.sub("", text[words.end() :])
    stamp = _ANY_STAMP if words or _IN_FRONT.match(text) else _CERTAIN_STAMP
    return stamp.sub("", text)


def unflattened(text: str) -> str:
    """A song whose line breaks became blanks, `[00:01.00]LINE [00:05.00]LINE`, with its lines.

    Stamps of words follow each other faster, a second at most.
    """
    if "[" not in text or "\n" in text:
        return text
    found = [60 * int(minutes) + int(seconds) for minutes, seconds in _FLAT.findall(text)]
    if len(found) < 2 or found[-1] - found[0] <= len(found):
        return text
    return _BETWEEN_FLAT.sub("\n", text)


def _word_timed(line: str) -> re.Match[str] | None:
    """`[start,length]` in front of a line; `[3,2]`, too short to be sung, is a score in a lyric."""
    match = _WORD_TIMED.match(line)
    if match is None or match.end() == len(line) or len(match[2]) > 2:
        return match
    return match if _WORD.search(line, match.end()) else None


def _milliseconds(match: re.Match[str], hours: bool) -> int:
    sign, first, second, third, fraction = match.groups()
    minutes, seconds = int(first), int(second)
    if third is not None and (fraction is not None or hours):
        minutes, seconds = 60 * minutes + seconds, int(third)
    elif third is not None:
        fraction = third
    time = (minutes * 60 + seconds) * 1000 + int((fraction or "0")[:3].ljust(3, "0"))
    return -time if sign else time
