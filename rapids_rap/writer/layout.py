"""The lines of a song before they are written: how many, how long, and which rhyme.

A song is verses of `VERSE` lines, the last maybe shorter; with a hook, four lines come after each
verse, written once and then the same again. Rhyme schemes hold for four lines at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.errors import ConfigError
from rapids_rap.writer.conditions import MOST_LINES, STANZA, Conditions, Rhyme, check_lines
from rapids_rap.writer.conditions import VERSE as VERSE
from rapids_rap.writer.decoding import Place
from rapids_rap.writer.prosody import LONGEST, PARTICLES, ending, syllables
from rapids_rap.writer.vocabulary import class_numbers

USUAL = (7, 8, 9, 10)  # syllables of lines where none are asked for


@dataclass(frozen=True)
class Slot:
    """One line. group: lines that rhyme have the same number, None where none has to.

    block: the lines of one scheme. repeats: the slot whose line this one is again.
    """

    syllables: int
    hook: bool
    block: int
    group: int | None
    repeats: int | None = None


def lay_out(conditions: Conditions, lines: int, *, start: str | None, seed: int) -> list[Slot]:
    """The slots of a song with `lines` lines beside its hook.

    Raises `ConfigError` where they don't come out even, where a hook would not come back, or where
    `start` is not as long as asked.
    """
    if not 1 <= lines <= MOST_LINES:
        raise ConfigError(f"--lines {lines}: expected 1 to {MOST_LINES}.")
    check_lines(conditions, lines)
    if conditions.language == "latin" and conditions.rhyme not in (None, "free"):
        raise ConfigError(
            f"--rhyme {conditions.rhyme}: only Chinese syllables are rhymed; ask for --rhyme free "
            "or for --language chinese or mixed."
        )
    counts = _counts(conditions, lines, start, seed)
    slots: list[Slot] = []
    for at in range(lines):
        block = at // STANZA
        slots.append(Slot(counts[at], False, block, _group(conditions.rhyme, block, at % STANZA)))
    return _with_hook(slots, conditions.rhyme) if conditions.hook else slots


def _counts(conditions: Conditions, lines: int, start: str | None, seed: int) -> list[int]:
    """Syllables of each line: the pattern again and again; else drawn, two lines alike."""
    own = None if start is None else syllables(start)
    if conditions.syllables is not None:
        if own is not None and own != conditions.syllables[0]:
            raise ConfigError(
                f"--start: the line has {own} syllables, and --syllables asks for "
                f"{conditions.syllables[0]} in the first."
            )
        return [conditions.syllables[at % len(conditions.syllables)] for at in range(lines)]
    random = np.random.default_rng([seed, 0])
    drawn = [int(random.choice(USUAL)) for _ in range((lines + 1) // 2)]
    counts = [drawn[at // 2] for at in range(lines)]
    if own is not None:
        counts[:2] = [own] * min(2, lines)
    return counts


def _group(rhyme: Rhyme | None, block: int, place: int) -> int | None:
    if rhyme is None or rhyme == "free":
        return None
    return 2 * block + "AB".index(rhyme[place])


def _with_hook(slots: Sequence[Slot], rhyme: Rhyme | None) -> list[Slot]:
    block = len(slots)  # more than there are
    hook = [
        Slot(slots[at % len(slots)].syllables, True, block, _group(rhyme, block, at))
        for at in range(STANZA)
    ]
    found: list[Slot] = []
    first: int | None = None
    for at in range(0, len(slots), VERSE):
        found += slots[at : at + VERSE]
        if first is None:
            first = len(found)
            found += hook
        else:
            found += [
                Slot(one.syllables, True, one.block, one.group, first + i)
                for i, one in enumerate(hook)
            ]
    return found


@dataclass
class Rhymes:
    """The rhymes of a song while it is written.

    sizes: (C,) characters of each class; length: how many syllables rhyme.
    """

    slots: Sequence[Slot]
    sizes: Int64s
    length: int
    heard: dict[int, list[list[tuple[str, int]]]] = field(default_factory=dict)

    def places(self, slot: Slot) -> tuple[Place, ...]:
        """What the last syllables of a line have to be, the last first.

        A line that rhymes with none yet chooses a class that has characters enough for all that
        will rhyme with it, and that is no other rhyme of its scheme.
        """
        if slot.group is None:
            return ()
        heard = self.heard.get(slot.group, [])
        if heard:
            return tuple(
                Place(frozenset({heard[0][i][1]}), "".join(line[i][0] for line in heard))
                for i in range(self.length)
            )
        size = sum(1 for one in self.slots if one.group == slot.group and one.repeats is None)
        enough = frozenset(np.flatnonzero(self.sizes >= size).tolist())
        if not enough:
            raise ConfigError(
                f"{size} lines can't rhyme: this writer's vocabulary has no rhyme with as many "
                "characters. Ask for --rhyme free, or train on another model."
            )
        others = [g for g in self.heard if g != slot.group and g // 2 == slot.group // 2]
        taken = {line[0][1] for group in others for line in self.heard[group]}
        return (Place(enough - taken), *(Place(enough) for _ in range(self.length - 1)))

    def hear(self, slot: Slot, line: str) -> None:
        """A line was written."""
        if slot.group is not None:
            ends = ending(line)[::-1][: self.length]
            classes = class_numbers([final for _, final in ends])
            told = [(character, own) for (character, _), own in zip(ends, classes, strict=True)]
            self.heard.setdefault(slot.group, []).append(told)


def check_start(line: str, slots: Sequence[Slot], rhymes: Rhymes) -> None:
    """Raises `ConfigError` where the lines that should rhyme with a first one can't."""
    if slots[0].group is None:
        return
    ends = ending(line)[::-1][: rhymes.length]
    classes = class_numbers([final for _, final in ends])
    if len(ends) < rhymes.length or min(classes) < 0 or ends[0][0] in PARTICLES:
        last = "last syllable" if rhymes.length == 1 else f"last {rhymes.length} syllables"
        raise ConfigError(
            f"--start: nothing rhymes with the {last} of this line (a particle, or what is no "
            "Chinese character with a known reading); end it otherwise, or ask for --rhyme free."
        )
    allowed = rhymes.places(slots[0])
    if any(own not in place.classes for own, place in zip(classes, allowed, strict=True)):
        raise ConfigError(
            "--start: this writer knows too few characters that rhyme with this line; end it "
            "otherwise, or ask for --rhyme free."
        )


def check_rhyme_length(length: int, slots: Sequence[Slot]) -> None:
    """Raises `ConfigError` where a line is shorter than what should rhyme."""
    shortest = min(slot.syllables for slot in slots)
    if not 1 <= length <= LONGEST or length > shortest:
        most = min(LONGEST, shortest)
        raise ConfigError(
            f"--rhyme-syllables {length}: expected 1 to {most}, with lines of {shortest} syllables."
            if most > 1
            else f"--rhyme-syllables {length}: only 1 fits lines of {shortest} syllables."
        )
