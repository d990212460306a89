"""The figures that decide when training stops."""

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.training.dev import dev_baselines, dev_figures
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
    baselines = dev_baselines(PAIRS, load_backend("cpu"))
    assert baselines.chance_mrr == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
