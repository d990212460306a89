"""Clusters that may not be there again, as pictures mark them: paler, striped, with a sign.

What marks a cluster is said by the caller (`tables.stability`): its recurrence on other songs, or,
where that was not computed, how many of the layouts voted for it. Nothing is marked where neither
is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rapids_rap.arrays import Float32s

Mark = Literal["", "doubtful", "unstable", "few votes"]

SIGNS: dict[str, str] = {"": "", "doubtful": "?", "unstable": "??", "few votes": "?"}
# How much of the paper shows between a mark's stripes, and in them. Stripes and not paleness alone:
# a pale shade is another cluster's full one, and to the colour-blind it is the grey of noise.
FADES: dict[str, tuple[float, float]] = {
    "": (0.0, 0.0),
    "doubtful": (0.0, 0.75),
    "few votes": (0.0, 0.75),
    "unstable": (0.5, 0.75),
}
STRIPE = 10  # pixels along an edge of the 2400 x 1800 design
ORDER: tuple[Mark, ...] = ("doubtful", "unstable", "few votes")
_SAID = {
    "doubtful": ("存疑 doubtful", "再现度 recurrence 0.60–0.75"),
    "unstable": ("不稳定 unstable", "再现度 recurrence < 0.60"),
    "few votes": ("得票不足半数 few votes", "votes below one half"),
}


@dataclass(frozen=True)
class Legend:
    """What a mark means: its sign and name, and what it rests on, in both languages."""

    mark: Mark
    name: str
    rests_on: str


def fade_table(marks: Sequence[Mark]) -> Float32s:
    """(len(marks), 2) float32: what of the paper shows between the stripes of each, and in them."""
    return np.array([FADES[mark] for mark in marks], dtype=np.float32).reshape(-1, 2)


def signed(text: str, mark: str) -> str:
    """A cluster's name with the sign of its mark behind it."""
    return f"{text} {SIGNS[mark]}".strip() if mark else text


def legends(marks: Sequence[Mark]) -> list[Legend]:
    """What stands in a legend for the marks (K,) of some clusters, each kind once."""
    found = []
    for mark in ORDER:
        count = sum(one == mark for one in marks)
        if count:
            name, rests_on = _SAID[mark]
            found.append(Legend(mark, f"{SIGNS[mark]} {name}", f"{count} 个 · {rests_on}"))
    return found


def footnote(marks: Sequence[Mark]) -> str:
    """The same in one line, to be put behind another; "" where nothing is marked."""
    return "".join(f" · {SIGNS[mark]} {'：'.join(_SAID[mark])}" for mark in ORDER if mark in marks)
