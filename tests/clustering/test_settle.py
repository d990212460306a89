"""All texts settle where UMAP's graph of all of them pulls, part by part."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from umap.umap_ import fuzzy_simplicial_set

from rapids_rap.backend import load_backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.clustering import settle as room
from rapids_rap.clustering.layout import Layout, lay_out
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph
from rapids_rap.clustering.sample import (
    choose_sample,
    fitted_rows,
    nearest_fitted,
    sample_layouts,
    text_draws,
)
from rapids_rap.clustering.settle import (
    EPOCHS,
    Edges,
    check_kept,
    part_rows,
    settle,
    settle_layout,
    weigh_edges,
)
from rapids_rap.clustering.warm_start import Earlier
from rapids_rap.config import LayoutConfig, NeighborsConfig
from tests.strict_backend import StrictBackend

CPU = load_backend("cpu")
LAYOUT = LayoutConfig()


def islands(n, groups=6, seed=0):
    random = np.random.default_rng(seed)
    of = random.integers(groups, size=n)
    rows = random.standard_normal((groups, 12))[of] + 0.3 * random.standard_normal((n, 12))
    return rows.astype(np.float32), of


def sampled(vectors, fit):
    """The sample, its layout and whom the others ask, and the graph of all."""
    graph = neighbor_graph(vectors, NeighborsConfig(), CPU, 1)
    draws = text_draws([str(i) for i in range(len(vectors))], 1)
    sample = choose_sample(graph, draws, fit, CPU)
    fitted = fitted_rows(vectors, sample)
    own = neighbor_graph(fitted, NeighborsConfig(), CPU, 1)
    layout = lay_out(fitted, own, sample_layouts(LAYOUT), CPU, 1)
    near = nearest_fitted(vectors, sample, NeighborsConfig(), CPU, 1)
    return layout, sample, near, vectors, graph


def like_neighbours(places, of):
    """The share of the five nearest places that are of a text's own island."""
    apart = np.linalg.norm(places[:, None, :] - places[None, :, :], axis=2)
    return (of[np.argsort(apart, axis=1)[:, 1:6]] == of[:, None]).mean()


def strictly(graph, strict):
    arrays = map(strict.from_host, (graph.indices, graph.distances))
    return NeighborGraph(*arrays, graph.engine, graph.recall)


