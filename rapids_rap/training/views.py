"""Views: from a line to two texts that should lie close together. One small function each.

A view is a name in `train.views`; a batch is drawn from all that were chosen. Each says which lines
it can be made of and makes the pair. Every text is encoded with dropout, so even the view
`dropout`, a line and itself, gives two different vectors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.errors import NoViewError
from rapids_rap.training.lines import TrainingLines
from rapids_rap.training.text_views import (
    Homophones,
    Random,
    find_homophones,
    other_punctuation,
    remove_adlibs,
    repeat_characters,
    repeat_words,
    swap_homophones,
    to_full_width,
    to_traditional,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ViewSources:
    """The lines and what some views need beside them."""

    lines: TrainingLines
    homophones: Homophones = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two views, and the number of the line that each was made from."""

    left: str
    right: str
    left_line: int
    right_line: int


MakePair = Callable[[ViewSources, int, Random], Pair]
Possible = Callable[[ViewSources], Bools]


@dataclass(frozen=True, slots=True)
class View:
    """make: the pair of line ``i``; possible: (n,) bool, the lines that have one."""

    make: MakePair
    possible: Possible
    needs: str = ""


def dropout(material: ViewSources, i: int, random: Random) -> Pair:
    """A line and itself: SimCSE (arXiv 2104.08821)."""
    text = material.lines.text[i]
    return Pair(text, text, i, i)


def adjacent(material: ViewSources, i: int, random: Random) -> Pair:
    """A line and the next of its stanza, in either order."""
    j = int(material.lines.following[i])
    first, second = (i, j) if random.random() < 0.5 else (j, i)
    texts = material.lines.text
    return Pair(texts[first], texts[second], first, second)


def context(material: ViewSources, i: int, random: Random) -> Pair:
    """A line alone, and with its neighbours in the stanza around it."""
    lines = material.lines
    window = [int(lines.preceding[i]), i, int(lines.following[i])]
    return Pair(lines.text[i], " ".join(lines.text[j] for j in window if j >= 0), i, i)


def repetition(material: ViewSources, i: int, random: Random) -> Pair:
    """A line, and with characters or words said twice: ESimCSE (arXiv 2109.04380)."""
    text = material.lines.text[i]
    repeat = repeat_characters if random.random() < 0.5 else repeat_words
    return Pair(text, repeat(text, random), i, i)


def variants(material: ViewSources, i: int, random: Random) -> Pair:
    """A line, and in traditional characters, full width or with other punctuation."""
    text = material.lines.text[i]
    written = (to_traditional(text), to_full_width(text), other_punctuation(text, random))
    changed = [other for other in written if other != text] or [text]
    return Pair(text, changed[int(random.integers(len(changed)))], i, i)


def adlibs(material: ViewSources, i: int, random: Random) -> Pair:
    """A line, and without its ad-libs."""
    text = material.lines.text[i]
    return Pair(text, remove_adlibs(text), i, i)


def homophone(material: ViewSources, i: int, random: Random) -> Pair:
    """A line, and with characters of the same sound: for the objective `rhyme` alone."""
    text = material.lines.text[i]
    return Pair(text, swap_homophones(text, random, material.homophones), i, i)


def _every(material: ViewSources) -> Bools:
    return np.ones(len(material.lines), np.bool_)


def _followed(material: ViewSources) -> Bools:
    return material.lines.following >= 0


def _accompanied(material: ViewSources) -> Bools:
    return (material.lines.following >= 0) | (material.lines.preceding >= 0)


def _with_adlibs(material: ViewSources) -> Bools:
    texts = material.lines.text
    return np.array([remove_adlibs(text) != text for text in texts], np.bool_)


def _with_homophones(material: ViewSources) -> Bools:
    known = material.homophones.keys()
    return np.array([not known.isdisjoint(text) for text in material.lines.text], np.bool_)


SONGS = "neighbouring lines of a known song's stanza"
VIEWS = {
    "dropout": View(dropout, _every),
    "adjacent": View(adjacent, _followed, SONGS),
    "context": View(context, _accompanied, SONGS),
    "repetition": View(repetition, _every),
    "variants": View(variants, _every),
    "adlibs": View(adlibs, _with_adlibs, "ad-libs: brackets, or calls at the ends of a line"),
    "homophone": View(homophone, _with_homophones, "characters that sound alike"),
}


@dataclass(frozen=True, slots=True)
class Anchors:
    """The lines a view can be made of; lines: int64, ascending, never empty."""

    name: str
    view: View
    lines: Int64s


def view_sources(lines: TrainingLines, objective: str) -> ViewSources:
    """What the views of an objective work on."""
    return ViewSources(lines, find_homophones(lines.text) if objective == "rhyme" else {})


def find_anchors(material: ViewSources, names: Sequence[str]) -> tuple[list[Anchors], list[str]]:
    """The views that these lines have, and a sentence for each that they don't have.

    Raises `NoViewError` where none is left.
    """
    found, said = [], []
    for name in dict.fromkeys(names):
        view = VIEWS[name]
        anchors = np.flatnonzero(view.possible(material))
        if len(anchors):
            found.append(Anchors(name, view, anchors))
        else:
            said.append(f"the view {name} is left out: no line has {view.needs}")
    if not found:
        raise NoViewError(
            f"No view can be made of these lyrics: {'; '.join(said)}. Choose train.views that need "
            "no more than a line: dropout, repetition, variants."
        )
    return found, said
