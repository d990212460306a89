"""Whatever a model's scores are, a line that is only led by the constraints is what was asked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.errors import InputError
from rapids_rap.writer.copying import CopyIndex, han_codes, word_codes, write_index
from rapids_rap.writer.decoding import (
    Draft,
    Hearing,
    LineConstraints,
    LinePlan,
    Place,
    SeededChoice,
    as_sung,
)
from rapids_rap.writer.lines import is_sound
from rapids_rap.writer.measures import count_syllables
from rapids_rap.writer.vocabulary import CLASSES, Vocabulary, read_vocabulary
from tests.writer import tiny

SONG = ["天山看远钱年店边卷万弯人心真分云深问春林门光上长想强床爽王阳"]


@cache
def vocabulary(kind: str) -> Vocabulary:
    own = tiny.tokenizer() if kind == "characters" else tiny.bpe_tokenizer()
    return read_vocabulary(own, len(own))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> CopyIndex:
    folder = tmp_path_factory.mktemp("index")
    write_index(folder, [(1, SONG)])
    return CopyIndex(folder)


def walk(
    vocabulary: Vocabulary, index: CopyIndex, draft: Draft, *, from_end: bool, favour: Any
) -> str:
    """A line drawn from random scores; favour: (V,) is added to them."""
    constraints = LineConstraints(vocabulary, index, [draft], from_end=from_end)
    choice = SeededChoice([draft], vocabulary.newline)
    hearing = Hearing(choice)
    for _ in range(500):
        scores = torch.from_numpy(draft.random.normal(0, 2, (1, len(vocabulary.texts))) + favour)
        choice(None, constraints(None, hearing(None, scores.float())))
        if draft.written[-1] == vocabulary.newline:
            break
    text = "".join(vocabulary.texts[token] for token in draft.written)
    assert text.endswith("\n")
    return as_sung(text[:-1], from_end)


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from(["characters", "bytes"]),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 14),
    language=st.sampled_from(["chinese", "mixed", "latin"]),
    from_end=st.booleans(),
    rhymes=st.lists(st.sampled_from(range(len(CLASSES))), max_size=3),
    used=st.sampled_from(["", "花", "天山看远"]),
)
def test_a_line_is_never_stuck_and_always_sound(
    index: CopyIndex,
    kind: str,
    seed: int,
    count: int,
    language: Any,
    from_end: bool,
    rhymes: list[int],
    used: str,
):
    own = vocabulary(kind)
    rhyme = (
        () if language == "latin" else tuple(Place(frozenset({c}), used) for c in rhymes[:count])
    )
    plan = LinePlan(count, language, rhyme, earlier=frozenset({"天" * count}))
    draft = Draft(plan, np.random.default_rng(seed))
    line = walk(own, index, draft, from_end=from_end, favour=0.0)
    assert not draft.stuck
    assert count_syllables(line) == count
    # A reading may turn out otherwise once the rest of the line is there: such a draft is dropped.
    assert rhyme or is_sound(line, plan, index)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), from_end=st.booleans(), begin=st.integers(0, 18))
def test_a_song_that_is_known_by_heart_is_left_at_the_eleventh_character(
    index: CopyIndex, seed: int, from_end: bool, begin: int
):
    own, song = vocabulary("characters"), SONG[0]
    before = han_codes(song[begin : begin + 6])
    after = han_codes(song[begin + 7 : begin + 13])
    plan = LinePlan(7, before=before, after=after)
    draft = Draft(plan, np.random.default_rng(seed))
    favour = np.where(np.isin(own.codes, han_codes(song)), 30.0, 0.0)
    line = walk(own, index, draft, from_end=from_end, favour=favour)
    assert is_sound(line, plan, index)


@pytest.mark.parametrize("from_end", [False, True])
@pytest.mark.parametrize(("begun", "last"), [("", "yeah"), ("ci", "ty")])
def test_the_sixth_word_of_a_song_is_cut_off(tmp_path: Path, from_end: bool, begun: str, last: str):
    """Whole or as its end; a Latin line that goes on as a song does is a copy."""
    own = vocabulary("bytes")
    words = ["oh", "baby", "why", "money", "flow"]
    known = [begun + last, *words] if from_end else [*words, begun + last]
    write_index(tmp_path, [(1, [" ".join(known)])])
    side = "after_words" if from_end else "before_words"

    def allows(beside: list[str]) -> bool:
        plan = LinePlan(4, "latin", **{side: word_codes(" ".join(beside))})
        draft = Draft(plan, np.random.default_rng(0))
        draft.written = [own.texts.index(begun)] if begun else []
        scores = torch.zeros((1, len(own.texts)))
        token = own.texts.index(last)
        scores[0, token] = 9.0
        constraints = LineConstraints(own, CopyIndex(tmp_path), [draft], from_end=from_end)
        kept = bool(torch.isfinite(constraints(None, scores)[0, token]))
        assert draft.copied != kept
        return kept

    assert not allows(words)
    assert allows(words[::-1])


def test_a_latin_copy_makes_no_sound_line(tmp_path: Path):
    """With what stands before and after it, whatever Chinese characters lie between."""
    write_index(tmp_path, [(1, ["the lantern waits by", "the river"])])
    index = CopyIndex(tmp_path)
    before, after = word_codes("oh the lantern"), word_codes("river")
    plan = LinePlan(3, "latin", before_words=before, after_words=after)
    assert not is_sound("waits by the", plan, index)
    assert is_sound("waits by a", plan, index)
    assert is_sound("waits by the", LinePlan(3, "latin", before_words=before), index)


def test_the_draw_of_a_row_does_not_hang_on_its_neighbours(index: CopyIndex):
    own = vocabulary("characters")
    scores = torch.from_numpy(np.random.default_rng(3).normal(0, 2, (3, len(own.texts)))).float()

    def drawn(rows: list[int]) -> list[int]:
        drafts = [Draft(LinePlan(4), np.random.default_rng([5, row])) for row in rows]
        choice = SeededChoice(drafts, own.newline)
        constraints = LineConstraints(own, index, drafts, from_end=False)
        choice(None, constraints(None, Hearing(choice)(None, scores[rows])))
        return [draft.written[0] for draft in drafts]

    assert drawn([0, 1, 2])[1:] == drawn([1, 2])
    assert drawn([2, 0]) == drawn([0, 1, 2])[::-2]


def test_a_likelihood_is_the_models_own(index: CopyIndex):
    own = vocabulary("characters")
    scores = torch.zeros(1, len(own.texts))
    draft = Draft(LinePlan(1), np.random.default_rng(0))
    choice = SeededChoice([draft], own.newline)
    choice(None, LineConstraints(own, index, [draft], from_end=False)(None, choice.hear(scores)))
    assert draft.likelihood == pytest.approx(-np.log(len(own.texts)), rel=1e-5)


@pytest.mark.parametrize("from_end", [False, True])
def test_a_blank_makes_no_other_line(index: CopyIndex, from_end: bool):
    """Who listens hears the same line twice."""
    own = vocabulary("characters")
    plan = LinePlan(2, rhyme=(), earlier=frozenset({"天 空"}))
    favour = np.where(np.isin(own.codes, han_codes("天空")), 60.0, 0.0)
    for seed in range(20):
        draft = Draft(plan, np.random.default_rng(seed))
        line = walk(own, index, draft, from_end=from_end, favour=favour)
        assert "".join(line.split()) != "天空"
    assert not is_sound("天空", plan, index)


def test_a_model_without_numbers_is_said_to_be_one(index: CopyIndex):
    own = vocabulary("characters")
    choice = SeededChoice([Draft(LinePlan(1), np.random.default_rng(0))], own.newline)
    with pytest.raises(InputError, match="no numbers"):
        choice.hear(torch.full((1, len(own.texts)), torch.nan))


def test_nothing_left_is_said_and_ends_the_line(index: CopyIndex):
    own = vocabulary("characters")
    plan = LinePlan(1, rhyme=(Place(frozenset()),))
    draft = Draft(plan, np.random.default_rng(0))
    walk(own, index, draft, from_end=True, favour=0.0)
    assert draft.stuck
