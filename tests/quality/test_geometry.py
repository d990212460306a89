"""Cluster validity against brute force and scikit-learn, at the edges and on strict arrays."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.manifold import trustworthiness as reference_trustworthiness
from sklearn.metrics import silhouette_samples, silhouette_score

from rapids_rap.backend import load_backend
from rapids_rap.backend import rows as grouped
from rapids_rap.quality import dbcv as density_validity
from rapids_rap.quality.geometry import cosine_silhouette, dbcv, silhouette_summary, trustworthiness
from tests.strict_backend import StrictBackend

BACKEND = load_backend("cpu")


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def some_labels(n, clusters, seed=0):
    return np.random.default_rng(seed).integers(-1, clusters, n)


# --- cosine silhouette ---


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(5, 60), d=st.integers(2, 20), clusters=st.integers(2, 6), seed=st.integers(0, 99)
)
def test_cosine_silhouette_equals_the_pairwise_one(n, d, clusters, seed):
    """The closed form is the definition: scikit-learn's value for every clustered row."""
    vectors, labels = rows(n, d, seed), some_labels(n, clusters, seed)
    kept = labels >= 0
    found = cosine_silhouette(vectors, labels)
    assert found.dtype == np.float32
    assert np.all(np.isnan(found[~kept]))
    if 2 <= len(set(labels[kept])) < kept.sum():
        expected = silhouette_samples(vectors[kept].astype(float), labels[kept], metric="cosine")
        np.testing.assert_allclose(found[kept], expected, atol=1e-5)


def test_cosine_silhouette_of_tight_clusters():
    """Where distances are tiny and float32 cancels most, the mean still agrees to 1e-5."""
    rng = np.random.default_rng(0)
    labels = np.arange(900) % 30
    vectors = (rng.normal(size=(30, 64))[labels] + 0.1 * rng.normal(size=(900, 64))).astype("f")
    expected = silhouette_score(vectors.astype(float), labels, metric="cosine")
    assert np.mean(cosine_silhouette(vectors, labels)) == pytest.approx(expected, abs=1e-5)


def test_cosine_silhouette_by_blocks(monkeypatch):
    """Small blocks give what one block gives, and ids that nobody carries don't matter."""
    vectors, labels = rows(500, 8), some_labels(500, 7)
    whole = cosine_silhouette(vectors, labels)
    monkeypatch.setattr(grouped, "BLOCK_BYTES", 5000)

    np.testing.assert_allclose(cosine_silhouette(vectors, labels), whole, atol=1e-6)
    gaps = np.where(labels == 6, 40, labels)
    np.testing.assert_allclose(cosine_silhouette(vectors, gaps), whole, atol=1e-6)


def test_cosine_silhouette_at_the_edges():
    """A cluster of one gets 0; under two clusters, no rows included, there is no value."""
    vectors = rows(6, 4)
    found = cosine_silhouette(vectors, np.array([0, 1, 1, 2, 2, -1]))
    assert found[0] == 0
    assert np.all(np.isnan(cosine_silhouette(vectors, np.zeros(6, np.int64))))
    assert np.all(np.isnan(cosine_silhouette(vectors, np.full(6, -1))))
    assert cosine_silhouette(vectors[:0], np.zeros(0, np.int64)).shape == (0,)


def test_silhouette_summary_counts_texts_and_occurrences():
    """Means over rows with a value, once by text and once by occurrence, with their coverage."""
    values = np.array([0.5, -0.5, np.nan, 1.0], dtype=np.float32)
    found = silhouette_summary(values, np.array([1, 1, 6, 2]))
    assert found.mean == pytest.approx(1 / 3)
    assert found.weighted == pytest.approx(0.5)
    assert found.coverage == pytest.approx(0.75)
    assert found.weighted_coverage == pytest.approx(0.4)
    nothing = silhouette_summary(np.full(3, np.nan, np.float32), np.ones(3))
    assert (nothing.mean, nothing.weighted, nothing.coverage) == (None, None, 0.0)


# --- DBCV ---


def brute_core(points):
    """All-points core distance, word for word from the paper."""
    m, d = points.shape
    core = []
    for i in range(m):
        near = sum((1 / math.dist(points[i], points[j])) ** d for j in range(m) if j != i)
        core.append((near / (m - 1)) ** (-1 / d))
    return np.array(core)


