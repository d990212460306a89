"""The other stand-ins refuse what cuML, cuVS, RMM and FAISS refuse, when they refuse it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.double import contract

pytestmark = pytest.mark.double
HERE = Path(__file__).parent


def test_every_legal_value_is_judged():
    """No entry of the record is idle: each is asked for by a stand-in, or is a signature."""
    sources = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*_double.py"))
    sources += (HERE / "frame.py").read_text(encoding="utf-8")
    for name, rule in contract.record()["legal"].items():
        assert "parameters" in rule or name.rpartition(".")[2] in sources, name


@pytest.fixture
def points(cupy):
    return cupy.asarray(np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("metric", "cosine", "metric"),
        ("build_algo", "brute_force_knn", "build_algo"),
        ("cluster_selection_method", "best", "cluster_selection_method"),
        ("min_samples", 1024, "min_samples"),
        ("min_cluster_size", 1, "min_cluster_size"),
    ],
)
def test_hdbscan_judges_values_in_fit(points, option, value, message):
    """The constructor takes them, as cuML's does; fit names what is wrong."""
    from cuml.cluster.hdbscan import HDBSCAN

    model = HDBSCAN(**{"min_samples": 5, option: value})
    with pytest.raises(ValueError, match=message):
        model.fit(points)


def test_hdbscan_refuses_unknown_and_positional_arguments(double):
    """All arguments are keywords, and none is misspelt."""
    from cuml.cluster.hdbscan import HDBSCAN

    with pytest.raises(TypeError, match="min_sample"):
        HDBSCAN(min_sample=5)
    with pytest.raises(TypeError, match="positional"):
        HDBSCAN(5)


def test_hdbscan_wants_device_points_that_are_finite(points):
    """Neither NumPy nor NaN; the results are device arrays of int64 and float32."""
    import cupy
    from cuml.cluster.hdbscan import HDBSCAN

    model = HDBSCAN(min_samples=3)
    with pytest.raises(TypeError, match="device arrays"):
        model.fit(points.get())
    broken = points.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(broken)
    model.fit(points)
    assert isinstance(model.labels_, cupy.ndarray)
    assert (model.labels_.dtype, model.probabilities_.dtype) == (np.int64, np.float32)


def weighted(cupy, n=40, k=6):
    from cuml.manifold import umap

    ids = (np.arange(n)[:, None] + np.arange(k)) % n
    distances = np.tile(np.arange(k, dtype=np.float32), (n, 1))
    zeros = cupy.zeros((n, 1), dtype=cupy.float32)
    indices, near = cupy.asarray(ids), cupy.asarray(distances)
    return zeros, umap.fuzzy_simplicial_set(zeros, k, knn_indices=indices, knn_dists=near)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"init": "pca"}, ValueError, "init"),
        ({"output_metric": "cosine"}, ValueError, "output_metric"),
        ({"n_components": 513, "force_serial_epochs": True}, ValueError, "n_components"),
        ({"n_epoch": 5}, TypeError, "n_epoch"),
        ({"min_dist": 0.1}, TypeError, "min_dist"),
    ],
)
def test_umap_refuses(cupy, options, error, message):
    """Values and arguments that cuML's function refuses."""
    from cuml.manifold import umap

    zeros, graph = weighted(cupy)
    with pytest.raises(error, match=message):
        umap.simplicial_set_embedding(zeros, graph, **options)


def test_umap_leaves_its_graph_alone(cupy):
    """The graph is shared by layouts, so it is the same after one as before."""
    from cuml.manifold import umap

    zeros, graph = weighted(cupy)
    before = graph.data.get()
    start = cupy.asarray(np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32))
    found = umap.simplicial_set_embedding(zeros, graph, init=start, random_state=1, n_epochs=20)
    np.testing.assert_array_equal(graph.data.get(), before)
    assert found.shape == (40, 2)


