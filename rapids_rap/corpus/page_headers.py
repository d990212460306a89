"""A song's title on top of it, as pages print it: `TITLE - ARTIST`, `TITLE Lyrics`."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from functools import lru_cache

import numpy as np

from rapids_rap.corpus.normalize import unicode_form
from rapids_rap.corpus.source import Group

HEADER_LINES = 12  # how far down a song its page header is looked for

_NOT_WORD = re.compile(r"[\W_]+")
_ADDED = re.compile(
    r"[(（\[【][^()（）\[\]【】]{0,60}[)）\]】]|\b(?:feat|ft)\b\.?[^-–—(（]{0,60}", re.IGNORECASE
)
_LYRICS = ("lyrics", "歌词", "歌詞", "lrc歌词")


def page_headers(
    body: Sequence[str],
    groups: Sequence[int],
    names: Sequence[Group],
    kept: Sequence[bool],
    named: Sequence[bool],
    begun: Container[int] = (),
) -> dict[int, int | None]:
    """Lines that are a song's title on top of it -> the credit of the song that shows it, if any.

    `TITLE - ARTIST` and `TITLE Lyrics` show it themselves, the title alone stands above a credit or
    a header (`named`). Only lines above the first lyric (`kept`) are looked at, so a hook that
    equals the title stays, and nothing beyond the song. All but names and begun are parallel;
    begun: groups whose first lines stand before these.
    """
    found: dict[int, int | None] = {}
    seen: set[int] = set()
    for start in _run_starts(groups):
        group = groups[start]
        title = letters_of(names[group].title or "")
        if group in seen or group in begun or not title:
            continue
        seen.add(group)
        both = _titles(names[group], title)
        for i in range(start, min(len(body), start + HEADER_LINES)):
            if groups[i] != group:
                break
            if not kept[i]:
                continue
            keys = _spellings(body[i])
            key = next((one for one in keys if one in both), keys[0] if keys else "")
            below = i + 1 < len(body) and groups[i + 1] == group and named[i + 1]
            if key not in both and not (key == title and below):
                break
            found[i] = None if key in both else i + 1
    return found


def letters_of(text: str) -> str:
    """The letters and digits of a name, for comparing names that are punctuated differently."""
    return _NOT_WORD.sub("", unicode_form([text])[0].casefold())


def _titles(group: Group, title: str) -> set[str]:
    """What may stand on top of a song, in letters."""
    both = {
        pair
        for t in _spellings(group.title or "")
        for a in _spellings(group.artist or "")
        for pair in (t + a, a + t)
    }
    return both | {one + word for one in (title, *both) for word in _LYRICS}


@lru_cache(maxsize=4096)
def _spellings(name: str) -> tuple[str, ...]:
    """The letters of a name: whole, and without what brackets and `feat.` add to it."""
    bare = _ADDED.sub("", name)
    keys = (letters_of(name),) if bare == name else (letters_of(name), letters_of(bare))
    return tuple(filter(None, keys))


def _run_starts(groups: Sequence[int]) -> list[int]:
    values = np.asarray(groups)
    if not len(values):
        return []
    return [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist()]
