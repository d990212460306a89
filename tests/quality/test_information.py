"""Tests of what clusters tell of a fact: against scikit-learn, planted truth, and chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score

from rapids_rap.quality.information import FEWEST_FOLDS, difference, label_shuffles, strongest, told


def tell(labels, values, strata=None, groups=None, shuffles=20):
    labels = np.asarray(labels, dtype=np.int64)
    values = np.asarray(values, dtype=np.int64)
    strata = np.zeros(len(labels), np.int64) if strata is None else strata
    groups = np.arange(len(labels)) // 10 if groups is None else groups
    of = label_shuffles(labels, strata, groups, shuffles, 0)
    return told(of, np.arange(len(labels)), values)


def planted(n=2000, kinds=6, noise=0.4, seed=1):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, kinds, n)
    labels = np.where(rng.random(n) < noise, rng.integers(0, kinds, n), values)
    return labels, values


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.8, 1.0])
def test_the_value_is_that_of_scikit_learn(noise):
    """The drawn null comes to the exact one, from full knowledge to none."""
    labels, values = planted(noise=noise)
    expected = adjusted_mutual_info_score(labels, values)
    assert tell(labels, values).value == pytest.approx(expected, abs=0.003)


def test_replicates_are_what_is_left_without_their_songs():
    """Each fold's figure is computed anew without it, by the same shuffles."""
    labels, values = planted(600)
    of = label_shuffles(labels, np.zeros(600, np.int64), np.arange(600) // 10, 200, 0)
    found = told(of, np.arange(600), values)
    for fold in (0, 7, 19):
        kept = of.fold != fold
        expected = adjusted_mutual_info_score(labels[kept], values[kept])
        assert found.replicates[fold] == pytest.approx(expected, abs=0.01)


def test_shuffled_clusters_tell_nothing():
    """The interval of clusters at random holds zero."""
    rng = np.random.default_rng(3)
    found = tell(rng.integers(0, 9, 3000), rng.integers(0, 5, 3000))
    low, high = found.interval
    assert low < 0 < high
    assert abs(found.value) < 0.01


def test_within_strata_is_what_the_strata_tell():
    """Clusters that only know the stratum keep all they tell when shuffled within it."""
    rng = np.random.default_rng(5)
    strata = rng.integers(0, 4, 4000)
    values = np.where(rng.random(4000) < 0.2, rng.integers(0, 4, 4000), strata)
    by_strata = tell(strata, values, strata)
    assert by_strata.within == pytest.approx(by_strata.value, abs=0.005)
    beyond = tell(values, values, strata)
    assert beyond.within < 0.7 < beyond.value


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Of 60 corpora drawn alike, nearly all intervals hold the figure of a very large one."""
    truth = adjusted_mutual_info_score(*planted(200_000, seed=99))
    held = 0
    for seed in range(60):
        low, high = tell(*planted(500, seed=seed), shuffles=10).interval
        held += low <= truth <= high
    assert held >= 52


def test_songs_that_repeat_widen_the_interval():
    """Lines of one song that all say the same are one witness, not ten."""
    rng = np.random.default_rng(8)
    song = np.repeat(np.arange(100), 10)
    value, label = rng.integers(0, 4, 100), rng.integers(0, 4, 100)
    by_song = tell(label[song], value[song], groups=song).interval
    alone = tell(label[song], value[song], groups=np.arange(1000)).interval
    assert by_song[1] - by_song[0] > 2 * (alone[1] - alone[0])


def test_several_observations_of_a_unit_move_together():
    """A line's words are shuffled with their line: doubled observations tell no more."""
    labels, values = planted(1000)
    of = label_shuffles(labels, np.zeros(1000, np.int64), np.arange(1000) // 10, 20, 0)
    units = np.arange(1000)
    once = told(of, units, values)
    twice = told(of, np.repeat(units, 2), np.repeat(values, 2))
    assert twice.value == pytest.approx(once.value, abs=1e-9)
    assert twice.interval == pytest.approx(once.interval, abs=1e-9)


@pytest.mark.parametrize(
    ("labels", "values"),
    [([], []), ([0], [0]), ([0, 0, 0], [0, 1, 2]), ([0, 1, 2], [4, 4, 4]), ([0, 1, 2], [0, 1, 2])],
)
def test_where_nothing_can_be_told_there_is_no_figure(labels, values):
    """No lines, one cluster, one value, every line its own: None, never NaN."""
    found = tell(labels, values)
    assert found.value is None
    assert found.interval is None
    assert found.observations == len(labels)


def test_too_few_songs_have_no_interval():
    """Nine songs are fewer than ten."""
    labels, values = planted(900)
    found = tell(labels, values, groups=np.arange(900) // 100)
    assert found.filled == FEWEST_FOLDS - 1
    assert found.value is not None
    assert found.interval is None


def test_a_difference_is_paired():
    """Two facts on the same folds: what moves both does not widen their difference."""
    labels, values = planted(2000)
    _, other = planted(2000, seed=4)
    of = label_shuffles(labels, np.zeros(2000, np.int64), np.arange(2000) // 10, 20, 0)
    one, two = told(of, np.arange(2000), values), told(of, np.arange(2000), other)
    value, (low, high) = difference(one, two)
    assert value == pytest.approx(one.value - two.value)
    assert 0 < low < value < high
    assert difference(one, one)[1] == pytest.approx([0.0, 0.0])
    assert strongest([two, one]) == 1
    assert strongest([tell([], [])]) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 5)), max_size=40),
    st.integers(0, 2**31),
)
def test_no_input_gives_a_figure_that_is_no_number(rows, seed):
    """Ragged clusters, values and songs: a finite figure of at most 1, or None."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    of = label_shuffles(table[:, 0], table[:, 1], table[:, 2], 3, seed)
    found = told(of, np.arange(len(table)), table[:, 1])
    if found.value is not None:
        assert np.isfinite([found.value, found.within, found.shuffled]).all()
        assert found.value <= 1 + 1e-9
