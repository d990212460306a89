"""The header says what was asked, and what can't be asked is refused with the choices."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.errors import ConfigError, InputError
from rapids_rap.writer.conditions import (
    LANGUAGES,
    MOST_LINES,
    RHYMES,
    Choices,
    Conditions,
    Theme,
    check_lines,
    header,
    read_choices,
    read_header,
    resolve_conditions,
)

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CONDITIONS = st.builds(
    Conditions,
    theme=st.none() | st.builds(Theme, st.integers(-1, 10**9), WORDS),
    region=st.none() | WORDS,
    emotion=st.none() | WORDS,
    rhyme=st.none() | st.sampled_from(RHYMES),
    syllables=st.none() | st.lists(st.integers(1, 40), min_size=1, max_size=16).map(tuple),
    language=st.none() | st.sampled_from(LANGUAGES),
    hook=st.none() | st.booleans(),
)
KNOWN = Choices((Theme(3, "街头"), Theme(5, "爱情"), Theme(8, "爱情")), ("四川",), ("积极", "思念"))


@given(CONDITIONS)
def test_a_header_gives_back_its_conditions_and_is_one_line(conditions: Conditions):
    told = header(conditions)
    assert read_header(told) == conditions
    assert told.index("\n") == len(told) - 1


@given(WORDS | st.builds(lambda a, b: header(a) + b, CONDITIONS, WORDS))
def test_only_a_header_is_read_as_one(text: str):
    try:
        read = read_header(text)
    except ValueError:
        return
    assert header(read) == text


def test_a_header_reads_well():
    asked = Conditions(Theme(3, "街头"), "四川", "积极", "AABB", (7, 7, 9, 9), "mixed", True)
    assert header(asked) == (
        "【主题：3 街头｜地区：四川｜情绪：积极｜押韵：AABB｜"
        "字数：7,7,9,9｜语言：中英｜副歌：有】\n"
    )
    assert header(Conditions()) == "【】\n"


@given(st.lists(st.builds(Theme, st.integers(0, 99), WORDS), max_size=5).map(tuple))
def test_choices_come_back_from_json(themes: tuple[Theme, ...]):
    choices = Choices(themes, ("四川",), ("积极",))
    assert read_choices(choices.to_json(), "writer.json") == choices


def test_a_theme_is_asked_by_id_or_name():
    assert resolve_conditions(KNOWN, theme="3").theme == KNOWN.themes[0]
    assert resolve_conditions(KNOWN, theme="街头").theme == KNOWN.themes[0]
    assert resolve_conditions(KNOWN, theme="8 爱情").theme == KNOWN.themes[2]
    numbered = Choices((Theme(3, "街头"), Theme(5, "3")))
    assert resolve_conditions(numbered, theme="3").theme == numbered.themes[0]
    assert resolve_conditions(numbered, theme="5").theme == numbered.themes[1]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"theme": "派对"}, "3 街头, 5 爱情"),
        ({"theme": "爱情"}, "5 爱情, 8 爱情"),
        ({"region": "上海"}, "四川"),
        ({"emotion": "愤怒"}, "积极, 思念"),
        ({"rhyme": "AABBA"}, "AABB, ABAB, AAAA, free"),
        ({"language": "english"}, "chinese, mixed, latin"),
        ({"syllables": "7,x"}, "7,7,9,9"),
        ({"syllables": "0"}, "1 to 40"),
        ({"syllables": "41"}, "1 to 40"),
        ({"syllables": ""}, "7,7,9,9"),
    ],
)
def test_what_is_not_known_is_refused_with_the_choices(asked: dict[str, str], named: str):
    with pytest.raises(ConfigError, match=named):
        resolve_conditions(KNOWN, **asked)


def test_a_writer_without_regions_says_so():
    with pytest.raises(ConfigError, match="knows no region; leave"):
        resolve_conditions(Choices(), region="四川")


def test_lines_that_do_not_fit_are_refused_with_those_that_do():
    with pytest.raises(ConfigError, match="12 or 16 lines"):
        check_lines(Conditions(rhyme="AABB"), 14)
    with pytest.raises(ConfigError, match="ask for 3 lines"):
        check_lines(Conditions(syllables=(7, 7, 9)), 2)
    check_lines(Conditions(rhyme="free", syllables=(7, 7)), 2)
    with pytest.raises(ConfigError, match="ask for 12 or 24 lines"):
        check_lines(Conditions(rhyme="AABB", syllables=(7, 7, 9)), 16)
    with pytest.raises(ConfigError, match="fit 10 lines; ask for another pattern"):
        check_lines(Conditions(rhyme="AABB", syllables=(7,) * 399), 10)


@given(
    st.sampled_from([None, *RHYMES]),
    st.none() | (st.integers(1, 30) | st.integers(97, 402)).map(lambda size: (7,) * size),
    st.booleans(),
    st.integers(1, MOST_LINES),
)
def test_every_number_of_lines_that_is_offered_fits(rhyme, syllables, hook, lines):
    """Also where scheme, syllables and hook bind at once."""
    asked = Conditions(rhyme=rhyme, syllables=syllables, hook=hook)
    try:
        check_lines(asked, lines)
    except ConfigError as error:
        for offered in re.findall(r"ask for ([0-9 or]+) lines", str(error)):
            for number in map(int, offered.split(" or ")):
                assert number <= MOST_LINES
                check_lines(asked, number)


@pytest.mark.parametrize(("lines", "rhyme", "least"), [(8, None, 9), (3, None, 9), (8, "AABB", 12)])
def test_a_hook_that_would_not_come_back_is_refused(lines, rhyme, least):
    """Its header says that lines come back."""
    with pytest.raises(ConfigError, match=f"ask for {least} lines or more"):
        check_lines(Conditions(rhyme=rhyme, hook=True), lines)
    check_lines(Conditions(rhyme=rhyme, hook=True), least)


@pytest.mark.parametrize("found", [None, {}, {"themes": [3], "regions": [], "emotions": []}])
def test_a_damaged_list_of_choices_is_named(found: object):
    with pytest.raises(InputError, match="DIR/writer"):
        read_choices(found, "DIR/writer.json")
