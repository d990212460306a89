"""The CPU backend against plain references: the contract that a GPU backend will be held to."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import HDBSCAN
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from rapids_rap.backend import _cpu_dense, _cpu_knn, load_backend
from rapids_rap.backend.extras import require
from rapids_rap.backend.host import host_memory
from rapids_rap.backend.protocol import UmapSpec
from rapids_rap.errors import CapabilityError

BACKEND = load_backend("cpu")


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def random_rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def clustered_rows(n, d, groups, seed=0, spread=0.3):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(groups, d))
    return (centers[np.arange(n) % groups] + spread * rng.normal(size=(n, d))).astype(np.float32)


def brute_neighbors(points, k, metric, queries=None):
    """Neighbours by a full float64 distance matrix; ties by index."""
    asked = points if queries is None else queries
    if metric == "cosine":
        distances = 1 - unit(asked).astype(float) @ unit(points).astype(float).T
    else:
        distances = np.linalg.norm(
            asked[:, None].astype(float) - points[None].astype(float), axis=2
        )
    if queries is None:
        np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


# --- knn ---


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize(("n", "d", "k"), [(2, 3, 1), (7, 2, 6), (257, 5, 20), (300, 40, 15)])
def test_knn_equals_brute_force(metric, n, d, k):
    """Exact search finds what a full distance matrix finds, for both metrics and ragged sizes."""
    points = random_rows(n, d, seed=n)
    found = BACKEND.knn(points, k, metric=metric)
    indices, distances = brute_neighbors(points, k, metric)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, atol=3e-6)
    assert (found.indices.dtype, found.distances.dtype) == (np.int64, np.float32)
    assert (found.engine, found.recall) == ("exact", 1.0)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_knn_of_queries_keeps_equal_rows(metric):
    """With queries nothing is left out: a query that equals a point finds it at distance 0."""
    points = random_rows(100, 12)
    found = BACKEND.knn(points, 4, queries=points[7:8], metric=metric)
    assert found.indices.shape == (1, 4)
    assert found.indices[0, 0] == 7
    assert found.distances[0, 0] == pytest.approx(0.0, abs=1e-3)


def test_knn_leaves_out_itself_among_duplicates():
    """Each of many equal rows lists others, never itself, lowest index first at distance 0."""
    points = np.vstack([np.tile(random_rows(1, 20, seed=3), (40, 1)), random_rows(60, 20)])
    found = BACKEND.knn(points, 10)
    assert not np.any(found.indices == np.arange(100)[:, None])
    assert np.all(found.distances[:40] == 0.0)
    assert np.all(np.diff(found.indices[:40], axis=1) > 0)
    small = BACKEND.knn(points[:40], 39)
    np.testing.assert_array_equal(small.indices[5], np.delete(np.arange(40), 5))


def test_knn_breaks_ties_by_index():
    """Points on a symmetric cross are equally far; the order is that of their indices."""
    points = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], dtype=np.float32)
    found = BACKEND.knn(points, 3)
    np.testing.assert_array_equal(found.indices, [[1, 3, 2], [0, 2, 3], [1, 3, 0], [0, 2, 1]])


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 40), d=st.integers(1, 6), copies=st.integers(1, 4), seed=st.integers(0, 99))
def test_knn_invariants(n, d, copies, seed):
    """Rows are sorted, free of themselves and of repeats, whatever duplicates the data hold."""
    points = np.tile(random_rows(n, d, seed), (copies, 1))
    k = min(9, n * copies - 1)
    for metric in ("cosine", "euclidean"):
        found = BACKEND.knn(points, k, metric=metric)
        assert np.all(np.diff(found.distances, axis=1) >= 0)
        assert np.all(found.distances >= 0)
        assert all(len(set(row)) == k and i not in row for i, row in enumerate(found.indices))


def test_knn_repeats_bit_by_bit():
    """Threads don't change a result: two searches agree in every bit."""
    points = random_rows(3000, 32)
    for engine in ("exact", "ivf"):
        one, two = (BACKEND.knn(points, 15, engine=engine, seed=5) for _ in range(2))
        np.testing.assert_array_equal(one.indices, two.indices)
        np.testing.assert_array_equal(one.distances, two.distances)


