"""What every reader returns: the lines of one file, as columns, before any cleaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from rapids_rap.corpus.markup import break_lines
from rapids_rap.corpus.normalize import is_blank

_EDGE = "\ufeff\u200b"


class Mark(IntEnum):
    """What the format itself says about a line."""

    TEXT = 0
    SYNTAX = 1  # belongs to the format: an artist line, an LRC tag
    TITLE = 2  # the song's title in the researchers' layout


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together: a song, or (`is_song` False) lines of which no song is known."""

    artist: str | None
    title: str | None
    is_song: bool


@dataclass
class Source:
    """The lines of one file, in reading order; the lists are parallel, one entry a line.

    text: without surrounding white space, never blank. line: where it stands, from 1. group: a
    position in `groups`. block: changes at every blank line. mark: a `Mark`.
    """

    format: str
    groups: list[Group] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    block: list[int] = field(default_factory=list)
    mark: list[int] = field(default_factory=list)

    def add(self, text: str, line: int, group: int, block: int, mark: Mark = Mark.TEXT) -> None:
        """Append one line."""
        self.text.append(text)
        self.line.append(line)
        self.group.append(group)
        self.block.append(block)
        self.mark.append(mark)


def numbered_lines(text: str) -> list[tuple[int, str]]:
    r"""(line number, line) of a text, "" if blank. `\n`, `\r\n`, `\r` and `<br>` break lines."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [
        (number, visible(piece))
        for number, line in enumerate(text.split("\n"), start=1)
        for piece in break_lines(line)
    ]


def visible(line: str) -> str:
    """The line without surrounding white space; "" if nothing of it can be seen."""
    stripped = line.strip()
    if not stripped or stripped[0].isalpha():
        return stripped
    return "" if is_blank(stripped) else stripped.strip(_EDGE).strip()
