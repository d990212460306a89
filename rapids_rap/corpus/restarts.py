"""Where the clock of timed lyrics starts again: another song, or the same one out of order.

Two songs in a file, each from its beginning, would be mixed line by line if all lines were put in
the order of their stamps. The lines of one song, too, stand out of order: a translation below the
original, a hook at the file's end. Lines with several stamps say nothing about it; they stay with
the lines around them.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rapids_rap.corpus.normalize import normalize
from rapids_rap.corpus.translations import script

BEFORE_ALL = -(10**9)  # milliseconds: a line above the first stamp
_JITTER = 1_000  # milliseconds that a clock may go back without meaning it
_LEAST_RUN = 3  # lines on average, where a clock starts again more than once
_LEAST_SWITCHES = 3  # two songs whose lines would alternate: A B A B
_WHOLE = 4  # lines that are more than a passage, where they come before all others
_SECOND = 1_000  # milliseconds


class Entry(NamedTuple):
    """A line of timed lyrics, once for each of its stamps."""

    time: int  # milliseconds, by which the song's lines are ordered
    line: int
    text: str
    stamp: int | None  # milliseconds; None: the line has no stamp of its own
    again: bool = False  # whether the line has several stamps
    translation: bool = False  # whether the format calls it one


class Restarts(NamedTuple):
    """The entries of each song, and the first line at which the clock goes back within a song."""

    songs: list[list[Entry]]
    back: int | None


def at_restarts(entries: Sequence[Entry]) -> Restarts:
    """The entries cut where the clock starts again and would mix the lines of two songs."""
    runs = _runs(_steady(entries))
    if len(runs) > 2 and len(entries) < _LEAST_RUN * len(runs):  # lines in no order at all
        return Restarts([[entry for run in runs for entry in run]], runs[1][0].line)
    songs, known, back = [runs[0]], _Known(), None
    known.add(runs[0])
    for run in runs[1:]:
        if known.is_another(run):
            songs.append(run)
            known = _Known()
        else:
            if back is None and not known.is_version(run):
                back = run[0].line
            songs[-1].extend(run)
        known.add(run)
    return Restarts(songs, back)


def _steady(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with a clock that doesn't go back by less than a second.

    Kugou writes hundredths without their zeros (lyswhut/lx-music-desktop#2855: .90 beside .653).
    """
    steady: list[Entry] = []
    before = BEFORE_ALL
    for entry in entries:
        if not entry.again:
            if 0 < before - entry.time < _JITTER:
                entry = entry._replace(time=before)
            before = entry.time
        steady.append(entry)
    return steady


def _runs(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries cut wherever the clock of lines with one stamp goes back.

    Of lines with several stamps before such a place, the new run has those from the first that is
    sung before the line above the cut.
    """
    runs: list[list[Entry]] = [[]]
    before, waiting = BEFORE_ALL, 0  # of the entries at the run's end: those with several stamps
    for entry in entries:
        run = runs[-1]
        if entry.again:
            waiting += 1
        elif entry.time < before:
            at = len(run) - waiting
            while at < len(run) and run[at].time >= before:
                at += 1
            while at > 0 and at < len(run) and run[at - 1].line == run[at].line:
                at -= 1
            runs.append(run[at:])
            del run[at:]
        if not entry.again:
            before, waiting = entry.time, 0
        runs[-1].append(entry)
    return runs


@dataclass
class _Known:
    """What is known of a song as far as it was read, of its lines with one stamp."""

    times: list[int] = field(default_factory=list)
    at: dict[int, str] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)

    def add(self, run: Sequence[Entry]) -> None:
        """The song goes on with these entries."""
        for entry in _once(run):
            insort(self.times, entry.time)
            self.at.setdefault(entry.time, entry.text)
        self.texts.update(normalize([entry.text for entry in run], "simplified"))

    def is_another(self, run: Sequence[Entry]) -> bool:
        """Whether a run is another song: its lines are others, and would fall between these.

        Within one gap it is a passage of the same song that stands at the file's end, but no
        passage comes before all of them.
        """
        lines = _once(run)
        if len(self.times) < 2 or len(lines) < 2 or self.is_version(run):
            return False
        words = sum(bool(entry.text) for entry in lines)
        if min(len(self.times), words) >= _WHOLE and lines[-1].time < self.times[0]:
            return True  # a song that is over before the other begins to sing
        places = {bisect_right(self.times, entry.time) for entry in lines}
        switches = sum((place > 0) + (place < len(self.times)) for place in places)
        return switches >= _LEAST_SWITCHES

    def is_version(self, run: Sequence[Entry]) -> bool:
        """Whether a run is this song again: its words, or other words at the same stamps.

        Two songs in one script may share stamps where those are whole seconds.
        """
        lines = _once(run)
        words = [entry.text for entry in lines if entry.text]
        if 2 * sum(text in self.texts for text in normalize(words, "simplified")) >= len(words) > 0:
            return True
        same = [entry for entry in lines if entry.time in self.at]
        if 2 * len(same) < len(lines):
            return False
        fine = any(entry.time % _SECOND for entry in same)
        others = sum(script(entry.text) != script(self.at[entry.time]) for entry in same)
        return fine or 2 * others >= len(same)


def _once(run: Sequence[Entry]) -> list[Entry]:
    """The entries of lines with one stamp."""
    return [entry for entry in run if not entry.again and entry.time > BEFORE_ALL]