def test_ivf_reports_the_recall_it_reached():
    """The inverted file probes until the sampled recall suffices, and that recall is true."""
    points = random_rows(4000, 16)
    exact = BACKEND.knn(points, 10, engine="exact")
    for wanted in (0.6, 0.99):
        found = BACKEND.knn(points, 10, engine="ivf", min_recall=wanted)
        assert found.engine == "ivf"
        assert found.recall >= wanted
        pairs = zip(found.indices, exact.indices, strict=True)
        true = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in pairs])
        assert abs(true - found.recall) < 0.05


def test_ivf_fills_every_row_of_few_points():
    """Lists shorter than k don't leave holes: short answers are searched exactly."""
    points = clustered_rows(90, 8, 30, spread=1e-3)
    found = BACKEND.knn(points, 60, engine="ivf", min_recall=0.5)
    assert found.indices.min() >= 0
    assert np.all(found.distances < 2.1)


def test_auto_takes_the_inverted_file_above_the_limit(monkeypatch):
    """`auto` is exact up to the limit and an inverted file beyond it."""
    points = random_rows(500, 8)
    monkeypatch.setattr(_cpu_knn, "EXACT_LIMIT", 499)
    assert BACKEND.knn(points, 3).engine == "ivf"
    monkeypatch.setattr(_cpu_knn, "EXACT_LIMIT", 500)
    assert BACKEND.knn(points, 3).engine == "exact"


def test_query_blocks_join_seamlessly(monkeypatch):
    """Searching in small blocks of queries gives the same neighbours as one block."""
    points = random_rows(330, 24)
    whole = BACKEND.knn(points, 7)
    monkeypatch.setattr(_cpu_knn, "QUERY_BLOCK", 50)
    np.testing.assert_array_equal(BACKEND.knn(points, 7).indices, whole.indices)


@pytest.mark.parametrize("k", [0, 5, 99])
def test_knn_refuses_k_out_of_range(k):
    """The number of neighbours must leave room for the point itself."""
    with pytest.raises(ValueError, match="k must lie between 1 and 4 for 5 points"):
        BACKEND.knn(random_rows(5, 3), k)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("d", [4, 40])
