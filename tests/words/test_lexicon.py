"""The lexicon: reading it, token-bounded and poster counting, the cluster's emotions."""

import logging
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.errors import InputError
from rapids_rap.words.lexicon import UNDECIDED, Lexicon, cluster_emotions, count_hits, load_lexicon
from rapids_rap.words.segment import fold, segment
from tests.strict_backend import StrictBackend

BACKEND = CpuBackend()
CATEGORIES = ("积极", "消极", "愤怒", "思念", "励志", "派对", "城市/意象", "爱情")


def hits(words, texts, mode="occurrence", backend=BACKEND):
    """(n,) hits of one category; the words are known to the segmenter, as in a run."""
    lexicon = Lexicon(("c",), (tuple(words),))
    return count_hits(segment(texts, words), texts, lexicon, mode, backend)[:, 0].tolist()


@pytest.mark.parametrize(
    ("word", "text", "count"),
    [
        ("操", "操 操场 操,操", 3),
        ("酒", "酒店 喝酒 酒", 1),
        ("爱情", "爱情 可爱 我爱你", 1),
        ("爱", "不爱 可爱 爱", 1),
        ("city", "City CITY capacity city's city", 3),
        ("操", "abc操def", 1),
        ("turn up", "turn up Turn-up turnup turn，up turn  up", 3),
        ("我爱", "我 爱", 0),
        ("r&b", "R&B r & b", 1),
        ("don't", "Don’t dont", 1),
        ("real 兄弟", "real 兄弟 real兄弟", 1),
        ("哈哈", "哈哈哈哈", 0),
    ],
)
def test_occurrences_are_bounded_by_tokens(word, text, count):
    """A word counts where it is a word: 操 is not in 操场, city is not in capacity."""
    assert hits([word], [text]) == [count]


def test_overlapping_words_all_count():
    """A word inside another lexicon word's span counts too where it is a token of its own."""
    tokens = segment(["never give up"])
    lexicon = Lexicon(("a", "b"), (("give up", "never give up", "up"), ("never",)))
    assert count_hits(tokens, ["never give up"], lexicon, "occurrence", BACKEND).tolist() == [
        [3, 1]
    ]


def test_a_word_in_two_categories_counts_in_both():
    """Categories are counted apart; each text is counted once, whatever its weight."""
    lexicon = Lexicon(("a", "b"), (("酒",), ("酒", "城市")))
    texts = ["酒", "", "城市 酒 酒"]
    counted = count_hits(segment(texts), texts, lexicon, "occurrence", BACKEND)
    assert counted.dtype == np.int64
    assert counted.tolist() == [[1, 1], [0, 0], [2, 3]]


def test_words_that_can_not_be_found_are_said(caplog):
    """A word with punctuation is logged, and the rest is counted."""
    with caplog.at_level(logging.WARNING):
        assert hits(["oh, yeah", "酒"], ["oh, yeah 酒"]) == [1]
    assert "oh, yeah" in caplog.text


def test_a_long_word_compiles_in_reasonable_size():
    """A phrase of 60 characters costs its length squared, not two to its length."""
    phrase = "天地玄黄宇宙洪荒日月盈昃辰宿列张" * 4
    texts = [" ".join(phrase), phrase, phrase[:-1]]
    assert count_hits(
        segment(texts), texts, Lexicon(("c",), ((phrase,),)), "occurrence", BACKEND
    ).tolist() == [[0], [1], [0]]


def test_no_texts_no_words_no_vocabulary():
    """Empty inputs give a table of zeros of the right shape."""
    assert hits(["酒"], []) == []
    assert hits(["酒"], ["", "，"]) == [0, 0]
    assert hits(["酒", "absent"], ["水"]) == [0]


RUNS = st.sampled_from(
    [
        "操",
        "操场",
        "酒",
        "酒店",
        "爱",
        "爱情",
        "可爱",
        "我爱你",
        "不",
        "city",
        "ca",
        "a",
        "b",
        "t恤",
    ]
)
JOINTS = st.sampled_from(["", "", " ", " ", "-", "，", "'", "  "])


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.lists(st.tuples(RUNS, JOINTS), max_size=6), max_size=4),
    words=st.lists(st.lists(RUNS, min_size=1, max_size=3), min_size=1, max_size=5),
    glue=st.sampled_from(["", " "]),
    strict=st.booleans(),
)
def test_against_brute_force(texts, words, glue, strict):
    """The automaton counts what a search for each word at every token boundary counts."""
    texts = ["".join(run + joint for run, joint in text) for text in texts]
    words = tuple(dict.fromkeys(glue.join(word) for word in words))
    tokens = segment(texts)
    backend = StrictBackend() if strict else BACKEND
    counted = count_hits(tokens, texts, Lexicon(("c",), (words,)), "occurrence", backend)
    expected = [brute_force(tokens, i, text, words) for i, text in enumerate(texts)]
    assert backend.to_host(counted)[:, 0].tolist() == expected


def brute_force(tokens, i, text, words):
    """Occurrences of the words in text i: every token start, then a match that ends on one."""
    part = slice(tokens.offsets[i], tokens.offsets[i + 1])
    ends = set(tokens.ends[part].tolist())
    total = 0
    for word in words:
        pattern = re.compile(r"[\s-]+".join(re.escape(run) for run in word.split()))
        for start in tokens.starts[part].tolist():
            match = pattern.match(fold(text), start)
            total += bool(match and match.end() in ends)
    return total


