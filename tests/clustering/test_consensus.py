"""Tests of the vote: planted layouts that agree, disagree, split, and leave out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.consensus import find_consensus
from rapids_rap.clustering.votes import Votes
from tests.strict_backend import StrictBackend

CPU = CpuBackend()


def votes_of(labels, backend=CPU):
    labels = np.atleast_2d(np.asarray(labels, dtype=np.int64))
    counts = labels.max(axis=1, initial=-1) + 1
    lasting = np.concatenate([np.full(k, (v + 1) / 10, np.float32) for v, k in enumerate(counts)])
    strength = np.where(labels >= 0, 0.5, 0.0).astype(np.float32)
    none = np.zeros(0, dtype=np.int64)
    arrays = (labels, strength, counts.astype(np.int64), lasting)
    return Votes(*map(backend.from_host, arrays), none, none, none)


def renamed(labels, rng):
    """The same clusters under other numbers."""
    labels = np.asarray(labels)
    order = rng.permutation(labels.max() + 1)
    return np.where(labels >= 0, order[labels], -1)


def same(a, b):
    """Whether two labels make the same groups, noise apart."""
    a, b = np.asarray(a), np.asarray(b)
    pairs = {(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)}
    return len({x for x, _ in pairs}) == len(pairs) == len({y for _, y in pairs}) and all(
        (x < 0) == (y < 0) for x, y in pairs
    )


def test_one_layout_is_what_it_says():
    """A single vote is its own consensus, with full agreement."""
    labels = [0, 0, 1, 1, -1, 2, 2, 2]
    found = find_consensus(votes_of(labels), 2, CPU)
    assert same(found.labels, labels)
    assert found.agreement.tolist() == [1.0] * 8
    assert found.probabilities.tolist() == [0.5, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5, 0.5]
    np.testing.assert_allclose(found.persistence, 0.1)


def test_layouts_that_agree_under_other_numbers_are_one_opinion():
    """Numbers mean nothing: every text gets all votes."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, -1], 20)
    found = find_consensus(votes_of([renamed(labels, rng) for _ in range(7)]), 5, CPU)
    assert same(found.labels, labels)
    assert (found.agreement == 1.0).all()
    np.testing.assert_allclose(found.persistence, 0.4)


def test_what_few_layouts_saw_is_noise_and_says_how_few():
    """A cluster of two votes among ten leaves where layouts cluster fewer texts on average."""
    steady = np.repeat([0, 1, -1], 30)
    fancy = np.repeat([0, 1, 2], 30)
    found = find_consensus(votes_of([fancy] * 2 + [steady] * 8), 5, CPU)
    assert same(found.labels, steady)
    np.testing.assert_allclose(found.agreement[60:], 0.8)  # left out by eight
    assert found.probabilities[60:].tolist() == [0.0] * 30


def test_a_text_belongs_where_most_votes_put_it():
    """Texts that wander between two clusters go to the one with more votes."""
    rng = np.random.default_rng(1)
    truth = np.repeat([0, 1], 50)
    votes = []
    for _ in range(9):
        moved = np.where(rng.random(100) < 0.2, 1 - truth, truth)
        votes.append(renamed(moved, rng))
    found = find_consensus(votes_of(votes), 5, CPU)
    assert (np.asarray(found.labels) >= 0).mean() > 0.9
    own = np.asarray(found.labels)
    right = max((own == truth).mean(), (own == 1 - truth).mean())
    assert right > 0.95  # two of a hundred were moved by most layouts
    assert 0.6 < float(np.mean(found.agreement)) < 0.95


def test_as_many_texts_are_clustered_as_a_layout_clusters_on_average():
    """Of texts that come and go, those with most votes stay, about as many as in a layout."""
    rng = np.random.default_rng(2)
    chance = np.linspace(0.05, 0.95, 400)
    votes = np.where(rng.random((20, 400)) < chance, 0, -1)
    found = find_consensus(votes_of(votes), 5, CPU)
    kept = np.asarray(found.labels) >= 0
    assert kept.mean() == pytest.approx((votes >= 0).mean(), abs=0.03)
    given = (votes >= 0).mean(axis=0)
    assert given[kept].min() > given[~kept].max()
    np.testing.assert_allclose(found.agreement, np.where(kept, given, 1 - given), atol=1e-6)


def test_a_cluster_that_some_layouts_split_is_one_cluster_or_two():
    """Nine whole and three in halves: the whole wins, and the halves' votes go with the larger."""
    whole = np.zeros(60, np.int64)
    halves = np.repeat([0, 1], [40, 20])
    found = find_consensus(votes_of([whole] * 9 + [halves] * 3), 5, CPU)
    assert len(set(np.asarray(found.labels)[:40].tolist())) == 1
    assert int(np.max(found.labels)) == 0
    found = find_consensus(votes_of([whole] * 3 + [np.repeat([0, 1], 30)] * 9), 5, CPU)
    assert same(found.labels, np.repeat([0, 1], 30))


