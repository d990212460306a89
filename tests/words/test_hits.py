"""Every hit can be looked up, sums to the counts, and knows whether it is negated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend import load_backend
from rapids_rap.words.hits import find_hits
from rapids_rap.words.lexicon import Lexicon, count_hits, load_lexicon, squeeze
from rapids_rap.words.segment import segment

BACKEND = load_backend("cpu")
LEXICON = load_lexicon()
MODES = ("occurrence", "presence")


def hits(texts, mode="occurrence", negation="count", lexicon=LEXICON):
    tokens = segment(texts, lexicon.all_words)
    return find_hits(tokens, texts, lexicon, mode, negation, BACKEND)


def negations(text, mode="occurrence"):
    spans = hits([text], mode).spans
    return dict(zip(spans["word"], spans["negated"].tolist(), strict=True))


pieces = st.sampled_from(
    ["不", "没有", "快乐", "爱", "爱你", " ", "，", "Yeah", "love", "ß", "不太", "哭"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(pieces, max_size=8).map("".join), min_size=1, max_size=5))
def test_spans_are_the_words_and_sum_to_the_counts(texts):
    """In both modes a span holds its word, and the spans of a text are its hits."""
    tokens = segment(texts, LEXICON.all_words)
    for mode in MODES:
        found = hits(texts, mode)
        counts = np.zeros((len(texts), len(LEXICON.categories)), dtype=np.int64)
        for row in found.spans.itertuples():
            assert squeeze(texts[row.text_id][row.start : row.end]) == squeeze(row.word)
            counts[row.text_id, LEXICON.categories.index(row.category)] += 1
        np.testing.assert_array_equal(counts, found.counts)
        np.testing.assert_array_equal(counts, count_hits(tokens, texts, LEXICON, mode, BACKEND))


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("我不快乐", "快乐", True),
        ("没有爱", "爱", True),
        ("别再想你", "想你", True),
        ("不太快乐的孩子", "快乐", True),
        ("没那么爱你", "爱你", True),
        ("快乐", "快乐", False),
        ("特别快乐", "快乐", False),  # 别 within another word
        ("别人的爱", "爱", False),
        ("不得不爱你", "爱你", False),  # two cancel
        ("我不，快乐", "快乐", False),  # a sign between
        ("说不 快乐就好", "快乐", False),  # a blank between
        ("不哭快乐", "快乐", False),  # what is negated is another word
    ],
)
def test_what_is_negated(text, word, expected):
    """不, 没, 别 and 无 before a word, through adverbs, and not through a pause."""
    assert negations(text)[word] is expected


def test_negated_hits_are_left_out_only_where_that_is_asked():
    """They stand in the spans either way."""
    texts = ["我不快乐", "很快乐"]
    plain, less = hits(texts), hits(texts, negation="leave out")
    column = LEXICON.categories.index("积极")
    assert plain.counts[:, column].tolist() == [1, 1]
    assert less.counts[:, column].tolist() == [0, 1]
    assert plain.spans.equals(less.spans)


def test_a_word_of_two_categories_has_two_rows():
    """Each can be counted by itself."""
    lexicon = Lexicon(("热", "冷"), (("火",), ("火", "冰")))
    spans = hits(["火 冰"], lexicon=lexicon).spans
    assert list(zip(spans["word"], spans["category"], strict=True)) == [
        ("火", "热"),
        ("火", "冷"),
        ("冰", "冷"),
    ]


@pytest.mark.parametrize("mode", MODES)
def test_nothing_found_is_an_empty_table(mode):
    """With its columns and their types."""
    found = hits(["", "嗯"], mode, lexicon=Lexicon(("c",), (("不在",),)))
    assert len(found.spans) == 0
    assert found.spans["start"].dtype == np.int64
    assert found.counts.tolist() == [[0], [0]]
