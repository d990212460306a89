"""Term weighting: the formulas, what is listed, and what is set aside in view."""

import math

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.config import TermsConfig
from rapids_rap.errors import InputError
from rapids_rap.words.segment import segment
from rapids_rap.words.terms import METHODS, cluster_terms, pair_starts, stop_words, term_text
from tests.strict_backend import StrictBackend

BACKEND = CpuBackend()


def terms_of(texts, labels, weights=None, **config):
    """Terms of texts; no stop words and no threshold unless asked."""
    weights = [1] * len(texts) if weights is None else weights
    config = {"stop_words": "none", "min_count": 1, "top": 50, **config}
    return cluster_terms(
        segment(texts),
        np.array(labels, dtype=np.int64),
        np.array(weights, dtype=np.int64),
        stop_words(config["stop_words"]),
        TermsConfig(**config),
        BACKEND,
    )


def listed(terms, cluster, method="log_odds"):
    """The terms of a cluster in order."""
    table = terms.table
    return list(table[(table["cluster"] == cluster) & (table["method"] == method)]["term"])


def test_formulas():
    """Both scores are what the module's docstring says, on counts worked out by hand."""
    texts = ["aa bb", "aa cc", "bb dd", "bb ee cc"]
    terms = terms_of(texts, [0, 0, 1, 1], weights=[3, 1, 2, 1], bigrams=False)
    # Cluster 0: 8 words, aa 4, bb 3, cc 1. Cluster 1: 7 words, bb 3, dd 2, ee 1, cc 1.
    y, f, n, whole, prior = 4, 4, 8, 15, 7.5
    a = prior * f / whole
    odds = math.log((y + a) / (n + prior - y - a)) - math.log(a / (whole - n + prior - a))
    scores = terms.table[terms.table["term"] == "aa"].set_index("method")["score"]
    assert scores["log_odds"] == pytest.approx(odds / math.sqrt(1 / (y + a) + 1 / a))
    assert scores["ctfidf"] == pytest.approx((4 / 8 - 4 / 15) * math.log(1 + 7.5 / 4))
    assert list(scores.index) == list(METHODS)


def test_common_words_leave_the_list_by_themselves():
    """A word as frequent everywhere outranks nobody, even with no stop words at all."""
    texts = ["我 我 wo mountain", "我 我 wo river mountain", "我 我 wo money", "我 我 wo money car"]
    terms = terms_of(texts, [0, 0, 1, 1], bigrams=False)
    for method in METHODS:
        assert listed(terms, 0, method)[0] == "mountain"
        assert listed(terms, 1, method)[0] == "money"
    frequent = terms.frequent
    assert frequent[frequent["rank"] == 1]["term"].tolist() == ["我", "我"]


def test_stop_words_are_set_aside_in_view(tmp_path):
    """They are in no ranking, and in `stop_words` with every occurrence."""
    path = tmp_path / "stop.txt"
    path.write_text("The\n我\nabsent\n", encoding="utf-8")
    texts = ["the gold 我", "the gold ring", "我 sea the the"]
    terms = terms_of(texts, [0, 0, 1], weights=[1, 5, 2], stop_words=str(path))
    assert terms.stop_words.to_dict("list") == {"term": ["the", "我"], "count": [10, 3]}
    assert not {"the", "我"} & set(" ".join(terms.table["term"]).split())
    assert "the" in set(terms.frequent["term"])


def test_bundled_stop_words_hold_function_words_and_no_mood():
    """我 and the are set aside by default; the words the lexicon counts are not."""
    bundled = stop_words("")
    assert {"我", "的", "you", "don't", "我们"} <= set(bundled)
    assert not {"爱", "酒", "yeah", "操", "钱"} & set(bundled)
    assert stop_words("none") == ()


def test_missing_stop_words_file():
    """A wrong path ends in a sentence, not a traceback."""
    with pytest.raises(InputError, match="no such file"):
        terms_of(["a"], [0], stop_words="nowhere.txt")


def test_pairs_are_neighbours_inside_a_text():
    """Chinese words pair only when glued, Latin ones over a space, nothing over punctuation."""
    tokens = segment(["酒店老板 酒店", "real money，gold ring 酒店", "老板"])
    words = [tokens.vocabulary[i] for i in tokens.ids]
    joined = [(words[i], words[i + 1]) for i in np.flatnonzero(pair_starts(tokens))]
    assert joined == [("酒店", "老板"), ("real", "money"), ("gold", "ring")]


def test_a_pair_stands_for_the_words_that_live_in_it():
    """Full moon is listed once; a pair that is only part of a word's life is not listed."""
    moon = ["full moon rise", "full moon fall"]
    money = ["money talk", "money talk now", "money walk", "money sing", "my money"]
    terms = terms_of([*moon, *money, "sea"], [0, 0, 1, 1, 1, 1, 1, 2])
    for method in METHODS:
        assert listed(terms, 0, method)[0] == "full moon"
        assert not {"full", "moon"} & set(listed(terms, 0, method))
        # talk lives in "money talk", so the pair stands for it; money does not.
        assert {"money", "money talk"} <= set(listed(terms, 1, method))
        assert "talk" not in listed(terms, 1, method)