def test_clusters_below_the_least_size_are_noise():
    """What the vote leaves of a cluster may be too few texts to be one."""
    labels = np.repeat([0, 1], [50, 4])
    found = find_consensus(votes_of([labels] * 3), 5, CPU)
    assert np.asarray(found.labels).tolist() == [0] * 50 + [-1] * 4


@pytest.mark.parametrize("labels", [np.zeros((3, 0)), np.full((4, 6), -1), [[-1]]])
def test_where_no_layout_found_anything_all_is_noise(labels):
    """No text, no cluster in any layout, a single text."""
    found = find_consensus(votes_of(labels), 2, CPU)
    assert (np.asarray(found.labels) == -1).all()
    assert found.persistence.shape == (0,)
    assert (np.asarray(found.agreement) == 1.0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 6), st.integers(0, 30)).flatmap(
        lambda shape: arrays(np.int64, shape, elements=st.integers(-1, 3))
    )
)
def test_every_vote_gives_clusters_that_hold(raw):
    """Numbers without gaps, shares in [0, 1], sizes of at least two, strict arrays alike."""
    labels = np.stack(
        [np.unique(np.append(row, -1), return_inverse=True)[1][:-1] - 1 for row in raw]
    )
    found = find_consensus(votes_of(labels), 2, CPU)
    own = np.asarray(found.labels)
    names, sizes = np.unique(own[own >= 0], return_counts=True)
    assert names.tolist() == list(range(found.persistence.shape[0]))
    assert len(labels) == 1 or (sizes >= 2).all()
    assert ((np.asarray(found.agreement) >= 0) & (np.asarray(found.agreement) <= 1)).all()
    assert (np.asarray(found.probabilities)[own < 0] == 0).all()
    strict = StrictBackend()
    other = find_consensus(votes_of(labels, strict), 2, strict)
    assert strict.to_host(other.labels).tolist() == own.tolist()
    np.testing.assert_allclose(strict.to_host(other.agreement), found.agreement, atol=1e-6)


def test_layouts_in_another_order_give_the_same_groups():
    """Nobody votes first, where nobody's votes are equal."""
    rng = np.random.default_rng(4)
    truth = np.repeat(np.arange(4), 40)
    votes = [np.where(rng.random(160) < 0.15, -1, truth) for _ in range(9)]
    one = find_consensus(votes_of(votes), 5, CPU)
    other = find_consensus(votes_of(votes[::-1]), 5, CPU)
    assert same(one.labels, other.labels)
    np.testing.assert_allclose(one.agreement, other.agreement)


def test_a_layout_without_a_text_is_no_vote_against_it():
    """A text that four of five layouts did not hold belongs where the fifth put it."""
    seen = np.repeat([0, 1], 20)
    unseen = np.where(np.arange(40) % 5 == 0, -2, seen)
    found = find_consensus(votes_of([seen] + [unseen] * 4), 5, CPU)
    assert same(found.labels, seen)
    assert (np.asarray(found.agreement) == 1.0).all()


def test_a_cluster_of_texts_that_only_tonights_layouts_hold_is_born():
    """What older layouts know nothing of is matched by those that hold it."""
    tonight = np.repeat([0, 1, 2], 20)
    before = np.where(tonight == 2, -2, tonight)
    found = find_consensus(votes_of([tonight] * 2 + [before] * 6), 5, CPU)
    assert same(found.labels, tonight)


def test_noise_that_few_layouts_held_says_how_many_of_them_left_it_out():
    """The share is of the layouts that held a text."""
    labels = np.full((4, 30), 0)
    labels[:, 20:] = [[-1] * 10, [-1] * 10, [-2] * 10, [-2] * 10]
    found = find_consensus(votes_of(labels), 5, CPU)
    assert np.asarray(found.agreement)[20:].tolist() == [1.0] * 10


@settings(max_examples=40, deadline=None)
@given(arrays(np.int64, (5, 24), elements=st.integers(-2, 2)))
def test_votes_with_gaps_make_clusters_that_hold(raw):
    """Whatever was held: shares in [0, 1], strict arrays alike, nothing where nobody held."""
    labels = np.stack(
        [np.unique(np.append(row, [-2, -1]), return_inverse=True)[1][:-2] - 2 for row in raw]
    )
    found = find_consensus(votes_of(labels), 2, CPU)
    own = np.asarray(found.labels)
    assert (own[(labels == -2).all(axis=0)] == -1).all()
    assert ((np.asarray(found.agreement) >= 0) & (np.asarray(found.agreement) <= 1)).all()
    strict = StrictBackend()
    other = find_consensus(votes_of(labels, strict), 2, strict)
    assert strict.to_host(other.labels).tolist() == own.tolist()
