"""The bootstrap against loops that do the same by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.quality.bootstrap import (
    FEWEST,
    draw_units,
    grouped_sums,
    interval,
    macro_means,
    mean_interval,
    pair_means,
    trusted,
    unit_means,
)


def test_every_draw_has_as_many_units_as_there_are():
    """Units are drawn with replacement, by the seed alone."""
    weights = draw_units(7, 50, seed=3)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(weights, draw_units(7, 50, seed=3))
    assert (weights != draw_units(7, 50, seed=4)).any()
    assert draw_units(0, 5, seed=3).shape == (5, 0)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 20), st.integers(0, 99))
def test_macro_means_are_means_of_repeated_rows(units, classes, rows, seed):
    """A unit drawn twice counts its values twice, and an absent class not at all."""
    random = np.random.default_rng(seed)
    values, unit = random.normal(size=rows), random.integers(0, units, rows)
    label = random.integers(0, classes, rows)
    weights = draw_units(units, 5, seed)
    sums = grouped_sums(values, unit, label, (units, classes))
    counts = grouped_sums(np.ones(rows), unit, label, (units, classes))
    for found, drawn in zip(macro_means(weights, sums, counts), weights, strict=True):
        times = drawn[unit].astype(int)
        means = [
            np.repeat(values[label == c], times[label == c]).mean()
            for c in range(classes)
            if times[label == c].sum()
        ]
        assert found == pytest.approx(np.mean(means) if means else np.nan, nan_ok=True)


def test_pairs_within_a_unit_never_count():
    """However often a unit is drawn, it makes no pair with itself."""
    sums = np.array([[9.0, 1.0, 2.0], [1.0, 9.0, 3.0], [2.0, 3.0, 9.0]])
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [2.0, 1.0, 0.0]])
    found = pair_means(weights, sums, np.ones((3, 3)))
    np.testing.assert_allclose(found, [2.0, np.nan, 1.0])


def test_an_interval_is_the_central_part_or_nothing():
    """Two draws that say something are the least; draws that say nothing are left out."""
    values = np.append(np.arange(1001.0), np.nan)
    assert interval(values) == pytest.approx([25.0, 975.0])
    assert interval(np.array([np.nan, 1.0])) is None
    assert interval(np.zeros(0)) is None


def test_intervals_resample_songs_not_lines():
    """A hundred equal lines of one song are one observation."""
    random = np.random.default_rng(0)
    values = random.normal(0, 1, 40)
    single = mean_interval(values, np.arange(40), 1_000, 1)
    copied = mean_interval(np.repeat(values, 100), np.repeat(np.arange(40), 100), 1_000, 1)
    assert single == pytest.approx(copied, abs=1e-6)
    assert single[0] < values.mean() < single[1]


def test_a_plain_mean_is_that_of_the_values_drawn():
    """Draw by draw, each unit's values as often as the unit; nothing drawn is no mean."""
    random = np.random.default_rng(2)
    units = random.integers(0, 6, 25)
    units[units == 3] = 4
    values = random.normal(size=25)
    weights = np.vstack([draw_units(6, 50, 3), [0, 0, 0, 6, 0, 0]])
    sums, counts = np.bincount(units, values, 6), np.bincount(units, minlength=6)
    found = unit_means(weights, sums, counts)
    for row, mean in zip(weights[:-1], found, strict=False):
        assert mean == pytest.approx(np.repeat(values, row[units].astype(int)).mean())
    assert np.isnan(found[-1])


@given(units=st.lists(st.integers(0, 6), min_size=1, max_size=30), seed=st.integers(0, 99))
def test_an_interval_rests_on_three_units(units, seed):
    """However many values they have, one or two songs give no interval; three do."""
    units = np.array(units)
    values = np.random.default_rng(seed).normal(size=len(units))
    found = mean_interval(values, units, 100, seed)
    assert (found is None) == (len(np.unique(units)) < FEWEST)


def test_units_without_a_value_support_nothing():
    """A song that asked no question is no third song, of counts by class too."""
    draws = np.linspace(0, 1, 50)
    assert np.isnan(trusted(draws, np.array([4, 0, 2, 0]))).all()
    assert trusted(draws, np.array([4, 1, 2, 0])) is draws
    table = grouped_sums(np.ones(3), np.array([0, 0, 2]), np.array([0, 1, 1]), (4, 2))
    assert np.isnan(trusted(draws, table)).all()
