"""A layout that goes on from an earlier one: where texts start, and the map turned back."""

from dataclasses import replace

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.clustering.layout import lay_out
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.clustering.procrustes import procrustes
from rapids_rap.clustering.warm_start import Earlier, starting_points, turn_back
from rapids_rap.config import LayoutConfig, NeighborsConfig
from tests.strict_backend import StrictBackend

CPU = load_backend("cpu")


def clustered(n=240, d=12, seed=0):
    rng = np.random.default_rng(seed)
    rows = 4 * np.eye(d)[np.arange(n) % 6] + rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def graph_of(vectors, backend=CPU, k=10):
    return neighbor_graph(vectors, NeighborsConfig(k=k), backend, 1)


def earlier_of(layout, placed):
    """An earlier layout in which only some of the texts were."""
    hidden = np.where(placed[:, None], 1, 0).astype(np.float32)
    return Earlier(placed, layout.xy * hidden, layout.reduced * hidden, "")


def test_nothing_changed_moves_nothing():
    """Where texts and settings are last night's, so are both layouts, to the bit."""
    vectors = clustered(60)
    xy = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    reduced = np.random.default_rng(2).normal(size=(60, 5)).astype(np.float32)
    earlier = Earlier(np.ones(60, dtype=bool), xy, reduced, "", unchanged=True)
    found = lay_out(vectors, graph_of(vectors), LayoutConfig(), CPU, 1, earlier)
    np.testing.assert_array_equal(found.xy, xy)
    np.testing.assert_array_equal(found.reduced, reduced)


def test_known_texts_stay_and_new_ones_start_among_their_like():
    """A placed text starts where it lay, a new one at the mean of its placed neighbours."""
    vectors = clustered(60)
    graph = graph_of(vectors)
    known = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    placed = np.arange(60) % 10 != 3
    found = starting_points(known, placed, vectors, graph, CPU)
    np.testing.assert_array_equal(found[placed], known[placed])
    for text in np.flatnonzero(~placed):
        near = [i for i in range(10) if placed[graph.indices[text, i]]]
        votes = 1 - graph.distances[text, near] + 1e-6
        mean = votes @ known[graph.indices[text, near]] / votes.sum()
        np.testing.assert_allclose(found[text], mean, atol=1e-5)


def test_a_text_without_a_placed_neighbour_lies_on_the_axes():
    """New texts that only know each other start within the map, and not at one spot."""
    vectors = clustered(120)
    known = 5 + np.random.default_rng(1).normal(size=(120, 2)).astype(np.float32)
    placed = np.arange(120) % 6 != 2  # a whole cluster is new
    found = starting_points(known, placed, vectors, graph_of(vectors, k=5), CPU)
    assert np.isfinite(found).all()
    fresh = found[~placed]
    assert len(np.unique(fresh, axis=0)) == len(fresh)
    assert np.abs(fresh - 5).max() < 5


@pytest.mark.parametrize("d", [1, 2, 12])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_strict_arrays_pass_through(d, share):
    """Starting points and the turn work on arrays that refuse NumPy, few dimensions included."""
    strict, vectors = StrictBackend(), clustered(40, max(d, 6))[:, :d].copy()
    known = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    placed = np.random.default_rng(2).random(40) < share
    placed[0] = True
    graph = graph_of(vectors, k=3)
    moved = replace(
        graph, indices=strict.from_host(graph.indices), distances=strict.from_host(graph.distances)
    )
    arrays = [strict.from_host(x) for x in (known, placed, vectors)]
    found = starting_points(*arrays, moved, strict)
    plain = starting_points(known, placed, vectors, graph, CPU)
    np.testing.assert_allclose(strict.to_host(found), plain, atol=1e-5)
    turned = turn_back(found, arrays[0], arrays[1], strict)
    np.testing.assert_allclose(
        strict.to_host(turned), turn_back(plain, known, placed, CPU), atol=1e-4
    )


def test_the_map_is_turned_back():
    """A map that was turned, mirrored and moved comes back; without a placed text it stays."""
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    turned = (points @ np.array([[0.0, 2.0], [2.0, 0.0]]) + 7).astype(np.float32)
    placed = np.arange(50) < 20
    np.testing.assert_allclose(turn_back(turned, points, placed, CPU), points, atol=1e-5)
    assert turn_back(turned, points, placed, CPU).dtype == np.float32
    np.testing.assert_array_equal(turn_back(turned, points, placed & False, CPU), turned)


def test_a_layout_goes_on_from_an_earlier_one():
    """Texts of both stay about where they were, on the map and in the clustered space."""
    vectors = clustered()
    graph = graph_of(vectors)
    before = lay_out(vectors, graph, LayoutConfig(), CPU, 1)
    placed = np.arange(240) % 20 != 7
    cold = lay_out(vectors, graph, LayoutConfig(), CPU, 2)
    warm = lay_out(vectors, graph, LayoutConfig(), CPU, 2, earlier_of(before, placed))

    def moved(layout):
        apart = np.linalg.norm(before.xy[placed] - layout.xy[placed], axis=1)
        return np.median(apart) / before.xy.std()

    assert moved(warm) < 0.3
    assert moved(warm) < moved(cold)
    # The space has no frame that anybody sees, and may be turned.
    fits = [procrustes(x.reduced[placed], before.reduced[placed]).fit for x in (warm, cold)]
    assert fits[0] > max(0.9, fits[1])
    assert np.isfinite(warm.xy).all()
    assert np.isfinite(warm.reduced).all()


def test_another_space_is_clustered_anew():
    """Without earlier coordinates of the clustered space, only the map goes on."""
    vectors = clustered()
    graph = graph_of(vectors)
    before = lay_out(vectors, graph, LayoutConfig(), CPU, 1)
    earlier = replace(earlier_of(before, np.ones(240, dtype=bool)), reduced=None)
    cold = lay_out(vectors, graph, LayoutConfig(), CPU, 2)
    warm = lay_out(vectors, graph, LayoutConfig(), CPU, 2, earlier)
    np.testing.assert_array_equal(warm.reduced, cold.reduced)
    assert not np.array_equal(warm.xy, cold.xy)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_few_texts_are_turned_too(n):
    """Under UMAP's least the principal axes are turned onto the earlier map."""
    vectors = clustered(n)
    graph = graph_of(vectors)
    before = lay_out(vectors, graph, LayoutConfig(), CPU, 1)
    flipped = replace(before, xy=-before.xy)
    warm = lay_out(
        vectors, graph, LayoutConfig(), CPU, 1, earlier_of(flipped, np.ones(n, dtype=bool))
    )
    np.testing.assert_allclose(warm.xy, flipped.xy, atol=1e-5)
