"""Readers of text files: the researchers' layout, and plain lines.

Each takes the numbered lines of a file (`source.numbered_lines`) and returns a `Source`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from rapids_rap.corpus.credits import CREDIT, NOT_CREDIT, credit_mask
from rapids_rap.corpus.normalize import unicode_form
from rapids_rap.corpus.readers_lrc import looks_like_lrc, names_a_song, read_lrc
from rapids_rap.corpus.source import Group, Lines, Mark, Source, name_of

# What can't be seen, brackets, dashes and bullets may stand around the label, and any sign for a
# colon behind it; a letter before it makes it a sentence.
_COLONS = ":：∶﹕︓꞉ː=＝—–→-"
_ARTIST = re.compile(
    rf"\W{{0,12}}歌\W?手\W?姓\W?名(?:(?![{_COLONS}])\W){{0,6}}[{_COLONS}]+(?:\*\*)?(.*)", re.DOTALL
)
_LABEL = "姓"  # no line without this character opens an artist
_OPENS_SONG = re.compile(
    r"[\[【(〔]?\s*(?:[作填]\s*[词詞]|[词詞](?:曲)?\s*[:∶/]|[词詞]曲|lyrics?\s*(?:by)?\s*[:∶]|lyricist|原[词詞])",
    re.IGNORECASE,
)
_TITLE_LABEL = re.compile(r"(?:歌名|歌曲名?|曲名|标题|歌曲名称)\s*[:：]\s*(?=\S)")


def read_text(lines: Lines, path: PurePath) -> Source:
    """A text file in whichever of the three layouts it is.

    A `歌手姓名` line anywhere: the researchers' layout. A `.lrc` file, or three lines with a time
    stamp (or half of the lines of a short file), or a tag that names a song: LRC. Otherwise plain
    lines.
    """
    if any(_LABEL in line and _ARTIST.match(line) for _, line in lines):
        return read_songbook(lines)
    if path.suffix.lower() == ".lrc" or looks_like_lrc([line for _, line in lines]):
        return read_lrc(lines, path)
    if any(names_a_song(line) for _, line in lines):
        return read_lrc(lines, path)
    return read_plain(lines)


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
    artists = {i: _artist_name(match[1]) for i, match in _matches(_ARTIST, source.text)}
    starts = _song_starts(source, artists)
    artist: str | None = None
    source.groups.append(Group(None, None, is_song=False))
    for i, text in enumerate(source.text):
        if i in artists:
            artist = artists[i]
            source.mark[i] = Mark.SYNTAX
            source.groups.append(Group(artist, None, is_song=False))
        elif i in starts:
            has_title = starts[i]
            source.mark[i] = Mark.TITLE if has_title else Mark.TEXT
            source.groups.append(Group(artist, _title(text) if has_title else None, is_song=True))
        source.group[i] = len(source.groups) - 1
    return source


def _artist_name(written: str) -> str | None:
    """The name behind the label, without a bracket opened before it: `【歌手姓名：NAME】`."""
    name = written.strip()
    for opening, closing in ("[]", "【】", "()", "（）"):
        if name.endswith(closing) and opening not in name:
            name = name.removesuffix(closing)
    return name_of(name)


def _song_starts(source: Source, artists: dict[int, str | None]) -> dict[int, bool]:
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
    found = ((i, pattern.match(text)) for i, text in enumerate(texts) if _LABEL in text)
    return [(i, match) for i, match in found if match]


def _title(line: str) -> str:
    """The title without a label `歌名：` and without the book marks around all of it."""
    title = _TITLE_LABEL.sub("", line, count=1).strip()
    whole = re.fullmatch(r"《([^《》]+)》", title)
    return whole[1] if whole else title
