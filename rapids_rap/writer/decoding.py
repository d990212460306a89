"""Constrained decoding: one step one syllable, a line of exactly so many, with the rhyme asked for.

Two logits processors do it within transformers' `generate`. `LineConstraints` leaves only tokens
that a line may go on with; `SeededChoice` draws one of them with the draft's own random numbers, so
that a draft does not depend on which others are written beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.errors import InputError
from rapids_rap.writer.conditions import Language
from rapids_rap.writer.copying import WORD_RUN, Codes, CopyIndex, han_codes, word_codes
from rapids_rap.writer.prosody import ending, syllables
from rapids_rap.writer.text import backwards, unspaced
from rapids_rap.writer.vocabulary import SEVERAL, Vocabulary, class_numbers, ends_in_letter

KEPT = 128  # likeliest tokens of a step that are looked at one by one
LONGEST_WORD = 14  # letters
USUAL_WORD = 6  # letters a syllable, with some to spare
_LAST_WORD = re.compile(r"[A-Za-z'’]+\Z")

NOTHING: Codes = np.zeros(0, dtype=np.uint32)


@dataclass(frozen=True)
class Place:
    """What one of the rhyming syllables at a line's end has to be.

    classes: places in `vocabulary.CLASSES`. used: characters that stand there in the lines that it
    rhymes with, and which are no rhyme.
    """

    classes: frozenset[int]
    used: str = ""


@dataclass(frozen=True)
class LinePlan:
    """What a line has to be.

    rhyme: the last syllable, then the one before it, as many as rhyme; empty where none has to.
    before, after: the characters that are sung before and after it, as `han_codes` has them;
    before_words, after_words: the Latin words, as `word_codes` does.
    earlier: lines that may not come again, wherever their blanks are.
    """

    syllables: int
    language: Language = "chinese"
    rhyme: tuple[Place, ...] = ()
    before: Codes = field(default_factory=lambda: NOTHING)
    after: Codes = field(default_factory=lambda: NOTHING)
    before_words: Codes = field(default_factory=lambda: NOTHING)
    after_words: Codes = field(default_factory=lambda: NOTHING)
    earlier: frozenset[str] = frozenset()

    def longest(self) -> int:
        """Tokens that are written at most, the line's end included."""
        return (2 if self.language == "chinese" else USUAL_WORD + 1) * self.syllables + 20


@dataclass
class Draft:
    """One try at a line. written: tokens; likelihood: their log-probability by the model alone.

    copied: whether the likeliest way to go on was a copy, and was cut off. stuck: nothing was left.
    """

    plan: LinePlan
    random: np.random.Generator
    written: list[int] = field(default_factory=list)
    likelihood: float = 0.0
    copied: bool = False
    stuck: bool = False


class LineConstraints(LogitsProcessor):
    """Masks every token that would break the plan of the draft in its row."""

    def __init__(
        self, vocabulary: Vocabulary, index: CopyIndex, drafts: Sequence[Draft], *, from_end: bool
    ) -> None:
        self.vocabulary = vocabulary
        self.index = index
        self.drafts = drafts
        self.from_end = from_end

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """scores: (rows, V), a row a draft."""
        host = scores.float().cpu().numpy()
        kept = np.full(host.shape, -np.inf, dtype=np.float32)
        for row, draft in enumerate(self.drafts):
            tokens = self._allowed(draft, host[row])
            kept[row, tokens] = host[row, tokens]
        return torch.from_numpy(kept).to(scores.device)

    def _allowed(self, draft: Draft, scores: Any) -> Int64s:
        if draft.written and draft.written[-1] == self.vocabulary.newline:
            return np.array([self.vocabulary.newline])
        text = "".join(self.vocabulary.texts[token] for token in draft.written)
        step = _Step(self.vocabulary, self.index, draft.plan, text, self.from_end)
        every = np.flatnonzero(step.possible())
        likely = _likeliest(every, scores)
        copies = step.copies(likely)
        draft.copied |= bool(len(copies) and copies[0])
        permitted = likely[~copies & step.permits(likely)]
        if not len(permitted) and len(every) > KEPT:
            permitted = every[~step.copies(every) & step.permits(every)]
        if len(permitted):
            return permitted
        draft.stuck = True
        return np.array([self.vocabulary.newline])