def test_knn_refuses_rows_that_are_not_finite(metric, d):
    """A NaN row is an error, not a neighbour of everything."""
    points = random_rows(20, d)
    points[3, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        BACKEND.knn(points, 2, metric=metric)


def test_rows_of_zeros_are_far_from_everything():
    """A zero vector has no direction: its cosine distance is 1, and no NaN appears."""
    points = random_rows(20, 4)
    points[3] = 0
    found = BACKEND.knn(points, 5)
    np.testing.assert_allclose(found.distances[3], 1.0)
    assert 3 not in found.indices[3]


# --- umap ---

SPECS = (
    UmapSpec(2, 10, 0.1, 60, "pca"),
    UmapSpec(5, 10, 0.0, 60, "pca"),
)


def test_umap_keeps_blobs_apart_and_repeats():
    """Both layouts separate far blobs, are finite float32, and agree bit by bit when repeated."""
    points = clustered_rows(400, 20, 4)
    graph = BACKEND.knn(points, 15)
    one = BACKEND.umap(points, graph, SPECS, 7)
    two = BACKEND.umap(points, graph, SPECS, 7)
    truth = np.arange(400) % 4
    for spec, layout, again in zip(SPECS, one, two, strict=True):
        assert layout.shape == (400, spec.n_components)
        assert layout.dtype == np.float32
        np.testing.assert_array_equal(layout, again)
        assert np.nanmean(BACKEND.silhouette(layout, truth)) > 0.7


def test_umap_side_by_side_equals_one_after_the_other():
    """A layout doesn't depend on what else is laid out at the same time."""
    points = clustered_rows(300, 12, 5)
    graph = BACKEND.knn(points, 12)
    together = BACKEND.umap(points, graph, SPECS, 1)
    for spec, layout in zip(SPECS, together, strict=True):
        (alone,) = BACKEND.umap(points, graph, [spec], 1)
        np.testing.assert_array_equal(layout, alone)


@pytest.mark.filterwarnings("ignore:precomputed_knn")
def test_umap_equals_the_library_on_its_own(monkeypatch):
    """Given the same start and neighbours, the layout is what umap.UMAP computes of our epochs.

    Of its own the first steps agree (test_cpu_umap_epoch); then rounding grows, as in any chaos.
    """
    import umap

    from rapids_rap.backend import _cpu_umap, _cpu_umap_epoch

    def epoch(points, _, head, tail, n, every, a, b, states, gamma, dim, __, alpha, *rest):
        tables = _cpu_umap_epoch.force_tables(a, b, gamma)
        loop, rate = _cpu_umap_epoch._descent(dim), np.float32(alpha)
        ask_ahead = True
        loop(points, head, tail, n, every, *tables, states, rate, *rest[:4], ask_ahead)

    monkeypatch.setattr(umap.layouts, "_nb_optimize_layout_euclidean_single_epoch", epoch)
    points = clustered_rows(200, 10, 3)
    graph = BACKEND.knn(points, 14)
    own = np.arange(200)[:, None]
    start = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    reference = umap.UMAP(
        n_neighbors=15,
        min_dist=0.1,
        n_epochs=50,
        init=start,
        metric="cosine",
        random_state=3,
        n_jobs=1,
        precomputed_knn=(
            np.hstack([own, graph.indices]),
            np.hstack([np.zeros((200, 1), np.float32), graph.distances]),
        ),
        force_approximation_algorithm=True,
    ).fit_transform(points)
    spec = UmapSpec(2, 15, 0.1, 50, "random")
    weighted = _cpu_umap._weighted_graph(graph, 15, 200)
    np.testing.assert_allclose(_cpu_umap._optimise(weighted, spec, start, 3), reference, atol=1e-5)


@pytest.mark.parametrize("init", ["pca", "spectral", "random"])
def test_umap_starts(init):
    """Every start gives a finite layout that depends on the seed."""
    points = clustered_rows(120, 8, 3)
    graph = BACKEND.knn(points, 9)
    spec = UmapSpec(2, 10, 0.1, 20, init)
    (one,), (two,) = (BACKEND.umap(points, graph, [spec], seed) for seed in (1, 2))
    assert np.all(np.isfinite(one))
    assert not np.array_equal(one, two)


def test_umap_goes_on_from_a_start():
    """Small steps from a finished layout leave it where it was; without `start` it is another."""
    points = clustered_rows(120, 8, 3)
    graph = BACKEND.knn(points, 9)
    spec = UmapSpec(2, 10, 0.1, 100, "random")
    (finished,) = BACKEND.umap(points, graph, [spec], 1)
    warm = UmapSpec(2, 10, 0.1, 100, "random", start=finished, learning_rate=0.01)
    (found,), (other,) = (
        BACKEND.umap(points, graph, [warm], 2),
        BACKEND.umap(points, graph, [spec], 2),
    )
    spread = finished.std()
    assert np.median(np.abs(found - finished)) < 0.1 * spread
    assert np.median(np.abs(other - finished)) > 0.5 * spread


def test_the_descent_is_umap_learns():
    """From a start that umap-learn's scaling leaves as it is, the same layout to the bit."""
    from rapids_rap.backend import _cpu_umap

    points = clustered_rows(120, 8, 3)
    graph = BACKEND.knn(points, 9)
    # Sixty-fourths, which scaling by ten over ten does not round.
    start = (np.random.default_rng(0).integers(0, 641, (120, 2)) / 64).astype(np.float32)
    start[0], start[1] = 0, 10  # each axis reaches from 0 to 10
    spec = UmapSpec(2, 10, 0.1, 60, "random")
    weighted = _cpu_umap._weighted_graph(graph, 10, 120)
    theirs = _cpu_umap._optimise(weighted, spec, start, 3)
    ours = _cpu_umap._optimise(weighted, replace(spec, start=start), start, 3)
    np.testing.assert_array_equal(ours, theirs)


def test_umap_of_duplicates_and_few_dimensions_is_finite():
    """Equal rows, and more components than dimensions, make no NaN."""
    points = np.tile(random_rows(5, 3), (12, 1))
    graph = BACKEND.knn(points, 10)
    for layout in BACKEND.umap(points, graph, SPECS, 1):
        assert np.all(np.isfinite(layout))


def test_umap_cuts_neighbors_to_the_graph():
    """More neighbours than the graph holds are not an error."""
    points = random_rows(30, 6)
    (layout,) = BACKEND.umap(
        points, BACKEND.knn(points, 4), [UmapSpec(2, 15, 0.1, 10, "random")], 1
    )
    assert layout.shape == (30, 2)


def test_umap_error_in_a_thread_reaches_the_caller(monkeypatch):
    """A layout that fails beside another raises; it doesn't vanish with its thread."""
    from rapids_rap.backend import _cpu_umap

    def fail(*_):
        raise MemoryError("no room")

    points = random_rows(40, 6)
    monkeypatch.setattr(_cpu_umap, "_optimise", fail)
    with pytest.raises(MemoryError, match="no room"):
        BACKEND.umap(points, BACKEND.knn(points, 9), SPECS, 1)


def test_umap_without_a_seed_runs():
    """Without a seed threads race, and the layouts are still finite and of the right shape."""
    points = clustered_rows(150, 8, 3)
    found = BACKEND.umap(points, BACKEND.knn(points, 9), SPECS, None)
    assert [x.shape for x in found] == [(150, 2), (150, 5)]
    assert all(np.all(np.isfinite(x)) for x in found)


# --- hdbscan ---


def blobs(n=600, seed=1):
    points, truth = make_blobs(n, centers=5, cluster_std=0.6, random_state=seed)
    return points.astype(np.float32), truth


@pytest.mark.parametrize("min_samples", [1, 2, 5, 15])
def test_hdbscan_equals_scikit_learn(min_samples):
    """scikit-learn, which counts the point itself, finds the same clusters with one sample more.

    Not to the last point: equal reachability distances, of which there are many, are merged in an
    order that each library chooses.
    """
    points, _ = blobs()
    found = BACKEND.hdbscan(points, min_cluster_size=12, min_samples=min_samples)
    reference = HDBSCAN(min_cluster_size=12, min_samples=min_samples + 1, copy=True)
    reference.fit(points.astype(np.float64))
    assert len(found.persistence) == reference.labels_.max() + 1
    assert adjusted_rand_score(reference.labels_, found.labels) > 0.99
    assert found.labels.dtype == np.int64


@pytest.mark.parametrize("selection", ["eom", "leaf"])
def test_hdbscan_without_ties_equals_scikit_learn(selection):
    """With one sample reachability is distance, nothing ties, and every label is the same."""
    points, _ = blobs()
    found = BACKEND.hdbscan(points, min_cluster_size=12, min_samples=1, selection=selection)
    reference = HDBSCAN(
        min_cluster_size=12, min_samples=2, cluster_selection_method=selection, copy=True
    ).fit(points.astype(np.float64))
    assert adjusted_rand_score(reference.labels_, found.labels) == 1.0
    np.testing.assert_array_equal(reference.labels_ < 0, found.labels < 0)
    if selection == "leaf":  # under eom scikit-learn takes the largest density of all below
        np.testing.assert_allclose(found.probabilities, reference.probabilities_, atol=1e-5)


def test_hdbscan_of_blobs():
    """Five blobs are five clusters; strengths and persistence lie in [0, 1]; noise has 0."""
    points, truth = blobs()
    found = BACKEND.hdbscan(points, min_cluster_size=20, min_samples=5)
    assert len(found.persistence) == 5
    inside = found.labels >= 0
    assert adjusted_rand_score(truth[inside], found.labels[inside]) > 0.97
    assert np.all((found.probabilities >= 0) & (found.probabilities <= 1))
    assert np.all(found.probabilities[~inside] == 0)
    assert np.all((found.persistence > 0) & (found.persistence < 1))
    assert (found.probabilities.dtype, found.persistence.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(("min_samples", "first", "second"), [(1, 7 / 8, 3 / 8), (2, 3 / 4, 1 / 4)])
def test_persistence_by_hand(min_samples, first, second):
    """Excess of mass over size times the largest density, worked out for two chains.

    A: 0, 1, 2 and B: 10, 12, 14; the root splits at distance 8 (lambda 1/8). With one sample A's
    points leave at lambda 1 and B's at 1/2; the largest lambda is 1, so A has
    3·(1 - 1/8) / (3·1) = 7/8 and B 3·(1/2 - 1/8) / (3·1) = 3/8. With two samples, the point itself
    not counted, the ends reach 2 and 4: A leaves at 1/2, B at 1/4, and 3/4 and 1/4 remain.
    """
    points = np.array([0, 1, 2, 10, 12, 14], dtype=np.float32)[:, None]
    found = BACKEND.hdbscan(points, min_cluster_size=3, min_samples=min_samples)
    np.testing.assert_array_equal(found.labels, np.repeat(found.labels[[0, 5]], 3))
    assert found.persistence[found.labels[0]] == pytest.approx(first)
    assert found.persistence[found.labels[5]] == pytest.approx(second)


def test_hdbscan_repeats_bit_by_bit():
    """Ties in the spanning tree are broken the same way each time."""
    points = np.random.default_rng(0).normal(size=(4000, 5)).astype(np.float32)
    one, two = (BACKEND.hdbscan(points, min_cluster_size=10, min_samples=5) for _ in range(2))
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    np.testing.assert_array_equal(one.persistence, two.persistence)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10])
def test_hdbscan_of_too_few_points_is_noise(n):
    """Fewer points than a cluster needs are noise, not an error."""
    found = BACKEND.hdbscan(random_rows(n, 3), min_cluster_size=10, min_samples=5)
    np.testing.assert_array_equal(found.labels, np.full(n, -1))
    assert found.persistence.shape == (0,)
    assert found.probabilities.shape == (n,)


