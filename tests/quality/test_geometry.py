"""Cluster validity against brute force and scikit-learn, at the edges and on strict arrays."""

import math

import numpy as np
import pytest
from hdbscan.validity import all_points_core_distance, validity_index
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.datasets import make_circles, make_moons
from sklearn.manifold import trustworthiness as reference_trustworthiness
from sklearn.metrics import silhouette_samples, silhouette_score

from rapids_rap.backend import load_backend
from rapids_rap.backend import rows as grouped
from rapids_rap.quality.dbcv import core_distances, row_orders
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


def blobs(n, d, sigmas, seed):
    """Three normal clouds of unit spread, their centres `sigmas` apart in pairs."""
    centres = np.eye(3, d) * sigmas / math.sqrt(2)
    if d < 3:
        centres = sigmas * np.array([[0, 0], [1, 0], [0.5, math.sqrt(0.75)]])[:, :d]
    labels = np.arange(n) % 3
    return centres[labels] + np.random.default_rng(seed).normal(size=(n, d)), labels


def moons(n, noise, strewn=0):
    """Two half-moons of float32 coordinates, and `strewn` points of noise around them."""
    points, labels = make_moons(n, noise=noise, random_state=0)
    around = np.random.default_rng(0).uniform(-1.5, 2.5, (strewn, 2))
    return np.concatenate([points, around]), np.append(labels, np.full(strewn, -1))


def rings():
    """Two circles, one within the other."""
    return make_circles(400, noise=0.04, factor=0.5, random_state=0)


def heaps():
    """Blobs on a coarse grid: many points are equal, and most distances tie."""
    points, labels = blobs(450, 2, 6, 9)
    return np.round(4 * points) / 4, labels


def dense(points, labels):
    """DBCV of all rows, as every figure of the report has it: through float32."""
    return dbcv(points.astype(np.float32), labels, BACKEND, sample=10**6, seed=1).value


SPREAD = {
    "blobs, 6 sigma": lambda: blobs(450, 2, 6, 0),
    "blobs, 6 sigma, more points": lambda: blobs(1200, 2, 6, 1),
    "blobs, 4 sigma": lambda: blobs(450, 2, 4, 2),
    "blobs, 5 dimensions": lambda: blobs(450, 5, 8, 3),
    "blobs, 50 dimensions": lambda: blobs(300, 50, 12, 4),
    "moons": lambda: moons(400, 0.04),
    "moons in noise": lambda: moons(400, 0.08, strewn=100),
    "rings": rings,
    "heaps": heaps,
    "no clusters": lambda: (rows(300, 3).astype(float), some_labels(300, 4)),
}


@pytest.mark.parametrize("name", SPREAD)
def test_dbcv_is_within_what_hdbscan_gives_for_shuffled_rows(name):
    """Hdbscan's value moves with the order of rows; ours is never outside of where it moves."""
    points, labels = SPREAD[name]()
    points = points.astype(np.float32).astype(float)
    rng = np.random.default_rng(7)
    shuffled = [rng.permutation(len(points)) for _ in range(20)]
    theirs = [validity_index(points[order], labels[order]) for order in shuffled]
    assert min(theirs) <= dense(points, labels) <= max(theirs)


def hdbscans_mean(points, labels):
    """The library's values over our row orders, noise at the end."""
    points = points.astype(np.float32).astype(float)
    clustered, noise = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    orders = clustered[row_orders(points[clustered], labels[clustered])]
    rows = [np.concatenate([order, noise]) for order in orders]
    return np.mean([validity_index(points[order], labels[order]) for order in rows])


@pytest.mark.parametrize(("n", "d", "seed"), [(40, 1, 0), (60, 2, 1), (150, 5, 2), (80, 40, 3)])
def test_dbcv_is_the_mean_of_hdbscans_values(n, d, seed):
    """Row order by row order it is the library's value, noise lowering it by its share."""
    labels = some_labels(n, 3, seed)
    points = rows(n, d, seed) + 3 * np.eye(max(d, 3))[labels, :d]
    found = dbcv(points.astype(np.float32), labels, BACKEND, sample=10**6, seed=1)
    assert found.value == pytest.approx(hdbscans_mean(points, labels), abs=1e-9)
    assert (found.rows, found.sampled) == (np.sum(labels >= 0), False)


def test_dbcv_of_distances_that_rounding_parts():
    """Of a slanted cube equal edges differ in their last digits, and tie as in hdbscan."""
    corners = (np.arange(64)[:, None] >> np.arange(6)) % 2
    slanted = corners @ np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    points, labels = np.concatenate([slanted, slanted + math.sqrt(1.5)]), np.repeat([0, 1], 64)
    assert dense(points, labels) == pytest.approx(hdbscans_mean(points, labels), abs=1e-9)


@settings(max_examples=60)
@given(
    n=st.integers(8, 80),
    d=st.integers(1, 6),
    clusters=st.integers(2, 5),
    seed=st.integers(0, 999),
    step=st.sampled_from([0.0, 0.25, 1.0]),
)
def test_dbcv_does_not_depend_on_the_order_of_rows(n, d, clusters, seed, step):
    """Shuffled rows have the same figure to the bit, however many points and reachabilities tie."""
    points, labels = rows(n, d, seed), some_labels(n, clusters, seed)
    if step:
        points = (step * np.round(points / step)).astype(np.float32)
    order = np.random.default_rng(seed + 1).permutation(n)
    assert dense(points, labels) == dense(points[order], labels[order])


@pytest.mark.parametrize("d", [2, 5, 50])
def test_dbcv_of_clusters_well_apart_is_positive(d):
    """Clouds of six sigma and more have emptiness between them in any dimension."""
    for seed in range(3):
        for sigmas, least in ((6 if d < 5 else 12, 0.1), (24, 0.5)):
            assert dense(*blobs(600, d, sigmas, seed)) > least


@pytest.mark.parametrize("d", [1, 2, 5, 40])
def test_core_distances_are_hdbscans(d):
    """All-points core distances, equal points included, are the library's to twelve digits."""
    points = np.concatenate([rows(50, d), rows(10, d)]).astype(float)
    theirs = all_points_core_distance(cdist(points, points), d=float(d))
    np.testing.assert_allclose(core_distances(points), theirs, rtol=1e-12)
    assert not core_distances(np.ones((4, d))).any()


def test_dbcv_of_hundreds_of_dimensions():
    """The d-th powers neither vanish nor overflow: the figure is the same in any unit of length."""
    points, labels = blobs(90, 400, 60, 0)
    value = dense(points, labels)
    assert 0 < value < 1
    for unit in (2.0**-20, 2.0**20):
        assert dense(unit * points, labels) == value


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


def test_dbcv_at_the_edges():
    """Undefined under two clusters; equal points and clusters of one or two give no NaN."""
    points = rows(8, 2)
    for labels in (np.zeros(8, np.int64), np.full(8, -1)):
        assert dbcv(points, labels, BACKEND, sample=100, seed=1).value is None
    heaps = np.repeat(np.array([[0.0, 0], [9, 9], [30, 30]]), [4, 4, 1], axis=0)
    found = dbcv(heaps, np.repeat([0, 1, 2], [4, 4, 1]), BACKEND, sample=100, seed=1)
    assert found.value == pytest.approx(8 / 9)  # two perfect heaps; the point alone counts 0
    assert dense(np.array([[0.0], [0], [7], [9]]), np.array([0, 0, 1, 2])) == pytest.approx(0.5)


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
    monkeypatch.setattr(BACKEND, "cache_bytes", 1000)
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
