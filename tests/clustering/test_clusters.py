"""Clusters: canonical ids, noise, and every small case down to no text at all."""

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import DensityClusters
from rapids_rap.clustering.clusters import find_clusters, join_nearest
from rapids_rap.clustering.layout import Layout
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph
from rapids_rap.clustering.themes import text_themes
from rapids_rap.clustering.votes import cast_votes, min_cluster_size
from rapids_rap.config import ClustersConfig, LayoutConfig, NeighborsConfig
from tests.strict_backend import StrictBackend

BACKEND = load_backend("cpu")


class Given(CpuBackend):
    """A backend whose HDBSCAN answers what the test says."""

    def __init__(self, labels):
        self.labels = np.asarray(labels, dtype=np.int64)

    def hdbscan(self, points, **_):
        count = int(self.labels.max(initial=-1)) + 1
        return DensityClusters(
            self.labels,
            np.where(self.labels < 0, 0, 0.5).astype(np.float32),
            np.linspace(0.1, 0.9, count, dtype=np.float32),
        )


def graph_of(vectors, k=3):
    return neighbor_graph(vectors, NeighborsConfig(k=k), BACKEND, 1)


def blobs(n=240, groups=4, d=6, seed=0):
    """Unit rows around `groups` orthogonal axes, and which axis each belongs to."""
    truth = np.arange(n) % groups
    noise = 0.1 * np.random.default_rng(seed).normal(size=(n, d))
    rows = np.eye(d)[truth] + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), truth


def cluster(vectors, labels=None, weights=None, k=3, backend=None, **config):
    chosen = backend or (BACKEND if labels is None else Given(labels))
    weights = np.ones(len(vectors), np.int64) if weights is None else np.asarray(weights)
    settings = ClustersConfig(**{"layouts": 1, **config})
    graph = graph_of(vectors, k)
    return find_clusters(
        votes_on(vectors, graph, settings, chosen), vectors, weights, graph, settings, chosen
    )


def votes_on(vectors, graph, config, backend):
    """The votes of layouts of which the first is the vectors themselves."""
    layout = Layout(xy=vectors[:, :2], reduced=vectors)
    return cast_votes(layout, vectors, graph, LayoutConfig(epochs=20), config.voting, backend, 1)


def test_ids_go_by_weight_then_by_text():
    """Cluster 0 is the heaviest by occurrences; equal weights go by the lowest text_id."""
    vectors, _ = blobs(8)
    labels = [2, 0, 1, 3, 2, 0, 1, -1]
    found = cluster(vectors, labels, weights=[1, 1, 5, 2, 1, 1, 1, 99])
    # weights: 0 -> 2 (from text 1), 1 -> 6, 2 -> 2 (from text 0), 3 -> 2 (from text 3)
    np.testing.assert_array_equal(found.labels, [1, 2, 0, 3, 1, 2, 0, -1])
    np.testing.assert_array_equal(found.labels_raw, found.labels)
    np.testing.assert_allclose(found.persistence, np.linspace(0.1, 0.9, 4)[[1, 2, 0, 3]], rtol=1e-6)
    np.testing.assert_array_equal(found.probabilities == 0, found.labels < 0)


def test_ids_do_not_depend_on_the_library_numbering():
    """However HDBSCAN numbers the same groups, the result is the same."""
    vectors, truth = blobs(60, groups=5)
    weights = np.arange(60) % 7
    results = []
    for seed in range(3):
        names = np.random.default_rng(seed).permutation(5)
        results.append(cluster(vectors, names[truth], weights))
    for other in results[1:]:
        np.testing.assert_array_equal(other.labels, results[0].labels)
        np.testing.assert_allclose(other.centers, results[0].centers, atol=1e-6)


def test_centers_are_unit_means():
    """A center is the mean of its members' vectors at length 1, occurrences left out."""
    vectors, truth = blobs()
    found = cluster(vectors, truth, weights=np.arange(240))
    for label in range(4):
        mean = vectors[found.labels == label].mean(0)
        np.testing.assert_allclose(found.centers[label], mean / np.linalg.norm(mean), atol=1e-6)
    assert found.centers.dtype == np.float32


def test_real_clusters_are_found():
    """End to end on blobs: each blob is a cluster."""
    vectors, truth = blobs(400)
    found = cluster(vectors, min_cluster_size=20)
    assert len(found.persistence) == 4
    for label in range(4):
        assert len(set(truth[found.labels == label])) == 1


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9])
def test_few_texts(n):
    """From no text on there is an answer of the right shapes."""
    vectors, _ = blobs(max(n, 1))
    for noise in ("keep", "nearest"):
        found = cluster(vectors[:n], noise=noise)
        count = len(found.persistence)
        assert found.labels.shape == found.labels_raw.shape == found.probabilities.shape == (n,)
        assert found.centers.shape == (count, 6)
        assert found.labels.max(initial=-1) == count - 1