def test_no_pair_of_a_word_with_itself_or_with_a_stop_word(tmp_path):
    """Yeah yeah says no more than yeah, and `the` carries nothing into a pair."""
    path = tmp_path / "stop.txt"
    path.write_text("the\n", encoding="utf-8")
    texts = ["yeah yeah the gold", "yeah yeah the gold mine", "sea"]
    terms = terms_of(texts, [0, 0, 1], stop_words=str(path))
    assert not {"yeah yeah", "the gold"} & set(terms.table["term"])
    assert "yeah" in listed(terms, 0)


def test_rare_terms_and_terms_of_one_text_are_not_listed():
    """min_count counts occurrences; a hook repeated in one text alone is not a cluster's word."""
    texts = ["gold hook", "gold ring", "ring sea", "other"]
    terms = terms_of(texts, [0, 0, 0, 1], weights=[9, 1, 1, 1], bigrams=False)
    assert listed(terms, 0) == ["gold", "ring"]
    assert listed(
        terms_of(texts, [0, 0, 0, 1], min_count=3, weights=[9, 1, 1, 1], bigrams=False), 0
    ) == ["gold"]


def test_bigrams_off():
    """With bigrams off only words are listed."""
    terms = terms_of(["full moon", "full moon up", "sea"], [0, 0, 1], bigrams=False)
    assert set(listed(terms, 0)) == {"full", "moon"}


def test_noise_is_a_row_and_a_lone_cluster_has_no_terms():
    """Noise is reported first; without a rest to differ from, nothing is claimed."""
    texts = ["gold one", "gold two", "sea one", "sea two"]
    assert terms_of(texts, [-1, -1, 0, 0]).table["cluster"].iloc[0] == -1
    lone = terms_of(texts, [0, 0, 0, 0])
    assert len(lone.table) == 0
    assert len(lone.frequent) > 0


def test_empty_texts():
    """No text, and texts without words, give empty tables with their columns."""
    for texts in ([], ["", "，"]):
        terms = terms_of(texts, [0] * len(texts))
        assert list(terms.table.columns) == ["cluster", "rank", "term", "score", "method"]
        assert len(terms.table) == len(terms.keys) == len(terms.stop_words) == 0


def test_order_keys_and_top():
    """The table goes by method, cluster, rank; keys name the same terms; `top` bounds a list."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefghij"), 6)) + f" x{i}" for i in range(80)]
    labels = rng.integers(-1, 4, 80)
    tokens = segment(texts)
    config = TermsConfig(stop_words="none", min_count=1, top=3)
    ones = np.ones(80, dtype=np.int64)
    terms = cluster_terms(tokens, labels, ones, stop_words(config.stop_words), config, BACKEND)
    again = cluster_terms(tokens, labels, ones, stop_words(config.stop_words), config, BACKEND)
    assert terms.table.equals(again.table)
    assert terms.table["method"].unique().tolist() == list(METHODS)
    for _, group in terms.table.groupby(["method", "cluster"]):
        assert group["rank"].tolist() == list(range(1, len(group) + 1))
        assert group["score"].is_monotonic_decreasing
        assert len(group) <= 3
    size, vocabulary = len(tokens.vocabulary), tokens.vocabulary
    for key, term in zip(terms.keys.tolist(), terms.table["term"], strict=True):
        ids = [key] if key < size else divmod(key - size, size)
        assert term == " ".join(vocabulary[i] for i in ids)


def some_texts(n):
    rng = np.random.default_rng(n)
    words = [*"abcdefghij", "酒店", "老板", "the", "我"]
    return [" ".join(rng.choice(words, 7)) + f" x{i % 9}" for i in range(n)]


@pytest.mark.parametrize("texts", [[], ["", "，"], ["one"], some_texts(90)])
@pytest.mark.parametrize("bigrams", [True, False])
def test_strict_arrays_and_tables_pass_through(texts, bigrams):
    """On arrays and tables that refuse NumPy, and merges in any order, the terms are the same."""
    rng = np.random.default_rng(1)
    labels, weights = rng.integers(-1, 4, len(texts)), rng.integers(1, 4, len(texts))
    tokens, config = segment(texts), TermsConfig(min_count=2, top=6, bigrams=bigrams)
    plain = cluster_terms(tokens, labels, weights, stop_words(config.stop_words), config, BACKEND)
    strict = StrictBackend()
    arrays = map(strict.from_host, (labels, weights))
    found = cluster_terms(tokens, *arrays, stop_words(config.stop_words), config, strict)
    np.testing.assert_array_equal(found.keys, plain.keys)
    for name in ("table", "stop_words", "frequent"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(plain, name))
    assert len(plain.table) == 0 or len(texts) == 90


def test_term_text():
    """Only two Latin words are joined by a space."""
    assert term_text("full", "moon") == "full moon"
    assert term_text("我", "爱") == "我爱"
    assert term_text("我", "real") == "我real"
