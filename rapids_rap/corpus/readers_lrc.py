"""Reader of timed lyrics: LRC in every spelling, KRC, QRC and YRC, one song or several a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from rapids_rap.corpus.credits import NOT_CREDIT, credit_mask
from rapids_rap.corpus.normalize import unicode_form
from rapids_rap.corpus.restarts import BEFORE_ALL, Entry, at_restarts
from rapids_rap.corpus.source import Group, Lines, Mark, Source
from rapids_rap.corpus.stamps import has_hours, is_stamped, stamped
from rapids_rap.corpus.tags import Tag, name_label, name_of_file, tags_of

TIMED = (".lrc", ".krc", ".qrc", ".yrc")
_STAMPED_ENOUGH = 3
_MOST_STAMPS = 100  # of a line: each makes a line of its own
_HOUR = re.compile(r"[\[［【]\s?\d{1,2}[:：]\d{1,2}\s?[\]］】](?!\s?[\[［【])")
# Walaoke's women, men and duets, where two lines begin so; what LRCX and Apple's lyrics wrap.
_VOICE = re.compile(r"\A(?:F|M|D|Both|男/女|众|眾|全)\s?[:：]\s{0,9}(?=\S)")
_LEAST_VOICES = 2
_BACKGROUND = re.compile(r"\[bg:\s{0,9}([^\[\]]*)\]")
_TRANSLATED = re.compile(r"\[tr(?::[A-Za-z-]{1,16})?\]\s{0,9}")  # LRCX
_TIMES_ONLY = re.compile(r"\[tt\](?:<\d+,\d+>|\s)*")
_HEAD = 8  # lines of a song without tags in which its names are looked for
_NAMES = ("ar", "ti")


@dataclass
class _Song:
    """One song as far as it was read: its tags, the lines of its format, its words in time.

    by_label: a line `歌手：NAME` began it, not a tag. crowded: the numbers of lines that have more
    stamps than are read.
    """

    tags: dict[str, str] = field(default_factory=dict)
    syntax: list[tuple[int, str]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    crowded: list[int] = field(default_factory=list)
    timed: bool = False
    now: int = BEFORE_ALL
    by_label: bool = False

    @property
    def names(self) -> dict[str, str]:
        """The tags that say whose song it is and what it is called."""
        return {key: value for key, value in self.tags.items() if key in _NAMES and value}

    @property
    def has_words(self) -> bool:
        """Whether any line has words."""
        return any(entry.text for entry in self.entries)

    @property
    def has_lyric(self) -> bool:
        """Whether any line has words that are no credits."""
        forms = unicode_form([entry.text for entry in self.entries if entry.text])
        return NOT_CREDIT in credit_mask(forms, [0] * len(forms))


def looks_like_lrc(lines: Sequence[str]) -> bool:
    """Whether enough lines begin with a time stamp: three, or half of those that aren't blank.

    `[12:30]` may be the time of a day in a lyric, `[3:2]` a score: such stamps must be on half of
    the lines.
    """
    found = [line for line in lines if is_stamped(line)]
    exact = sum(_HOUR.match(line) is None for line in found)
    return exact >= _STAMPED_ENOUGH or (
        len(found) > 0 and 2 * len(found) >= sum(bool(line) for line in lines)
    )


def names_a_song(line: str) -> bool:
    """Whether the line is `[ti:TITLE]` or `[ar:NAME]`, whatever stands beside it."""
    return any(key in _NAMES and value for key, value in tags_of(line, any_name=False))


def read_lrc(lines: Lines, path: PurePath) -> Source:
    """Songs with time stamps, each in the order of its stamps; a line with several stands at each.

    Artist and title come from `[ar:]` and `[ti:]`, or lines `歌手：NAME` and `歌名：TITLE`, else
    from a file name `ARTIST - TITLE.lrc`, else the title is the file's name. `[offset:]` moves all
    stamps alike, so it changes nothing. Any tag above a song's first stamp is one. A stamp without
    text separates stanzas, as a blank line does. Another `[ti:]` or `[ar:]` below the lines of a
    song begins another song, and so does a clock that starts again and would mix the lines of both;
    such a song has no name, which is said. A clock that starts again at the same stamps holds
    translations. Of several lines at one stamp all but the first are in `Source.second`.
    """
    hours = any(has_hours(line) for _, line in lines)
    source = Source("lrc")
    songs = [part for song in _songs(lines, hours) for part in _at_restarts(song, source.notes)]
    artist, title = name_of_file(path, songs[0].tags)
    if artist is None:
        labels = _labels(songs[0].entries)
        artist, title = labels.get("ar"), labels.get("ti", title)
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
    return source


def _songs(lines: Lines, hours: bool) -> list[_Song]:
    """The file cut where names are those of another song; names that are repeated cut nothing."""
    songs = [_Song()]
    voices = _has_voices(lines)
    has_stamps = any(is_stamped(line) for _, line in lines)
    for number, line in lines:
        song = songs[-1]
        tags = tags_of(line, any_name=has_stamps and not song.timed)
        label = None if tags or line.startswith("[") else name_label(line)
        if not tags and label is None:
            _add_line(song, number, line, hours, voices=voices)
            continue
        names = [tag for tag in (label, *tags) if tag and tag[0] in _NAMES]
        if names and _begins_another(song, names, has_stamps, by_label=label is not None):
            song = _Song(by_label=label is not None)
            songs.append(song)
        for key, value in names if label else tags:
            song.tags.setdefault(key, value)
        song.syntax.append((number, line))
    joined = songs[:1]
    for song in songs[1:]:
        if _is_one(joined[-1], song):
            _join(joined[-1], song)
        else:
            joined.append(song)
    return joined


def _begins_another(song: _Song, names: Sequence[Tag], has_stamps: bool, *, by_label: bool) -> bool:
    """Whether names below the lines of a song are another's.

    Without a stamp above them they may be its own, below its first credits.
    """
    if song.timed:
        return True
    if any(song.tags.get(key, value) != value for key, value in names):
        return song.has_words
    return not has_stamps and not by_label and song.has_lyric


def _is_one(song: _Song, more: _Song) -> bool:
    """Whether what stands below other names belongs to the song above them after all."""
    if not more.has_words or more.names.items() <= song.names.items():
        return True
    first = min((entry.time for entry in more.entries if entry.stamp is not None), default=None)
    return more.by_label and first is not None and first > song.now


def _has_voices(lines: Lines) -> bool:
    """Whether stamped lines say who sings them, `F:` or `M:`, as Walaoke's do."""
    spoken = (found.text for _, line in lines if ":" in line and (found := stamped(line)))
    return sum(_VOICE.match(text) is not None for text in spoken) >= _LEAST_VOICES