@pytest.mark.parametrize("copies", [1, 4, 200])
def test_edges_weigh_what_the_library_says(monkeypatch, copies):
    """Also of copies, of all texts alike, and however few rows are looked at together."""
    vectors = np.repeat(islands(200 // copies)[0], copies, axis=0)
    graph = neighbor_graph(vectors, NeighborsConfig(), CPU, 1)
    own = np.arange(len(vectors))[:, None]
    theirs, _, _ = fuzzy_simplicial_set(
        vectors,
        15,
        np.random.RandomState(0),
        "cosine",
        knn_indices=np.hstack([own, graph.indices[:, :14]]),
        knn_dists=np.hstack([np.zeros(own.shape, np.float32), graph.distances[:, :14]]),
    )
    edges = weigh_edges(graph, 15, CPU)
    ours = csr_matrix((edges.weights, edges.tails, edges.begins), shape=theirs.shape)
    np.testing.assert_allclose(ours.toarray(), theirs.toarray(), atol=1e-4)
    assert ours.has_sorted_indices
    with monkeypatch.context() as patch:
        patch.setattr(room, "row_blocks", lambda n, size: row_blocks(n, 1, 7))
        again = weigh_edges(graph, 15, CPU)
    strict = StrictBackend()
    there = weigh_edges(strictly(graph, strict), 15, strict)
    for name in ("begins", "tails", "weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(edges, name))
        np.testing.assert_allclose(
            strict.to_host(getattr(there, name)), getattr(edges, name), rtol=1e-5
        )


def test_an_edge_is_drawn_as_often_as_it_weighs():
    """And at even intervals: never twice in an epoch, its share of all of them within one."""
    weights = np.linspace(0.01, 1, 90, dtype=np.float32)
    tails = np.tile(np.arange(9, dtype=np.int32), 10)
    edges = Edges(np.arange(0, 91, 9), tails, weights)
    part = room._Part(edges, 3, 8, CPU, 1)
    counts = np.zeros((10, 9), dtype=int)
    for epoch in range(EPOCHS):
        heads, ends = part.due(epoch)
        assert (np.diff(heads) >= 0).all()
        np.add.at(counts, (heads, ends), 1)
    assert not counts[[0, 1, 2, 8, 9]].any()
    shares = weights.reshape(10, 9)[3:8] * EPOCHS
    assert (np.abs(counts[3:8] - shares) < 1.01).all()


@pytest.mark.parametrize("rows", [1000, 400, 37])
def test_texts_that_lie_astray_come_home(rows):
    """Wherever others were put, they settle beside their neighbours, by one part or by many."""
    vectors, of = islands(400)
    layout, _, _, _, graph = sampled(vectors, 399)
    start = np.random.default_rng(1).uniform(-10, 10, (400, 5)).astype(np.float32)
    start[:399][np.arange(399) % 3 > 0] = layout.reduced[np.arange(399) % 3 > 0]
    edges = weigh_edges(graph, 15, CPU)
    found = settle(start, edges, 0.0, CPU, 1, rows)
    assert like_neighbours(start, of) < 0.7
    assert like_neighbours(found, of) > 0.9
    assert found.dtype == np.float32
    np.testing.assert_array_equal(settle(start, edges, 0.0, CPU, 1, rows), found)
    assert not np.array_equal(settle(start, edges, 0.0, CPU, 2, rows), found)
    strict = StrictBackend()
    moved = Edges(*map(strict.from_host, (edges.begins, edges.tails, edges.weights)))
    there = settle(strict.from_host(start), moved, 0.0, strict, 1, rows)
    np.testing.assert_array_equal(strict.to_host(there), found)


@pytest.mark.parametrize(("n", "fit"), [(2, 1), (20, 1), (40, 7), (120, 14), (300, 299)])
def test_samples_of_any_size(n, fit):
    """One text, fewer than UMAP lays out, all but one: every text has a place of its own."""
    given = sampled(islands(n)[0], fit)
    found = settle_layout(*given, LAYOUT, CPU, 1)
    check_kept(found, *given)
    assert found.xy.shape == (n, 2)
    assert len(np.unique(found.reduced, axis=0)) == n


def test_texts_all_alike():
    """Vectors without any difference: finite places."""
    vectors = np.ones((60, 8), dtype=np.float32)
    given = sampled(vectors, 20)
    check_kept(settle_layout(*given, LAYOUT, CPU, 1), *given)


def test_a_layout_that_is_not_of_all_is_refused():
    """What is read back has as many rows as there are texts."""
    given = sampled(islands(40)[0], 20)
    with pytest.raises(ValueError, match="shape"):
        check_kept(given[0], *given)


def test_the_night_before_goes_on():
    """With nothing changed to the bit; else near where it was, which a fresh layout is not."""
    vectors, _ = islands(300)
    given = sampled(vectors, 150)
    before = settle_layout(*given, LAYOUT, CPU, 1)
    placed = np.arange(300) % 20 != 7
    same = Earlier(placed, before.xy, before.reduced, "key", unchanged=True)
    kept = settle_layout(*given, LAYOUT, CPU, 1, same)
    assert kept.xy is before.xy
    assert kept.reduced is before.reduced
    hidden = [np.where(placed[:, None], x, 0) for x in (before.xy, before.reduced)]
    tonight = settle_layout(*given, LAYOUT, CPU, 2, Earlier(placed, *hidden, "key"))
    anew = settle_layout(*given, LAYOUT, CPU, 2)

    def moved(layout: Layout) -> float:
        return float(np.median(np.linalg.norm(layout.xy - before.xy, axis=1)))

    assert moved(tonight) < 0.5 * moved(anew)


def test_a_part_is_as_large_as_a_sample():
    """But a few thousand edges fit anywhere, and parts of a text each would take for ever."""
    _, sample, *_ = sampled(islands(40)[0], 20)
    assert part_rows(sample) == 10_000
    rows = np.arange(12_000)
    assert part_rows(type(sample)(rows, rows)) == 12_000
