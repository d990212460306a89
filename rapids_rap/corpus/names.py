"""Artists whose names look alike are one artist.

Names are compared as NFKC without invisible characters, case-folded: width, case, composition and
a zero-width space make no second artist, here as in the table of regions.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from rapids_rap.arrays import Int64s
from rapids_rap.corpus.normalize import bearable, shown, simplify, unicode_form
from rapids_rap.corpus.source import Group
from rapids_rap.runs.files import listed

_LONGEST = 1_000  # characters of a name: each of its lines has it beside it
_SHOWN = 60  # characters of a name in a sentence


def name_key(name: str) -> str:
    """The form in which names are compared."""
    return unicode_form([name])[0].casefold()


def visible_name(name: str | None) -> str | None:
    """The name as it looks: composed (NFC), without what can't be seen; None if nothing is left."""
    if name is None or (name.isascii() and name.isprintable()):
        return name
    return unicodedata.normalize("NFC", bearable(shown(name))).strip() or None


@overload
def shortened(name: str) -> str: ...


@overload
def shortened(name: str | None) -> str | None: ...


def shortened(name: str | None) -> str | None:
    """The name, cut where it is so long that it is none."""
    return name if name is None or len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def brief(name: str) -> str:
    """The name as it is shown in a sentence: its beginning, where it is longer than a line."""
    return name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"


def one_name_an_artist(groups: Sequence[Group], lines: Int64s) -> tuple[list[Group], list[str]]:
    """The groups with one spelling for each artist, and what to say about it.

    lines: (groups,) how many lines each has. The spelling with the most lines stands for all, the
    first by code point of those with as many. Names that differ in script, blanks or punctuation
    stay apart and are said.
    """
    weight: dict[str, int] = defaultdict(int)
    named = [visible_name(group.artist) for group in groups]
    for name, count in zip(named, lines.tolist(), strict=True):
        if name is not None:
            weight[name] += count
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in sorted(weight, key=lambda name: (-weight[name], name)):
        spellings[name_key(name)].append(name)
    chosen = {name: alike[0] for alike in spellings.values() for name in alike}
    chosen = {name: shortened(one) for name, one in chosen.items()}
    settled = [
        replace(
            group,
            artist=None if name is None else chosen[name],
            title=shortened(visible_name(group.title)),
        )
        for group, name in zip(groups, named, strict=True)
    ]
    merged = [" = ".join(map(brief, alike)) for alike in spellings.values() if len(alike) > 1]
    said = [f"artist names that look alike are one artist: {listed(merged)}"] if merged else []
    names = [*weight, *(group.title for group in groups if group.title is not None)]
    long = [brief(name) for name in dict.fromkeys(names) if len(name) > _LONGEST]
    if long:
        said.append(f"names longer than {_LONGEST:,} characters are cut there: {listed(long)}")
    return settled, said + _said_apart(sorted(set(chosen.values())))


def _said_apart(names: Sequence[str]) -> list[str]:
    close: dict[str, list[str]] = defaultdict(list)
    for name in names:
        letters = "".join(filter(str.isalnum, name_key(name)))
        if letters:
            close[simplify([letters])[0]].append(name)
    pairs = [" / ".join(map(brief, alike)) for alike in close.values() if len(alike) > 1]
    if not pairs:
        return []
    return [
        "artists whose names differ only in script, blanks or punctuation are counted apart; give "
        f"one of them the other's name if they are the same: {listed(pairs)}"
    ]
