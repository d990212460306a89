"""Tests of subsamples: whole songs, a graph without what is not held, strict arrays."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.config import ClustersConfig, LayoutConfig, NeighborsConfig
from rapids_rap.quality.follows import BLOCKS
from rapids_rap.quality.resampling import (
    Subject,
    Units,
    cluster_subsample,
    draw_texts,
    held_graph,
    song_units,
)
from tests.strict_backend import StrictBackend

CPU = CpuBackend()


def lines_of(songs, texts=None):
    """A line an entry of `songs` (None: no song), text i at line i."""
    n = len(songs)
    return pd.DataFrame(
        {
            "song_id": pd.array(songs, dtype="Int64"),
            "text_id": np.arange(n) if texts is None else texts,
            "line_no": np.arange(1, n + 1),
        }
    )


def points(n=120, d=6, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) + 4 * np.eye(d)[np.arange(n) % 3]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def subject_of(vectors, units, backend=CPU, k=12, n_neighbors=8):
    own = backend.from_host(vectors)
    return Subject(
        vectors=own,
        graph=neighbor_graph(own, NeighborsConfig(k=k), backend, 1),
        lines=np.arange(len(vectors)),
        units=Units(np.asarray(units, dtype=np.int64), "songs"),
        layouts=LayoutConfig(n_neighbors=n_neighbors, dimensions=2, epochs=20),
        clusters=ClustersConfig(min_cluster_size=8, layouts=2).voting,
        seed=3,
    )


def test_songs_that_share_text_are_drawn_together():
    """A cover and its original are one unit; lines without a song go by their block."""
    words = ["a night on the river", "a cover of the song", "wine in the morning", "dust in a coat"]
    lines = lines_of([10, 10, 20, 30, None, None], texts=[0, 1, 2, 1, 3, 3])
    units = song_units(lines, words, CPU)
    of = units.of.tolist()
    assert of[0] == of[1] == of[3] != of[2]
    assert of[4] == of[5] not in of[:4]
    assert units.over == f"songs and {BLOCKS}"
    assert units.count == 3


def test_plain_text_is_drawn_by_blocks():
    """Without any song, 50 lines that follow each other are one unit, and it is said."""
    units = song_units(lines_of([None] * 120), ["x"] * 120, CPU)
    assert units.over == BLOCKS
    assert np.bincount(units.of).tolist() == [50, 50, 20]


def test_draws_hold_four_fifths_of_whole_songs_and_differ():
    """No song is torn apart, every draw has its own songs, and each comes again by its number."""
    subject = subject_of(points(), np.arange(120) // 6)
    drawn = [draw_texts(subject, number).reshape(20, 6) for number in range(5)]
    for held in drawn:
        assert (held.all(axis=1) | ~held.any(axis=1)).all()
        assert held.any(axis=1).sum() == 16
    assert len({held.tobytes() for held in drawn}) == 5
    np.testing.assert_array_equal(draw_texts(subject, 2).reshape(20, 6), drawn[2])


@pytest.mark.parametrize("backend", [CPU, StrictBackend()], ids=["numpy", "strict"])
@pytest.mark.parametrize("share", [0.8, 0.3])
def test_the_held_graph_is_that_of_a_search_among_what_is_held(backend, share):
    """Filtering, and asking again where too few neighbours are left, find the nearest held ones."""
    vectors = points()
    subject = subject_of(vectors, np.arange(120), backend)
    rows = np.sort(np.random.default_rng(5).permutation(120)[: int(share * 120)])
    graph, held = held_graph(subject, rows, backend)
    assert graph.k == 7
    searched = CPU.knn(vectors[rows], 7, engine="exact")
    np.testing.assert_array_equal(backend.to_host(held), vectors[rows])
    np.testing.assert_allclose(
        backend.to_host(graph.distances), searched.distances, atol=2e-6, rtol=0
    )
    indices = backend.to_host(graph.indices)
    assert (indices != np.arange(len(rows))[:, None]).all()
    assert (indices == searched.indices).mean() > 0.99


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_handful_of_held_texts_is_no_error(count):
    """So few texts that there is no graph, or no layout, are noise."""
    subject = subject_of(points(10), np.arange(10), k=4)
    rows = np.arange(count)
    if count:
        graph, held = held_graph(subject, rows, CPU)
        assert graph.k == min(4, count - 1)
        assert held.shape == (count, 6)
    assert (cluster_subsample(subject, 0, CPU) >= -2).all()


def test_strict_arrays_give_the_same_clusters():
    """A subsample makes no implicit trip to the host, and its clusters are the CPU's."""
    vectors, songs = points(), np.arange(120) // 6
    ours = cluster_subsample(subject_of(vectors, songs), 1, CPU)
    strict = StrictBackend()
    theirs = cluster_subsample(subject_of(vectors, songs, strict), 1, strict)
    np.testing.assert_array_equal(ours, theirs)
    assert ((ours == -2).reshape(20, 6).any(axis=1)).sum() == 4
