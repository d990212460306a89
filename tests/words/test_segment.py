"""Segmentation: whole words, exact spans, the same tokens for the same texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.errors import InputError
from rapids_rap.words import segment as module
from rapids_rap.words.segment import (
    BREAK,
    GLUED,
    SPACE,
    is_chinese,
    load_words,
    segment,
    split_words,
)

ALPHABET = "\u0301\u0f72我爱你不操场酒店说唱情abzéT恤k24'’&-_ \t\n，。!?〇カ한👍𠮷ßİ"


def words_of(tokens, text=0):
    """The words of one text."""
    part = slice(tokens.offsets[text], tokens.offsets[text + 1])
    return [tokens.vocabulary[i] for i in tokens.ids[part]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("操场和酒店", ["操场", "和", "酒店"]),
        ("操 酒", ["操", "酒"]),
        ("Don't stop R&B 24K", ["don't", "stop", "r&b", "24k"]),
        ("don’t", ["don't"]),
        ("'cause nothin'", ["cause", "nothin"]),
        ("hip-hop", ["hip", "hop"]),
        ("我real的兄弟", ["我", "real", "的", "兄弟"]),
        ("T恤 abcT恤 T恤abc", ["t恤", "abct", "恤", "t恤", "abc"]),
        ("Café naïve", ["café", "naïve"]),
        ("兄弟伙巴适得板", ["兄弟伙", "巴适得板"]),
        ("ང་ཚོའི་སྐད", ["ང", "ཚོའི", "སྐད"]),
        ("नींद नहीं आती", ["नींद", "नहीं", "आती"]),
        ("ja̍h ō͘-im don̍’t", ["ja̍h", "ō͘", "im", "don̍'t"]),
        ("ร้องเพลง", ["ร้องเพลง"]),
        ("我́走 ́ 1⃣", ["我", "走", "1"]),
        ("，。！…🔥", []),
        ("", []),
    ],
)
def test_words(text, words):
    """Latin words are whole and folded, slang is kept, punctuation is nobody's word."""
    assert words_of(segment([text])) == words


def test_user_words_are_kept_whole():
    """What the user or the lexicon names is a word, and Latin user words change nothing."""
    assert words_of(segment(["我躁个锤锤"])) != ["我", "躁个锤锤"]
    assert words_of(segment(["我躁个锤锤"], ["躁个锤锤", "city"])) == ["我", "躁个锤锤"]


def test_gaps_say_what_stands_before_a_token():
    """A text's first token and one after punctuation never join what came before."""
    tokens = segment(["我爱 你，hip-hop a 爱", "爱"])
    assert words_of(tokens) == ["我", "爱", "你", "hip", "hop", "a", "爱"]
    assert tokens.gaps.tolist() == [BREAK, GLUED, SPACE, BREAK, SPACE, SPACE, SPACE, BREAK]


def test_types_and_shapes_of_empty_input():
    """No text at all and texts without words keep the declared dtypes."""
    for texts, offsets in (([], [0]), (["", "，"], [0, 0, 0])):
        tokens = segment(texts)
        assert tokens.vocabulary == ()
        assert tokens.offsets.tolist() == offsets
        dtypes = (tokens.ids, tokens.starts, tokens.ends, tokens.gaps, tokens.offsets)
        assert [a.dtype for a in dtypes] == [np.int32, np.int32, np.int32, np.uint8, np.int64]
        assert tokens.text_ids.shape == tokens.ids.shape == (0,)
        assert tokens.chinese.dtype == bool


def test_blocks_do_not_show(monkeypatch):
    """The tokens are the same however many texts are cut in one call."""
    texts = ["我爱你 yeah", "", "操场，酒店", "T恤 24k", "不爱"] * 3
    whole = segment(texts)
    monkeypatch.setattr(module, "_BLOCK", 2)
    parts = segment(texts)
    assert parts.vocabulary == whole.vocabulary
    for name in ("ids", "offsets", "starts", "ends", "gaps"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(ALPHABET, max_size=20), max_size=5))
def test_spans_are_exact(texts):
    """Tokens are disjoint, in order, spell the text, and cover every letter and Chinese sign."""
    tokens = segment(texts)
    for i, text in enumerate(texts):
        part = slice(tokens.offsets[i], tokens.offsets[i + 1])
        spans = list(zip(tokens.starts[part], tokens.ends[part], strict=True))
        covered = [p for a, b in spans for p in range(a, b)]
        assert covered == sorted(set(covered))
        for (a, b), word in zip(spans, words_of(tokens, i), strict=True):
            assert a < b <= len(text)
            assert word == module.fold(text[a:b])
            assert not any(c.isspace() or c in "，。!?-_" for c in text[a:b])
        missed = set(range(len(text))) - set(covered)
        assert not [text[p] for p in missed if text[p].isalnum()]
    assert list(tokens.vocabulary) == sorted(set(tokens.vocabulary))


def test_split_words_marks_spaces_and_refuses_punctuation():
    """A lexicon word is read by the same rules as the texts it is looked for in."""
    assert split_words(" Turn-up 我爱 you") == [
        ("turn", False),
        ("up", True),
        ("我爱", True),
        ("you", True),
    ]
    assert split_words("我real的") == [("我", False), ("real", False), ("的", False)]
    assert split_words("oh, yeah") == split_words("!!") == split_words("") == []


def test_is_chinese():
    """One Chinese sign makes a word Chinese."""
    assert is_chinese("T恤")
    assert not is_chinese("yeah한국")


def test_word_lists_skip_comments_and_blanks(tmp_path):
    """A word list may have a byte-order mark, comments, blank lines and repeats."""
    path = tmp_path / "words.txt"
    path.write_text("\ufeff# mine\n说唱\n\n 双押 \n说唱\n", encoding="utf-8")
    assert load_words(path) == ("说唱", "双押")


def test_word_list_errors_name_the_file(tmp_path):
    """A missing or wrongly encoded list is one sentence with its path."""
    with pytest.raises(InputError, match=r"absent\.txt: no such file"):
        load_words(tmp_path / "absent.txt")
    (tmp_path / "gbk.txt").write_bytes("说唱".encode("gbk"))
    with pytest.raises(InputError, match=r"gbk\.txt: can't be read as UTF-8"):
        load_words(tmp_path / "gbk.txt")