def test_hdbscan_of_equal_points_ends():
    """A thousand equal points, or two heaps of equal points, give an answer and no NaN."""
    same = np.ones((1000, 3), dtype=np.float32)
    heaps = np.repeat(np.array([[0, 0], [5, 5]], dtype=np.float32), 50, axis=0)
    for points in (same, heaps):
        found = BACKEND.hdbscan(points, min_cluster_size=10, min_samples=5)
        assert found.labels.shape == (len(points),)
        assert np.all(np.isfinite(found.persistence))
        assert np.all(np.isfinite(found.probabilities))


def test_hdbscan_epsilon_merges():
    """A large epsilon leaves no more clusters than none does."""
    points, _ = blobs()
    fine = BACKEND.hdbscan(points, min_cluster_size=8, min_samples=3, selection="leaf")
    coarse = BACKEND.hdbscan(
        points, min_cluster_size=8, min_samples=3, selection="leaf", epsilon=1.5
    )
    assert 0 < len(coarse.persistence) < len(fine.persistence)
    assert coarse.labels.max() + 1 == len(coarse.persistence)


def test_hdbscan_refuses_bad_input():
    """NaN (on which the library never returns) and sizes out of range are errors."""
    points = random_rows(50, 3)
    with pytest.raises(ValueError, match="at least 2"):
        BACKEND.hdbscan(points, min_cluster_size=1, min_samples=5)
    points[0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        BACKEND.hdbscan(points, min_cluster_size=5, min_samples=5)


# --- pca, silhouette, memory ---


@pytest.mark.parametrize(("n", "d", "k"), [(200, 12, 12), (5, 9, 3), (1000, 3, 1)])
def test_pca_equals_svd(n, d, k):
    """Axes and variances are those of the singular value decomposition, signs fixed."""
    points = random_rows(n, d) * np.arange(1, d + 1, dtype=np.float32) + 5
    found = BACKEND.pca(points, k)
    centered = points.astype(float) - points.mean(0, dtype=float)
    _, singular, axes = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(found.explained_variance, singular[:k] ** 2 / (n - 1), rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(found.components * axes[:k], axis=1)), 1, atol=1e-4)
    largest = np.argmax(np.abs(found.components), axis=1)
    assert np.all(found.components[np.arange(k), largest] > 0)
    np.testing.assert_allclose(found.mean, points.mean(0), rtol=1e-5)


