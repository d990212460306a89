"""The judge's own counting: right by hand, and in one mind with what decodes on real lines."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.config import CorpusConfig, InputConfig
from rapids_rap.corpus.ingest import ingest
from rapids_rap.writer import measures, prosody

LYRICS = Path(__file__).parents[2] / "examples" / "lyrics"


@pytest.fixture(scope="module")
def sample_lines() -> list[str]:
    return ingest([LYRICS], InputConfig(), CorpusConfig()).lines["text_norm"].tolist()


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("今晚的月亮", 5),
        ("我在 2024年 出发", 9),
        ("等了24个小时", 8),
        ("110 路", 5),
        ("10点", 2),
        ("二〇二四", 4),
        ("money on my mind", 5),
        ("we made it", 3),
        ("the table", 3),
        ("OK，VIP", 5),
        ("skrr skrr", 2),
        ("", 0),
        ("……！", 0),
    ],
)
def test_syllables_are_counted_as_they_are_sung(line, count):
    assert measures.count_syllables(line) == count


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [
        ("走在夜里的大街", "等着下一个世界", 1),
        ("我的梦想", "你的方向", 1),
        ("一辈子的骄傲", "一辈子的需要", 1),
        ("这是知识", "那是知识", 0),  # a character with itself
        ("他走了", "你来了", 0),
        ("花开了", "快到吧", 0),  # particles
        ("我不知", "我不急", 0),  # -i of zhi is apart from that of ji
        ("旅", "去", 1),
        ("驴", "路", 0),  # ü is not u
        ("money", "honey", 0),
        ("", "家", 0),
        ("北京", "背景", 2),
        ("二〇", "风停", 1),
    ],
)
def test_rhymes_are_of_finals(first, second, length):
    assert measures.rhyme_length(first, second) == length


def test_two_countings_agree_on_real_lines(sample_lines):
    """The checker and the decoder read the same language, though they share no code."""
    assert [measures.count_syllables(line) for line in sample_lines] == [
        prosody.syllables(line) for line in sample_lines
    ]
    pairs = list(pairwise(sample_lines))
    same = [measures.rhyme_length(a, b) == prosody.rhyme_length(a, b) for a, b in pairs]
    assert sum(same) / len(same) > 0.99


@given(st.integers(0, 99_999), st.booleans())
def test_numbers_are_said_alike(number, year):
    text = f"{number}{'年' if year else ''}"
    assert measures.count_syllables(text) == prosody.syllables(text)


def test_a_scheme_is_repeated_with_rhymes_of_its_own():
    assert measures.rhyming_pairs("AABB", 8) == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert measures.rhyming_pairs("ABAB", 6) == [(0, 2), (1, 3)]
    assert measures.rhyming_pairs("AAAA", 4) == [(0, 1), (1, 2), (2, 3)]
    assert measures.rhyming_pairs("", 4) == []


def test_copies_are_found_over_the_ends_of_lines():
    songs = measures.joined([("今晚的月亮", "照着城市"), ("远方的河",)])
    assert measures.longest_overlap(["晚的月", "亮照着山"], songs) == 6
    assert measures.longest_overlap(["全新"], songs) == 0
    assert measures.longest_overlap(["城市", "远方"], songs) == 2, "no run spans two songs"
    assert measures.copied_share(["今晚的月亮"], songs, 5) == 1.0
    assert measures.copied_share(["短"], songs, 5) is None


def test_distinct_counts_runs_once():
    assert measures.distinct(["啊啊啊", "啊"], 1) == 0.25
    assert measures.distinct(["啊"], 2) is None


@given(st.lists(st.text("今晚的月亮照着", max_size=6), max_size=5))
def test_a_verse_copies_all_of_itself(lines):
    text = measures.heard("".join(lines))
    assert measures.longest_overlap(lines, measures.joined([lines])) == len(text)
