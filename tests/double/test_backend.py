"""Every method of `GpuBackend` on the double, against `CpuBackend` on the same data.

Equal to the bit: neighbours and their distances, layouts (same start, same functions), axes. Close:
HDBSCAN, whose points come centred, so that distances differ by rounding, and the silhouette, which
is float32 here and float64 there.
"""

import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from rapids_rap.backend import _gpu_faiss, _gpu_hdbscan, _gpu_memory, load_backend
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.gpu_plan import Choice
from rapids_rap.backend.protocol import UmapSpec
from rapids_rap.errors import CapabilityError
from tests.double import contract, memory

pytestmark = pytest.mark.double
CPU = CpuBackend()


@pytest.fixture
def gpu(double):
    return load_backend("gpu")


def unit(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def with_duplicates(n=240, d=20):
    """Rows of which many are equal, so that order is a matter of ties."""
    return np.repeat(unit(n // 4, d), 4, axis=0)[np.random.default_rng(1).permutation(n)]


def assert_same(gpu, found, expected):
    np.testing.assert_array_equal(gpu.to_host(found.indices), expected.indices)
    np.testing.assert_array_equal(gpu.to_host(found.distances), expected.distances)
    assert found.indices.dtype == np.int64
    assert found.distances.dtype == np.float32


# ---- neighbours ---------------------------------------------------------------------------------


PLAIN, EQUAL = unit(300, 24), with_duplicates()


# Not Euclidean and with equal rows: float32 |x|² + |y|² - 2xy does not find those equally far.
@pytest.mark.parametrize("engine", ["auto", "exact", "cuvs"])
@pytest.mark.parametrize(
    ("points", "metric"),
    [(PLAIN, "cosine"), (EQUAL, "cosine"), (PLAIN, "euclidean")],
    ids=["cosine", "equal rows", "euclidean"],
)
def test_exact_neighbours_are_the_cpus(gpu, points, engine, metric):
    """The same neighbours in the same order, ties by index, whatever searched."""
    found = gpu.knn(gpu.from_host(points), 12, engine=engine, metric=metric)
    assert_same(gpu, found, CPU.knn(points, 12, engine="exact", metric=metric))
    assert found.recall == 1.0
    assert ("cuvs" in found.engine) == (engine == "cuvs")


def test_the_inverted_file_reaches_its_recall(gpu):
    """As many of the true neighbours as was asked for, and never the row itself."""
    points = unit(2000, 16, 3)
    found = gpu.knn(gpu.from_host(points), 10, engine="ivf", min_recall=0.9)
    truth = CPU.knn(points, 10, engine="exact")
    indices = gpu.to_host(found.indices)
    met = [len(set(a) & set(b)) for a, b in zip(indices, truth.indices, strict=True)]
    assert found.recall >= 0.9
    assert np.mean(met) / 10 >= 0.88
    assert not (indices == np.arange(2000)[:, None]).any()


@pytest.mark.parametrize("build", ["none", "for the CPU"])
@pytest.mark.parametrize("engine", ["auto", "exact"])
def test_without_faiss_for_a_gpu_cuvs_searches(gpu, monkeypatch, build, engine):
    """A machine that holds RAPIDS alone, or where faiss-cpu has won, finds the same."""
    expected = CPU.knn(PLAIN, 12, engine="exact")
    if build == "none":
        monkeypatch.setitem(sys.modules, "faiss", None)
    else:
        monkeypatch.delattr("faiss.StandardGpuResources")
    found = gpu.knn(gpu.from_host(PLAIN), 12, engine=engine)
    assert_same(gpu, found, expected)
    assert found.engine == "cuvs brute_force"
    assert "FAISS for a GPU is not installed" in gpu.usage().algorithms["neighbors"]


def test_an_inverted_file_needs_faiss(gpu, monkeypatch):
    """What was asked for by name is not replaced by something else."""
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(CapabilityError, match="faiss-gpu"):
        gpu.knn(gpu.from_host(PLAIN), 12, engine="ivf")


@pytest.mark.parametrize("engine", ["auto", "cuvs"])
@pytest.mark.parametrize(("d", "metric"), [(2, "euclidean"), (24, "euclidean"), (24, "cosine")])
def test_no_query_has_no_neighbours(gpu, d, metric, engine):
    """As on the CPU: an empty answer, not an error."""
    points, none = unit(40, d), np.zeros((0, d), dtype=np.float32)
    found = gpu.knn(
        gpu.from_host(points), 3, queries=gpu.from_host(none), metric=metric, engine=engine
    )
    assert found.indices.shape == found.distances.shape == (0, 3)
    assert CPU.knn(points, 3, queries=none, metric=metric).indices.shape == (0, 3)


def test_neighbours_of_queries(gpu):
    """Queries of their own, and a plane that is searched by coordinates."""
    points, queries = unit(200, 24), unit(30, 24, 5)
    found = gpu.knn(gpu.from_host(points), 7, queries=gpu.from_host(queries))
    assert_same(gpu, found, CPU.knn(points, 7, queries=queries))
    plane = points[:, :2].copy()
    found = gpu.knn(gpu.from_host(plane), 5, metric="euclidean")
    assert_same(gpu, found, CPU.knn(plane, 5, metric="euclidean"))


def test_rows_of_any_length_are_scaled(gpu):
    """The cosine does not depend on lengths; a row of zeros stays one."""
    points = unit(100, 24) * np.linspace(0.5, 7, 100, dtype=np.float32)[:, None]
    points[3] = 0
    found = gpu.knn(gpu.from_host(points), 6, engine="exact")
    expected = CPU.knn(points, 6, engine="exact")
    np.testing.assert_allclose(gpu.to_host(found.distances), expected.distances, atol=2e-6)


@pytest.mark.parametrize("k", [0, 50, 60])
def test_k_out_of_range(gpu, k):
    """As on the CPU, a ValueError that names the range."""
    with pytest.raises(ValueError, match="between 1 and 49"):
        gpu.knn(gpu.from_host(unit(50, 24)), k)


def test_rows_that_are_not_finite_are_named(gpu):
    """The row's number, as on the CPU."""
    points = unit(50, 24)
    points[17, 3] = np.nan
    with pytest.raises(ValueError, match="row 17"):
        gpu.knn(gpu.from_host(points), 5)


# ---- layout and clusters ------------------------------------------------------------------------

SPECS = [UmapSpec(2, 15, 0.1, None, "pca"), UmapSpec(5, 10, 0.0, 80, "pca")]


@pytest.mark.parametrize("init", ["pca", "random"])
def test_layouts_are_the_cpus(gpu, init):
    """One graph, one start and one seed give one layout, to the bit."""
    points = unit(260, 24)
    specs = [UmapSpec(s.n_components, s.n_neighbors, s.min_dist, s.n_epochs, init) for s in SPECS]
    device = gpu.from_host(points)
    found = gpu.umap(device, gpu.knn(device, 15), specs, 42)
    expected = CPU.umap(points, CPU.knn(points, 15), specs, 42)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(gpu.to_host(ours), theirs)


def test_layouts_go_on_as_the_cpus(gpu):
    """A start given as a device array, and its rate, reach cuML as they reach umap-learn."""
    points = unit(260, 24)
    starts = [np.random.default_rng(0).normal(size=(260, m)).astype(np.float32) for m in (2, 5)]
    device = gpu.from_host(points)

    def specs(backend):
        return [
            replace(spec, start=backend.from_host(start), learning_rate=0.1)
            for spec, start in zip(SPECS, starts, strict=True)
        ]

    found = gpu.umap(device, gpu.knn(device, 15), specs(gpu), 42)
    expected = CPU.umap(points, CPU.knn(points, 15), specs(CPU), 42)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(gpu.to_host(ours), theirs)


@pytest.mark.parametrize("seed", [1, 2])
def test_edges_pull_as_on_the_cpu(gpu, seed):
    """One step along the same edges, to the bit; both ends move, and who has no edge stays."""
    points = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
    heads = np.repeat(np.arange(10, 40, dtype=np.int32), 2)
    tails = np.stack([np.arange(30), np.arange(41, 71)], axis=1).ravel().astype(np.int32)
    expected = CPU.pull(points, heads, tails, 0.1, 0.4, seed)
    found = gpu.pull(*map(gpu.from_host, (points, heads, tails)), 0.1, 0.4, seed)
    np.testing.assert_array_equal(gpu.to_host(found), expected)
    moved = (expected != points).any(axis=1)
    assert moved[:71][np.arange(71) != 40].all()
    assert not moved[71:].any()


def test_a_spectral_start_gives_a_finite_layout(gpu):
    """CuML's own start is not umap-learn's, so only shape and sense are compared."""
    points = unit(120, 24)
    device = gpu.from_host(points)
    spec = UmapSpec(2, 10, 0.1, 30, "spectral")
    [found] = gpu.umap(device, gpu.knn(device, 12), [spec], 1)
    assert found.shape == (120, 2)
    assert np.isfinite(gpu.to_host(found)).all()


@pytest.mark.parametrize("selection", ["eom", "leaf"])
def test_clusters_agree_with_the_cpus(gpu, selection):
    """The same clusters, but for points on the border that rounding moves."""
    points = make_blobs(800, 5, centers=8, random_state=3)[0].astype(np.float32)
    options = {"min_cluster_size": 20, "min_samples": 5, "selection": selection}
    found = gpu.hdbscan(gpu.from_host(points), **options)
    expected = CPU.hdbscan(points, **options)
    assert adjusted_rand_score(gpu.to_host(found.labels), expected.labels) > 0.99
    assert found.persistence.shape == expected.persistence.shape
    np.testing.assert_allclose(
        np.sort(gpu.to_host(found.persistence)), np.sort(expected.persistence), atol=1e-3
    )


def test_the_tree_is_the_cpus(gpu):
    """From cuML's dendrogram; None where a later cuML holds none, rather than a guess."""
    points = make_blobs(400, 3, centers=6, random_state=2)[0].astype(np.float32)
    options = {"min_cluster_size": 15, "min_samples": 4, "with_tree": True}
    found, expected = gpu.hdbscan(gpu.from_host(points), **options), CPU.hdbscan(points, **options)
    assert found.tree.sizes[0] == 400
    assert abs(len(found.tree.sizes) - len(expected.tree.sizes)) <= 4  # rounding moves a few
    large = [np.sort(one.tree.sizes[one.tree.sizes >= 30]) for one in (found, expected)]
    np.testing.assert_array_equal(*large)
    assert gpu.hdbscan(gpu.from_host(points), min_cluster_size=15, min_samples=4).tree is None
    assert _gpu_hdbscan._tree(object(), 400) is None
    few = gpu.hdbscan(gpu.from_host(points[:9]), **options).tree
    assert (few.parents.tolist(), few.sizes.tolist()) == ([-1], [9])


@pytest.mark.parametrize("n", [0, 1, 3, 10])
def test_few_or_equal_points_are_noise(gpu, n):
    """Fewer points than a cluster takes, or all in one place, are no cluster and no error."""
    for points in (unit(n, 3), np.ones((n + 20, 3), dtype=np.float32)):
        found = gpu.hdbscan(gpu.from_host(points), min_cluster_size=10, min_samples=3)
        assert (gpu.to_host(found.labels) == -1).all()
        assert found.persistence.shape == (0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_cluster_size": 1, "min_samples": 3}, "at least 2"),
        ({"min_cluster_size": 5, "min_samples": 0}, "at least 1"),
        ({"min_cluster_size": 5, "min_samples": 1500}, "1023"),
    ],
)
def test_cluster_sizes_out_of_range(gpu, options, message):
    """Refused before cuML is asked."""
    with pytest.raises(ValueError, match=message):
        gpu.hdbscan(gpu.from_host(unit(2000, 3)), **options)


# ---- axes, silhouette, memory -------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "k"), [(300, 24, 5), (40, 60, 60), (2, 3, 1)])
def test_axes_are_the_cpus(gpu, n, d, k):
    """Same mean, axes and variances, signs included."""
    points = unit(n, d)
    found, expected = gpu.pca(gpu.from_host(points), k), CPU.pca(points, k)
    rank = min(n - 1, k)
    np.testing.assert_array_equal(gpu.to_host(found.mean), expected.mean)
    np.testing.assert_allclose(
        gpu.to_host(found.explained_variance), expected.explained_variance, atol=1e-7
    )
    np.testing.assert_allclose(
        gpu.to_host(found.components)[:rank], expected.components[:rank], atol=1e-5
    )
    assert found.components.flags.c_contiguous


def test_axes_out_of_range(gpu):
    """As on the CPU."""
    with pytest.raises(ValueError, match="between 1 and 3"):
        gpu.pca(gpu.from_host(unit(9, 3)), 4)


@pytest.mark.parametrize("labels", ["groups", "one", "noise"])
def test_the_silhouette_is_the_cpus(gpu, labels):
    """In float32, and undefined where the CPU's is: noise, and fewer than two clusters."""
    points = unit(150, 4)
    names = np.random.default_rng(2).integers(-1, 5, 150)
    names = {"groups": names, "one": np.zeros_like(names), "noise": -np.ones_like(names)}[labels]
    found = gpu.to_host(gpu.silhouette(gpu.from_host(points), gpu.from_host(names)))
    np.testing.assert_allclose(found, CPU.silhouette(points, names), atol=1e-5)


def test_memory_and_usage_are_the_devices(gpu):
    """Bytes of the heap, and what ran and why, by stage."""
    device = gpu.from_host(unit(200, 24))
    gpu.knn(device, 5)
    used = gpu.usage()
    assert gpu.memory().total == memory.TOTAL
    assert gpu.memory().free == memory.TOTAL - memory.heap.used
    assert used.allocated >= device.nbytes
    assert used.peak >= device.nbytes
    assert used.device == "double (no GPU)"
    assert used.algorithms["neighbors"].startswith("faiss exact")


def test_rows_of_vectors_are_shared_with_torch(gpu):
    """What the encoder writes into the tensor is in the array."""
    rows = gpu.allocate_rows(4, 3)
    gpu.as_torch(rows)[2, 1] = 9.0
    assert float(rows[2, 1]) == 9.0
    assert rows.dtype == np.float32


@pytest.mark.parametrize("engine", ["exact", "cuvs"])
def test_vectors_that_no_device_holds_live_in_pinned_memory(gpu, monkeypatch, engine):
    """Where the plan maps the rows, every engine searches them by tiles and finds the same."""
    home = Choice("vectors", "host", 0, "the test wants it", host=400 * 64 * 4)
    monkeypatch.setattr(_gpu_memory, "plan_vectors", lambda *_: home)
    monkeypatch.setattr(_gpu_faiss, "TILE", 64 * 4 * 150)
    points = unit(400, 64, 4)
    rows = gpu.allocate_rows(400, 64)
    gpu.as_torch(rows).copy_(gpu.as_torch(gpu.from_host(points)))
    assert "pinned" in gpu.usage().algorithms["vectors"]
    assert gpu.usage().host_copies["vectors"] == rows.nbytes
    found = gpu.knn(rows, 8, engine=engine)
    assert "by tiles" in gpu.usage().algorithms["neighbors"]
    assert_same(gpu, found, CPU.knn(points, 8))
    memory.ledger.clear()
    np.testing.assert_array_equal(gpu.to_host(rows), points)
    assert memory.ledger == []  # the rows are on the host already


# ---- failure ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "run", "stage"),
    [
        ("faiss.knn_gpu", lambda g, x: g.knn(x, 5), "neighbour search"),
        (
            "cuvs.neighbors.brute_force.build",
            lambda g, x: g.knn(x, 5, engine="cuvs"),
            "neighbour search",
        ),
        (
            "cuml.manifold.umap.fuzzy_simplicial_set",
            lambda g, x: g.umap(x, g.knn(x, 10), SPECS, 1),
            "layout",
        ),
        (
            "cuml.manifold.umap.simplicial_set_embedding",
            lambda g, x: g.umap(x, g.knn(x, 10), SPECS, 1),
            "layout",
        ),
        (
            "cuml.manifold.umap.simplicial_set_embedding",
            lambda g, x: g.pull(x, *[g.xp.arange(9, dtype="int32")] * 2, 0.1, 0.4, 1),
            "layout",
        ),
        (
            "cuml.cluster.hdbscan.HDBSCAN.fit",
            lambda g, x: g.hdbscan(x, min_cluster_size=5, min_samples=3),
            "clustering",
        ),
        ("cupy.zeros", lambda g, x: g.pca(x, 3), "principal axes"),
    ],
)
def test_out_of_memory_is_one_sentence(gpu, name, run, stage):
    """Whichever library runs out: what was done, what was expected, how to mend it; exit code 3."""
    device = gpu.from_host(unit(100, 24))
    contract.faults[name] = contract.calls[name] + 1
    with pytest.raises(CapabilityError, match=rf"(?i){stage} ran out of memory: about .*--limit"):
        run(gpu, device)


def test_small_grids_are_no_warning(gpu):
    """A map of few points launches few blocks; an administrator can do nothing about that."""
    said = "Grid size 4 will likely result in GPU under-utilization due to low occupancy."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert gpu.frames.__name__ == "cudf"
        warnings.warn(said, UserWarning, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert [str(one.message) for one in caught] == ["something else"]


def test_nothing_leaves_the_device(gpu):
    """Search, layout, clusters, axes and silhouette copy only single figures to the host."""
    points = unit(200, 24)
    device = gpu.from_host(points)
    graph = gpu.knn(device, 15)
    [plane, _] = gpu.umap(device, graph, SPECS, 1)
    found = gpu.hdbscan(plane, min_cluster_size=10, min_samples=3)
    gpu.silhouette(plane, found.labels)
    gpu.pca(device, 2)
    assert {copy.operation for copy in memory.ledger} <= {"scalar"}
