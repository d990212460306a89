"""Where a large songbook may be cut, what a part of it holds, and the songbook of its parts.

It is cut above `歌手姓名：NAME`, where that stands below a blank line and below two lines that name
nobody: then no rule looks across, and one such line anywhere says what layout it all is.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa

from rapids_rap.config import InputConfig
from rapids_rap.corpus.columns import folder_values
from rapids_rap.corpus.parts import LONGEST, Part, Span, begin_text, text_parts
from rapids_rap.corpus.readers import (
    finish_text,
    is_songbook,
    odd_lines,
    refuse_other_bytes,
    refuse_pages,
)
from rapids_rap.corpus.readers_text import (
    ArtistDoubts,
    names_nobody,
    opens_artist,
    said_of_artists,
    songbook_lines,
)
from rapids_rap.corpus.source import Group, Mark, Source, numbered_lines, raw_lines
from rapids_rap.runs.files import label_of

_ABOVE = 6  # lines above an artist's that are looked at


def songbook_parts(
    file: IO[bytes], path: Path, config: InputConfig, part_bytes: int
) -> tuple[str, list[Span]]:
    """A songbook's hash and parts, which begin with an artist. Raises for what is unusual."""
    data, at = begin_text(file, config, part_bytes)
    refuse_other_bytes(data, label_of(path))
    text = data[at:].decode("utf-8")
    refuse_pages(text, label_of(path))
    if not is_songbook(text, config):
        raise ValueError("its first part is no songbook")
    return text_parts(file, data[:at], lambda _: _to_next_artist(file, part_bytes))


def _to_next_artist(file: IO[bytes], part_bytes: int) -> bytes:
    """The bytes from here to above an artist line behind so many, or to the end of the file."""
    data = file.read(part_bytes) + file.readline()
    more, size, above = [data], len(data), data.rsplit(b"\n", _ABOVE + 1)[1:-1]
    while line := file.readline():
        if _begins_part(line, above):
            file.seek(-len(line), os.SEEK_CUR)
            break
        size += len(line)
        if size > LONGEST * part_bytes:
            raise ValueError("no artist line was found")
        more.append(line)
        above = [*above[1 - _ABOVE :], line]
    return b"".join(more)


def _begins_part(line: bytes, above: list[bytes]) -> bool:
    """Whether a songbook may be cut above a line."""
    if "姓".encode() not in line or not above or above[-1].strip():
        return False
    own = [text for _, text in numbered_lines(line.decode().rstrip("\r\n"))]
    if len(own) != 1 or not opens_artist(own[0]):
        return False
    before = b"\n".join(part.rstrip(b"\r\n") for part in above).decode()
    words = [text for _, text in numbered_lines(before) if text]
    return len(words) > 1 and all(map(names_nobody, words[-2:]))


def songbook_part(text: str, first: int, more: bool) -> Part | None:
    """The lines of a part; None where blank lines may mean nothing in all of the file."""
    lines = [(number + first - 1, line) for number, line in raw_lines(text)]
    if more:
        lines.pop()  # what is behind the last line feed is the next part's
    if not any(above and below for (_, above), (_, below) in itertools.pairwise(lines)):
        return None
    source, doubts = songbook_lines(lines)
    columns = {name: getattr(source, name) for name in ("line", "group", "block", "mark")}
    return Part(
        pd.DataFrame({"text": pd.array(source.text, dtype="str"), **columns}),
        np.zeros((0, 2), np.int64),
        tuple(source.groups),
        np.array(doubts.nobody, dtype=np.int64),
        np.array(doubts.none, dtype=np.int64),
        np.array([sum(not line for _, line in lines), *odd_lines(text, lines)], dtype=np.int64),
    )


def joined_songbook(path: Path, parts: Iterable[Part], config: InputConfig) -> Source:
    """The songbook of its parts, of which each but the first begins with an artist."""
    source = Source("songbook", [Group(None, None, is_song=False)])
    blank, spelled, tabs = 0, 0, 0
    nobody: list[int] = []
    none: list[int] = []
    for part in parts:
        groups = len(source.groups) - 1  # the first of a part is of lines before its first artist
        source.groups += part.names[1:]
        source.text += pa.array(part.rows["text"]).to_pylist()
        source.line += part.rows["line"].tolist()
        source.mark += map(Mark, part.rows["mark"].tolist())
        source.group += (part.rows["group"] + groups).tolist()
        source.block += (part.rows["block"] + blank).tolist()
        counts = part.counts.tolist()
        blank, spelled, tabs = blank + counts[0], spelled + counts[1], tabs + counts[2]
        nobody += part.nobody.tolist()
        none += part.none.tolist()
    source.notes += said_of_artists(ArtistDoubts(nobody, none))
    finish_text(source, folder_values(path), config, spelled, tabs)
    return source
