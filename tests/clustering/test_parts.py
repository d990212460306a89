"""A cluster cut into parts on request."""

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.clustering.parts import cut_into_parts, nearest_part

CPU = load_backend("cpu")


def three(sizes, noise=0.02):
    """Texts about three directions, so many of each, and which is which."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.eye(3)[truth] + noise * rng.normal(size=(len(truth), 3))
    return rows.astype(np.float32), truth


def test_what_is_apart_is_told_apart():
    """Three directions, three parts, the largest first."""
    rows, truth = three([20, 50, 30])
    parts = cut_into_parts(rows, 3, CPU)
    assert np.bincount(parts).tolist() == [50, 30, 20]
    assert len(np.unique(np.stack([parts, truth]), axis=1).T) == 3


def test_the_order_of_the_rows_says_nothing():
    """The same texts in another order are in the same parts."""
    rows, _ = three([20, 50, 30])
    order = np.random.default_rng(1).permutation(len(rows))
    assert np.array_equal(cut_into_parts(rows, 3, CPU)[order], cut_into_parts(rows[order], 3, CPU))


@pytest.mark.parametrize("count", [2, 5])
def test_equal_texts_are_not_torn_apart(count):
    """Rows that do not differ stay together, and that ends."""
    assert not cut_into_parts(np.ones((7, 4), dtype=np.float32), count, CPU).any()
    assert cut_into_parts(np.ones((1, 4), dtype=np.float32), count, CPU).tolist() == [0]


def test_the_nearest_part_is_taken():
    """By cosine, whatever the length."""
    centers = np.eye(3, dtype=np.float32)
    assert nearest_part(np.diag([9.0, 0.1, 1.0]), centers, CPU).tolist() == [0, 1, 2]
