"""The comparisons themselves: the CPU agrees with itself, and every kind of damage is noticed."""

import numpy as np
import pytest

from rapids_rap.backend import DensityClusters, Knn, Pca
from rapids_rap.backend.cpu import CpuBackend
from tests.conftest import LYRICS
from tests.parity import checks


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return checks.load_sample(LYRICS, tmp_path_factory.mktemp("store"), most=600)


PARTS = [checks.neighbors, checks.layout, checks.clusters, checks.dense, checks.tables]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_the_cpu_agrees_with_itself(sample, part):
    """Without a difference every figure passes."""
    figures = list(part(sample, CpuBackend()))
    assert figures
    assert [f for f in figures if not f.passed] == []


def test_the_cpu_embeds_the_sample_again_the_same(sample, tmp_path):
    """The vectors that parity is measured against are those of the run."""
    figures = list(checks.embedding(sample, CpuBackend(), tmp_path))
    assert all(f.passed and f.value > 0.99999 for f in figures)


class Damaged(CpuBackend):
    """Every answer a little or wholly wrong."""

    def knn(self, *args, **options):
        found = super().knn(*args, **options)
        return Knn(found.indices[::-1].copy(), found.distances, found.engine, 1.0)

    def umap(self, points, graph, specs, seed):
        xy = super().umap(points, graph, specs, seed)[0].copy()
        xy[0] = 1e6
        return [np.random.default_rng(0).permutation(xy)]

    def hdbscan(self, points, **options):
        found = super().hdbscan(points, **options)
        return DensityClusters(
            np.random.default_rng(0).permutation(found.labels),
            found.probabilities,
            found.persistence + 1,
        )

    def pca(self, points, n_components, **options):
        found = super().pca(points, n_components, **options)
        return Pca(found.mean, found.components[::-1], found.explained_variance)

    def silhouette(self, points, labels):
        return super().silhouette(points, labels) + 0.01

    def from_host(self, array):
        """Wrong where it counts occurrences."""
        counts = array.dtype == np.int64 and array.min(initial=1) > 0 and array.max(initial=0) < 6
        return array * array if counts else array


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_damage_is_noticed(sample, part):
    """A backend that answers wrongly fails figures of every part."""
    failed = {f.name for f in part(sample, Damaged()) if not f.passed}
    expected = {
        "neighbors": {"recall of 30 neighbours", "rows that hold themselves"},
        "layout": {"stray points", "difference of trustworthiness"},
        "clusters": {"adjusted Rand index on blobs", "adjusted Rand index on the sample's map",
                     "persistence outside [0, 1] on blobs"},
        "dense": {"least cosine of 8 principal axes", "error of the silhouette, plane"},
        "tables": {"rows of cluster_terms that differ"},
    }[part.__name__]  # fmt: skip
    assert expected <= failed


def test_a_figure_that_is_not_a_number_fails():
    """NaN is a miss, whichever way the demand points."""
    assert checks.at_least("p", "n", float("nan"), 0).passed is False
    assert checks.at_most("p", "n", float("nan"), 0).passed is False


def test_one_stray_point_is_found():
    """A single point far outside the CPU's map counts, the others do not."""
    own = np.random.default_rng(0).normal(size=(500, 2))
    assert checks.strays(own, own) == 0
    assert checks.strays(np.concatenate([own, [[500.0, 0.0]]]), own) == 1
