"""Readers of text files: the researchers' layout, LRC, and plain lines.

Each takes the numbered lines of a file (`source.numbered_lines`) and returns a `Source`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from rapids_rap.corpus.credits import CREDIT, NOT_CREDIT, credit_mask
from rapids_rap.corpus.markup import is_lrc_tag
from rapids_rap.corpus.normalize import unicode_form
from rapids_rap.corpus.source import Group, Mark, Source

Lines = Sequence[tuple[int, str]]

_ARTIST = re.compile(r"[\s\u200b\ufeff]*歌手姓名\s*[:：](.*)", re.DOTALL)
_OPENS_SONG = re.compile(
    r"[\[【(〔]?\s*(?:[作填]\s*[词詞]|[词詞](?:曲)?\s*[:∶/]|[词詞]曲|lyrics?\s*(?:by)?\s*[:∶]|lyricist|原[词詞])",
    re.IGNORECASE,
)
_TITLE_LABEL = re.compile(r"(?:歌名|歌曲名?|曲名|标题|歌曲名称)\s*[:：]\s*(?=\S)")
_STAMP = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,6}))?\]")
_STAMPS = re.compile(r"(?:\s*\[\d{1,3}:\d{1,2}(?:[.:]\d{1,6})?\])+")
_STAMPED_ENOUGH = 3


def read_text(lines: Lines, path: PurePath) -> Source:
    """A text file in whichever of the three layouts it is.

    A `歌手姓名` line anywhere: the researchers' layout. A `.lrc` file, or three lines with a time
    stamp (or half of the lines of a short file): LRC. Otherwise plain lines.
    """
    if any("歌手姓名" in line and _ARTIST.match(line) for _, line in lines):
        return read_songbook(lines)
    if path.suffix.lower() == ".lrc" or looks_like_lrc([line for _, line in lines]):
        return read_lrc(lines, path)
    return read_plain(lines)


def looks_like_lrc(lines: Sequence[str]) -> bool:
    """Whether enough lines begin with a time stamp: three, or half of those that aren't blank."""
    stamped = sum(line.startswith("[") and _STAMPS.match(line) is not None for line in lines)
    return stamped >= _STAMPED_ENOUGH or (
        stamped > 0 and 2 * stamped >= sum(bool(line) for line in lines)
    )


def read_plain(lines: Lines) -> Source:
    """One lyric line a row, with no artist, no song; blank lines separate stanzas."""
    source = Source("plain", [Group(None, None, is_song=False)])
    block = 0
    for number, line in lines:
        if line:
            source.add(line, number, 0, block)
        else:
            block += 1
    return source


def read_songbook(lines: Lines) -> Source:
    """The researchers' layout: artists, each with songs, in one file.

    `歌手姓名：NAME` (either colon) starts an artist. A song starts at its `作词：…` line, or at the
    first credit of the block that this line is in; its title is the line before. Lines that
    precede an artist's first song belong to no song.
    """
    source = read_plain(lines)
    source.format = "songbook"
    source.groups = []
    artists = {i: match[1].strip() for i, match in _matches(_ARTIST, source.text)}
    starts = _song_starts(source, artists)
    artist: str | None = None
    source.groups.append(Group(None, None, is_song=False))
    for i, text in enumerate(source.text):
        if i in artists:
            artist = artists[i] or None
            source.mark[i] = Mark.SYNTAX
            source.groups.append(Group(artist, None, is_song=False))
        elif i in starts:
            has_title = starts[i]
            source.mark[i] = Mark.TITLE if has_title else Mark.TEXT
            source.groups.append(Group(artist, _title(text) if has_title else None, is_song=True))
        source.group[i] = len(source.groups) - 1
    return source


def read_lrc(lines: Lines, path: PurePath) -> Source:
    """One song with time stamps, in the order of its stamps; a line with several stands at each.

    Artist and title come from `[ar:]` and `[ti:]`, else from a file name `ARTIST - TITLE.lrc`,
    else the title is the file's name. `[offset:]` moves all stamps alike, so it changes nothing.
    A stamp without text separates stanzas, as a blank line does.
    """
    tags: dict[str, str] = {}
    syntax: list[tuple[int, str]] = []
    timed: list[tuple[int, int, str]] = []  # milliseconds, line number, text
    now = -1
    for number, line in lines:
        if is_lrc_tag(line):
            key, _, value = line[1:-1].partition(":")
            tags.setdefault(key.strip().lower(), value.strip())
            syntax.append((number, line))
            continue
        stamps = _STAMPS.match(line)
        if stamps is None:
            timed.append((now, number, line))
            continue
        times = [_milliseconds(*match.groups()) for match in _STAMP.finditer(stamps[0])]
        now = times[0]
        timed += [(time, number, line[stamps.end() :].strip()) for time in times]
    timed.sort(key=lambda entry: entry[0])
    artist, title = _from_name(path)
    group = Group(tags.get("ar") or artist, tags.get("ti") or title, is_song=True)
    source = Source("lrc", [group])
    for number, line in syntax:
        source.add(line, number, 0, 0, Mark.SYNTAX)
    block = 1
    for _, number, line in timed:
        if line:
            source.add(line, number, 0, block)
        else:
            block += 1
    return source


def _song_starts(source: Source, artists: dict[int, str]) -> dict[int, bool]:
    """Positions at which a song starts -> whether the line there is its title.

    Walks from every `作词` line up over the credits above it (a block may begin with 作曲). Where
    that meets the newest song's own 作词 line, the line belongs to that song.
    """
    forms = unicode_form(source.text)
    mask = credit_mask(forms, source.block)

    def is_title(i: int) -> bool:
        return mask[i] == NOT_CREDIT or _TITLE_LABEL.match(forms[i]) is not None

    starts: dict[int, bool] = {}
    newest = -1
    for i, form in enumerate(forms):
        if mask[i] != CREDIT or not _OPENS_SONG.match(form):
            continue
        first = i
        while first > 0 and first - 1 not in artists and not is_title(first - 1):
            first -= 1
            if first == newest:
                break
        if first != newest:
            has_title = first > 0 and first - 1 not in artists
            starts[first - 1 if has_title else first] = has_title
        newest = i
    return starts


def _matches(pattern: re.Pattern[str], texts: Sequence[str]) -> list[tuple[int, re.Match[str]]]:
    found = ((i, pattern.match(text)) for i, text in enumerate(texts) if "歌手姓名" in text)
    return [(i, match) for i, match in found if match]


def _title(line: str) -> str:
    """The title without a label `歌名：` and without the book marks around all of it."""
    title = _TITLE_LABEL.sub("", line, count=1).strip()
    whole = re.fullmatch(r"《([^《》]+)》", title)
    return whole[1] if whole else title


def _milliseconds(minutes: str, seconds: str, fraction: str | None) -> int:
    return (int(minutes) * 60 + int(seconds)) * 1000 + int((fraction or "0")[:3].ljust(3, "0"))


def _from_name(path: PurePath) -> tuple[str | None, str | None]:
    stem = path.stem.strip()
    artist, dash, title = stem.partition(" - ")
    if dash and artist.strip() and title.strip():
        return artist.strip(), title.strip()
    return None, stem or None
