"""The comparisons themselves: the CPU agrees with itself, and every kind of damage is noticed."""

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import DensityClusters, Knn, Pca
from tests.conftest import LYRICS
from tests.parity import checks, reruns
from tests.parity.attention import attention, by_text


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
    assert all(f.passed and f.value > 0.99999 for f in figures if f.needed)
    assert [f.passed for f in figures if f.name == "packed batches"] == [None]


def test_batches_that_are_not_packed_are_noticed(sample, tmp_path, monkeypatch):
    """Where the device has a fused kernel, vectors that are right without it don't pass."""
    monkeypatch.setattr(checks, "has_packed_attention", lambda other: True)
    report = SimpleNamespace(dtype="bfloat16", attention="by length", attention_reason="none")
    found = SimpleNamespace(matrix=sample.vectors, report=report)
    monkeypatch.setattr(checks, "embed", lambda *_: found)
    figures = checks.embedding(sample, CpuBackend(), tmp_path)
    assert [f.name for f in figures if not f.passed] == ["packed batches"]


def test_a_run_without_kernels_is_noticed(sample_run):
    """The manifest of a run on the CPU shows no launches and no device memory."""
    manifest = json.loads((sample_run / "manifest.json").read_text())
    missed = {f.name for f in checks.whole_run(manifest) if f.passed is False}
    assert missed == {
        "launches of the kernel pool",
        "launches of the kernel silhouette",
        "bytes allocated",
    }


def test_attention_text_by_text_meets_its_demand():
    """The comparison's own reference, rounded as a kernel's result is, has no error to speak of."""
    figures = list(attention("plain", lambda packed: by_text(packed).bfloat16(), "cpu"))
    assert len(figures) == 4
    assert all(f.passed and f.value > 0 for f in figures)


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: replace(p, borders=p.borders[[0, *range(2, len(p.borders))]]),
        lambda p: replace(p, causal=not p.causal),
        lambda p: replace(p, scale=1.0),
        lambda p: replace(p, key=p.key.flip(1), value=p.value.flip(1)),
    ],
    ids=["a border lost", "the wrong direction", "the wrong scale", "heads shared wrongly"],
)
def test_damaged_attention_is_noticed(damage):
    """Texts that see each other, the wrong direction, scale or heads fail every figure."""
    figures = attention("damaged", lambda packed: by_text(damage(packed)), "cpu")
    assert [f.passed for f in figures] == [False] * 4


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
            np.where(found.labels < 0, np.nan, found.probabilities),
            found.persistence + 1,
            found.tree,
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
        "clusters": {
            "adjusted Rand index on blobs",
            "adjusted Rand index on the sample's map",
            "probabilities outside [0, 1] or not finite on blobs",
            "persistence outside [0, 1] on blobs",
        },
        "dense": {"least cosine of 8 principal axes", "error of the silhouette, plane"},
        "tables": {"rows of cluster_terms that differ"},
    }[part.__name__]
    assert expected <= failed


def test_the_reference_without_faiss_is_the_cpus(sample):
    """What stands in for the CPU's search gives its neighbours, ties included."""
    found, expected = checks.exact_graph(sample.vectors, 30), CpuBackend().knn(sample.vectors, 30)
    np.testing.assert_allclose(found.distances, expected.distances, atol=2e-6)
    same = (found.indices == expected.indices).mean()
    assert same > 0.995


@pytest.mark.parametrize(
    ("ours", "theirs", "differing"),
    [
        (["a", None], ["a", None], 0),
        (["a", None], ["a", "b"], 1),
        (["a", "b"], ["a", None], 1),
        ([1.0, np.nan], [1.0, np.nan], 0),
        ([1.0, np.nan], [1.0, 2.0], 1),
        (pd.array([1, None], dtype="Int64"), pd.array([1, 2], dtype="Int64"), 1),
        (pd.array([1, None], dtype="Int64"), pd.array([1, None], dtype="Int64"), 0),
        (pd.array(["a", None], dtype="str"), pd.array(["a", "b"], dtype="str"), 1),
        (pd.array(["a", None], dtype="str"), pd.array(["a", None], dtype="str"), 0),
        ([1, 2], [1.0, np.nan], 1),
    ],
)
def test_what_is_missing_on_one_side_differs(ours, theirs, differing):
    """A missing value is not equal to whatever the other backend has."""
    tables = (pd.DataFrame({"column": values}) for values in (ours, theirs))
    assert checks.rows_that_differ(*tables) == differing


def damaged_copy(run, folder, part):
    """A copy of the run in which one part is not as it was."""
    shutil.copytree(run, folder)
    if part == "figures":
        quality = json.loads((folder / "quality.json").read_text())
        quality["trustworthiness"]["value"] += 0.01
        quality["dbcv"]["value"] = None
        (folder / "quality.json").write_text(json.dumps(quality))
    elif part == "tables":
        table = pd.read_csv(folder / "clusters.csv")
        table.loc[1, "lines"] += 1
        table.to_csv(folder / "clusters.csv", index=False)
    else:
        (folder / "maps" / "themes.png").unlink()
        path = folder / "maps" / "clusters.png"
        pixels = np.array(Image.open(path))
        pixels[:200] = 0
        Image.fromarray(pixels).save(path)
    return folder


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("none", set()),
        ("figures", {"figures of trustworthiness", "figures of dbcv"}),
        ("tables", {"rows of clusters.csv that differ"}),
        ("pictures", {"pixels of themes.png that differ", "pixels of clusters.png that differ"}),
    ],
)
def test_damage_of_a_whole_run_is_noticed(sample_run, tmp_path, part, expected):
    """A figure that moved or went missing, another cell, another picture."""
    copy = sample_run if part == "none" else damaged_copy(sample_run, tmp_path / "run", part)
    missed = [f.name for f in reruns.against_the_cpu(copy, sample_run) if not f.passed]
    assert {re.sub(r"(,| from).*", "", name) for name in missed} == expected


def test_a_figure_that_is_not_a_number_fails():
    """NaN is a miss, whichever way the demand points."""
    assert checks.at_least("p", "n", float("nan"), 0).passed is False
    assert checks.at_most("p", "n", float("nan"), 0).passed is False


def test_one_stray_point_is_found():
    """A single point far outside the CPU's map counts, the others do not."""
    own = np.random.default_rng(0).normal(size=(500, 2))
    assert checks.strays(own, own) == 0
    assert checks.strays(np.concatenate([own, [[500.0, 0.0]]]), own) == 1
