"""Planted terms are found, one song's are not taken for a cluster's, and chance finds nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit
from scipy.stats import false_discovery_control

from rapids_rap.config import TermsConfig
from rapids_rap.quality.keyness import COLUMNS, discovery_rates, shown_terms, term_keyness
from rapids_rap.quality.profiles import song_profiles
from rapids_rap.words.terms import cluster_terms, first_terms
from tests.quality.planted import BACKEND, Corpus

WIDE, ALONE, FEW = "planted", "lonely", "fewsome"


def evidence(corpus, permutations=399, lines=None):
    tokens, labels = corpus.tokens, corpus.labels.astype(np.int64)
    lines = corpus.lines if lines is None else lines
    config = TermsConfig(top=200, bigrams=False)
    long = cluster_terms(tokens, labels, np.ones_like(labels), (), config, BACKEND)
    profiles = song_profiles(lines, corpus.texts, BACKEND)
    shown = shown_terms(long, tokens, labels, profiles, BACKEND)
    terms = first_terms(long, 10)
    found = term_keyness(terms, shown, tokens, labels, profiles, (), permutations, BACKEND, seed=3)
    return found.table, shown


@pytest.fixture(scope="module")
def planted():
    """One word in half of the songs of cluster 1; one in a single song; one in four."""
    corpus = Corpus()
    corpus.plant(WIDE, 1, songs=range(0, 80, 2))
    most = np.bincount(corpus.song[corpus.labels == 2]).argsort()
    corpus.plant(ALONE, 2, songs=most[-1:])
    corpus.plant(FEW, 2, songs=most[-5:-1])
    return corpus, *evidence(corpus)


def row(table, term, cluster):
    found = table[(table["term"] == term) & (table["cluster"] == cluster)]
    assert len(found) == 1
    return found.iloc[0]


def test_a_word_of_many_songs_is_found_with_all_its_evidence(planted):
    """It is counted by song and artist as it was planted, and every measure bears it out."""
    corpus, table, _ = planted
    own = row(table, WIDE, 1)
    holders = (corpus.labels == 1) & [WIDE in words for words in corpus.words]
    assert own["songs"] == len(np.unique(corpus.song[holders]))
    assert own["artists"] == len(np.unique(corpus.artist[holders]))
    assert own["log_ratio_low"] > 1
    assert own["log_ratio_low"] < own["log_ratio"] < own["log_ratio_high"]
    assert own["keeps_sign"]
    assert own["p"] < 1 / 400
    assert own["q"] < 0.05
    assert own["note"] == ""
    assert 0 < own["dispersion"] < 1


def test_a_word_of_one_song_has_a_ratio_and_nothing_that_it_could_rest_on(planted):
    """It loses its sign with the song; it has no interval, no p, and its note says why."""
    _, table, _ = planted
    own = row(table, ALONE, 2)
    assert (own["songs"], own["dispersion"]) == (1, 0)
    assert own["log_ratio"] > 1
    assert not own["keeps_sign"]
    assert own[["log_ratio_low", "p", "q"]].isna().all()
    assert own["note"] == "too few songs"


def test_what_is_shown_has_five_songs(planted):
    """Neither the word of one song nor that of four is shown for the cluster."""
    _, table, shown = planted
    assert WIDE in set(shown.table["term"])
    assert not {ALONE, FEW} & set(shown.table["term"])
    assert row(table, FEW, 2)["note"] == "fewer than five songs"
    asked = shown.table.merge(table, on=["cluster", "term"])
    assert (asked["songs"] >= 5).all()
    ranks = shown.table.groupby(["cluster", "method"])["rank"]
    assert all(part.tolist() == list(range(1, len(part) + 1)) for _, part in ranks)


def test_songs_that_share_text_are_one():
    """A word of five uploads of one song is a word of one: no p, and it is not shown."""
    corpus = Corpus()
    copies, lines = range(0, 10, 2), corpus.lines
    cluster = int(np.bincount(corpus.labels[corpus.song == 0] + 1).argmax()) - 1
    corpus.plant(ALONE, cluster, songs=[0])
    for song in copies:
        lines.loc[corpus.song == song, "text_id"] = np.flatnonzero(corpus.song == 0)
    table, shown = evidence(corpus, lines=lines)
    own = row(table, ALONE, cluster)
    assert own["songs"] == len(copies)
    assert (own["note"], ALONE in set(shown.table["term"])) == ("too few songs", False)
    assert not own["keeps_sign"]


def test_without_songs_there_are_terms_and_a_reason():
    """Plain text names no songs: nothing is computed that needs them."""
    corpus = Corpus()
    lines = corpus.lines.assign(song_id=pd.array([None] * len(corpus.words), dtype="Int64"))
    table, shown = evidence(corpus, lines=lines)
    assert list(table.columns) == list(COLUMNS)
    assert set(table["note"]) == {"no songs known"}
    assert table.drop(columns=["cluster", "term", "note"]).isna().all().all()
    assert len(shown.table)


def test_without_permutations_there_is_no_p():
    """The rest of the evidence stands without them."""
    table, _ = evidence(Corpus(), permutations=0)
    assert table[["p", "q"]].isna().all().all()
    assert table["log_ratio"].notna().all()


def test_the_interval_is_about_the_bootstrap_s(planted):
    """The linearised standard error of a log ratio is that of songs drawn with replacement."""
    corpus, table, _ = planted
    common = table[(table["cluster"] == 1) & (table["term"] != WIDE) & (table["songs"] > 7)]
    own = common.dropna(subset="log_ratio_low").iloc[0]
    has = np.array([words.count(own["term"]) for words in corpus.words])
    size = np.array([len(words) for words in corpus.words])
    inside = corpus.labels == 1
    sums = [np.bincount(corpus.song, x) for x in (has * inside, size * inside, has * ~inside)]
    sums.append(np.bincount(corpus.song, size * ~inside))
    rng = np.random.default_rng(1)
    drawn = np.array(
        [
            [part[pick].sum() for part in sums]
            for pick in (rng.integers(0, 80, 80) for _ in range(2000))
        ]
    )
    y, n, rest, others = drawn.T
    ratios = np.log2((y + 0.5) / (n + 1)) - np.log2((rest + 0.5) / (others + 1))
    low, high = own["log_ratio_low"], own["log_ratio_high"]
    rows = (table["cluster"] == 1).sum()
    units = own["songs"]
    error = (high - low) / 2 / stdtrit(units - 1, 1 - 0.025 / rows)
    assert error == pytest.approx(ratios.std(), rel=0.35)


def test_q_is_that_of_scipy_over_what_was_tested():
    """Rows without a p are no part of the family."""
    p = pd.Series([0.01, np.nan, 0.04, 0.03])
    q = discovery_rates(p)
    np.testing.assert_allclose(q[[0, 2, 3]], false_discovery_control([0.01, 0.04, 0.03]))
    assert np.isnan(q[1])
