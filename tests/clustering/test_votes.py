"""Tests of the cast: how many layouts vote, and which of an earlier night go on."""

import numpy as np
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.layout import lay_out
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.clustering.votes import NOT_HELD, EarlierVotes, Votes, cast_votes, vote_count
from rapids_rap.config import ClustersConfig, LayoutConfig, NeighborsConfig

CPU = CpuBackend()
LAYOUT = LayoutConfig(epochs=20)


@pytest.fixture(scope="module")
def space():
    """120 vectors in four heaps, their graph and a layout."""
    rng = np.random.default_rng(0)
    rows = np.eye(4, 8)[np.arange(120) % 4] + rng.normal(0, 0.1, (120, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    graph = neighbor_graph(rows, NeighborsConfig(k=15), CPU, 1)
    return rows, graph, lay_out(rows, graph, LAYOUT, CPU, 1)


def cast(space, layouts, earlier=None):
    rows, graph, layout = space
    voting = ClustersConfig(min_cluster_size=10, layouts=layouts).voting
    return cast_votes(layout, rows, graph, LAYOUT, voting, CPU, 1, earlier)


def kept(layouts, n=120, unchanged=False):
    """Votes of an earlier night: layout v has one cluster, of the texts from v on."""
    labels = np.where(np.arange(n) >= np.arange(layouts)[:, None], 0, -1)
    lasting = np.arange(layouts, dtype=np.float32)
    none = np.zeros(0, np.int64)
    ones = np.ones(layouts, np.int64)
    votes = Votes(labels, (labels >= 0).astype(np.float32), ones, lasting, none, none, none)
    return EarlierVotes(votes, "", unchanged)


@pytest.mark.parametrize(
    ("n", "configured", "layouts"),
    [(100, 0, 20), (25_000, 0, 20), (50_000, 0, 10), (600_000, 0, 6), (600_000, 3, 3), (0, 0, 20)],
)
def test_more_texts_get_fewer_layouts(n, configured, layouts):
    """As configured, or what the budget allows, between 6 and 20."""
    assert vote_count(n, configured, "cpu") == layouts


def test_a_quarter_of_a_nights_layouts_are_new(space):
    """Two of eight are cast, the six newest of the earlier ones go on, in their order."""
    found = cast(space, 8, kept(8))
    alone = cast(space, 2)
    assert found.layouts == 8
    np.testing.assert_array_equal(found.labels[:2], alone.labels)
    np.testing.assert_array_equal(found.labels[2:], kept(8).votes.labels[:6])
    assert found.counts.tolist() == [*alone.counts.tolist(), *[1] * 6]
    assert found.persistence.tolist()[-6:] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_where_fewer_were_cast_before_more_are_cast_tonight(space):
    """A night always has as many votes as it was told."""
    found = cast(space, 8, kept(3))
    assert found.layouts == 8
    np.testing.assert_array_equal(found.labels[5:], kept(3).votes.labels)


def test_with_nothing_changed_nothing_is_cast(space):
    """A night for an edited label must not move a cluster."""
    earlier = kept(8, unchanged=True)
    assert cast(space, 8, earlier) is earlier.votes


def test_a_single_layout_takes_no_votes_over(space):
    """One new layout of one leaves room for none."""
    assert cast(space, 1, kept(8)).layouts == 1
    assert NOT_HELD not in np.asarray(cast(space, 1, kept(8)).labels)
