"""What is said about lyrics that are kept all the same: songs there twice, damaged lines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from rapids_rap.corpus.names import brief
from rapids_rap.corpus.texts import arrow_texts
from rapids_rap.corpus.units import KeptLines
from rapids_rap.runs.files import listed

# What text looks like that was decoded wrongly and then saved: characters replaced (U+FFFD, and
# 锟斤拷, which is U+FFFD in UTF-8 read as GBK), UTF-8 read as GBK (its ，。“ and byte order mark),
# UTF-8 read as Latin-1 or Windows-1252 (two Chinese characters in a row, or quotation marks), and
# GBK read as either (two in a row, whose bytes are not all letters).
_BYTES = (
    "\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
)
_GBK = "(?=[\xa1-\xfe]{0,3}[\xa1-\xbf\xd7\xf7])(?:[\xb0-\xd7][\xa1-\xfe]){2}"
_ODD = re.compile(
    "[\ufffd锟斤锛銆鈥锘â\xb0-\xbe\xc4-\xe9]"
)  # found quickly, where there is nothing
_DAMAGED = re.compile(f"\ufffd|锟斤|斤拷|锛|銆|鈥|锘|â€|(?:[\xe4-\xe9][{_BYTES}]{{2}}){{2}}|{_GBK}")


def damaged_lines(kept: KeptLines) -> list[str]:
    """Says which lines look as if they had been decoded wrongly before they were saved."""
    damaged = [i for i, text in enumerate(kept.text) if _ODD.search(text) and _DAMAGED.search(text)]
    if not damaged:
        return []
    places = [f"{kept.files[kept.file[i]]} line {kept.file_line[i]:,}" for i in damaged]
    return [
        f"{len(damaged):,} lines look damaged (U+FFFD, 锟斤拷 and the like: decoded wrongly before "
        f"they were saved), kept as they are; look for the original: {listed(places)}"
    ]


def repeated_songs(kept: KeptLines) -> list[str]:
    """Says which songs are there more than once, line for line; they are kept all the same."""
    artists_of: dict[bytes, dict[str | None, None]] = defaultdict(dict)
    repeated: list[str] = []
    elsewhere: list[str] = []
    for group, lines in _songs(kept):
        artist, title = kept.names[group].artist, brief(kept.names[group].title or "(no title)")
        others = artists_of[lines]
        if artist in others:
            repeated.append(title)
        elif others:
            elsewhere.append(f"{title} ({_who(artist)}, {_who(next(iter(others)))})")
        others[artist] = None
    said = []
    if repeated:
        said.append(f"songs that repeat an earlier one line for line: {listed(repeated)}")
    if elsewhere:
        said.append(
            "songs that repeat another artist's line for line, which count twice in tables and "
            f"may stand on both sides of a division of songs: {listed(elsewhere)}"
        )
    return said


def _songs(kept: KeptLines) -> Iterator[tuple[int, bytes]]:
    """Each song, in the order of their first lines, and its lines, as numbers of their texts."""
    number = arrow_texts(kept.norm).dictionary_encode().indices.to_numpy()
    order = np.argsort(kept.group, kind="stable")
    groups, first = np.unique(kept.group, return_index=True)
    edges = np.searchsorted(kept.group[order], [*groups.tolist(), len(kept.names)])
    for i in np.argsort(first).tolist():
        if kept.names[groups[i]].is_song:
            yield int(groups[i]), number[order[edges[i] : edges[i + 1]]].tobytes()


def _who(artist: str | None) -> str:
    return "no artist" if artist is None else brief(artist)
