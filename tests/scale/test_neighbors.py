"""Neighbours over shards: however the texts are cut, the neighbours of one process."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend import load_backend
from rapids_rap.backend.nearest import nearest_of
from rapids_rap.clustering import sample as sampling
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.clustering.sample import Sample, nearest_fitted
from rapids_rap.config import NeighborsConfig
from rapids_rap.scale import neighbors
from rapids_rap.scale.executor import SerialExecutor
from rapids_rap.scale.neighbors import (
    all_pairs,
    cell_pairs,
    find_cells,
    needed_overlap,
    shard_nearest_fitted,
    shard_neighbors,
)

CPU = load_backend("cpu")


def crossed(n, d=12, seed=0):
    """Unit rows of four halves each: their products are exact, and most of them are tied."""
    random = np.random.default_rng(seed)
    rows = np.zeros((n, d), dtype=np.float32)
    for row in rows:
        row[random.choice(d, 4, replace=False)] = random.choice([-0.5, 0.5], 4)
    return rows


def islands(n, count=12, d=16, seed=0):
    """Unit rows about some centers."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((count, d))[random.integers(count, size=n)]
    rows = rows + 0.5 * random.standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def config(engine="exact", k=7, min_recall=0.95):
    return NeighborsConfig(engine=engine, k=k, min_recall=min_recall)


def same(one, other):
    for name in ("indices", "distances"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


def by_order(vectors, k):
    """The k nearest others of each row by distance, then by index: the definition."""
    apart = np.maximum(1.0 - vectors.astype(np.float64) @ vectors.T.astype(np.float64), 0.0)
    np.fill_diagonal(apart, np.inf)
    return np.argsort(apart, axis=1, kind="stable")[:, :k]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(2, 9), st.integers(1, 70), st.integers(1, 70))
def test_any_cut_gives_the_neighbours_of_one_process(tmp_path_factory, n, k, asking, among):
    """Ties at the k-th place, duplicates and ragged shards included."""
    vectors = crossed(n, seed=n)
    vectors[n // 2 :: 3] = vectors[0]
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "ASKING", asking)
        patch.setattr(neighbors, "ASKED", among)
        found = shard_neighbors(vectors, config(k=k), CPU, 42, SerialExecutor(), folder)
    same(found, neighbor_graph(vectors, config(k=k), CPU, 42))
    np.testing.assert_array_equal(found.indices, by_order(vectors, min(k, n - 1)))
    assert list(folder.iterdir()) == []


def test_workers_give_the_bytes_of_one_process(executor, tmp_path, monkeypatch):
    """Rounded products too, where shards are cut as the blocks of the search are."""
    monkeypatch.setattr(neighbors, "ASKING", 4096)
    monkeypatch.setattr(neighbors, "ASKED", 2048)
    vectors = islands(5000)
    found = shard_neighbors(vectors, config(), CPU, 42, executor, tmp_path)
    same(found, neighbor_graph(vectors, config(), CPU, 42))
    assert (found.engine, found.recall) == ("exact", 1.0)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1), min_size=2))
def test_the_merge_is_associative(parts):
    """Pieces may be merged by twos or at once; a row found twice counts once."""
    arrays = [
        (
            np.array([[float(distance) for distance, _ in part]], dtype=np.float32),
            np.array([[index for _, index in part]], dtype=np.int64),
        )
        for part in parts
    ]
    at_once = nearest_of(arrays, 3)
    by_twos = arrays[0]
    for part in arrays[1:]:
        by_twos = nearest_of([by_twos, part], 3)
    finite = np.isfinite(at_once[0])
    np.testing.assert_array_equal(finite, np.isfinite(by_twos[0]))
    for one, other in zip(at_once, by_twos, strict=True):
        np.testing.assert_array_equal(one[finite], other[finite])
    assert len(set(at_once[1][finite].tolist())) == finite.sum()


