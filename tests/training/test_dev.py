"""The figures that decide when training stops."""

import numpy as np
import pytest

from rapids_rap.training.dev import (
    alignment,
    bootstrap_interval,
    dev_baselines,
    dev_figures,
    random_cosine,
    uniformity,
)
from rapids_rap.training.lines import DevPairs

PAIRS = DevPairs(("甲一", "乙二", "丙三"), ("甲二", "乙一", "丙一"), np.arange(3), np.arange(3))


def test_a_perfect_encoder_scores_one():
    """Vectors that agree on the first character find every next line."""
    axes = np.eye(3, dtype=np.float32)
    figures = dev_figures(PAIRS, lambda texts: axes[["甲乙丙".index(t[0]) for t in texts]])
    assert figures.mrr == 1
    assert figures.alignment == 0
    assert figures.reciprocals.tolist() == [1, 1, 1]


def test_a_constant_encoder_scores_chance_on_average():
    """Ties are no successes, or a collapsed encoder would look perfect."""
    constant = dev_figures(PAIRS, lambda texts: np.ones((len(texts), 2), np.float32) / 2**0.5)
    assert constant.mrr == pytest.approx(0.5)  # the mean rank of three
    assert constant.uniformity == pytest.approx(0, abs=1e-5)
    baselines = dev_baselines(PAIRS)
    assert baselines.chance_mrr == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_geometry_is_what_the_papers_define():
    """Alignment and uniformity of Wang and Isola, on two opposite points."""
    points = np.array([[1, 0], [-1, 0]], np.float32)
    assert alignment(points, points[::-1]) == 4
    assert uniformity(points) == pytest.approx(-8)
    assert random_cosine(points) == -1


def test_intervals_resample_songs_not_lines():
    """A hundred equal lines of one song are one observation."""
    random = np.random.default_rng(0)
    values = random.normal(0, 1, 40)
    single = bootstrap_interval(values, np.arange(40), 1)
    copied = bootstrap_interval(np.repeat(values, 100), np.repeat(np.arange(40), 100), 1)
    assert single == pytest.approx(copied, abs=1e-6)
    assert single[0] < values.mean() < single[1]