def test_presence_reproduces_the_poster():
    """One for a word in a line however often, inside other words, over white space, any case."""
    assert hits(["操"], ["操场 操 操"], "presence") == [1]
    assert hits(["city"], ["capaCITY"], "presence") == [1]
    assert hits(["爱你", "turn up"], ["我 爱 你", "TURNUP", "爱", ""], "presence") == [1, 1, 0, 0]


@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(st.text("爱情酒aA \n", max_size=8), max_size=5),
    words=st.lists(st.text("爱情酒aA ", min_size=1, max_size=3), min_size=1, max_size=4),
)
def test_presence_against_substring_test(texts, words):
    """One scan a word finds the lines that a substring test a line finds."""
    words = [word for word in dict.fromkeys("".join(w.lower().split()) for w in words) if word]
    expected = [sum(w in "".join(t.split()).lower() for w in words) for t in texts]
    lexicon = Lexicon(("c",), (tuple(words),))
    counted = count_hits(segment([]), texts, lexicon, "presence", BACKEND)
    assert counted[:, 0].tolist() == expected


def test_bundled_lexicon():
    """Eight categories in the contract's order, of comparable size, with the words it names."""
    lexicon = load_lexicon()
    assert lexicon.categories == CATEGORIES
    assert all(60 <= len(words) <= 110 for words in lexicon.words)
    by_name = dict(zip(lexicon.categories, lexicon.words, strict=True))
    assert {"派对", "酒", "yeah"} <= set(by_name["派对"])
    assert "操" in by_name["愤怒"]
    assert "爱情" in by_name["爱情"]
    assert len(lexicon.all_words) == sum(map(len, lexicon.words))


def write(tmp_path, rows):
    """A lexicon file with these rows below the header."""
    path = tmp_path / "lexicon.csv"
    path.write_text("category,word\n" + rows, encoding="utf-8")
    return path


def test_own_lexicon(tmp_path, caplog):
    """Order is the file's, words are NFKC and folded, a repeat is said and counts once."""
    with caplog.at_level(logging.WARNING):
        lexicon = load_lexicon(write(tmp_path, "b,ＹＥＡＨ\na,酒\nb,yeah\nb,turn  UP\na,yeah\n"))
    assert lexicon == Lexicon(("b", "a"), (("yeah", "turn up"), ("酒", "yeah")))
    assert re.search(r"lexicon\.csv:4: yeah is in b already \(line 2\)", caplog.text)


def test_empty_lexicon_is_an_error(tmp_path):
    """A header alone is not a lexicon, and the file is named."""
    with pytest.raises(InputError, match=r"lexicon\.csv: no words"):
        load_lexicon(write(tmp_path, ""))


def test_cluster_emotions():
    """The poster's table: weighted counts, ratios of hits, the first of equal labels, no hit."""
    lexicon = Lexicon(("积极", "城市/意象"), (("好",), ("山",)))
    counted = np.array([[1, 0], [2, 2], [0, 1], [0, 0], [1, 1]])
    labels, weights = np.array([1, 1, -1, 0, 2]), np.array([1, 2, 3, 4, 1])
    table = cluster_emotions(counted, labels, weights, lexicon, BACKEND)
    assert list(table.columns) == [
        "cluster",
        "chunks",
        "hits",
        "hit_积极",
        "ratio_积极",
        "hit_城市/意象",
        "ratio_城市/意象",
        "suggested_label",
    ]
    expected = [
        (-1, 3, 3, 0, 0.0, 3, 1.0, "城市/意象"),
        (0, 4, 0, 0, 0.0, 0, 0.0, UNDECIDED),
        (1, 3, 9, 5, 5 / 9, 4, 4 / 9, "积极"),
        (2, 1, 2, 1, 0.5, 1, 0.5, "积极"),
    ]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_cluster_emotions_of_nothing():
    """No text gives the columns and no row."""
    none = np.zeros(0, dtype=np.int64)
    table = cluster_emotions(none.reshape(0, 1), none, none, Lexicon(("c",), (("酒",),)), BACKEND)
    assert isinstance(table, pd.DataFrame)
    assert table.shape == (0, 6)


@pytest.mark.parametrize("n", [0, 1, 80])
@pytest.mark.parametrize("mode", ["occurrence", "presence"])
def test_strict_arrays_and_tables_pass_through(n, mode):
    """Counting and the table of emotions are the same where nothing turns into NumPy unasked."""
    rng = np.random.default_rng(n)
    texts = [" ".join(rng.choice(["酒", "爱情", "city", "我", "turn up"], 5)) for _ in range(n)]
    lexicon = Lexicon(("a", "b"), (("酒", "turn up"), ("爱情", "city")))
    labels, weights = rng.integers(-1, 3, n), rng.integers(1, 4, n)
    tokens, strict = segment(texts), StrictBackend()
    plain = count_hits(tokens, texts, lexicon, mode, BACKEND)
    counted = count_hits(tokens, texts, lexicon, mode, strict)
    np.testing.assert_array_equal(strict.to_host(counted), plain)
    arrays = map(strict.from_host, (labels, weights))
    pd.testing.assert_frame_equal(
        cluster_emotions(counted, *arrays, lexicon, strict),
        cluster_emotions(plain, labels, weights, lexicon, BACKEND),
    )


def test_a_lexicon_in_traditional_characters_counts(tmp_path):
    """Words are normalised as the lyrics are, whichever script the lexicon is written in."""
    path = tmp_path / "lexicon.csv"
    path.write_text("category,word\n爱情,愛情\n派对,派對\n", encoding="utf-8")
    assert load_lexicon(path).words == (("爱情",), ("派对",))
    assert load_lexicon(path, "keep").words == (("愛情",), ("派對",))
