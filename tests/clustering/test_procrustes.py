"""Turning one map onto another, and matching clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.clustering.procrustes import procrustes


def moved(points, angle, mirrored, scale, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirrored:
        turn = turn @ np.diag([1.0, -1.0])
    return scale * points @ turn + np.array(shift)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 60),
    angle=st.floats(-7, 7),
    mirrored=st.booleans(),
    scale=st.floats(1e-3, 1e3),
    shift=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
)
def test_procrustes_undoes_any_similarity_transform(seed, n, angle, mirrored, scale, shift):
    """A map that was turned, mirrored, scaled and moved comes back point for point."""
    points = np.random.default_rng(seed).normal(size=(n, 2))
    found = procrustes(moved(points, angle, mirrored, scale, shift), points)
    back = found.apply(moved(points, angle, mirrored, scale, shift))
    np.testing.assert_allclose(back, points, atol=1e-5 * (1 + max(map(abs, shift)) / scale))
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(2), atol=1e-9)


def test_procrustes_beats_every_other_rotation():
    """On maps that differ, no rotation or reflection of the same scale comes nearer."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 40, 2)) * np.array([2.0, 1.0])
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    found = procrustes(a, b)
    best = ((found.apply(a) - b) ** 2).sum()
    for angle in np.linspace(0, 2 * np.pi, 73):
        for mirrored in (False, True):
            assert ((moved(a, angle, mirrored, found.scale, (0, 0)) - b) ** 2).sum() >= best - 1e-9


def test_a_map_that_fits_badly_is_not_shrunk():
    """Both clouds keep one spread, so that an unlike map is still one that can be read."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 500, 2))
    found = procrustes(a * 7, b)
    assert found.fit < 0.1
    assert np.ptp(found.apply(a * 7)) == pytest.approx(np.ptp(b), rel=0.3)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_points_without_spread_only_move(n):
    """No point, one, or all in one place: no direction, no division by zero."""
    found = procrustes(np.full((n, 2), 3.0), np.full((n, 2), -1.0))
    assert found.fit is None
    assert np.isfinite(found.apply(np.ones((1, 2)))).all()
    if n:
        np.testing.assert_allclose(found.apply(np.full((1, 2), 3.0)), [[-1.0, -1.0]])


def test_points_that_are_not_finite_do_not_count():
    """A text without a place in one map doesn't turn the other."""
    points = np.random.default_rng(3).normal(size=(20, 2))
    source = moved(points, 1.0, False, 2.0, (5, 5))
    source[0] = np.nan
    np.testing.assert_allclose(procrustes(source, points).apply(source)[1:], points[1:], atol=1e-9)