def test_pca_sums_blocks(monkeypatch):
    """Blocks of rows add up to the whole covariance."""
    points = random_rows(501, 8)
    whole = BACKEND.pca(points, 4)
    monkeypatch.setattr("rapids_rap.backend._cpu_dense.BLOCK_BYTES", 8 * 8 * 13)
    np.testing.assert_allclose(BACKEND.pca(points, 4).components, whole.components, atol=1e-5)


def test_pca_of_one_row_is_finite():
    """One row has no variance, and that is not an error."""
    found = BACKEND.pca(random_rows(1, 4), 2)
    np.testing.assert_array_equal(found.explained_variance, [0, 0])


def test_pca_refuses_bad_input():
    """Too many components and values that aren't finite are errors."""
    with pytest.raises(ValueError, match="between 1 and 4"):
        BACKEND.pca(random_rows(9, 4), 5)
    with pytest.raises(ValueError, match="not finite"):
        BACKEND.pca(np.full((9, 4), np.inf, dtype=np.float32), 2)


@pytest.mark.parametrize("block", [2**26, 8 * 300 * 7])
def test_silhouette_equals_scikit_learn(monkeypatch, block):
    """Exact values for every clustered row, whatever the block; noise is NaN and counts nowhere."""
    monkeypatch.setattr(_cpu_dense, "BLOCK_BYTES", block)
    points = random_rows(300, 4)
    labels = np.random.default_rng(0).integers(-1, 6, 300)
    labels[labels == 3] = 9
    labels[0] = 3  # the only member of its cluster
    found = BACKEND.silhouette(points, labels)
    kept = labels >= 0
    np.testing.assert_allclose(
        found[kept], silhouette_samples(points[kept].astype(float), labels[kept]), atol=1e-6
    )
    assert np.all(np.isnan(found[~kept]))
    assert found[0] == 0


