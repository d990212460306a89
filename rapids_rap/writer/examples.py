"""Training examples: passages of a song, each under a header that says what it is.

A passage is consecutive stanzas of together `MOST_LINES` lines at most; a longer stanza is cut.
Theme, region and emotion are the song's; rhyme scheme, syllables, language and hook are measured on
the passage itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from rapids_rap.writer.conditions import (
    MOST_SYLLABLES,
    STANZA,
    Choices,
    Conditions,
    Language,
    Rhyme,
    Theme,
    header,
)
from rapids_rap.writer.prosody import stanza_scheme, syllables, units
from rapids_rap.writer.songs import Song, SongSplit
from rapids_rap.writer.text import backwards
from rapids_rap.writer.tuning import Encoded, encode_example

MOST_LINES = 16
HARDLY = 0.05  # of the syllables: Latin words that make no mixed lyric, and Chinese that makes none
NAMES = tuple(field.name for field in fields(Conditions))


@dataclass(frozen=True)
class Example:
    """A passage and all that can be said of it. song: its place among the songs."""

    lines: tuple[str, ...]
    conditions: Conditions
    song: int

    def with_some(self, drop: float, random: np.random.Generator) -> Example:
        """The same, each condition left out with the probability `drop`."""
        lost = random.random(len(NAMES)) < drop
        gone = {name: None for name, out in zip(NAMES, lost.tolist(), strict=True) if out}
        return replace(self, conditions=replace(self.conditions, **gone))

    def with_only(self, names: Sequence[str]) -> Example:
        """The same, with no other conditions than these."""
        gone = {name: None for name in NAMES if name not in names}
        return replace(self, conditions=replace(self.conditions, **gone))


def make_examples(songs: Sequence[Song], themes: Mapping[int, str]) -> list[Example]:
    """The passages of each song in their order; themes: names by id."""
    found = []
    for number, song in enumerate(songs):
        known = None if song.theme is None else Theme(song.theme, themes[song.theme])
        for lines in cut_passages(song.lines, song.stanzas):
            measured = Conditions(
                theme=known,
                region=song.region,
                emotion=song.emotion,
                rhyme=passage_scheme(lines),
                syllables=passage_syllables(lines),
                language=language_of(lines),
                hook=len(set(lines)) < len(lines),
            )
            found.append(Example(lines, measured, number))
    return found


def cut_passages(lines: Sequence[str], stanzas: Sequence[int]) -> list[tuple[str, ...]]:
    """Consecutive stanzas together, as long as they have `MOST_LINES` lines at most."""
    parts: list[list[str]] = []
    before: int | None = None
    for line, stanza in zip(lines, stanzas, strict=True):
        if before != stanza or len(parts[-1]) == MOST_LINES:
            parts.append([])
        parts[-1].append(line)
        before = stanza
    found: list[list[str]] = []
    for part in parts:
        if found and len(found[-1]) + len(part) <= MOST_LINES:
            found[-1] += part
        else:
            found.append(part)
    return [tuple(part) for part in found]


def passage_scheme(lines: Sequence[str]) -> Rhyme | None:
    """The scheme of more than half of its fours of lines, counted from the first; None without."""
    starts = range(0, len(lines) - STANZA + 1, STANZA)
    schemes = [stanza_scheme(lines[at : at + STANZA]) for at in starts]
    if not schemes:
        return None
    scheme, count = Counter(schemes).most_common(1)[0]
    return scheme if 2 * count > len(schemes) else None


def passage_syllables(lines: Sequence[str]) -> tuple[int, ...] | None:
    """Syllables of each line, as the shortest pattern that gives them all; None out of bounds."""
    counts = tuple(syllables(line) for line in lines)
    if not all(1 <= count <= MOST_SYLLABLES for count in counts):
        return None
    for period in range(1, len(counts)):
        if len(counts) % period == 0 and counts == counts[:period] * (len(counts) // period):
            return counts[:period]
    return counts


def language_of(lines: Sequence[str]) -> Language | None:
    """`mixed` where Latin words and Chinese both have more than `HARDLY` of the syllables."""
    chinese = latin = 0
    for line in lines:
        for unit in units(line):
            if unit.text[:1].isalpha() and unit.text[:1] < "\u0250":
                latin += len(unit.finals)
            else:
                chinese += len(unit.finals)
    if not chinese + latin:
        return None
    share = latin / (chinese + latin)
    return "chinese" if share <= HARDLY else "latin" if share >= 1 - HARDLY else "mixed"


def with_header(example: Example, tokenizer: Any, longest: int, *, from_end: bool) -> Encoded:
    """The example as tokens under its header."""
    lines = [backwards(line) for line in example.lines] if from_end else example.lines
    return encode_example(tokenizer, header(example.conditions), lines, longest)


def conditions_record(split: SongSplit, examples: Sequence[Example]) -> dict[str, Any]:
    """What writer.json says under `conditions`: what can be asked for, how much was read of it.

    by: what its themes' doubts rest on, as of `find_doubts`.
    """
    themes = tuple(Theme(own, name) for own, name in split.themes.items())
    read = {
        name: dict(
            Counter(str(value) for one in examples if (value := _value(one, name)) is not None)
        )
        for name in ("theme", "region", "emotion", "rhyme", "language", "hook")
    }
    return {
        **Choices(themes, split.regions, split.emotions).to_json(),
        "passages": read,
        "by": split.by,
        "left_out": [
            {"kind": one.kind, "name": one.name, "why": one.why} for one in split.left_out
        ],
    }


def _value(example: Example, name: str) -> Any:
    return getattr(example.conditions, name)
