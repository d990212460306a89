"""Readers of text files: the researchers' layout, and plain lines.

Each takes the numbered lines of a file (`source.numbered_lines`) and returns a `Source`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from rapids_rap.corpus.artist_lines import (
    ARTIST_HINT,
    ArtistLine,
    artist_line,
    names_below,
    placed_artists,
)
from rapids_rap.corpus.credits import CREDIT, NOT_CREDIT, credit_mask
from rapids_rap.corpus.loose_stamps import with_usual_stamps
from rapids_rap.corpus.markup import strip_markup
from rapids_rap.corpus.normalize import unicode_form
from rapids_rap.corpus.readers_lrc import TIMED, looks_like_lrc, names_a_song, read_lrc
from rapids_rap.corpus.source import Group, Lines, Mark, Source
from rapids_rap.corpus.stamps import is_stamped, strip_stamps
from rapids_rap.runs.files import listed

_OPENS_SONG = re.compile(
    r"[\[【(〔]?\s*(?:[作填]\s*[词詞]|[词詞](?:曲)?\s*[:∶/]|[词詞]曲|lyrics?\s*(?:by\s*)?[:∶]|lyricist|原[词詞])",
    re.IGNORECASE,
)
_BOOK_MARKS = re.compile(r"《([^《》]+)》")
# What stands between a title and its credits: who else is heard, a year, a version.
_BELOW_TITLE = re.compile(
    r"\(?(?:feat|ft|featuring|prod)[. :].{1,60}|\([^()]{1,30}\)|\[[^\[\]]{1,30}\]", re.IGNORECASE
)
_MARKUP = re.compile(r"[<&]|^[\[［【]")
_TITLE_LABEL = re.compile(r"(?:歌名|歌曲名?|曲名|标题|歌曲名称)\s*[:：]\s*(?=\S)")


def read_text(lines: Lines, path: PurePath) -> Source:
    """A text file in whichever of the three layouts it is.

    A `歌手姓名` line anywhere: the researchers' layout. A suffix of timed lyrics, or three lines
    with a time stamp (or half of the lines of a short file), or a tag that names a song: LRC.
    Otherwise plain lines.
    """
    found = [artist_line(line, unicode_form([line])[0]) for line in _maybe_artists(lines)]
    if any(line and line.sure for line in found):
        return read_songbook(lines)
    lines = with_usual_stamps(lines)
    if path.suffix.lower() in TIMED or looks_like_lrc([line for _, line in lines]):
        return read_lrc(lines, path)
    if any(names_a_song(line) for _, line in lines):
        return read_lrc(lines, path)
    if any(found):
        source = read_songbook(lines)
        if any(group.artist and group.is_song for group in source.groups):
            return source
    return read_plain(lines)


def opens_artist(line: str) -> bool:
    """Whether a line names an artist wherever it stands, so that all of its file is a songbook."""
    found = artist_line(line, unicode_form([line])[0])
    return found is not None and found.sure


def names_nobody(line: str) -> bool:
    """Whether a line can't name an artist, whatever is below it."""
    return artist_line(line, unicode_form([line])[0]) is None


