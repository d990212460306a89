"""`text_norm`: one form for lines that a reader would call the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.corpus.normalize import is_blank, normalize, simplify, unicode_form

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
