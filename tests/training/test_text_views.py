"""Views of one text: never empty, repeatable, and changed in the one way they promise."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.corpus.normalize import is_blank, normalize
from rapids_rap.training import text_views

WITH_CHANCE = (
    text_views.repeat_characters,
    text_views.repeat_words,
    text_views.other_punctuation,
)
PLAIN = (text_views.to_traditional, text_views.to_full_width, text_views.remove_adlibs)
LYRICS = st.text(
    st.sampled_from("今晚的月亮照着城市我们还在 yeahABC0123'(),。!?~哎")
    | st.characters(exclude_categories=["Cs"]),  # readers refuse halves of surrogate pairs
    min_size=1,
)


def normal(text):
    """A text as views get it, or None where nothing of it can be seen."""
    [form] = normalize([text], "simplified")
    return None if is_blank(form) else form


@given(LYRICS, st.integers(0, 2**32 - 1))
def test_a_view_is_never_empty_and_follows_the_seed(text, seed):
    """An empty view would be a vector of nothing, and an unseeded one could not be resumed."""
    line = normal(text)
    if line is None:
        return
    for view in WITH_CHANCE:
        once, again = (view(line, np.random.default_rng(seed)) for _ in range(2))
        assert once == again
        assert not is_blank(once)
    for view in PLAIN:
        assert not is_blank(view(line))


@given(LYRICS, st.integers(0, 2**32 - 1))
def test_repetition_only_repeats(text, seed):
    """ESimCSE's view adds what was there and takes nothing away."""
    line = normal(text)
    if line is None:
        return
    for view in (text_views.repeat_characters, text_views.repeat_words):
        longer = view(line, np.random.default_rng(seed))
        assert len(longer) > len(line)
        rest = iter(longer)
        assert all(character in rest for character in line)  # a subsequence


def test_repetition_keeps_latin_words_whole():
    """A doubled half of a word would be another word."""
    seen = {
        text_views.repeat_characters("don't stop 走", np.random.default_rng(i)) for i in range(50)
    }
    assert seen == {"don't don't stop 走", "don't stop stop 走", "don't stop 走走"}


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("缝一个家在地图边边 (边边)", "缝一个家在地图边边"),
        ("yeah, yeah 我在路上 skrr", "我在路上"),
        ("哎 你好啊", "你好啊"),
        ("(yeah)", "(yeah)"),
        ("哎呀妈呀", "哎呀妈呀"),
        ("hello world", "hello world"),
    ],
)
def test_adlibs_go_and_words_stay(text, bare):
    """Only calls and brackets are ad-libs; a line of nothing else stays as it is."""
    assert text_views.remove_adlibs(text) == bare


def test_variants_are_not_normalised_again():
    """A variant that was normalised would be the line itself, and teach nothing."""
    assert text_views.to_traditional("他说这里") == "他說這裏"
    assert text_views.to_full_width("yeah 1,") == "ｙｅａｈ　１，"
    assert text_views.other_punctuation("走，别停", np.random.default_rng(0)).startswith("走 别停")


def test_homophones_sound_the_same():
    """A swap keeps every sound, brings in no new character, and changes something."""
    sounds = {"是": "shi4", "事": "shi4", "市": "shi4", "城": "cheng2"}
    table = text_views.find_homophones(["是城市", "事 ok"], lambda c: sounds.get(c, ""))
    assert table == {"事": "市是", "市": "事是", "是": "事市"}
    for seed in range(20):
        swapped = text_views.swap_homophones("城市ok", np.random.default_rng(seed), table)
        assert swapped in ("城事ok", "城是ok")
    assert text_views.swap_homophones("ok", np.random.default_rng(0), table) == "ok"


def test_pinyin_reads_tones():
    """The real dictionary tells 是 from 时, and has nothing to say about Latin letters."""
    pytest.importorskip("pypinyin")
    read = text_views.pinyin_reading()
    assert read("是") == read("事") != read("时")
    assert read("a") == ""


_CALL = text_views._CALL.pattern
_EDGE = r"[\s,，.。!！?？~～、]"


@given(
    st.lists(st.sampled_from([*"啊哎中x!~。，.(", " ", "yeah", "la", "LA", "yo", "skrr", "(yo)"]))
)
def test_calls_go_from_both_ends_as_the_plain_patterns_say(parts):
    """Piece by piece is only quicker than two patterns that search: it takes away the same."""
    text = "".join(parts).strip()
    before = re.compile(rf"^(?:{_CALL}(?:{_EDGE}+|$))+", re.IGNORECASE)
    after = re.compile(rf"(?:(?:{_EDGE}+|^){_CALL})+{_EDGE}*$", re.IGNORECASE)
    assert text_views._without_calls(text) == after.sub("", before.sub("", text))