@pytest.mark.parametrize("wanted", [0.6, 0.95, 1.0])
def test_cells_overlap_until_the_recall_holds(executor, tmp_path, monkeypatch, wanted):
    """What is measured is what is found, and no neighbour is nearer than exact search says."""
    monkeypatch.setattr(neighbors, "cell_count", lambda n: n // 60)
    vectors = islands(3000)
    found = shard_neighbors(vectors, config("cells", 10, wanted), CPU, 42, executor, tmp_path)
    exact = neighbor_graph(vectors, config(k=10), CPU, 42)
    real = (
        np.mean(
            [len(np.intersect1d(*two)) for two in zip(found.indices, exact.indices, strict=True)]
        )
        / 10
    )
    assert found.recall >= wanted
    assert abs(found.recall - real) < 0.05
    assert (found.distances >= exact.distances - 1e-6).all()
    assert (found.indices != np.arange(3000)[:, None]).all()
    assert all(len(set(row)) == 10 for row in found.indices.tolist())
    assert found.engine.startswith("cells (50, ") or found.engine == "exact"


@pytest.mark.parametrize("cell_texts", [1, 3, 200, 10_000])
def test_cells_of_any_size(tmp_path, monkeypatch, cell_texts):
    """As many cells as texts, cells with fewer texts than neighbours, and fewer texts than one."""
    monkeypatch.setattr(neighbors, "cell_count", lambda n: n // cell_texts)
    vectors = islands(400)
    found = shard_neighbors(vectors, config("cells", 30), CPU, 42, SerialExecutor(), tmp_path)
    assert found.indices.shape == (400, 30)
    assert np.isfinite(found.distances).all()
    assert found.recall >= 0.95


def test_one_huge_cell(tmp_path, monkeypatch):
    """Nine of ten texts are alike: their cell is cut into shards like all texts."""
    monkeypatch.setattr(neighbors, "cell_count", lambda n: n // 100)
    monkeypatch.setattr(neighbors, "ASKING", 256)
    vectors = islands(2000)
    vectors[200:] = vectors[0]
    found = shard_neighbors(vectors, config("cells", 5), CPU, 42, SerialExecutor(), tmp_path)
    assert (found.distances[200:] < 1e-5).all()
    assert (found.indices[300:] == [0, *range(200, 204)]).all()


def test_the_pairs_of_cells_are_those_that_share_one():
    """And each row asks itself, once a cell."""
    vectors = islands(300)
    cells = neighbors.Cells(
        np.argsort(np.random.default_rng(0).random((300, 9)), axis=1)[:, :4].astype(np.int32), 9
    )
    assert vectors.shape[0] == 300
    pairs, met = cell_pairs(cells, 2), np.zeros((300, 300), dtype=bool)
    for begin, end, first, last in pairs.shards.tolist():
        met[np.ix_(pairs.lists[begin:end], pairs.lists[first:last])] = True
    home = [set(row[:2]) for row in cells.order.tolist()]
    wanted = [[bool(one & other) for other in home] for one in home]
    np.testing.assert_array_equal(met, wanted)


def test_an_overlap_that_saves_nothing_is_exact_search():
    """Neighbours that share no cell, and cells so few that overlap costs more than all pairs."""
    cells = neighbors.Cells(np.array([[0, 1], [2, 3], [0, 2]], dtype=np.int32), 100)
    assert needed_overlap(cells, np.array([0]), np.array([[2]]), 1.0) == (1, 1.0)
    assert needed_overlap(cells, np.array([1]), np.array([[2]]), 1.0) == (2, 1.0)
    assert needed_overlap(cells, np.array([0]), np.array([[1]]), 0.5) == (0, 1.0)
    few = neighbors.Cells(cells.order, 4)
    assert needed_overlap(few, np.array([1]), np.array([[2]]), 1.0) == (0, 1.0)


def test_cells_repeat_themselves(monkeypatch):
    """The same seed, the same cells; few texts have none."""
    monkeypatch.setattr(neighbors, "cell_count", lambda n: n // 50)
    vectors = islands(500)
    one, other = (find_cells(vectors, 3, CPU) for _ in range(2))
    np.testing.assert_array_equal(one.order, other.order)
    assert find_cells(vectors[:99], 3, CPU) is None


@pytest.mark.parametrize("fitted", [1, 5, 150, 299, 300])
def test_those_who_ask_fitted_texts_ask_by_shards(executor, tmp_path, fitted):
    """As `nearest_fitted` in one process."""
    vectors = crossed(300)
    rows = np.sort(np.random.default_rng(1).choice(300, fitted, replace=False))
    sample = Sample(rows, np.setdiff1d(np.arange(300), rows))
    found = shard_nearest_fitted(vectors, sample, config(), CPU, 42, executor, tmp_path)
    same(found, nearest_fitted(vectors, sample, config(), CPU, 42))
    sampling.check_kept(found, vectors, sample)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_text(tmp_path, n):
    """Nobody is near, or the other one is."""
    found = shard_neighbors(islands(n), config(), CPU, 42, SerialExecutor(), tmp_path)
    assert found.indices.shape == (n, max(0, n - 1))


def test_all_pairs_covers_each_pair_once(monkeypatch):
    """Whatever the shards."""
    monkeypatch.setattr(neighbors, "ASKING", 3)
    monkeypatch.setattr(neighbors, "ASKED", 4)
    pairs, met = all_pairs(np.arange(0, 14, 2), np.arange(9)), np.zeros((14, 9), dtype=int)
    for begin, end, first, last in pairs.shards.tolist():
        met[np.ix_(pairs.lists[begin:end], pairs.lists[first:last])] += 1
    assert (met[::2] == 1).all()
    assert (met[1::2] == 0).all()
