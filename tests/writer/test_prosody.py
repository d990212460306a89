"""Syllables, finals and rhyme are those that a person would hear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PINYIN_DICT
from pypinyin.contrib.tone_convert import to_finals, to_normal

from rapids_rap.writer.prosody import (
    EIGHTEEN,
    THIRTEEN,
    ending,
    finals,
    finals_rhyme,
    rhyme_length,
    rhyme_letters,
    stanza_scheme,
    syllables,
    units,
    word_syllables,
)
from rapids_rap.writer.text import backwards

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=12)
ANY = st.text(max_size=30)


@given(HAN)
def test_each_chinese_character_is_one_syllable(line: str):
    assert syllables(line) == len(line)


@given(ANY)
def test_any_text_has_its_syllables_and_as_many_finals(line: str):
    assert len(finals(line)) == syllables(line) == sum(len(u.finals) for u in units(line))


@given(ANY, ANY)
def test_rhyme_is_mutual_and_never_with_itself(a: str, b: str):
    assert rhyme_length(a, b) == rhyme_length(b, a)
    assert rhyme_length(a, a) == 0
    assert rhyme_length(a, b) <= rhyme_length(a, b, THIRTEEN) <= 3


@given(ANY)
def test_twice_backwards_is_forwards(line: str):
    assert backwards(backwards(line)) == line


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("", 0),
        ("，。！ ", 0),
        ("我在成都", 4),
        ("我 在，成都。", 4),
        ("我有24K", 2 + 3 + 1),
        ("2020年", 5),
        ("10年", 2),
        ("110", 4),
        ("007", 3),
        ("10086", 5),
        ("9527", 7),
        ("yeah我baby", 4),
        ("I don't know", 3),
        ("ＯＫ", 2),
        ("さくら", 3),
    ],
)
def test_syllables_of_a_line(line: str, count: int):
    assert syllables(line) == count


@pytest.mark.parametrize(
    ("word", "count"),
    [
        *(("love", 1), ("little", 2), ("wanted", 2), ("played", 1), ("boxes", 2), ("MC", 2)),
        *(("skrr", 1), ("café", 2), ("hmm", 1), ("beautiful", 3), ("people", 2), ("I'm", 1)),
    ],
)
def test_syllables_of_a_latin_word(word: str, count: int):
    assert word_syllables(word) == count


def test_readings_go_by_the_words_around():
    assert finals("银行")[-1] == "ang"
    assert finals("行走")[0] == "ing"
    assert finals("明了")[-1] == "iao"
    assert finals("知道是自己") == ("-i", "ao", "-i", "-i", "i")


def test_finals_are_those_of_pypinyin():
    for code in range(0x4E00, 0x9FA6):
        character = chr(code)
        own = finals(character)[0]
        its = lazy_pinyin(character, style=Style.FINALS, strict=True)[0]
        assert (own or "").replace("-i", "i") == ("" if own is None else its)


def test_every_final_has_its_class_and_eighteen_lie_within_thirteen():
    known = {
        to_finals(to_normal(reading), strict=True, v_to_u=False)
        for readings in PINYIN_DICT.values()
        for reading in readings.split(",")
    }
    assert known - {"", "m", "n", "ng", "ê"} <= set(EIGHTEEN)
    assert set(EIGHTEEN) == set(THIRTEEN)
    assert len(set(EIGHTEEN.values())) == 18
    assert len(set(THIRTEEN.values())) == 13
    within = {(EIGHTEEN[final], THIRTEEN[final]) for final in EIGHTEEN}
    assert len(within) == 18


def test_zhi_does_not_rhyme_with_yi():
    assert not finals_rhyme("-i", "i", THIRTEEN)
    assert rhyme_length("不知", "休息", THIRTEEN) == 0
    assert rhyme_length("不知", "历史") == 1


@pytest.mark.parametrize(
    ("a", "b", "length"),
    [
        ("走在大街", "越过边界", 1),
        ("我的天堂", "你的南方", 2),
        ("一个人流浪", "一个人投降", 2),
        ("我在南方", "她在南方", 0),
        ("走了", "来了", 0),
        ("好吗", "回家", 0),
        ("hello", "hello", 0),
        ("no money", "自己", 0),
        ("", "我", 0),
    ],
)
def test_rhyme_length(a: str, b: str, length: int):
    assert rhyme_length(a, b) == length


def test_schemes_of_stanzas():
    assert stanza_scheme(["大街", "边界", "下雨", "期许"]) == "AABB"
    assert stanza_scheme(["大街", "下雨", "边界", "期许"]) == "ABAB"
    assert stanza_scheme(["大街", "边界", "年夜", "整页"]) == "AAAA"
    assert stanza_scheme(["大街", "下雨", "山东", "流浪"]) == "free"
    assert stanza_scheme(["大街"]) is None
    assert rhyme_letters(["我", "我", "我"]) == "ABC"
    assert rhyme_letters(["大街", "下雨", "边界", "年夜"]) == "ABAA"


def test_a_number_is_no_rhyme_of_the_character_that_it_ends_in():
    assert [said for said, _ in ending("我24")] == ["二", "十", "四"]
    assert [said for said, _ in ending("我在2024年")] == ["二", "四", "年"]
    assert rhyme_length("我24", "一二三四") == 0
    assert rhyme_length("我24", "我知道是") == 1
