"""Tests of what is there again: the Jaccard index against sets, and planted fates of clusters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import jaccard_score

from rapids_rap.quality.recurrence import HELD_OUT, compare_again

LABELS = arrays(np.int64, 30, elements=st.integers(-1, 3))
AGAIN = arrays(np.int64, 30, elements=st.integers(-2, 3))


def compact(labels):
    """Cluster numbers without gaps; noise and what is not held stay."""
    known = np.unique(labels[labels >= 0])
    return np.where(labels >= 0, np.searchsorted(known, labels), labels).astype(np.int64)


@given(LABELS, AGAIN)
def test_the_index_is_that_of_sets(labels, again):
    """Every cluster's index is the best that Python's sets give, among the texts that are held."""
    labels = compact(labels)
    found = compare_again(labels, again).jaccard
    held = set(np.flatnonzero(again != HELD_OUT).tolist())
    for cluster, value in enumerate(found.tolist()):
        own = set(np.flatnonzero(labels == cluster).tolist()) & held
        others = [set(np.flatnonzero(again == c).tolist()) for c in range(4)]
        best = max(len(own & o) / len(own | o) if o else 0.0 for o in others) if own else np.nan
        assert value == pytest.approx(best, nan_ok=True)


@given(LABELS)
def test_a_clustering_is_there_again_in_itself(labels):
    """Whatever is compared with itself recurs wholly, under other names too."""
    labels = compact(labels)
    order = np.random.default_rng(0).permutation(int(labels.max(initial=-1)) + 1)
    named = np.where(labels >= 0, np.append(order, -1)[labels], -1)
    for again in (labels, named):
        found = compare_again(labels, again)
        assert (found.jaccard == 1.0).all()
        assert found.stayed.all()
        assert (found.partner == -1).all()
        assert not found.split.any()
        assert not found.faded.any()
        assert found.agreement == 1.0 or not (labels >= 0).any()


@given(LABELS, AGAIN)
def test_what_is_said_is_in_bounds_and_of_held_texts(labels, again):
    """Indices are shares, and no text that was not held stays."""
    found = compare_again(compact(labels), again)
    known = found.jaccard[np.isfinite(found.jaccard)]
    assert ((known >= 0) & (known <= 1)).all()
    assert not found.stayed[~found.held].any()
    np.testing.assert_array_equal(found.held, again != HELD_OUT)


def test_the_index_is_scikit_learns():
    """For one cluster against one cluster the index is the library's."""
    rng = np.random.default_rng(1)
    labels, again = (rng.integers(-1, 1, 200) for _ in range(2))
    own = jaccard_score(labels >= 0, again >= 0)
    assert compare_again(labels, again).jaccard[0] == pytest.approx(own)


def test_fates_are_told():
    """A cluster that merges names the other, one that splits or fades says so."""
    labels = np.repeat([0, 1, 2, 3, -1], 10)
    again = np.concatenate(
        [
            np.zeros(20),  # 0 and 1 lie together
            np.repeat([1, 2], 5),  # 2 in two parts
            np.repeat([3, -1], [2, 8]),  # most of 3 in none
            np.full(10, -1),
        ]
    ).astype(np.int64)
    found = compare_again(labels, again)
    assert found.partner.tolist() == [1, 0, -1, -1]
    assert found.split.tolist() == [False, False, True, False]
    assert found.faded.tolist() == [False, False, False, True]
    assert found.jaccard.tolist() == [0.5, 0.5, 0.5, 0.2]
    assert found.stayed[40:].all()  # noise that is noise again


@pytest.mark.parametrize("labels", [[], [-1, -1, -1]])
@pytest.mark.parametrize("other", [-2, -1, 0])
def test_nothing_is_an_answer(labels, other):
    """No text, no cluster, or nothing held: no cluster recurs, and nothing breaks."""
    own = np.array(labels, dtype=np.int64)
    found = compare_again(own, np.full(len(own), other))
    assert len(found.jaccard) == 0
    assert len(found.stayed) == len(own)