def brute_dbcv(points, labels):
    """DBCV by full matrices and scipy's spanning tree; the shorter of tied edges is preferred."""
    from scipy.sparse.csgraph import minimum_spanning_tree

    names = sorted(set(labels) - {-1})
    inner, core, sparse = {}, {}, {}
    for name in names:
        members = points[labels == name]
        core[name] = brute_core(members)
        distances = cdist(members, members)
        reach = np.maximum(np.maximum(distances, core[name][:, None]), core[name][None])
        reach += 1e-9 * distances
        np.fill_diagonal(reach, 0)
        tree = minimum_spanning_tree(reach).toarray()
        linked = (tree > 0) | (tree.T > 0)
        inner[name] = linked.sum(0) > 1
        if not inner[name].any():
            inner[name][:] = True
        among = tree * inner[name][:, None] * inner[name][None]
        sparse[name] = among.max() or tree.max()
    total = 0.0
    for name in names:
        apart = math.inf
        for other in names:
            if other != name:
                a, b = points[labels == name][inner[name]], points[labels == other][inner[other]]
                reach = np.maximum(cdist(a, b), core[name][inner[name]][:, None])
                apart = min(apart, np.maximum(reach, core[other][inner[other]][None]).min())
        validity = (apart - sparse[name]) / max(apart, sparse[name])
        total += validity * np.sum(labels == name) / len(labels)
    return total


@pytest.mark.parametrize(("n", "d", "seed"), [(40, 1, 0), (60, 2, 1), (150, 5, 2), (80, 40, 3)])
def test_dbcv_equals_brute_force(n, d, seed):
    """The blockwise figure is the paper's definition, noise lowering it by its share."""
    labels = some_labels(n, 3, seed)
    points = rows(n, d, seed) + 3 * np.eye(max(d, 3))[labels, :d]
    found = dbcv(points, labels, BACKEND, sample=10**6, seed=1)
    assert found.value == pytest.approx(brute_dbcv(points.astype(float), labels), abs=1e-6)
    assert (found.rows, found.sampled) == (np.sum(labels >= 0), False)


def test_dbcv_does_not_depend_on_the_order_of_rows():
    """Shuffled rows have the same figure, however many reachabilities tie."""
    labels, points = some_labels(200, 4), rows(200, 3)
    one = dbcv(points, labels, BACKEND, sample=10**6, seed=1).value
    order = np.random.default_rng(5).permutation(200)
    two = dbcv(points[order], labels[order], BACKEND, sample=10**6, seed=1).value
    assert one == pytest.approx(two, abs=1e-9)


def test_dbcv_by_hand():
    """Two pairs on a line: 0, 1 and 11, 12, and two points of noise.

    In one dimension a pair's core distance is its distance, 1; so is its only edge. The least
    reachability between the pairs is 10. Each validity is (10 - 1) / 10, and each pair weighs 2/6.
    """
    points = np.array([0, 1, 11, 12, 50, 90], dtype=np.float32)[:, None]
    found = dbcv(points, np.array([0, 0, 1, 1, -1, -1]), BACKEND, sample=100, seed=1)
    assert found.value == pytest.approx(0.9 * 4 / 6)


def test_dbcv_prefers_the_true_clusters():
    """Two half-moons: density validity sees them, and refuses a cut through the middle."""
    from sklearn.datasets import make_moons

    points, truth = make_moons(600, noise=0.04, random_state=0)
    cut = (points[:, 0] > 0.5).astype(np.int64)
    right = dbcv(points, truth, BACKEND, sample=10**6, seed=1).value
    wrong = dbcv(points, cut, BACKEND, sample=10**6, seed=1).value
    assert right > 0.2 > 0 > wrong
    half = dbcv(points, truth, BACKEND, sample=300, seed=1)
    assert half.sampled
    assert half.rows == 300
    assert half.value == pytest.approx(right, abs=0.3)


def test_dbcv_sample_keeps_small_clusters():
    """A sample is seeded, keeps every cluster, and weighs clusters by their true sizes."""
    labels = np.repeat([0, 1, -1], [1000, 6, 94])
    points = rows(1100, 2) + 100.0 * np.eye(3)[labels][:, :2]
    one, two, other = (dbcv(points, labels, BACKEND, sample=200, seed=s) for s in (1, 1, 2))
    assert one == two
    assert one.value != other.value
    assert one.rows == 201  # 198 of the first; the second's share is 1, and it keeps 3
    assert one.value < 1006 / 1100