def _likeliest(tokens: Int64s, scores: Any) -> Int64s:
    """The first `KEPT` of the tokens, by their scores (V,)."""
    if len(tokens) > KEPT:
        tokens = np.sort(tokens[np.argpartition(-scores[tokens], KEPT)[:KEPT]])
    return tokens[np.argsort(-scores[tokens], kind="stable")]


class _Step:
    """A line that goes on behind `text`, as it is written: from its end or as it is sung."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        index: CopyIndex,
        plan: LinePlan,
        text: str,
        from_end: bool,
    ) -> None:
        self.vocabulary, self.index, self.plan, self.text = vocabulary, index, plan, text
        self.from_end = from_end
        self.done = syllables(text)
        self.rest = plan.syllables - self.done
        self.within = ends_in_letter(text)
        rhymed = len(plan.rhyme)
        place = self.done if from_end else self.rest - 1  # from the line's end
        self.rhyme = plan.rhyme[place] if self.rest and place < rhymed else None
        # Latin words may not stand where a syllable has to rhyme.
        self.most = plan.syllables if from_end else plan.syllables - rhymed

    def possible(self) -> Bools:
        """(V,) bool: what may stand here, before it is looked at one by one."""
        vocabulary = self.vocabulary
        if self.rhyme is not None:
            return self._rhyming(self.rhyme)
        mask = np.zeros(len(vocabulary.texts), dtype=np.bool_)
        if self.plan.language != "chinese":
            mask |= self._latin()
        if not self.rest:
            mask[vocabulary.newline] = True
            return mask
        if self.plan.language != "latin":
            mask |= vocabulary.han
        if vocabulary.blank is not None and self.text and not self.text.endswith(" "):
            mask[vocabulary.blank] = True
        return mask

    def _rhyming(self, place: Place) -> Bools:
        """Characters that always rhyme; of those that do so in some words, at the line's end."""
        classes = self.vocabulary.classes
        mask = np.isin(classes, sorted(place.classes))
        if not self.from_end and self.rest == 1:
            mask |= classes == SEVERAL
        return mask & self.vocabulary.without(place.used) if place.used else mask

    def _latin(self) -> Bools:
        """Words that begin here, and whatever could go on with the one that stands here."""
        vocabulary = self.vocabulary
        parted = vocabulary.parted
        begin = vocabulary.latin & (vocabulary.begins <= self.most - self.done)
        if not self.text or self.text.endswith(" "):
            return begin & ~parted
        if self.within:
            return (begin & parted) | (vocabulary.latin & ~parted)
        return begin

    def copies(self, tokens: Int64s) -> Bools:
        """(t,) bool: which tokens would complete a run of a song."""
        codes = self.vocabulary.codes[tokens]
        own = han_codes(self.text)
        none = NOTHING
        if self.from_end:
            before = self.plan.before if self.rest == 1 else none
            after = np.concatenate([own[::-1], self.plan.after])
        else:
            before = np.concatenate([self.plan.before, own])
            after = self.plan.after if self.rest == 1 else none
        found = np.zeros(len(tokens), dtype=np.bool_)
        han = np.flatnonzero(codes)
        found[han] = self.index.joins(before, codes[han], after)
        latin = np.flatnonzero(self.vocabulary.latin[tokens])
        if len(latin):
            found[latin] = self._copies_words(tokens[latin])
        return found

    def _copies_words(self, tokens: Int64s) -> Bools:
        """(t,) bool: which Latin tokens would complete a run of words of a song.

        A word that could still grow into another counts as it stands. What a whole line joins with
        the words on its other side is looked up when it is whole (`lines.is_sound`).
        """
        begun = _LAST_WORD.findall(self.text)[0] if self.within else ""
        goes_on = ~self.vocabulary.parted[tokens] & self.within
        stands = self.text[: len(self.text) - len(begun)]
        found = np.zeros(len(tokens), dtype=np.bool_)
        for text, head, part in ((self.text, "", ~goes_on), (stands, begun, goes_on)):
            words = word_codes(text)
            if self.from_end:
                before, after = NOTHING, np.concatenate([words[::-1], self.plan.after_words])
            else:
                before, after = np.concatenate([self.plan.before_words, words]), NOTHING
            if part.any() and len(before) + len(after) >= WORD_RUN - 1:
                pieces = [head + self.vocabulary.texts[token] for token in tokens[part].tolist()]
                found[part] = self.index.joins_words(before, word_codes("\n".join(pieces)), after)
        return found

    def permits(self, tokens: Int64s) -> Bools:
        """(t,) bool: what only the whole line tells: a word's length, a reading, a repeat."""
        vocabulary = self.vocabulary
        found = np.ones(len(tokens), dtype=np.bool_)
        if self.within:
            for at in np.flatnonzero(
                vocabulary.latin[tokens] & ~vocabulary.parted[tokens]
            ).tolist():
                found[at] = self._permits_latin(vocabulary.texts[tokens[at]])
        if self.rest == 1:
            earlier = self.plan.earlier
            told = [unspaced(backwards(line) if self.from_end else line) for line in earlier]
            own = unspaced(self.text)
            again = {line[-1] for line in told if line[:-1] == own}
            new = [vocabulary.texts[token] not in again for token in tokens.tolist()]
            found &= np.array(new, dtype=np.bool_)
        if self.rhyme is not None:
            for at in np.flatnonzero(vocabulary.classes[tokens] == SEVERAL).tolist():
                _, final = ending(self.text + vocabulary.texts[tokens[at]])[-1]
                found[at] &= class_numbers([final])[0] in self.rhyme.classes
        return found

    def _permits_latin(self, piece: str) -> bool:
        whole = self.text + piece
        word = whole.rsplit(" ", 1)[-1]
        return syllables(whole) <= self.most and len(word) <= LONGEST_WORD


