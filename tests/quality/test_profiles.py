"""Tests of songs that exchange their clusters, and of what their exchanges are told by."""

import numpy as np
import pandas as pd

from rapids_rap.quality.profiles import (
    exchanged_pairs,
    exchanges,
    of_each,
    song_profiles,
    tail_shares,
)
from tests.quality.planted import BACKEND, Corpus


def test_songs_exchange_with_songs_of_about_their_length():
    """Every exchange is a permutation, among the nearest by size, and stays whole."""
    sizes = np.repeat([3, 10, 50, 200], 40)
    for taken in exchanges(sizes, 20, 1):
        assert sorted(taken) == list(range(len(sizes)))
        assert (sizes[taken] == sizes).all()  # 40 of a length, 20 exchange
    corpus = Corpus(songs=30)
    profiles = song_profiles(corpus.lines, corpus.texts, BACKEND)
    for pairs in exchanged_pairs(profiles, 5, 1):
        donors = pd.Series(profiles.units[pairs]).groupby(profiles.units).nunique()
        assert (donors == 1).all()


def test_p_is_never_nought_and_one_null_serves_all():
    """(b + 1) / (n + 1) (Phipson & Smyth 2010), over the maxima of all columns, each by its own."""
    drawn = np.array([[0.0, 100.0], [1.0, 110.0], [2.0, 120.0]])
    own = np.array([[9.0, 120.0], [0.0, 100.0]])
    np.testing.assert_allclose(tail_shares(own, drawn), [[1 / 7, 3 / 7], [1.0, 1.0]])


def test_what_no_exchange_changes_is_no_evidence():
    """With one song every exchange is the song itself."""
    assert (tail_shares(np.array([[3.0], [9.0]]), np.full((5, 1), 3.0)) == 1).all()


def test_each_draw_gives_its_statistic_in_its_order():
    """However many cores share them, statistics are those of one after the other."""
    draws = list(exchanges(np.arange(30), 41, 2))
    found = of_each(lambda taken: taken[:3] / 7, iter(draws))
    np.testing.assert_array_equal(found, np.stack([taken[:3] / 7 for taken in draws]))
    assert of_each(lambda taken: taken * 1.0, iter(draws[:1])).shape == (1, 30)
