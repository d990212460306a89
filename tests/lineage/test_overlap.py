"""Clusters of two runs matched one to one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.lineage.overlap import match_clusters, match_flow


def matched(overlap):
    """The matches of clusterings without noise."""
    overlap = np.asarray(overlap)
    return match_clusters(overlap, (overlap.sum(axis=1), overlap.sum(axis=0)))


def test_matching_is_the_best_in_all_not_one_by_one():
    """The greedy choice (9) would leave a poor rest; the best sum is 8 + 7."""
    overlap = np.array([[9, 8], [7, 0]])
    assert matched(overlap).tolist() == [1, 0]


def test_a_sliver_is_no_match():
    """Two clusters that share almost nothing keep their own colours."""
    overlap = np.array([[50, 0], [0, 1], [0, 40]])
    assert matched(overlap).tolist() == [0, 2]
    assert matched(np.array([[100, 3], [0, 97]]))[1] == 1
    assert matched(np.array([[96, 2], [2, 0], [2, 0]])).tolist()[0] == 0


def test_what_became_noise_counts_in_a_cluster_s_size():
    """Two lines in common of a hundred are no match, though the others are noise elsewhere."""
    assert match_flow(np.array([[0, 90], [98, 2]])).tolist() == [-1]
    assert match_flow(np.array([[0, 10], [8, 92]])).tolist() == [0]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_no_clusters_no_matches(shape):
    """Runs that are all noise are matched to nothing."""
    assert matched(np.zeros(shape, dtype=np.int64)).tolist() == [-1] * shape[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 12))
def test_matching_is_one_to_one_and_finds_a_renaming(seed, rows, columns):
    """No cluster is matched twice, and a renamed clustering is matched name for name."""
    rng = np.random.default_rng(seed)
    found = matched(rng.integers(0, 9, (rows, columns)))
    real = found[found >= 0]
    assert len(set(real.tolist())) == len(real)
    names = rng.permutation(rows)
    renamed = np.zeros((rows, rows), dtype=np.int64)
    renamed[names, np.arange(rows)] = rng.integers(1, 9, rows)
    assert matched(renamed).tolist() == names.tolist()