@pytest.mark.parametrize("noise", ["keep", "nearest"])
def test_no_cluster_and_one_cluster(noise):
    """All noise stays noise whatever is asked; one cluster is one theme."""
    vectors, _ = blobs(20)
    none = cluster(vectors, np.full(20, -1), noise=noise)
    np.testing.assert_array_equal(none.labels, np.full(20, -1))
    assert none.centers.shape == (0, 6)
    one = cluster(vectors, np.where(np.arange(20) < 5, -1, 0), noise=noise)
    assert np.all(one.labels == 0) == (noise == "nearest")


def test_noise_joins_its_neighbours():
    """Under `nearest` noise follows its neighbours; what HDBSCAN said is kept beside it."""
    vectors, truth = blobs()
    labels = np.where(np.arange(240) % 5 == 0, -1, truth)
    kept = cluster(vectors, labels, k=10)
    joined = cluster(vectors, labels, k=10, noise="nearest")
    np.testing.assert_array_equal(kept.labels, kept.labels_raw)
    assert np.all(joined.labels >= 0)
    noise = joined.labels_raw < 0
    assert noise.sum() == 48
    np.testing.assert_array_equal(joined.labels[~noise], joined.labels_raw[~noise])
    for label in range(4):
        assert len(set(truth[joined.labels == label])) == 1
    assert np.all(joined.probabilities[noise] == 0)
    # centers describe what HDBSCAN found, not what was added
    members = vectors[joined.labels_raw == 0].mean(0)
    np.testing.assert_allclose(joined.centers[0], members / np.linalg.norm(members), atol=1e-6)


def test_votes_weigh_by_similarity():
    """Two far neighbours don't outvote a near one; with none, the nearest center decides."""
    labels = np.array([-1, 0, 1, 1, -1, -1])
    indices = np.array([[1, 2, 3]] * 4 + [[0, 5, 0], [0, 4, 0]])
    distances = np.tile(np.array([[0.1, 0.7, 0.8]], np.float32), (6, 1))
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0.1, 0.9], [0.9, 0.1]], np.float32)
    graph = NeighborGraph(indices, distances, "exact", 1.0)
    centers = np.eye(2, dtype=np.float32)
    joined = join_nearest(labels, vectors, centers, graph)
    np.testing.assert_array_equal(joined, [0, 0, 1, 1, 1, 0])
    equal = NeighborGraph(indices, np.full((6, 3), 0.5, np.float32), "exact", 1.0)
    assert join_nearest(labels, vectors, centers, equal)[0] == 1  # two equal votes beat one


@pytest.mark.parametrize(
    ("n", "configured", "size"),
    [
        (0, 0, 2),
        (12, 0, 3),
        (40, 0, 10),
        (1000, 0, 15),
        (20_000, 0, 50),
        (10**6, 0, 1000),
        (100, 33, 33),
        (5, 50, 50),
    ],
)
def test_min_cluster_size_grows_with_the_corpus(n, configured, size):
    """The automatic size, and that a configured one is taken as it is."""
    assert min_cluster_size(n, configured) == size


@pytest.mark.parametrize("noise", ["keep", "nearest"])
@pytest.mark.parametrize("n", [2, 130])
def test_strict_arrays_pass_through(noise, n):
    """The stage works on arrays that refuse NumPy, and agrees with NumPy."""
    vectors, _ = blobs(n)
    weights = 1 + np.arange(n) % 3
    config = ClustersConfig(noise=noise, min_cluster_size=8, layouts=3)
    votes = votes_on(vectors, graph_of(vectors), config, BACKEND)
    plain = find_clusters(votes, vectors, weights, graph_of(vectors), config, BACKEND)
    backend = StrictBackend()
    device = backend.from_host(vectors)
    graph = neighbor_graph(device, NeighborsConfig(k=3), backend, 1)
    votes = votes_on(device, graph, config, backend)
    strict = find_clusters(votes, device, backend.from_host(weights), graph, config, backend)
    for name, value in vars(plain).items():
        np.testing.assert_allclose(backend.to_host(getattr(strict, name)), value, atol=1e-5)


def test_text_themes_keep_noise():
    """A text's theme is its cluster's; noise has theme -1, not the last cluster's."""
    found = text_themes(np.array([1, -1, 0]), np.array([5, 7]))
    assert found.tolist() == [7, -1, 5]
    assert text_themes(np.array([-1, -1]), np.zeros(0, np.int64)).tolist() == [-1, -1]
