import re

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from rapids_rap.view.chinese import finals, fold, fold_pairs, known_traditional, readings
from rapids_rap.view.search import LineSearch, cut_syllables
from rapids_rap.view.texts import lines_of

SIGNS = "故鄉乡古巷想香相夜歌Aaｂ b，。!'\u202e😀\0"
PAIRS = fold_pairs([*known_traditional(), *SIGNS])
TABLES = {"fold": PAIRS, "readings": readings(SIGNS), "finals": finals(SIGNS)}
texts = st.lists(st.text(SIGNS, max_size=12), max_size=30)


def searched(lines):
    return LineSearch(lines_of(lines), TABLES)


def folded(lines):
    return pd.Series([fold(t.replace("\0", "\ufffd"), PAIRS) for t in lines], dtype=object)


@given(texts, st.text(SIGNS, min_size=1, max_size=4))
def test_a_text_is_found_as_pandas_finds_it(lines, question):
    """Every line that holds it, and no other, whatever signs stand in lines and question."""
    asked = fold(question.replace("\0", "\ufffd"), PAIRS).strip()
    found = searched(lines).find(question, "text")
    if not asked:
        assert found is None
        return
    wanted = [i for i, text in enumerate(folded(lines)) if asked in text]
    assert found.tolist() == wanted


@given(texts, st.lists(st.sampled_from(["gu", "xiang", "ye", "ge"]), min_size=1, max_size=3))
def test_pinyin_is_found_by_any_reading(lines, syllables):
    """Each character may be read as its syllable; cut by blanks or not."""
    sets = [set(TABLES["readings"][s]) for s in syllables]
    n = len(sets)
    wanted = [
        i
        for i, text in enumerate(folded(lines))
        if any(
            all(c in s for c, s in zip(text[k : k + n], sets, strict=True))
            for k in range(len(text) - n + 1)
        )
    ]
    for question in ("".join(syllables), " ".join(syllables)):
        assert searched(lines).find(question, "pinyin").tolist() == wanted


@given(texts, st.text("故乡古巷想香夜歌", min_size=1, max_size=4))
def test_rhymes_are_those_of_the_last_syllables(lines, question):
    """The finals of the last three characters at most; punctuation counts for nothing."""

    def told(text):
        return lazy_pinyin(text, style=Style.FINALS, strict=False)

    wanted = told(question[-3:])
    sung = folded(lines).map(lambda text: re.sub(r"[^\w😀]", "", text)).tolist()
    n = len(wanted)
    rows = [i for i, t in enumerate(sung) if len(t) >= n and told(t[-n:]) == wanted]
    assert searched(lines).find(question, "rhyme").tolist() == rows


def test_what_cannot_be_asked_is_none():
    """Blanks, letters that are no syllable, and finals that no character has."""
    search = searched(["故乡"])
    assert search.find("  \u202e", "text") is None
    assert search.find("qqq", "pinyin") is None
    assert search.find("blah", "rhyme") is None
    assert search.find("u iang", "rhyme").tolist() == [0]
    assert searched([]).find("故", "text").tolist() == []


def test_letters_are_cut_in_every_way_but_not_for_ever():
    """`xian` is one syllable or two; a question without end stops at a few cuts."""
    known = {"xi": "西", "an": "安", "xian": "先"}
    assert sorted(map(tuple, cut_syllables("xian", known))) == [("xi", "an"), ("xian",)]
    assert cut_syllables("xi'an", known) == [["xi", "an"]]
    assert len(cut_syllables("xian" * 7, known)) == 64
    assert cut_syllables("xian" * 500, known) == []


def test_many_chunks_are_one_list_of_lines():
    """Rows count on through chunks."""
    lines = [f"第{i}行" + "夜" * (i % 3 == 0) for i in range(70_000)]
    search = LineSearch(lines_of(lines), {"fold": {}, "readings": {}, "finals": {}})
    assert (search.find("夜", "text") == np.arange(0, 70_000, 3)).all()
