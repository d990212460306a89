"""The layouts: shapes and finiteness for any number of texts, repeatability, what UMAP is asked."""

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.clustering.layout import lay_out
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.config import LayoutConfig, NeighborsConfig
from tests.strict_backend import StrictBackend

BACKEND = load_backend("cpu")
QUICK = LayoutConfig(epochs=20)


def rows(n, d=12, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def layout_of(vectors, config=QUICK, seed=1, backend=BACKEND):
    graph = neighbor_graph(vectors, NeighborsConfig(), backend, 1)
    return lay_out(vectors, graph, config, backend, seed)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 7, 8, 9, 20])
@pytest.mark.parametrize("d", [1, 3, 12])
def test_any_number_of_texts_has_a_layout(n, d):
    """From no text on, both layouts have their shape and hold finite numbers."""
    layout = layout_of(rows(n, d))
    assert layout.xy.shape == (n, 2)
    assert layout.reduced.shape == (n, 5)
    for coordinates in (layout.xy, layout.reduced):
        assert coordinates.dtype == np.float32
        assert np.all(np.isfinite(coordinates))


def test_few_texts_lie_on_their_principal_axes():
    """Under UMAP's least, distances between texts survive as far as the axes reach."""
    vectors = rows(4)
    layout = layout_of(vectors)
    original = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    kept = np.linalg.norm(layout.reduced[:, None] - layout.reduced[None], axis=2)
    np.testing.assert_allclose(kept, original, rtol=1e-4)


def test_equal_texts_do_not_break_the_layout():
    """All rows equal: no NaN, few or many."""
    for n in (3, 30):
        layout = layout_of(np.ones((n, 6), dtype=np.float32))
        assert np.all(np.isfinite(layout.xy))
        assert np.all(np.isfinite(layout.reduced))


def test_the_seed_decides():
    """The same seed gives the same bits, another seed another layout."""
    vectors = rows(80)
    one, again, other = (layout_of(vectors, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.xy, again.xy)
    np.testing.assert_array_equal(one.reduced, again.reduced)
    assert not np.array_equal(one.xy, other.xy)


def test_umap_is_asked_for_a_map_and_a_packed_space():
    """The map keeps min_dist, the clustered space packs; neighbours are cut to the graph."""
    asked = []

    class Spy:
        def umap(self, points, graph, specs, seed):
            asked.extend(specs)
            assert seed == 3
            return [np.zeros((len(points), s.n_components), np.float32) for s in specs]

    vectors = rows(12)
    graph = neighbor_graph(vectors, NeighborsConfig(k=4), BACKEND, 1)
    config = LayoutConfig(dimensions=3, min_dist=0.25, n_neighbors=15, init="spectral")
    lay_out(vectors, graph, config, Spy(), 3)
    plane, space = asked
    assert (plane.n_components, plane.min_dist) == (2, 0.25)
    assert (space.n_components, space.min_dist) == (3, 0.0)
    for spec in asked:
        assert (spec.n_neighbors, spec.n_epochs, spec.init) == (5, None, "spectral")


@pytest.mark.parametrize(("n", "d"), [(0, 12), (1, 12), (2, 1), (6, 3), (6, 12), (40, 12)])
def test_strict_arrays_pass_through(n, d):
    """The stage works on arrays that refuse NumPy, few texts and few dimensions included."""
    backend = StrictBackend()
    strict = layout_of(backend.from_host(rows(n, d)), backend=backend)
    plain = layout_of(rows(n, d))
    np.testing.assert_allclose(backend.to_host(strict.xy), plain.xy, atol=1e-5)
    np.testing.assert_allclose(backend.to_host(strict.reduced), plain.reduced, atol=1e-5)
