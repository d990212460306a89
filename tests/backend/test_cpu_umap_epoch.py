"""Our UMAP epoch against umap-learn's own: the same forces, the same steps, the same layouts."""

import numpy as np
import pytest
from umap import layouts as library
from umap import umap_ as graphs
from umap.umap_ import find_ab_params, fuzzy_simplicial_set, make_epochs_per_sample

from rapids_rap.backend import _cpu_umap, load_backend
from rapids_rap.backend import _cpu_umap_epoch as epoch
from rapids_rap.backend.protocol import UmapSpec


def forces(squared, a, b):
    bell = 1.0 + a * squared**b
    return -2 * a * b * squared ** (b - 1) / bell, 2 * b / ((0.001 + squared) * bell)


@pytest.mark.parametrize("min_dist", [0.0, 0.1, 0.8])
def test_tables_give_the_forces(min_dist):
    """Between steps the error stays below 1e-4 of the value, over the distances of any layout."""
    a, b = find_ab_params(1.0, min_dist)
    squared = np.exp(np.random.default_rng(0).uniform(np.log(1e-11), np.log(1e6), 20_000))
    squared = squared.astype(np.float32)
    for table, exact in zip(
        epoch.force_tables(a, b, 1.0), forces(squared.astype(float), a, b), strict=True
    ):
        found = np.array([epoch._force(table, s) for s in squared])
        np.testing.assert_allclose(found, exact, rtol=1e-4)


def test_distances_beyond_the_tables_take_their_outermost_steps():
    """No index leaves the table, for the least and the largest float32."""
    table, _ = epoch.force_tables(1.5, 0.9, 1.0)
    assert table[0] <= epoch._force(table, np.float32(1e-40)) <= table[1]
    assert table[-2] <= epoch._force(table, np.float32(3e38)) <= table[-1]


@pytest.mark.parametrize("dim", [2, 5])
def test_epochs_take_the_librarys_steps(dim):
    """Same edges, same random numbers: after four epochs the points differ by rounding only."""
    random = np.random.default_rng(1)
    n, edges, epochs = 200, 1500, 4
    points = random.normal(size=(n, dim)).astype(np.float32)
    points[7] = points[8]  # coinciding points pull nothing and push nothing
    head, tail = random.integers(n, size=(2, edges)).astype(np.int32)
    every = make_epochs_per_sample(random.uniform(0.01, 1, edges), 50)
    curve = find_ab_params(1.0, 0.1)
    state = random.integers(-(2**31), 2**31, size=3)
    theirs = points.copy()
    library.optimize_layout_euclidean(
        theirs, theirs, head, tail, epochs, n, every, *curve, state, 1.0, 0.02, move_other=True
    )
    ours = epoch.run_epochs(points.copy(), head, tail, every, curve, state, epochs, 0.02)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert np.abs(theirs - points).max() > 0.1


@pytest.mark.parametrize("dim", [2, 5])
def test_rows_asked_for_ahead_change_no_bit(monkeypatch, dim):
    """Large corpora's points are asked for before they are read: the layout is the same."""
    random = np.random.default_rng(2)
    n, edges = 300, 4000
    points = random.normal(size=(n, dim)).astype(np.float32)
    head = np.sort(random.integers(n, size=edges)).astype(np.int32)
    tail = random.integers(n, size=edges).astype(np.int32)
    every = make_epochs_per_sample(random.uniform(0.01, 1, edges), 50)
    curve, state = find_ab_params(1.0, 0.1), random.integers(-(2**31), 2**31, size=3)
    found = []
    for large in (0, 2**40):
        monkeypatch.setattr(epoch, "LARGE", large)
        found.append(epoch.run_epochs(points.copy(), head, tail, every, curve, state, 20, 1.0))
    np.testing.assert_array_equal(*found)
    assert np.abs(found[0] - points).max() > 0.1


def test_the_fuzzy_set_is_the_librarys():
    """The weighted graph is umap-learn's to the bit, without a line of it imported."""
    backend = load_backend("cpu")
    points = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
    graph = backend.knn(points, 10, metric="euclidean")
    own = np.arange(90)[:, None]
    indices = np.hstack([own, graph.indices])
    distances = np.hstack([np.zeros((90, 1), np.float32), graph.distances])
    theirs, _, _ = fuzzy_simplicial_set(
        points, 11, None, "euclidean", knn_indices=indices, knn_dists=distances
    )
    ours = _cpu_umap.fuzzy_set(indices, distances)
    assert (ours != theirs).nnz == 0
    assert ours.nnz == theirs.nnz


def test_nothing_of_the_library_is_changed():
    """Whoever uses umap-learn in the same process gets umap-learn."""
    before = dict(vars(library)), dict(vars(graphs))
    backend = load_backend("cpu")
    points = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    graph = backend.knn(points, 10, metric="euclidean")
    specs = [UmapSpec(2, 8, 0.1, 20, "pca"), UmapSpec(5, 8, 0.0, 20, "pca")]
    one, two = (backend.umap(points, graph, specs, 3) for _ in range(2))
    assert (dict(vars(library)), dict(vars(graphs))) == before
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)
