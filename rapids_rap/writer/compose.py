"""Songs from conditions: the lines of all of them one after another, each line in one batch."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig

from rapids_rap.corpus.normalize import shown
from rapids_rap.errors import ConfigError, InputError
from rapids_rap.writer.conditions import MOST_SYLLABLES, STANZA, Conditions, header
from rapids_rap.writer.copying import (
    RUN,
    WORD_RUN,
    CopyIndex,
    Nearest,
    han_codes,
    word_codes,
)
from rapids_rap.writer.decoding import LinePlan
from rapids_rap.writer.layout import VERSE, Rhymes, Slot, check_rhyme_length, check_start, lay_out
from rapids_rap.writer.lines import Pen, Task, write_lines
from rapids_rap.writer.prosody import syllables
from rapids_rap.writer.text import backwards, encode
from rapids_rap.writer.vocabulary import Vocabulary

MOST_TOKENS = 1024  # of what a model sees of a song
SEEN = 3 * STANZA  # lines before the four that are being written

_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class Asked:
    """What is asked for. lines: beside the hook. songs: how many, each from a seed of its own."""

    conditions: Conditions
    lines: int
    rhyme_syllables: int = 1
    start: str | None = None
    seed: int = 42
    songs: int = 1


@dataclass(frozen=True)
class WrittenSong:
    """A song. slots and lines: as many. rewritten: places of lines that were written again.

    nearest: what it shares with a song that was read; its start, which a person gave, included.
    nearest_words: the same of Latin words; None where the index does not know.
    """

    number: int
    slots: Sequence[Slot]
    lines: Sequence[str]
    rewritten: Sequence[int]
    nearest: Nearest
    nearest_words: Nearest | None

    def sections(self) -> list[tuple[str, list[str]]]:
        """`verse` or `chorus`, and its lines; a verse has `VERSE` lines at most."""
        found: list[tuple[str, list[str]]] = []
        for slot, line in zip(self.slots, self.lines, strict=True):
            kind = "chorus" if slot.hook else "verse"
            if not found or found[-1][0] != kind or len(found[-1][1]) == VERSE:
                found.append((kind, []))
            found[-1][1].append(line)
        return found


class _Song:
    """A song while it is written."""

    def __init__(self, pen: Pen, asked: Asked, number: int) -> None:
        self.asked, self.number = asked, number
        language = asked.conditions.language or "chinese"
        self.language = language
        self.slots = lay_out(asked.conditions, asked.lines, start=asked.start, seed=asked.seed)
        if any(slot.group is not None for slot in self.slots):
            check_rhyme_length(asked.rhyme_syllables, self.slots)
        self.rhymes = Rhymes(self.slots, pen.vocabulary.sizes(), asked.rhyme_syllables)
        self.lines: list[str] = []
        self.rewritten: list[int] = []
        if asked.start is not None:
            check_start(asked.start, self.slots, self.rhymes)
            self._take(asked.start, rounds=1)

    def _take(self, line: str, rounds: int) -> None:
        if rounds > 1:
            self.rewritten.append(len(self.lines))
        self.rhymes.hear(self.slots[len(self.lines)], line)
        self.lines.append(line)
        while len(self.lines) < len(self.slots):
            again = self.slots[len(self.lines)].repeats
            if again is None:
                break
            self.lines.append(self.lines[again])

    def task(self, prompt: Sequence[int]) -> Task:
        slot = self.slots[len(self.lines)]
        before, after = "\n".join(self.lines), self._after()
        plan = LinePlan(
            syllables=slot.syllables,
            language=self.language,
            rhyme=self.rhymes.places(slot),
            before=han_codes(before)[1 - RUN :],
            after=han_codes(after)[: RUN - 1],
            before_words=word_codes(before)[1 - WORD_RUN :],
            after_words=word_codes(after)[: WORD_RUN - 1],
            earlier=frozenset(self.lines),
        )
        return Task(prompt, plan, (self.asked.seed, self.number, len(self.lines)))

    def _after(self) -> str:
        """What is sung after a line that a hook follows which is there already."""
        own = [one.repeats for one in self.slots[len(self.lines) + 1 :][:STANZA]]
        known = [self.lines[again] for again in own if again is not None]
        return "" if not own or own[0] is None else "\n".join(known)


def write_songs(
    pen: Pen, tokenizer: Any, asked: Asked, told: Callable[[int, int], None] = lambda *_: None
) -> list[WrittenSong]:
    """Write all songs, line by line; told: called with the lines that are done, and all of them.

    A song is the same whatever is written beside it. Raises `ConfigError` for what can't be.
    """
    songs = [_Song(pen, asked, number) for number in range(asked.songs)]
    head = encode(tokenizer, header(asked.conditions))
    ends = len(songs[0].slots)
    while open_ := [song for song in songs if len(song.lines) < ends]:
        tasks = [song.task(_prompt(pen, tokenizer, head, song)) for song in open_]
        for song, line in zip(open_, write_lines(pen, tasks), strict=True):
            if line is None:
                raise ConfigError(_nothing_left(song))
            song._take(line.text, line.rounds)
        told(sum(len(song.lines) for song in songs), ends * len(songs))
    return [
        WrittenSong(
            number=song.number,
            slots=song.slots,
            lines=song.lines,
            rewritten=song.rewritten,
            nearest=pen.index.nearest("\n".join(song.lines)),
            nearest_words=pen.index.nearest_words("\n".join(song.lines)),
        )
        for song in songs
    ]


def _nothing_left(song: _Song) -> str:
    at = len(song.lines)
    return (
        f"Line {at + 1}: no line of {song.slots[at].syllables} syllables was found that rhymes as "
        "asked, was not written before and is no copy. Ask for fewer lines, more syllables, "
        "another scheme or another --seed."
    )


def _prompt(pen: Pen, tokenizer: Any, head: Sequence[int], song: _Song) -> list[int]:
    """The header and the lines before, as many as the model has room for."""
    most = getattr(pen.model.config, "max_position_embeddings", None) or MOST_TOKENS
    longest = LinePlan(song.slots[len(song.lines)].syllables, song.language).longest()
    room = min(int(most), MOST_TOKENS) - longest - len(head)
    if room < 0:
        raise InputError(
            f"The conditions and a line take {len(head) + longest} tokens, and the model has "
            f"{min(int(most), MOST_TOKENS)}; ask for fewer conditions or shorter lines."
        )
    first = max(0, len(song.lines) // STANZA * STANZA - SEEN)
    known = song.lines[first:]
    rows = [backwards(line) if pen.from_end else line for line in known]
    tokens: list[int] = []
    for row in reversed(rows):
        own = encode(tokenizer, f"{row}\n")
        if len(tokens) + len(own) > room:
            break
        tokens = own + tokens
    return [*head, *tokens]


def read_start(given: str) -> str:
    """A first line as it is written into a song. Raises `ConfigError` for what is no line."""
    if _LINE_END.search(given.strip()):
        raise ConfigError("--start: expected one line, and there is a line end in it.")
    line = unicodedata.normalize("NFKC", given.encode("utf-8", "replace").decode())
    line = " ".join(shown(line).split())
    if not 1 <= syllables(line) <= MOST_SYLLABLES:
        raise ConfigError(
            f"--start: expected a line of 1 to {MOST_SYLLABLES} syllables; this one has "
            f"{syllables(line)}."
        )
    return line


def pen_of(
    model: Any,
    tokenizer: Any,
    vocabulary: Vocabulary,
    index: CopyIndex,
    *,
    from_end: bool,
    **how: Any,
) -> Pen:
    """What writes with a model, whose own generation settings are left behind; how: as of `Pen`."""
    model.generation_config = GenerationConfig()  # a base's penalties would be added to ours
    return Pen(model, vocabulary, index, from_end, int(tokenizer.pad_token_id), **how)
