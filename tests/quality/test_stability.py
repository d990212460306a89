"""Tests of stability: planted clusters come again, invented ones don't, nulls have none."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.neighbors import neighbor_graph
from rapids_rap.config import ClustersConfig, LayoutConfig, NeighborsConfig
from rapids_rap.quality.figures import all_figures
from rapids_rap.quality.nulls import null_vectors
from rapids_rap.quality.stability import (
    COLUMNS,
    STABLE,
    Comparisons,
    class_of,
    cluster_again,
    describe,
    prepare,
    resample_songs,
    why_not,
)
from tests.quality.test_resampling import Units, lines_of
from tests.strict_backend import StrictBackend

CPU = CpuBackend()
LAYOUTS = LayoutConfig(n_neighbors=8, dimensions=2, epochs=60)
CLUSTERS = ClustersConfig(min_cluster_size=12, layouts=2, selection="eom").voting
N, SONGS = 240, 24


def planted(seed=0):
    """(n, 12) vectors: two tight clusters of 60, and 120 texts that lie anywhere."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(N, 12))
    rows[:60] = rows[:60] * 0.15 + 6 * np.eye(12)[0]
    rows[60:120] = rows[60:120] * 0.15 + 6 * np.eye(12)[1]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def labels_of():
    """The two planted clusters, and a third one that is invented among what lies anywhere."""
    return np.repeat([0, 1, 2, -1], [60, 60, 40, 80]).astype(np.int64)


def measure(labels, vectors, songs=None, backend=CPU, subsamples=4, texts=None):
    own = backend.from_host(vectors)
    n = len(labels)
    lines = lines_of(np.arange(n) % SONGS if songs is None else songs)
    words = [f"{i:05d}" * 3 for i in range(n)] if texts is None else texts
    graph = neighbor_graph(own, NeighborsConfig(k=12), backend, 1)
    return resample_songs(
        backend.from_host(labels),
        own,
        graph,
        lines,
        words,
        LAYOUTS,
        CLUSTERS,
        subsamples,
        backend,
        7,
    )


@pytest.fixture(scope="module")
def found():
    return measure(labels_of(), planted())


def test_planted_clusters_recur_and_an_invented_one_does_not(found):
    """What is dense comes again on other songs; labels among scattered texts don't."""
    assert found.clusters["stability"].iloc[:2].min() > 0.85
    assert found.clusters["stability_class"].iloc[:2].tolist() == ["highly stable"] * 2
    assert found.clusters["stability"].iloc[2] < 0.6
    assert found.clusters["stability_class"].iloc[2] == "unstable"
    low, high = found.clusters["stability_low"], found.clusters["stability_high"]
    assert ((low <= found.clusters["stability"]) & (found.clusters["stability"] <= high)).all()
    assert tuple(found.clusters.columns) == COLUMNS
    assert found.clusters[["seeds", "setting_up", "model"]].isna().all(axis=None)


def test_the_figure_says_how_it_was_made(found):
    """What was drawn, how often, how many recur; and that no null stands beside it yet."""
    figure = found.figure
    assert figure["value"] == pytest.approx(found.clusters["stability"].mean())
    assert figure["interval"][0] <= figure["value"] <= figure["interval"][1]
    assert figure["recurring_clusters"] == 2
    assert figure["recurring_share_texts"] == pytest.approx(120 / 160)
    assert figure["interval_over"] == "4 subsamples of 80% of songs"
    assert sum(figure["classes"].values()) == 3
    assert "rapids-rap stability RUN" in figure["note"]
    assert list(all_figures({"stability": figure})) == ["stability"]  # no part passes for a figure


def test_texts_that_churn_are_those_that_nothing_holds(found):
    """Planted texts keep their cluster; those of no cluster are swallowed with the invented one."""
    stayed = found.texts["stayed"]
    assert (found.texts["held"] <= 4).all()
    assert stayed[:120].mean() > 0.9
    assert stayed[160:].mean() < 0.5
    assert stayed[found.texts["held"] == 0].isna().all()


def test_the_same_seed_gives_the_same_and_strict_arrays_too(found):
    """Repeatable, and by the array API alone."""
    again = measure(labels_of(), planted(), backend=StrictBackend())
    pd.testing.assert_frame_equal(found.clusters, again.clusters)
    pd.testing.assert_frame_equal(found.texts, again.texts)