class SeededChoice(LogitsProcessor):
    """Leaves one token a row: drawn by the draft's own random numbers, one a step."""

    def __init__(self, drafts: Sequence[Draft], newline: int) -> None:
        self.drafts = drafts
        self.newline = newline
        self.told: Any = None  # (rows, V) log-probabilities by the model alone

    def hear(self, scores: Any) -> Any:
        """Keep what the model says before anything is masked; scores: (rows, V).

        Raises `InputError` where the model says nothing: of weights that are no numbers.
        """
        self.told = scores.float().log_softmax(-1)
        if self.told.isnan().any():
            raise InputError(
                "The writer's weights give scores that are no numbers, so nothing can be written; "
                "train it again."
            )
        return scores

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """scores: (rows, V) as constraints and temperature left them."""
        shares = scores.double().softmax(-1).cpu().numpy()
        chosen = torch.full_like(scores, -torch.inf)
        for row, draft in enumerate(self.drafts):
            if draft.written and draft.written[-1] == self.newline:
                chosen[row, self.newline] = 0.0
                continue
            among = np.flatnonzero(shares[row])
            sums = np.cumsum(shares[row, among])
            at = np.searchsorted(sums, draft.random.random() * sums[-1], "right")
            token = int(among[min(int(at), len(among) - 1)])
            draft.likelihood += float(self.told[row, token])
            draft.written.append(token)
            chosen[row, token] = 0.0
        return chosen


class Hearing(LogitsProcessor):
    """Lets a `SeededChoice` hear the model's own scores; stands first."""

    def __init__(self, choice: SeededChoice) -> None:
        self.choice = choice

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """scores: (rows, V)."""
        return self.choice.hear(scores)


def as_sung(text: str, from_end: bool) -> str:
    """A written line as it is sung."""
    return backwards(text) if from_end else text
