"""Reader of timed lyrics: LRC in every spelling, KRC, QRC and YRC, one song or several a file."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

from rapids_rap.corpus.markers import is_marker
from rapids_rap.corpus.markup import is_lrc_tag, unescape
from rapids_rap.corpus.normalize import unicode_form
from rapids_rap.corpus.source import Group, Lines, Mark, Source, name_of
from rapids_rap.corpus.stamps import has_hours, is_stamped, stamped

_STAMPED_ENOUGH = 3
_NAMES = {"artist": "ar", "singer": "ar", "title": "ti"}
_TAG = re.compile(r"\[\s*([A-Za-z#][\w #.-]{0,30})\s*[:：](.*)\]")
_BEFORE_ALL = -(10**9)  # milliseconds: a line above the first stamp
_JITTER = 1_000  # milliseconds that a clock may go back without meaning it
_LEAST_RUN = 3  # lines on average, where a clock starts again more than once
_MOST_RUNS = 1_000  # each is compared with the song so far
_MOST_STAMPS = 100  # of a line: each makes a line of its own
_LEAST_SWITCHES = 3  # two songs whose lines would alternate: A B A B


class _Entry(NamedTuple):
    time: int  # milliseconds, by which the song's lines are ordered
    line: int
    text: str
    stamp: int | None  # milliseconds; None: the line has no stamp of its own


@dataclass
class _Song:
    """One song as far as it was read: its tags, the lines of its format, its words in time.

    crowded: the numbers of lines with more stamps than are read.
    single: no line has several stamps, so the lines may be meant to stand in the file's order.
    """

    tags: dict[str, str] = field(default_factory=dict)
    syntax: list[tuple[int, str]] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)
    crowded: list[int] = field(default_factory=list)
    single: bool = True
    timed: bool = False
    now: int = _BEFORE_ALL

    @property
    def names(self) -> dict[str, str]:
        """The tags that say whose song it is and what it is called."""
        return {key: self.tags[key] for key in ("ar", "ti") if self.tags.get(key)}


def looks_like_lrc(lines: Sequence[str]) -> bool:
    """Whether enough lines begin with a time stamp: three, or half of those that aren't blank."""
    count = sum(map(is_stamped, lines))
    return count >= _STAMPED_ENOUGH or (
        count > 0 and 2 * count >= sum(bool(line) for line in lines)
    )


def read_lrc(lines: Lines, path: PurePath) -> Source:
    """Songs with time stamps, each in the order of its stamps; a line with several stands at each.

    Artist and title come from `[ar:]` and `[ti:]`, else from a file name `ARTIST - TITLE.lrc`,
    else the title is the file's name. `[offset:]` moves all stamps alike, so it changes nothing.
    Any tag above a song's first stamp is one. A stamp without text separates stanzas, as a blank
    line does. Another `[ti:]` or `[ar:]` below timed lines begins another song, and so does a clock
    that starts again and would mix the lines of both; such a song has no name, which is said. A
    clock that starts again at the same stamps holds translations. Of several lines at one stamp all
    but the first are in `Source.second`.
    """
    hours = any(has_hours(line) for _, line in lines)
    songs = [part for song in _songs(lines, hours) for part in _at_restarts(song)]
    artist, title = name_of_file(path)
    source = Source("lrc")
    block = 0
    for i, song in enumerate(songs):
        names = (song.tags.get("ar") or artist, song.tags.get("ti") or title)
        source.groups.append(Group(*names, is_song=True))
        for number, line in song.syntax:
            source.add(line, number, i, block, Mark.SYNTAX)
        block = _add(source, song, i, block + 1) + 1
        source.notes += [
            f"line {number:,}: has more than {_MOST_STAMPS} stamps, read at the first of them"
            for number in song.crowded
        ]
        artist = title = None  # the file's name is the first song's at most
        if i and not song.names:
            source.notes.append(
                f"line {song.entries[0].line:,}: the clock starts again, read as another song "
                "without a name (put [ar:] and [ti:] above it)"
            )
    return source


def name_of_file(path: PurePath) -> tuple[str | None, str | None]:
    """(artist, title) of a file called `ARTIST - TITLE.lrc`; else its name is the title."""
    stem = path.stem.strip()
    artist, dash, title = stem.partition(" - ")
    if dash and artist.strip() and title.strip():
        return name_of(artist), name_of(title)
    return None, name_of(stem)


def _songs(lines: Lines, hours: bool) -> list[_Song]:
    """The file cut where tags name another song; tags that repeat the names cut nothing."""
    songs = [_Song()]
    has_stamps = any(is_stamped(line) for _, line in lines)
    for number, line in lines:
        song = songs[-1]
        tag = _tag(line, any_name=has_stamps and not song.timed)
        if tag is None:
            _add_line(song, number, line, hours)
            continue
        key, value = tag
        if song.timed and key in ("ar", "ti"):
            song = _Song()
            songs.append(song)
        song.tags.setdefault(key, value)
        song.syntax.append((number, line))
    joined = songs[:1]
    for song in songs[1:]:
        if song.timed and not song.names.items() <= joined[-1].names.items():
            joined.append(song)
        else:
            _join(joined[-1], song)
    return joined


