"""The sample that is laid out, and the texts that are placed beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.backend import load_backend
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph
from rapids_rap.clustering.sample import (
    Near,
    Sample,
    check_kept,
    choose_sample,
    fitted_rows,
    nearest_fitted,
    of_fitted_places,
    place_among,
    sample_layouts,
    text_draws,
)
from rapids_rap.clustering.sampled_votes import TURN
from rapids_rap.clustering.warm_start import Earlier
from rapids_rap.config import LayoutConfig, NeighborsConfig
from tests.clustering.six_texts import NEAR, SAMPLE
from tests.strict_backend import StrictBackend

CPU = load_backend("cpu")


def graph_of(last):
    last = np.asarray(last, dtype=np.float32)[:, None]
    return NeighborGraph(np.zeros(last.shape, dtype=np.int64), last, "exact", 1.0)


@given(st.data())
def test_a_sample_has_its_size_and_every_density(data):
    """Exactly as many as fit, each once; of the denser half as many as of the other."""
    n = data.draw(st.integers(2, 400))
    fit = data.draw(st.integers(1, n - 1))
    draws = np.random.default_rng(n).permutation(n)
    last = np.random.default_rng(fit).choice([0.1, 0.2, 0.3], n)
    sample = choose_sample(graph_of(last), draws, fit, CPU)
    assert len(sample.rows) == fit
    np.testing.assert_array_equal(np.sort(np.append(sample.rows, sample.others)), np.arange(n))
    assert (np.diff(sample.rows) > 0).all()
    assert (np.diff(sample.others) > 0).all()
    ranks = np.argsort(np.argsort(last, kind="stable"))[sample.rows]
    for part in (0.25, 0.5, 0.75):
        assert abs((ranks < part * n).sum() - part * fit) <= 1 + fit / min(100, fit)


def test_the_samples_of_layouts_fit_every_text_alike():
    """Each turn another sample; over many, none is fitted much more often than another."""
    draws, last = np.random.default_rng(0).permutation(900), np.random.default_rng(1).random(900)
    times = np.zeros(900)
    for vote in range(20):
        sample = choose_sample(graph_of(last), draws, 300, CPU, vote * TURN % 1.0)
        assert len(sample.rows) == 300
        times[sample.rows] += 1
    assert times.min() >= 5
    assert times.max() <= 9


def test_a_sample_lasts_from_night_to_night():
    """A few texts more: nearly all that were fitted are fitted again, whatever their positions."""
    texts = [f"text {i}" for i in range(2000)]
    last = np.random.default_rng(0).random(2100)
    more = [f"more {i}" for i in range(100)]
    one = choose_sample(graph_of(last[100:]), text_draws(texts, 1), 500, CPU)
    other = choose_sample(graph_of(last), text_draws(more + texts, 1), 500, CPU)
    then, now = set(one.rows.tolist()), set((other.rows - 100).tolist())
    assert len(then & now) > 400
    assert (text_draws(texts, 1) != text_draws(texts, 2)).any()
    assert len(set(text_draws(texts, 1).tolist())) == 2000


def test_the_same_sample_on_a_strict_backend():
    """Arrays go through the backend."""
    strict = StrictBackend()
    last, draws = np.random.default_rng(0).random(50), np.random.default_rng(1).permutation(50)
    plain = graph_of(last)
    graph = NeighborGraph(
        strict.from_host(plain.indices), strict.from_host(plain.distances), "exact", 1.0
    )
    one, other = (
        choose_sample(plain, draws, 20, CPU),
        choose_sample(graph, strict.from_host(draws), 20, strict),
    )
    np.testing.assert_array_equal(strict.to_host(other.rows), one.rows)
    points = np.eye(3, 2, dtype=np.float32)
    there = Sample(strict.from_host(SAMPLE.rows), strict.from_host(SAMPLE.others))
    near = Near(strict.from_host(NEAR.indices), strict.from_host(NEAR.distances))
    places = place_among(strict.from_host(points), there, near)
    np.testing.assert_array_equal(strict.to_host(places), place_among(points, SAMPLE, NEAR))


def test_the_fitted_stay_and_others_lie_on_one_island():
    """A text whose neighbours lie on two islands lies on one of them."""
    points = np.array([[0, 0], [0.2, 0], [100, 0]], dtype=np.float32)
    near = Near(np.array([[0, 1, 2, 2]] * 3), np.array([[0.1, 0.1, 0.15, 0.9]] * 3, np.float32))
    places = place_among(points, SAMPLE, near)
    np.testing.assert_array_equal(places[SAMPLE.rows], points)
    assert (places[SAMPLE.others, 0] < 1).all()
    assert places.dtype == np.float32


@pytest.mark.parametrize("fitted", [1, 2, 20])
def test_a_copy_asks_its_original_first(fitted):
    """Also where fewer texts are fitted than have votes."""
    random = np.random.default_rng(0)
    vectors = np.repeat(random.standard_normal((fitted, 8)).astype(np.float32), 2, axis=0)
    sample = Sample(np.arange(0, 2 * fitted, 2), np.arange(1, 2 * fitted, 2))
    near = nearest_fitted(vectors, sample, NeighborsConfig(), CPU, 1)
    check_kept(near, vectors, sample)
    assert near.indices[:, 0].tolist() == list(range(fitted))
    assert fitted_rows(vectors, sample).shape == (fitted, 8)


def test_a_sample_is_laid_out_with_a_wider_graph():
    """And otherwise as configured."""
    wider = sample_layouts(LayoutConfig(n_neighbors=300, dimensions=7))
    assert (wider.n_neighbors, wider.dimensions) == (600, 7)


def test_a_kept_neighbour_that_leads_nowhere_is_refused():
    """What is read back indexes compiled code."""
    vectors = np.zeros((6, 2), dtype=np.float32)
    check_kept(NEAR, vectors, SAMPLE)
    with pytest.raises(ValueError, match="outside"):
        check_kept(Near(NEAR.indices + 1, NEAR.distances), vectors, SAMPLE)


def test_the_night_before_is_asked_of_the_fitted_only():
    """And by another key than for all."""
    earlier = Earlier(np.arange(6) > 2, np.zeros((6, 2)), np.ones((6, 5)), "key", False)
    places = of_fitted_places(earlier, SAMPLE)
    assert places.placed.tolist() == [False, False, True]
    assert (places.xy.shape, places.reduced.shape) == ((3, 2), (3, 5))
    assert places.stage_key != "key"
    assert of_fitted_places(None, SAMPLE) is None
    nobody = Earlier(np.zeros(6, dtype=bool), np.zeros((6, 2)), None, "key", False)
    assert of_fitted_places(nobody, SAMPLE) is None


def test_neighbours_by_workers_need_workers():
    """Without an executor the engine `cells` is refused by name."""
    vectors = np.eye(4, dtype=np.float32)
    with pytest.raises(Exception, match="--scale process") as refused:
        neighbor_graph(vectors, NeighborsConfig(engine="cells"), CPU, 1)
    assert type(refused.value).__name__ == "CapabilityError"
