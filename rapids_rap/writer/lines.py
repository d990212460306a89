"""Writing lines: several drafts of each in one batch, and the likeliest that is sound.

All drafts end in the rhyme that is asked for, so that taking the likeliest of them is choosing the
rhyme word that the line leads up to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from rapids_rap.writer.copying import CopyIndex, han_codes, word_codes
from rapids_rap.writer.decoding import (
    Draft,
    Hearing,
    LineConstraints,
    LinePlan,
    SeededChoice,
    as_sung,
)
from rapids_rap.writer.prosody import ending, syllables
from rapids_rap.writer.text import unspaced
from rapids_rap.writer.vocabulary import Vocabulary, class_numbers

ROUNDS = 8  # in which a line is written again, where no draft of it is sound
REWRITES = 3  # of these, in which drafts that had to be turned away from a copy do not count


@dataclass(frozen=True)
class Pen:
    """What writes: the model and what is known of its vocabulary and of what it has read.

    drafts: of each line. rows: of a batch at most. temperature and top_p: as transformers has them.
    """

    model: Any
    vocabulary: Vocabulary
    index: CopyIndex
    from_end: bool
    padding: int
    drafts: int = 4
    rows: int = 64
    temperature: float = 1.0
    top_p: float = 0.95


@dataclass(frozen=True)
class Task:
    """A line to write. prompt: tokens; seeds: what its random numbers come from."""

    prompt: Sequence[int]
    plan: LinePlan
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """A line as it is sung. rounds: how often it was written; 1 is once."""

    text: str
    rounds: int


def write_lines(pen: Pen, tasks: Sequence[Task]) -> list[Line | None]:
    """A line for each task; None where nothing sound was found in `ROUNDS` rounds."""
    found: list[Line | None] = [None] * len(tasks)
    for turn in range(ROUNDS):
        open_ = [i for i, line in enumerate(found) if line is None]
        if not open_:
            break
        drafts = [_drafts(tasks[i], pen.drafts, turn) for i in open_]
        flat = [
            (tasks[i].prompt, draft) for i, own in zip(open_, drafts, strict=True) for draft in own
        ]
        for start in range(0, len(flat), pen.rows):
            _write(pen, flat[start : start + pen.rows])
        for i, own in zip(open_, drafts, strict=True):
            best = _best(pen, own, copied=turn >= REWRITES)
            found[i] = None if best is None else Line(best, turn + 1)
    return found


def _drafts(task: Task, number: int, turn: int) -> list[Draft]:
    return [
        Draft(task.plan, np.random.default_rng([*task.seeds, turn, draft]))
        for draft in range(number)
    ]


def _write(pen: Pen, rows: Sequence[tuple[Sequence[int], Draft]]) -> None:
    """Write all drafts of a batch to their ends."""
    drafts = [draft for _, draft in rows]
    width = max(len(prompt) for prompt, _ in rows)
    padded = [[pen.padding] * (width - len(prompt)) + list(prompt) for prompt, _ in rows]
    real = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt, _ in rows]
    device = pen.model.device
    choice = SeededChoice(drafts, pen.vocabulary.newline)
    processors = LogitsProcessorList(
        [
            Hearing(choice),
            LineConstraints(pen.vocabulary, pen.index, drafts, from_end=pen.from_end),
            TemperatureLogitsWarper(pen.temperature),
            TopPLogitsWarper(pen.top_p),
            choice,
        ]
    )
    with torch.inference_mode():
        pen.model.generate(
            input_ids=torch.tensor(padded, device=device),
            attention_mask=torch.tensor(real, device=device),
            logits_processor=processors,
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=max(draft.plan.longest() for draft in drafts),
                eos_token_id=pen.vocabulary.newline,
                pad_token_id=pen.padding,
                use_cache=True,
            ),
        )


def _best(pen: Pen, drafts: Sequence[Draft], *, copied: bool) -> str | None:
    """The sound draft that is likeliest by token; copied: also of those turned away from a copy."""
    best, most = None, -np.inf
    for draft in drafts:
        if draft.stuck or (draft.copied and not copied) or not draft.written:
            continue
        texts = pen.vocabulary.texts
        line = as_sung("".join(texts[token] for token in draft.written[:-1]), pen.from_end)
        mean = draft.likelihood / len(draft.written)
        whole = draft.written[-1] == pen.vocabulary.newline
        if whole and mean > most and is_sound(line, draft.plan, pen.index):
            best, most = line, mean
    return best


def is_sound(line: str, plan: LinePlan, index: CopyIndex) -> bool:
    """Whether a whole line is what its plan asks for."""
    if syllables(line) != plan.syllables or line != line.strip():
        return False
    if unspaced(line) in map(unspaced, plan.earlier):
        return False
    ends = ending(line)[::-1][: len(plan.rhyme)]
    if len(ends) < len(plan.rhyme):
        return False
    for (character, final), place in zip(ends, plan.rhyme, strict=True):
        if class_numbers([final])[0] not in place.classes or character in place.used:
            return False
    han = np.concatenate([plan.before, han_codes(line), plan.after])
    words = np.concatenate([plan.before_words, word_codes(line), plan.after_words])
    return not index.is_copy(han, words)