def _tag(line: str, *, any_name: bool) -> tuple[str, str] | None:
    """(short key, value) of an identification tag; with `any_name` one of any name is one."""
    if not line.startswith("["):
        return None
    match = _TAG.fullmatch(line)
    if match is None:
        return None
    if not is_lrc_tag(line) and not (any_name and not is_marker(unicode_form([line])[0])):
        return None
    key = match[1].strip().lower()
    return _NAMES.get(key, key), name_of(unescape(match[2])) or ""


def _add_line(song: _Song, number: int, line: str, hours: bool) -> None:
    found = stamped(line, hours=hours)
    if found is None:
        song.entries.append(_Entry(song.now, number, line, None))
        return
    song.timed = True
    song.single &= len(found.times) == 1
    song.now = found.times[0]
    times = found.times[:_MOST_STAMPS]
    if len(times) < len(found.times):
        song.crowded.append(number)
    song.entries += [_Entry(time, number, found.text, time) for time in times]


def _join(song: _Song, more: _Song) -> None:
    for key, value in more.tags.items():
        song.tags.setdefault(key, value)
    song.syntax += more.syntax
    song.entries += more.entries
    song.crowded += more.crowded
    song.single &= more.single


def _at_restarts(song: _Song) -> list[_Song]:
    """The song, or the songs where its clock starts again and would mix the lines of two."""
    if not song.single:
        return [song]
    song.entries = _steady(song.entries)
    runs = _runs(song.entries)
    disorder = len(runs) > 2 and len(song.entries) < _LEAST_RUN * len(runs)
    if len(runs) == 1 or disorder or len(runs) > _MOST_RUNS:
        return [song]  # lines in no order at all
    parts = [_Song(song.tags, song.syntax, runs[0])]
    clock = _Clock(runs[0])
    for run in runs[1:]:
        if clock.is_of_another(run):
            parts.append(_Song(entries=run))
            clock = _Clock(run)
        else:
            parts[-1].entries += run
            clock.add(run)
    return parts


def _steady(entries: list[_Entry]) -> list[_Entry]:
    """The entries with a clock that doesn't go back by less than a second.

    Kugou writes hundredths without their zeros (lyswhut/lx-music-desktop#2855: .90 beside .653).
    """
    steady: list[_Entry] = []
    for entry in entries:
        before = steady[-1].time if steady else _BEFORE_ALL
        back = before - entry.time
        steady.append(entry._replace(time=before) if 0 < back < _JITTER else entry)
    return steady


def _runs(entries: list[_Entry]) -> list[list[_Entry]]:
    """The entries cut wherever their clock goes back."""
    runs: list[list[_Entry]] = [[]]
    for entry in entries:
        if runs[-1] and entry.time < runs[-1][-1].time:
            runs.append([])
        runs[-1].append(entry)
    return runs


class _Clock:
    """When the lines of a song stand, as far as it was read."""

    def __init__(self, run: list[_Entry]) -> None:
        self._last = _BEFORE_ALL
        self._sorted: list[int] = []
        self._known: set[int] = set()
        self.add(run)
        self._first = self._sorted[0] if self._sorted else _BEFORE_ALL

    def add(self, run: list[_Entry]) -> None:
        """Go on with a run, in which the clock never goes back."""
        times = [entry.time for entry in run if entry.time > _BEFORE_ALL]
        self._last = times[-1] if times else self._last
        self._known.update(times)
        self._sorted += times
        self._sorted.sort()  # two sorted stretches: linear

    def is_of_another(self, run: list[_Entry]) -> bool:
        """Whether a run is another song: it begins early, its lines would fall between others.

        At the same stamps it is a translation; within one gap it is a passage of the same song that
        stands at the file's end.
        """
        few = len(self._sorted) < 2 or len(run) < 2
        if few or 2 * run[0].time > self._first + self._last:
            return False
        if 2 * sum(entry.time in self._known for entry in run) >= len(run):
            return False
        places = [bisect.bisect_right(self._sorted, entry.time) for entry in run]
        between = sum(a != b for a, b in itertools.pairwise(places))
        ends = (places[0] > 0) + (places[-1] < len(self._sorted))
        return 2 * between + ends >= _LEAST_SWITCHES


def _add(source: Source, song: _Song, group: int, block: int) -> int:
    """Append the song's lines in time; returns the last block."""
    stamp: int | None = None
    for entry in sorted(song.entries, key=lambda entry: entry.time):
        if not entry.text:
            block += 1
            continue
        if entry.stamp is not None and entry.stamp == stamp:
            source.second.add(len(source.text))
        source.add(entry.text, entry.line, group, block)
        stamp = entry.stamp
    return block
