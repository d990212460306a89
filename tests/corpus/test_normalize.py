"""`text_norm`: one form for lines that a reader would call the same."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.corpus.normalize import bearable, is_blank, normalize, simplify, unicode_form

MIXED = st.text(
    st.one_of(
        st.sampled_from(
            "於戲毕昇乾坤著麼裏后里 \t　ＡｂＣ１２！？﹁①½ﬁ\u200b\ufeff\u00a0\u0301e\u034f¨"
        ),
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ｈｅｌｌｏ　１２３！", "Hello 123!"),
        ("我們說過的話", "我们说过的话"),
        ("  走\t\t走 　走 ", "走 走 走"),
        ("a\u200bb\ufeffc\u200d", "abc"),
        ("e\u0301", "é"),
        ("ﾊﾟ", "パ"),
        ("走\u2028走", "走 走"),
        ("听\x07见", "听见"),
        ("", ""),
    ],
)
def test_the_form_of_a_line(text, expected):
    """Width, script, spacing and invisible characters make no difference to a text."""
    assert normalize([text], "simplified") == [expected]


def test_script_may_be_kept():
    """`script = "keep"` leaves traditional characters, and still does all the rest."""
    assert normalize(["我們　說"], "keep") == ["我們 說"]


@settings(max_examples=150, deadline=None)
@given(st.lists(MIXED, max_size=6))
def test_normalising_twice_changes_nothing(texts):
    """A text read back from a corpus must get the same `text_norm` again."""
    once = normalize(texts, "simplified")
    assert len(once) == len(texts)
    assert normalize(once, "simplified") == once


def test_simplified_and_traditional_meet():
    """A name that OpenCC spares in traditional text gets the form it has in simplified text."""
    assert simplify(["畢昇 於戲"]) == simplify(simplify(["畢昇 於戲"]))


def test_one_line_is_normalised_as_among_many():
    """Joining lines into one string must not let them touch one another."""
    texts = ["\u0301a", "e", "\u0301 ", "乾", "坤", "", " ", "a\nb"]
    assert unicode_form(texts) == [unicode_form([text])[0] for text in texts]
    assert simplify(texts[:-1]) == [simplify([text])[0] for text in texts[:-1]]


@settings(max_examples=150, deadline=None)
@given(MIXED)
def test_what_can_be_seen_survives(text):
    """A line that isn't blank has a non-empty form, so no line vanishes between two counts."""
    if not is_blank(text):
        assert unicode_form([text])[0]


@pytest.mark.parametrize(
    ("taiwan", "mainland"),
    [
        ("望著窗外 說著夢話", "望着窗外 说着梦话"),
        ("念著名字 寫著作業", "念着名字 写着作业"),
        ("討論著 翻譯著", "讨论着 翻译着"),
        ("執著 沉著 著急 著火", "执着 沉着 着急 着火"),
        ("倉庫原著火光", "仓库原着火光"),
        ("看著書 背著書包", "看着书 背着书包"),
        ("坐著書桌旁 走著走著", "坐着书桌旁 走着走着"),
        ("妳說甚麼", "你说什么"),
        ("牠跑了", "它跑了"),
    ],
)
def test_the_spelling_of_taiwan_meets_that_of_the_mainland(taiwan, mainland):
    """A word is found in whichever of the two spellings a line has it."""
    assert normalize([taiwan, mainland], "simplified") == [mainland, mainland]


@pytest.mark.parametrize(
    "line",
    [
        "他很著名 写过名著",
        "著作等身 原著小说",
        "成绩显著 功勋卓著 臭名昭著",
        "土著的鼓",
        "著称 著述",
        "著书立说 他的著书 著者不明",
        "甚至",
    ],
)
def test_words_that_only_look_like_that_spelling_stay(line):
    """著 in the words where it is read zhù, and 甚 without 么, are written so everywhere."""
    assert normalize([line], "simplified") == [line]


def test_script_kept_keeps_the_spelling():
    """`script = "keep"` leaves 著 and 妳 as they are written."""
    assert normalize(["看著妳"], "keep") == ["看著妳"]


def test_radicals_are_the_characters_they_stand_for():
    """Lines copied from a PDF, with radicals for characters, are the lines as typed."""
    assert unicode_form(["⻋站⻔口⻢路⻛⼤", "⺟亲⻳背㇐道"]) == [
        "车站门口马路风大",
        "母亲龟背一道",
    ]
    every = "".join(map(chr, range(0x2E80, 0x2EF4)))
    left = [c for c in unicode_form([every])[0] if "\u2e80" <= c <= "\u2eff"]
    assert "".join(left) == "\u2e80\u2e9a"


@pytest.mark.parametrize("mark", ["\u0301", "\u3099", "\ua66f", "\ufb1e", "\u20d0", "\U0001d165"])
def test_a_letter_bears_thirty_marks_at_most(mark):
    """Marks by the thousand take time quadratic in their number; fewer are left as they are."""
    assert bearable(f"爱{mark * 30}x") == f"爱{mark * 30}x"
    assert bearable(f"爱{mark * 40_000}x") == f"爱{mark * 30}x"
    once = unicode_form([f"e{mark}{chr(0x323)}" * 3 + (mark + "\u0323") * 9_000])
    assert unicode_form(once) == once


def test_every_combining_mark_is_told():
    """The quick look before the exact one passes none over."""
    marks = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(c)]
    assert [c for c in marks if len(bearable(c * 40)) != 30] == []
