"""What every reader returns: the lines of one file, as columns, before any cleaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise

from rapids_rap.corpus.markup import break_lines
from rapids_rap.corpus.normalize import is_blank

_EDGE = "\ufeff\u200b\u200e\u200f\u2060"
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u00ad\ufeff]+")  # in names, not seen

_DOUBLED = 6  # lines of a text, at least, that has a blank line below each

Lines = Sequence[tuple[int, str]]
"""The numbered lines of a text, as `numbered_lines` gives them."""


class Mark(IntEnum):
    """What the format itself says about a line."""

    TEXT = 0
    SYNTAX = 1  # belongs to the format: an artist line, an LRC tag
    TITLE = 2  # the song's title in the researchers' layout
    ROW = 3  # a row of a table that can't be read
    TRANSLATION = 4  # what the format itself calls a translation


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together: a song, or (`is_song` False) lines of which no song is known.

    year: of release, None where nothing says it.
    """

    artist: str | None
    title: str | None
    is_song: bool
    year: int | None = None


@dataclass
class Source:
    """The lines of one file, in reading order; the lists are parallel, one entry a line.

    text: without surrounding white space, never blank. line: where it stands, from 1. group: a
    position in `groups`. block: changes at every blank line. mark: a `Mark`. second: positions
    of lines at the stamp of the line before them. notes: what the user should know about how the
    file was read, a clause each, without the file's name.
    """

    format: str
    groups: list[Group] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    block: list[int] = field(default_factory=list)
    mark: list[int] = field(default_factory=list)
    second: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def add(self, text: str, line: int, group: int, block: int, mark: Mark = Mark.TEXT) -> None:
        """Append one line."""
        self.text.append(text)
        self.line.append(line)
        self.group.append(group)
        self.block.append(block)
        self.mark.append(mark)


def numbered_lines(text: str) -> list[tuple[int, str]]:
    r"""(line number, line) of a text, "" if blank.

    `\n`, `\r\n` and `\r` break lines and count; what `markup.break_lines` cuts at breaks them too.
    """
    return _undoubled(raw_lines(text))


def raw_lines(text: str) -> list[tuple[int, str]]:
    """`numbered_lines` with every blank line, also where each line has one below it.

    The same, if two lines stand one below the other.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [
        (number, visible(piece))
        for number, line in enumerate(text.split("\n"), start=1)
        for piece in break_lines(line)
    ]


def _undoubled(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    r"""The lines without the blank ones of a text in which every line has one below it, or more.

    Programs that end lines twice (`\r\r\n`) leave such, and blank lines then say nothing.
    """
    words = [i for i, (_, line) in enumerate(lines) if line]
    if len(words) < _DOUBLED or any(b - a == 1 for a, b in pairwise(words)):
        return lines
    usual = min(b - a for a, b in pairwise(words))
    undoubled = [lines[words[0]]]
    for before, at in pairwise(words):
        if at - before > usual:
            undoubled.append(lines[before + 1])
        undoubled.append(lines[at])
    return undoubled


def visible(line: str) -> str:
    """The line without surrounding white space; "" if nothing of it can be seen."""
    stripped = line.strip()
    if not stripped or stripped[0].isalpha():
        return stripped
    return "" if is_blank(stripped) else stripped.strip(_EDGE).strip()


def name_of(value: str | None) -> str | None:
    """A name without invisible characters and surrounding white space; None if nothing is left."""
    if value is None:
        return None
    if not value.isascii():
        value = _UNSEEN.sub("", value)
    return value.strip() or None
