"""What the researchers' pipeline does with words, against cases by hand and our own stages."""

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.bench.baseline import poster_words
from rapids_rap.words.lexicon import count_hits, load_lexicon
from rapids_rap.words.segment import segment

TRICKY = ["操场 上", "YEAH Yeah", "喝 酒店", "don’t", "快\t乐快乐", "", "🎵", "爱情爱情"]


def test_terms_are_class_based_tf_idf():
    """By hand: two documents of four words; 月亮 in both, 河水 in one only."""
    texts = ["月亮，月亮", "河水 河水", "月亮", "灯火！灯火灯火"]
    terms = poster_words.cluster_terms(texts, np.array([0, 0, -1, -1]), top=5)
    common, rare, own = (np.log1p(4 / f) for f in (3, 2, 3))
    expected = [
        (-1, 1, "灯火", 3 / 4 * own),
        (-1, 2, "月亮", 1 / 4 * common),
        (0, 1, "河水", 2 / 4 * rare),
        (0, 2, "月亮", 2 / 4 * common),
    ]
    assert list(terms.columns) == ["cluster", "rank", "term", "score"]
    for row, (cluster, rank, term, score) in zip(terms.itertuples(), expected, strict=True):
        assert (row.cluster, row.rank, row.term) == (cluster, rank, term)
        assert row.score == pytest.approx(score)
    assert len(poster_words.cluster_terms(texts, np.array([0, 0, -1, -1]), top=1)) == 2


def test_presence_is_counted_as_our_lexicon_counts_it(lyrics):
    """Equal to `lexicon.mode = "presence"`, text by text and category by category."""
    texts = [*lyrics["text"], *TRICKY]
    ours = count_hits(segment(texts), texts, load_lexicon(), "presence", load_backend("cpu"))
    found = poster_words.count_presence(texts, poster_words.load_lexicon())
    assert found.sum() > 50
    np.testing.assert_array_equal(found, ours)
    assert poster_words.count_presence([], poster_words.load_lexicon()).shape == (0, 8)