@pytest.mark.parametrize("labels", [[0, 0, 0], [-1, -1, -1], [-1, 2, 2]])
def test_silhouette_of_one_cluster_is_undefined(labels):
    """With fewer than two clusters every row is NaN."""
    assert np.all(np.isnan(BACKEND.silhouette(random_rows(3, 2), np.array(labels))))


def test_memory_reads_this_machine():
    """Free lies below total, and the peak counts what this process holds."""
    memory = BACKEND.memory()
    assert 0 <= memory.free <= memory.total
    assert memory.peak > 50 * 2**20


@pytest.mark.parametrize("version", ["memory.", "memory/memory."])
def test_memory_respects_a_container(tmp_path, version):
    """A cgroup limit below the machine's memory is the total; usage within it isn't free."""
    proc = tmp_path / "meminfo"
    proc.write_text("MemTotal:  8000 kB\nMemFree:  10 kB\nMemAvailable:  5000 kB\n")
    assert host_memory(proc, tmp_path).total == 8000 * 1024
    names = ("max", "current") if version == "memory." else ("limit_in_bytes", "usage_in_bytes")
    for name, value in zip(names, (3_000_000, 1_000_000), strict=True):
        path = tmp_path / f"{version}{name}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{value}\n")
    memory = host_memory(proc, tmp_path)
    assert (memory.total, memory.free) == (3_000_000, 2_000_000)


def test_memory_without_proc(tmp_path):
    """Where the system doesn't tell, free and total are 0; `max` is no limit."""
    (tmp_path / "memory.max").write_text("max\n")
    memory = host_memory(tmp_path / "absent", tmp_path)
    assert (memory.free, memory.total) == (0, 0)


# --- the extras ---


@pytest.mark.parametrize(
    ("module", "package", "call"),
    [
        ("faiss", "faiss-cpu", lambda: BACKEND.knn(random_rows(30, 40), 3)),
        (
            "fast_hdbscan",
            "fast_hdbscan",
            lambda: BACKEND.hdbscan(random_rows(30, 3), min_cluster_size=5, min_samples=3),
        ),
        (
            "umap.layouts",
            "umap-learn",
            lambda: BACKEND.umap(
                random_rows(30, 2),
                BACKEND.knn(random_rows(30, 2), 3, metric="euclidean"),
                [UmapSpec(2, 2, 0.1, 5, "random")],
                None,
            ),
        ),
    ],
)
def test_a_missing_extra_is_one_sentence(monkeypatch, module, package, call):
    """Without a library the error names it, what needed it and what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CapabilityError) as caught:
        call()
    message = str(caught.value)
    assert package in message
    assert "pip install rapids-rap[cpu]" in message
    assert "\n" not in message


def test_a_machine_without_a_cache_folder_is_told_what_to_set(monkeypatch, tmp_path):
    """Numba's "no locator available" becomes the variable to set; other errors stay themselves."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "uncached.py").write_text(
        "raise RuntimeError('cannot cache function f: no locator')"
    )
    (tmp_path / "broken.py").write_text("raise RuntimeError('something else')")
    with pytest.raises(CapabilityError, match="NUMBA_CACHE_DIR"):
        require("uncached", "The layout")
    with pytest.raises(RuntimeError, match="something else"):
        require("broken", "The layout")


def test_importing_the_backend_imports_no_extra():
    """The heavy libraries load when a method first needs them, not before."""
    code = (
        "import sys, rapids_rap.backend.cpu\n"
        "heavy = {'faiss', 'umap', 'fast_hdbscan', 'numba', 'sklearn', 'torch'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_silhouette_of_a_broken_point_is_not_a_number():
    """A coordinate that is NaN makes NaN of what it enters, never a plausible 0."""
    points = np.array([[0.0], [1.0], [np.nan], [9.0]], dtype=np.float32)
    values = BACKEND.silhouette(points, np.array([0, 0, 1, 1]))
    assert np.isnan(values).all()
