"""A planted emotion is found, and a cluster without one is said to be not distinctive."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.quality.emotion_rates import (
    LESS,
    MORE,
    NOT_DISTINCTIVE,
    category_overlap,
    emotion_rates,
)
from rapids_rap.quality.profiles import song_profiles
from tests.quality.planted import BACKEND, Corpus


@pytest.fixture(scope="module")
def planted():
    """Half of the lines of cluster 1 are glad, one in ten elsewhere; all are equally sad."""
    corpus = Corpus(seed=1)
    rng = np.random.default_rng(1)
    glad = rng.random(len(corpus.labels)) < np.where(corpus.labels == 1, 0.5, 0.1)
    hits = np.stack([glad, rng.random(len(glad)) < 0.3], axis=1).astype(np.int64)
    profiles = song_profiles(corpus.lines, corpus.texts, BACKEND)
    labels = corpus.labels.astype(np.int64)
    table = emotion_rates(hits, labels, ("glad", "sad"), profiles, 199, BACKEND, 3).table
    return corpus, hits, table.set_index(["cluster", "category"])


def test_the_planted_emotion_is_more_and_the_rest_is_not_distinctive(planted):
    """Its rate lies above that of all lines, with interval and q; sadness says nothing."""
    *_, table = planted
    own = table.loc[(1, "glad")]
    assert own["label"] == MORE
    assert own["q"] < 0.05
    assert own["lift_low"] > 1
    assert own["rate_low"] < own["rate"] < own["rate_high"]
    sad = table.xs("sad", level="category")
    assert set(sad["label"]) == {NOT_DISTINCTIVE}
    assert set(table.xs("glad", level="category")["label"]) <= {MORE, LESS, NOT_DISTINCTIVE}


def test_rates_are_shares_of_lines(planted):
    """As counted by hand, beside those of all lines."""
    corpus, hits, table = planted
    for (cluster, category), row in table.iterrows():
        column = hits[:, ["glad", "sad"].index(category)] > 0
        assert row["rate"] == pytest.approx(column[corpus.labels == cluster].mean())
        assert row["all_lines"] == pytest.approx(column.mean())
        assert row["lines"] == column[corpus.labels == cluster].sum()


def test_without_songs_rates_stand_alone():
    """No interval, no p, no label, and the reason."""
    hits, labels = np.array([[1], [0], [0]]), np.array([0, 0, -1])
    table = emotion_rates(hits, labels, ("glad",), None, 99, BACKEND, 1).table
    assert table["rate"].tolist() == [0, 0.5]
    assert table[["rate_low", "lift_low", "p", "q"]].isna().all().all()
    assert set(table["note"]) == {"no songs known"}
    assert set(table["label"]) == {""}


def test_overlap_counts_words_hits_and_lines():
    """A word of two categories is both; two words of a line share the line alone."""
    rows = [
        (0, 0, 1, "hot", "glad"),
        (0, 0, 1, "hot", "angry"),
        (1, 0, 1, "joy", "glad"),
        (1, 2, 3, "ire", "angry"),
        (2, 0, 1, "joy", "glad"),
    ]
    spans = pd.DataFrame(rows, columns=["text_id", "start", "end", "word", "category"])
    table = category_overlap(spans, np.array([3, 1, 1]), ("glad", "angry", "sad"))
    assert table.to_dict("records") == [
        {"category": "glad", "other": "angry", "words": 1, "hits": 3, "lines": 4}
    ]
