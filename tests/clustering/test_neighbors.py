"""The neighbour graph: its shape for any number of texts, and that it never leaves the device."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend import load_backend
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import Knn
from rapids_rap.clustering.neighbors import count_votes, neighbor_graph
from rapids_rap.config import NeighborsConfig
from tests.strict_backend import StrictBackend

BACKEND = load_backend("cpu")


def rows(n, d=20, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize(("n", "k"), [(0, 0), (1, 0), (2, 1), (3, 2), (6, 5), (7, 5), (90, 5)])
def test_k_is_cut_to_the_other_texts(n, k):
    """Any number of texts has a graph: k = 5, or all the others, or none."""
    graph = neighbor_graph(rows(n), NeighborsConfig(k=5), BACKEND, 1)
    assert graph.indices.shape == graph.distances.shape == (n, k)
    assert graph.k == k
    assert (graph.indices.dtype, graph.distances.dtype) == (np.int64, np.float32)
    assert (graph.engine, graph.recall) == ("exact", 1.0)


def test_config_reaches_the_search():
    """Engine and recall are asked of the backend as configured, by cosine, with the seed."""
    asked = {}

    class Spy:
        def knn(self, points, k, **options):
            asked.update(options, k=k)
            return Knn(np.zeros((9, k), np.int64), np.zeros((9, k), np.float32), "ivf", 0.97)

    config = NeighborsConfig(k=4, engine="ivf", min_recall=0.9)
    graph = neighbor_graph(rows(9), config, Spy(), 13)
    assert asked == {"k": 4, "metric": "cosine", "engine": "ivf", "min_recall": 0.9, "seed": 13}
    assert (graph.engine, graph.recall) == ("ivf", 0.97)


def test_poor_recall_is_said_aloud(caplog):
    """A search that misses the recall asked for is a warning with both figures."""

    class Poor:
        def knn(self, points, k, **_):
            return Knn(np.zeros((9, k), np.int64), np.zeros((9, k), np.float32), "ivf", 0.8)

    with caplog.at_level(logging.WARNING):
        neighbor_graph(rows(9), NeighborsConfig(), Poor(), 1)
    assert "0.800" in caplog.text
    assert "0.950" in caplog.text


@pytest.mark.parametrize("n", [1, 2, 40])
def test_strict_arrays_pass_through(n):
    """The stage works on arrays that refuse NumPy and returns arrays of the same kind."""
    backend = StrictBackend()
    graph = neighbor_graph(backend.from_host(rows(n)), NeighborsConfig(k=6), backend, 1)
    plain = neighbor_graph(rows(n), NeighborsConfig(k=6), BACKEND, 1)
    np.testing.assert_array_equal(backend.to_host(graph.indices), plain.indices)
    np.testing.assert_array_equal(backend.to_host(graph.distances), plain.distances)


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 5), st.integers(1, 7))
def test_votes_are_counted_by_name(data, rows, k):
    """The name with most of its voters' weight wins; of equals the one that is named first."""
    cell = st.tuples(st.integers(-1, 2), st.integers(0, 3))
    drawn = [data.draw(st.lists(cell, min_size=k, max_size=k)) for _ in range(rows)]
    table = np.array(drawn, dtype=np.int64).reshape(rows, k, 2)
    for backend in (CpuBackend(), StrictBackend()):
        names = backend.from_host(table[:, :, 0])
        votes = backend.from_host(table[:, :, 1].astype(np.float32))
        chosen, most = map(backend.to_host, count_votes(names, votes))
        for row, name, weight in zip(drawn, chosen.tolist(), most.tolist(), strict=True):
            sums = [sum(v for other, v in row if other == own) for own, _ in row]
            assert (name, weight) == (row[sums.index(max(sums))][0], max(sums))