def test_cuvs_refuses(points):
    """An unknown metric, a positional argument, host data, outputs of another kind."""
    import cupy
    from cuvs.neighbors import all_neighbors, brute_force, nn_descent

    with pytest.raises(KeyError, match="manhatten"):
        brute_force.build(points, metric="manhatten")
    with pytest.raises(TypeError, match="device"):
        brute_force.build(points.get())
    with pytest.raises(TypeError, match="keywords"):
        all_neighbors.AllNeighborsParams("nn_descent")
    with pytest.raises(ValueError, match="conflict"):
        all_neighbors.AllNeighborsParams(
            metric="cosine", nn_descent_params=nn_descent.IndexParams(metric="sqeuclidean")
        )
    batched = all_neighbors.AllNeighborsParams(n_clusters=4, overlap_factor=2)
    ids = cupy.empty((60, 4), dtype=cupy.int64)
    with pytest.raises(ValueError, match="n_clusters"):
        all_neighbors.build(points, 4, batched, indices=ids)
    index = brute_force.build(points)
    near = cupy.empty((60, 4), dtype=cupy.float32)
    with pytest.raises(TypeError, match="float32 not supported"):
        brute_force.search(index, points, 4, neighbors=near, distances=near)


def test_faiss_refuses(double):
    """Arrays in place of tensors, other dtypes, more neighbours or probes than a GPU selects."""
    import faiss

    resources, rows = faiss.StandardGpuResources(), torch.zeros((5, 4))
    with pytest.raises(AssertionError, match="tensors"):
        faiss.knn_gpu(resources, rows.numpy(), rows, 2)
    with pytest.raises(TypeError, match="float32"):
        faiss.knn_gpu(resources, rows.double(), rows, 2)
    with pytest.raises(RuntimeError, match="2048"):
        faiss.knn_gpu(resources, rows, rows, 2049)
    with pytest.raises(TypeError, match="vectorsMemoryLimit"):  # not with torch_utils imported
        faiss.knn_gpu(resources, rows, rows, 2, vectorsMemoryLimit=1)
    with pytest.raises(TypeError, match="GpuResourcesProvider"):
        faiss.knn_gpu(None, rows, rows, 2)
    index = faiss.GpuIndexIVFFlat(resources, 4, 1, faiss.METRIC_L2)
    index.train(rows)
    index.add(rows)
    index.nprobe = 4096
    with pytest.raises(RuntimeError, match="nprobe"):
        index.search(rows, 1)


def test_sparse_matrices_stay_on_the_device(cupy):
    """No NumPy parts, no NumPy result; products and items are device arrays."""
    from cupyx.scipy import sparse

    rows, columns = (cupy.asarray(np.array(x)) for x in ([0, 1, 1], [1, 0, 0]))
    ones = cupy.ones(3)
    matrix = sparse.csr_matrix((ones, (rows, columns)), shape=(2, 2))
    matrix.sum_duplicates()
    assert matrix.data.tolist() == [1.0, 2.0]
    assert (matrix.T @ cupy.ones(2)).tolist() == [2.0, 1.0]
    assert matrix[rows, columns].tolist() == [[1.0, 2.0, 2.0]]
    with pytest.raises(TypeError, match="Unsupported type"):
        sparse.csr_matrix((np.ones(3), (rows, columns)), shape=(2, 2))
    with pytest.raises(TypeError):
        np.asarray(matrix)
    with pytest.raises(ValueError, match="float32"):
        sparse.csr_matrix((columns, (rows, columns)), shape=(2, 2))


def test_rmm_counts_what_cupy_takes(cupy):
    """Through the adaptor, once it is the device's resource and CuPy's allocator."""
    import rmm.mr
    from rmm.allocators.cupy import rmm_cupy_allocator

    with pytest.raises(TypeError, match="release"):
        rmm.mr.CudaAsyncMemoryResource(release_thresholds=1)
    adaptor = rmm.mr.StatisticsResourceAdaptor(rmm.mr.CudaAsyncMemoryResource())
    rmm.mr.set_current_device_resource(adaptor)
    cupy.cuda.set_allocator(rmm_cupy_allocator)
    array = cupy.zeros(1000)
    assert adaptor.allocation_counts.total_bytes == array.nbytes == 8000


@pytest.mark.parametrize("name", ["cuml.cluster.hdbscan.HDBSCAN.fit", "cupy.empty"])
def test_a_fault_comes_at_its_call(points, name):
    """The device is out of memory at the n-th call of a name, and only there."""
    import cupy
    from cuml.cluster.hdbscan import HDBSCAN

    contract.faults[name] = contract.calls[name] + 2

    def call():
        if name == "cupy.empty":
            cupy.empty(3)
        else:
            HDBSCAN(min_samples=3).fit(points)

    call()
    with pytest.raises(MemoryError):
        call()
    call()
