"""Passages and what their headers say: measured on the passage, dropped by the seed alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.errors import InputError
from rapids_rap.writer.conditions import Conditions, Theme
from rapids_rap.writer.examples import (
    MOST_LINES,
    NAMES,
    Example,
    cut_passages,
    language_of,
    make_examples,
    passage_scheme,
    passage_syllables,
    with_header,
)
from rapids_rap.writer.songs import Song

FOUR = ("走在夜里的大街", "等着下一个世界", "风吹过我的梦想", "我还在找那方向")


def song(lines, stanzas, **known) -> Song:
    empty = {"theme": None, "region": None, "emotion": None, "group": 0, "read": False}
    return Song(1, "歌手", "歌", tuple(lines), tuple(stanzas), **(empty | known))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_passages_hold_every_line_once_in_order(sizes):
    stanzas = [i for i, size in enumerate(sizes) for _ in range(size)]
    lines = [f"行{i}" for i in range(len(stanzas))]
    parts = cut_passages(lines, stanzas)
    assert [line for part in parts for line in part] == lines
    assert all(1 <= len(part) <= MOST_LINES for part in parts)


def test_a_passage_says_what_was_measured_on_it():
    (one,) = make_examples([song(FOUR, [0] * 4, theme=3, region="西南")], {3: "夜"})
    asked = one.conditions
    assert asked.theme == Theme(3, "夜")
    assert (asked.rhyme, asked.syllables, asked.hook) == ("AABB", (7,), False)
    assert (asked.language, asked.region, asked.emotion) == ("chinese", "西南", None)


def test_a_scheme_needs_most_of_the_fours():
    assert passage_scheme(FOUR) == "AABB"
    assert passage_scheme(FOUR[:3]) is None
    assert passage_scheme((*FOUR, *FOUR, FOUR[0], FOUR[2], FOUR[1], FOUR[3])) == "AABB"


def test_syllables_are_the_shortest_pattern():
    assert passage_syllables(["一二三", "一二", "一二三", "一二"]) == (3, 2)
    assert passage_syllables(["一二三", "一二", "一"]) == (3, 2, 1)
    assert passage_syllables(["啊" * 41]) is None


@pytest.mark.parametrize(
    ("lines", "language"),
    [
        (["今晚出发"], "chinese"),
        (["we go tonight"], "latin"),
        (["今晚 go go"], "mixed"),
        (["…"], None),
    ],
)
def test_the_mix_of_languages(lines, language):
    assert language_of(lines) == language


def test_conditions_are_dropped_by_the_seed_alone():
    example = Example(FOUR, Conditions(region="西南", emotion="爱情", hook=False), 0)
    drawn = [example.with_some(0.5, np.random.default_rng([1, i])) for i in range(200)]
    again = [example.with_some(0.5, np.random.default_rng([1, i])) for i in range(200)]
    assert drawn == again
    assert 60 < sum(one.conditions.region is None for one in drawn) < 140
    assert example.with_some(0.0, np.random.default_rng(0)) == example
    assert example.with_only(["region"]).conditions == Conditions(region="西南")
    assert example.with_only(NAMES) == example


class Letters:
    """A tokenizer of code points."""

    eos_token_id = 0

    def __call__(self, texts, **others):
        return {"input_ids": [[ord(letter) for letter in text] for text in texts]}


def test_the_header_is_given_and_the_lines_are_learnt():
    example = Example(("今晚", "出发"), Conditions(region="西南"), 0)
    encoded = with_header(example, Letters(), 100, from_end=False)
    assert "".join(map(chr, encoded.ids[: encoded.header])) == "【地区：西南】\n"
    assert "".join(map(chr, encoded.ids[encoded.header : -1])) == "今晚\n出发\n"
    assert encoded.ids[-1] == 0
    from_end = with_header(example, Letters(), 100, from_end=True)
    assert "".join(map(chr, from_end.ids[from_end.header : -1])) == "晚今\n发出\n"


@pytest.mark.parametrize("longest", [12, 14, 16, 32])
def test_lines_that_do_not_fit_are_left_out(longest):
    example = Example(("今晚出发", "明天回来"), Conditions(region="西南"), 0)
    encoded = with_header(example, Letters(), longest, from_end=False)
    assert encoded.header + 1 < len(encoded.ids) <= longest


def test_a_header_that_leaves_no_room_is_said():
    example = Example(("今晚出发",), Conditions(region="西南" * 20), 0)
    with pytest.raises(InputError, match="raise --max-tokens"):
        with_header(example, Letters(), 40, from_end=False)