@pytest.mark.parametrize(
    ("labels", "songs", "why"),
    [
        (np.full(N, -1), None, "there is no cluster"),
        (labels_of(), np.arange(N) % 3, "too few songs: 3 songs"),
        (labels_of(), [None] * N, "too few songs: 5 blocks of 50 lines"),
        (np.zeros(3, dtype=np.int64), np.arange(3), "too few songs"),
        (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), "there is no cluster"),
    ],
)
def test_what_can_not_be_said_is_null_with_its_reason(labels, songs, why):
    """No cluster, too few songs or blocks, next to nothing at all: null, and why."""
    n = len(labels)
    found = measure(np.asarray(labels, dtype=np.int64), planted()[:n], songs)
    assert found.figure["value"] is None
    assert why in found.figure["note"]
    assert len(found.clusters) == len(found.texts) == 0


def test_nulls_have_the_spread_of_the_vectors_and_none_of_their_clusters():
    """Columns keep their values, covariances are kept, and the planted pairs are gone."""
    vectors = planted()
    for backend in (CPU, StrictBackend()):
        for kind in ("shuffled", "gaussian"):
            null = backend.to_host(null_vectors(kind, backend.from_host(vectors), backend, 5))
            assert null.shape == vectors.shape
            assert null.dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(null, axis=1), 1, atol=1e-5)
            assert not np.isclose(null @ null.T, vectors @ vectors.T, atol=0.05).all()
    rows = np.random.default_rng(0).normal(size=(20_000, 4)) @ np.diag([1, 2, 3, 4]) + 5
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    gaussian = null_vectors("gaussian", rows, CPU, 5)
    np.testing.assert_allclose(gaussian.mean(axis=0), rows.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(gaussian.T), np.cov(rows.T), atol=0.03)


def test_everything_is_compared_and_each_clustering_asked_for_once():
    """Seeds, settings, the other model and both nulls have a figure; real ones beat the nulls."""
    vectors, labels = planted(), labels_of()
    lines = lines_of(np.arange(N) % SONGS)
    graph = neighbor_graph(vectors, NeighborsConfig(k=12), CPU, 1)
    words = [f"{i:05d}" * 3 for i in range(N)]
    subject = prepare(vectors, graph, lines, words, LAYOUTS, CLUSTERS, CPU, 7)
    assert why_not(labels, subject) == ""
    asked = []

    def keep(name, make):
        asked.append(name)
        return make()

    others = cluster_again(subject, 2, NeighborsConfig(k=12), labels, CPU, keep)
    found = describe(labels, others, subject.units)
    assert len(asked) == len(set(asked))
    assert {"songs-0", "songs-1", "seed-0", "down", "up", "shuffled", "gaussian"} <= set(asked)
    assert (found.clusters["model"] == 1.0).all()
    assert found.clusters[["seeds", "setting_down", "setting_up"]].iloc[:2].min(axis=None) > 0.8
    nulls = found.figure["nulls"]
    assert found.figure["baseline"] == max(one["recurrence"] for one in nulls.values())
    assert found.clusters["stability"].iloc[0] > found.figure["baseline"]


def test_a_null_without_clusters_has_nothing_to_recur():
    """No cluster among random vectors is a baseline of 0, and says that there was none."""
    labels = labels_of()
    none = (np.full(N, -1), [])
    others = Comparisons([labels, labels], nulls={"shuffled": none, "gaussian": none})
    figure = describe(labels, others, Units(np.arange(N), "songs")).figure
    assert figure["value"] == 1.0
    assert figure["baseline"] == 0.0
    assert figure["nulls"]["shuffled"]["clusters"] == 0
    assert "note" not in figure


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1.0, "highly stable"),
        (0.85, "highly stable"),
        (0.849, "stable"),
        (STABLE, "stable"),
        (0.6, "doubtful"),
        (0.59, "unstable"),
        (0.0, "unstable"),
        (float("nan"), ""),
    ],
)
def test_classes_are_hennigs(value, name):
    """The limits of Hennig (2007), and no class for what was never held."""
    assert class_of(value) == name