def _maybe_artists(lines: Lines) -> list[str]:
    """The lines that may name an artist, for a quick look at the whole file."""
    return [line for _, line in lines if ARTIST_HINT.search(line)]


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

    `歌手姓名：NAME` starts an artist (`artist_lines`). A song starts at its `作词：…` line, or at
    the first credit of the block that this line is in; its title is the line before. Lines that
    precede an artist's first song belong to no song.
    """
    source, doubts = songbook_lines(lines)
    source.notes += said_of_artists(doubts)
    return source


@dataclass(frozen=True)
class ArtistDoubts:
    """Numbers of lines that name no artist, and of those that are taken for none."""

    nobody: Sequence[int]
    none: Sequence[int]


def songbook_lines(lines: Lines) -> tuple[Source, ArtistDoubts]:
    """`read_songbook` before its notes: no line of it depends on what is above an artist line."""
    source = read_plain(lines)
    source.format = "songbook"
    source.groups = [Group(None, None, is_song=False)]
    forms = _forms(source.text)
    mask = credit_mask(forms, source.block)
    named = {i: line for i, form in enumerate(forms) if (line := artist_line(source.text[i], form))}
    sure = {i for i, line in named.items() if line.sure}
    starts = _song_starts(forms, mask, source.block, sure)
    artists = placed_artists(named, starts, mask, source.block)
    artists |= (below := names_below(artists, source.text, starts, mask, source.block))
    doubts = _doubts(source, named, artists, below)
    artist: str | None = None
    for i, text in enumerate(source.text):
        if i in artists:
            artist = artists[i]
            source.mark[i] = Mark.SYNTAX
            source.groups.append(Group(artist, None, is_song=False))
            if i in starts:  # a song without a title, directly below
                source.groups.append(Group(artist, None, is_song=True))
        elif i in starts:
            title = _title(text) if starts[i] else None
            source.mark[i] = Mark.TEXT if title is None else Mark.TITLE
            source.groups.append(Group(artist, title, is_song=True))
            for j in range(i + 1, starts[i] or 0):
                source.mark[j] = Mark.SYNTAX
        source.group[i] = len(source.groups) - 1
    return source, doubts


def _doubts(
    source: Source,
    named: Mapping[int, ArtistLine],
    artists: Mapping[int, str | None],
    below: Mapping[int, str | None],
) -> ArtistDoubts:
    nobody = [i for i, name in artists.items() if name is None and i + 1 not in below]
    none = [i for i, line in named.items() if line.labelled and i not in artists]
    return ArtistDoubts([source.line[i] for i in nobody], [source.line[i] for i in none])


def said_of_artists(doubts: ArtistDoubts) -> list[str]:
    """What the user should know of artist lines that name nobody, or that are taken for none."""
    return [
        f"{words}: {listed([f'line {number:,}' for number in found])}"
        for found, words in (
            (doubts.nobody, "歌手姓名 without a name, so that the songs below have no artist"),
            (
                doubts.none,
                "taken for lyric, though 歌手姓名 stands at its beginning (a colon is missing)",
            ),
        )
        if found
    ]


def _forms(texts: Sequence[str]) -> list[str]:
    """The lines in Unicode's form, without stamps, by which credits and titles are known."""
    forms = unicode_form(texts)
    for i, form in enumerate(forms):
        if form.startswith("[") and is_stamped(form):
            forms[i] = strip_stamps(form).strip()
    return forms


def _song_starts(
    forms: Sequence[str], mask: Sequence[int], blocks: Sequence[int], artists: Container[int]
) -> dict[int, int]:
    """Positions at which a song starts -> where its credits start if the line is its title, else 0.

    Walks from every `作词` line up over the credits above it (a block may begin with 作曲). Where
    that meets the newest song's own 作词 line, the line belongs to that song.
    """

    def is_title(i: int) -> bool:
        return mask[i] == NOT_CREDIT or _TITLE_LABEL.match(forms[i]) is not None

    def is_below_title(i: int) -> bool:
        """Whether line i stands between a title, on top of its block, and the credits."""
        return (
            i > 0
            and blocks[i - 1] == blocks[i]
            and i - 1 not in artists
            and is_title(i - 1)
            and (i == 1 or i - 2 in artists or blocks[i - 2] != blocks[i - 1])
            and _BELOW_TITLE.fullmatch(forms[i]) is not None
        )

    starts: dict[int, int] = {}
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
            title = first - 1 - (has_title and is_below_title(first - 1))
            starts[title if has_title else first] = first if has_title else 0
        newest = i
    return starts


def _title(line: str) -> str:
    """The title without a label `歌名：` and without the book marks around all of it."""
    written = strip_markup(line) if _MARKUP.search(line) else line
    title = _TITLE_LABEL.sub("", written, count=1).strip()
    whole = _BOOK_MARKS.fullmatch(title)
    return whole[1] if whole else title
