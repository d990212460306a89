"""The judges of the grid of defaults, on labels and vectors whose figures are known by hand."""

import numpy as np
import pandas as pd
import pytest

from tools.defaults_grid import agreement, lift, next_line


def corpus(songs, texts=None):
    """A row an occurrence: its text and its song (None: unknown)."""
    texts = range(len(songs)) if texts is None else texts
    return pd.DataFrame({"text_id": list(texts), "song_id": pd.Series(songs, dtype="Int64")})


def test_lift_is_what_neighbours_share_beyond_chance():
    """Two clusters that are two songs: neighbours always agree, two at random half the time."""
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert lift(labels, corpus([0, 0, 0, 1, 1, 1])) == pytest.approx(2.0)


def test_lift_counts_neither_noise_nor_repeats_nor_other_songs():
    """A pair with noise, of one text with itself or across two songs says nothing.

    By chance two of the four clustered lines share a cluster with (1² + 3²) / 4².
    """
    labels = np.array([0, -1, 1, 1])
    lines = corpus([0, 0, 0, 1, 1], [0, 1, 2, 2, 3])
    assert lift(labels, lines) == pytest.approx(1 / (10 / 16))
    assert np.isnan(lift(np.array([0, -1, 0]), corpus([0, 0, 0])))


def test_lift_without_songs_takes_the_file_as_one():
    """Plain text names no songs, and its lines still follow each other."""
    assert lift(np.array([0, 0, 1, 1]), corpus([None] * 4)) == pytest.approx((2 / 3) / 0.5)


def test_agreement_matches_clusters_whatever_their_numbers():
    """Renumbered clusters agree wholly; what one run leaves out counts against it."""
    a = np.array([0, 0, 1, 1, -1])
    assert agreement(a, np.array([1, 1, 0, 0, -1])) == 1.0
    assert agreement(a, np.array([1, 1, 0, -1, 0])) == pytest.approx(3 / 5)
    assert agreement(a, np.full(5, -1)) == 0.0


def test_next_line_is_the_reciprocal_rank_of_the_line_that_follows():
    """The nearest other line is rank 1, ties share the mean of their ranks."""
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32)
    # 0 → 1 is nearest; 1 → 2 ties with 3 behind 0: rank 2.5; 2 → 3 is nearest.
    assert next_line(vectors, corpus([0, 0, 0, 0])) == pytest.approx((1 + 1 / 2.5 + 1) / 3)
