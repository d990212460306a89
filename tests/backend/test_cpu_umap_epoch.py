"""Our UMAP epoch against umap-learn's own: the same forces, the same steps, the same layouts."""

import numpy as np
import pytest
from umap import layouts as library
from umap.umap_ import find_ab_params, make_epochs_per_sample

from rapids_rap.backend import _cpu_umap, load_backend
from rapids_rap.backend import _cpu_umap_epoch as ours
from rapids_rap.backend.protocol import UmapSpec

THEIRS = library._optimize_layout_euclidean_single_epoch
NO_DENSITY = (False, *[np.zeros(1, np.float32)] * 2, 0, 0, 0, 0, *[np.zeros(1, np.float32)] * 2, 0)


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
        ours.force_tables(a, b, 1.0), forces(squared.astype(float), a, b), strict=True
    ):
        found = np.array([ours._force(table, s) for s in squared])
        np.testing.assert_allclose(found, exact, rtol=1e-4)


def test_distances_beyond_the_tables_take_their_outermost_steps():
    """No index leaves the table, for the least and the largest float32."""
    table, _ = ours.force_tables(1.5, 0.9, 1.0)
    assert table[0] <= ours._force(table, np.float32(1e-40)) <= table[1]
    assert table[-2] <= ours._force(table, np.float32(3e38)) <= table[-1]


@pytest.mark.parametrize("dim", [2, 5])
def test_one_epoch_takes_the_librarys_steps(dim):
    """Same edges, same random numbers: after an epoch the points differ by rounding only."""
    random = np.random.default_rng(1)
    n, edges = 200, 1500
    points = random.normal(size=(n, dim)).astype(np.float32)
    points[7] = points[8]  # coinciding points pull nothing and push nothing
    head, tail = random.integers(n, size=(2, edges)).astype(np.int32)
    every = make_epochs_per_sample(random.uniform(0.01, 1, edges), 50)
    a, b = find_ab_params(1.0, 0.1)
    states = random.integers(-(2**40), 2**31, size=(n, 3))
    found = []
    for epoch in (THEIRS, ours.epoch):
        own, negative = points.copy(), every / 5
        timers = (negative, negative.copy(), every.copy())
        for number in (0, 1, 2, 3):
            epoch(
                own,
                own,
                head,
                tail,
                n,
                every,
                a,
                b,
                states.copy(),
                1.0,
                dim,
                True,
                0.02,
                *timers,
                number,
                *NO_DENSITY,
            )
        found.append((own, *timers))
    for theirs, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)
    assert np.abs(found[0][0] - points).max() > 0.1


def test_other_layouts_are_refused():
    """A layout on other points, or one that preserves density, would be computed wrongly."""
    points = np.zeros((3, 2), np.float32)
    rest = (
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
        3,
        np.zeros(0),
        1.0,
        1.0,
        np.zeros((3, 3), np.int64),
        1.0,
        2,
    )
    timers = (np.zeros(0),) * 3
    with pytest.raises(ValueError, match="on itself"):
        ours.epoch(points, points.copy(), *rest, True, 1.0, *timers, 0, *NO_DENSITY)
    with pytest.raises(ValueError, match="on itself"):
        ours.epoch(points, points, *rest, True, 1.0, *timers, 0, True, *NO_DENSITY[1:])


def test_the_epoch_stands_where_the_library_looks_for_it():
    """Else layouts would silently be slow: the name is private and may change."""
    backend = load_backend("cpu")
    points = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    graph = backend.knn(points, 10, metric="euclidean")
    spec = UmapSpec(2, 8, 0.1, 20, "pca")
    one, two = (backend.umap(points, graph, [spec], 3)[0] for _ in range(2))
    assert library._get_optimize_layout_euclidean_single_epoch_fn(False) is ours.epoch
    assert hasattr(library, _cpu_umap.EPOCH)
    np.testing.assert_array_equal(one, two)