def _add_line(song: _Song, number: int, line: str, hours: bool, *, voices: bool) -> None:
    found = stamped(line, hours=hours)
    if found is None:
        background = _BACKGROUND.fullmatch(line)
        text = background[1].strip() if background else line
        song.entries.append(Entry(song.now, number, text, None))
        return
    song.timed = True
    song.now = found.times[0]
    if _TIMES_ONLY.fullmatch(found.text):
        song.syntax.append((number, line))
        return
    times = found.times[:_MOST_STAMPS]
    if len(times) < len(found.times):
        song.crowded.append(number)
    again = len(times) > 1
    text = _VOICE.sub("", found.text, count=1) if voices else found.text
    other = _TRANSLATED.match(text)
    if other:
        text = text[other.end() :]
    song.entries += [Entry(time, number, text, time, again, bool(other)) for time in times]


def _join(song: _Song, more: _Song) -> None:
    for key, value in more.tags.items():
        song.tags.setdefault(key, value)
    song.syntax += more.syntax
    song.entries += more.entries
    song.crowded += more.crowded
    song.timed |= more.timed
    song.now = more.now if more.timed else song.now


def _at_restarts(song: _Song, notes: list[str]) -> list[_Song]:
    """The song, or the songs where its clock starts again and would mix the lines of two."""
    found = at_restarts(song.entries)
    if found.back is not None:
        notes.append(
            f"line {found.back:,}: the clock goes back, read as one song in the order of its stamps"
        )
    song.entries = found.songs[0]
    parts = [song]
    for entries in found.songs[1:]:
        tags = _labels(entries)
        named = f"called {' - '.join(tags.values())}" if tags else "without a name"
        notes.append(
            f"line {entries[0].line:,}: the clock starts again, read as another song {named} "
            "(put [ar:] and [ti:] above it)"
        )
        parts.append(_Song(tags, entries=entries))
    return parts


def _labels(entries: Sequence[Entry]) -> dict[str, str]:
    """The names that timed lines above a song give: `[00:00.00]歌手：NAME`."""
    return dict(filter(None, (name_label(entry.text) for entry in entries[:_HEAD])))


def _add(source: Source, song: _Song, group: int, block: int) -> int:
    """Append the song's lines in time; returns the last block."""
    stamp: int | None = None
    for entry in sorted(song.entries, key=lambda entry: entry.time):
        if not entry.text:
            block += 1
            continue
        if entry.stamp is not None and entry.stamp == stamp:
            source.second.add(len(source.text))
        mark = Mark.TRANSLATION if entry.translation else Mark.TEXT
        source.add(entry.text, entry.line, group, block, mark)
        stamp = entry.stamp
    return block
