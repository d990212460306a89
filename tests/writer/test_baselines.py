"""Baselines answer what they were asked, each by its own means, and by the seed alone."""

import pytest

from rapids_rap.writer import measures
from rapids_rap.writer.base import load_causal, load_tokenizer
from rapids_rap.writer.baselines import (
    FiveGram,
    RealLines,
    Request,
    instruction,
    sample_verses,
)
from rapids_rap.writer.conditions import Conditions, Theme
from rapids_rap.writer.songs import Song
from tests.writer.bases import write_tiny_base

LINES = (
    "走在夜里的大街",
    "等着下一个世界",
    "风吹过我的梦想",
    "我还在找那方向",
    "城市灯火在燃烧",
    "没有人懂我的骄傲",
    "月亮照着老地方",
    "远方的河在歌唱",
)


def song(theme, lines, number=0) -> Song:
    return Song(number, "甲", "乙", tuple(lines), (0,) * len(lines), theme, None, None, 0, False)


SONGS = [song(1, LINES[:4]), song(2, LINES[4:], 1)]
ASKED = [
    Request(Conditions(theme=Theme(2, "夜"), rhyme=rhyme, syllables=(7, 7)), 8, 0)
    for rhyme in ("AABB", "ABAB", "AAAA")
]


def test_the_five_gram_keeps_lengths_and_rhymes():
    for request, verse in zip(ASKED, FiveGram(SONGS).write(ASKED, 1), strict=True):
        assert all(measures.right_lengths(verse, (7, 7)))
        pairs = measures.rhyming_pairs(request.conditions.rhyme, 8)
        right = [measures.rhyme_length(verse[a], verse[b]) > 0 for a, b in pairs]
        assert sum(right) >= len(right) - 2  # so few characters can't always rhyme


def test_the_five_gram_knows_its_songs_alone():
    known = set("".join(LINES))
    for verse in FiveGram(SONGS).write(ASKED, 2):
        assert set("".join(verse)) <= known


def test_real_lines_are_real_and_of_the_theme_first():
    (verse,) = RealLines(SONGS).write(
        [Request(Conditions(theme=Theme(2, "夜"), syllables=(7,)), 3, 0)], 3
    )
    assert set(verse) <= set(LINES)
    assert set(verse[:2]) <= set(LINES[4:])
    assert len(set(verse)) == 3


def test_the_seed_decides():
    assert FiveGram(SONGS).write(ASKED, 1) == FiveGram(SONGS).write(ASKED, 1)
    assert FiveGram(SONGS).write(ASKED, 1) != FiveGram(SONGS).write(ASKED, 2)
    assert RealLines(SONGS).write(ASKED, 1) == RealLines(SONGS).write(ASKED, 1)


def test_a_base_is_asked_in_words():
    text = instruction(ASKED[0])
    assert all(part in text for part in ("写8行", "主题是夜", "AABB", "7、7"))


@pytest.mark.parametrize("tuned", ["", "forward", "from_end"])
def test_sampling_gives_no_more_lines_than_were_asked(tuned, tmp_path):
    folder = write_tiny_base(tmp_path / "tiny")
    model, tokenizer = load_causal(folder, "cpu", half=False).eval(), load_tokenizer(folder)
    verses = sample_verses(model, tokenizer, ASKED, 5, tuned=tuned)
    assert len(verses) == 3
    assert all(len(verse) <= 8 for verse in verses)
    assert verses == sample_verses(model, tokenizer, ASKED, 5, tuned=tuned)