def test_dbcv_at_the_edges(monkeypatch):
    """Undefined under two clusters; equal points and clusters of one give no NaN; blocks join."""
    points = rows(8, 2)
    for labels in (np.zeros(8, np.int64), np.full(8, -1)):
        assert dbcv(points, labels, BACKEND, sample=100, seed=1).value is None
    heaps = np.repeat(np.array([[0.0, 0], [9, 9], [30, 30]]), [4, 4, 1], axis=0)
    found = dbcv(heaps, np.repeat([0, 1, 2], [4, 4, 1]), BACKEND, sample=100, seed=1)
    assert found.value == pytest.approx(8 / 9)  # two perfect heaps; the point alone counts 0
    labels = some_labels(90, 4)
    whole = dbcv(rows(90, 3), labels, BACKEND, sample=100, seed=1)
    monkeypatch.setattr(density_validity, "BLOCK_BYTES", 3000)
    again = dbcv(rows(90, 3), labels, BACKEND, sample=100, seed=1)
    assert again.value == pytest.approx(whole.value)


# --- trustworthiness ---


@pytest.mark.parametrize(("n", "k"), [(60, 5), (300, 15), (33, 15)])
def test_trustworthiness_equals_scikit_learn(n, k):
    """On all rows the figure is scikit-learn's, for good layouts and for random ones."""
    vectors = rows(n, 10)
    for xy in (vectors[:, :2], rows(n, 2, seed=9)):
        found = trustworthiness(vectors, xy, BACKEND, n_neighbors=k, sample=n, seed=1)
        expected = reference_trustworthiness(vectors, xy, n_neighbors=k, metric="cosine")
        assert found.value == pytest.approx(expected, abs=1e-4)
        assert (found.rows, found.sampled) == (n, False)


def test_trustworthiness_of_a_sample():
    """A seeded sample of rows estimates the whole, against the ranks of all rows."""
    vectors = rows(800, 6)
    whole = trustworthiness(vectors, vectors[:, :2], BACKEND, sample=800, seed=1)
    part = trustworthiness(vectors, vectors[:, :2], BACKEND, sample=200, seed=1)
    assert part.sampled
    assert part.value == pytest.approx(whole.value, abs=0.03)


def test_equal_vectors_rank_alike(monkeypatch):
    """However many texts share a vector, each is its own neighbour's first; blocks don't show."""
    vectors = np.repeat(1 + rows(8, 1536), 50, axis=0)
    xy = np.repeat(10.0 * rows(8, 2, seed=5), 50, axis=0) + 0.1 * rows(400, 2, seed=6)
    whole = trustworthiness(vectors, xy, BACKEND, sample=400, seed=1)
    assert whole.value == 1.0
    mixed = np.random.default_rng(0).permutation(vectors)
    whole = trustworthiness(mixed, xy, BACKEND, sample=300, seed=1)
    monkeypatch.setattr(grouped, "BLOCK_BYTES", 30_000)
    assert trustworthiness(mixed, xy, BACKEND, sample=300, seed=1) == whole


def test_trustworthiness_at_the_edges():
    """Equal points don't count themselves, a tiny corpus cuts k, and under 3 rows it is None."""
    angles = np.sort(np.random.default_rng(0).uniform(0, 3, 40))  # uneven, so that nothing ties
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    faithful = trustworthiness(circle, circle, BACKEND, sample=40, seed=1)
    assert faithful.value == pytest.approx(1.0)
    twins = np.repeat(circle, 20, axis=0)
    assert trustworthiness(twins, twins, BACKEND, sample=800, seed=1).value > 0.999
    assert trustworthiness(rows(3, 4), rows(3, 2), BACKEND, sample=9, seed=1).value is not None
    for n in (0, 1, 2):
        assert trustworthiness(rows(n, 4), rows(n, 2), BACKEND, sample=9, seed=1).value is None


# --- strict arrays ---


def test_strict_arrays_pass_through():
    """Every measure works on arrays that refuse NumPy, and agrees with NumPy."""
    backend = StrictBackend()
    vectors, labels, weights = rows(120, 9), some_labels(120, 4), 1 + np.arange(120) % 4
    xy = vectors[:, :2].copy()
    on = backend.from_host
    silhouette = cosine_silhouette(on(vectors), on(labels))
    plain = cosine_silhouette(vectors, labels)
    np.testing.assert_allclose(backend.to_host(silhouette), plain, atol=1e-6)
    assert silhouette_summary(silhouette, on(weights)).mean == pytest.approx(
        silhouette_summary(plain, weights).mean, abs=1e-6
    )
    for measure, options in ((dbcv, (on(labels),)), (trustworthiness, ())):
        arrays = (xy, labels) if measure is dbcv else (vectors, xy)
        strict = (on(xy), *options) if measure is dbcv else (on(vectors), on(xy))
        one = measure(*arrays, BACKEND, sample=80, seed=1)
        two = measure(*strict, backend, sample=80, seed=1)
        assert one.value == pytest.approx(two.value, abs=1e-6)
