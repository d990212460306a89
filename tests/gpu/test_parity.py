"""The GPU backend against the CPU backend, part by part, on the same input."""

from __future__ import annotations

import json
from functools import partial

import pytest

from rapids_rap.backend import load_backend
from tests.conftest import LYRICS, rap
from tests.parity import checks

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("engine", ["exact", "ivf"])
def test_neighbors(compare, sample, engine):
    """FAISS finds the neighbours that the CPU finds."""
    compare("neighbors", partial(checks.neighbors, sample, load_backend("gpu"), engine))


def test_neighbors_of_cuvs(compare, sample):
    """So does cuVS."""
    compare("neighbors (cuvs)", lambda: checks.neighbors(sample, load_backend("gpu"), "cuvs"))


def test_layout(compare, sample):
    """The map is as trustworthy as the CPU's, and no point flies off."""
    compare("layout", lambda: checks.layout(sample, load_backend("gpu")))


def test_clusters(compare, sample):
    """HDBSCAN labels as the CPU's does."""
    compare("clusters", lambda: checks.clusters(sample, load_backend("gpu")))


def test_dense(compare, sample):
    """Principal axes and the exact silhouette are the CPU's."""
    compare("dense", lambda: checks.dense(sample, load_backend("gpu")))


def test_tables(compare, sample):
    """Terms, lexicon hits and artists are the same tables."""
    compare("tables", lambda: checks.tables(sample, load_backend("gpu")))


def test_embedding(compare, sample, tmp_path):
    """bf16 and packed, the demo model gives the vectors of float32."""
    compare("embedding", lambda: checks.embedding(sample, load_backend("gpu"), tmp_path))


def test_whole_run(compare, tmp_path):
    """The main job ends well on the GPU, and its manifest shows that the GPU worked."""
    compare("whole run", lambda: _whole_run(tmp_path / "run"))


def _whole_run(folder):
    ended = rap("run", LYRICS, "--model", "demo", "--backend", "gpu", "--out", folder)
    assert ended.code == 0, ended.err
    manifest = json.loads((folder / "manifest.json").read_text())
    used = manifest["backend"]["used"]
    launches = float(sum(used["kernels"].values()))
    yield checks.at_least("whole run", "launches of our kernels", launches, 1)
    yield checks.at_least("whole run", "bytes allocated", float(used["allocated"]), 1)
    noise = manifest["counts"]["noise_lines"] / manifest["counts"]["kept"]
    yield checks.noted("whole run", "share of noise", noise)
    yield checks.noted("whole run", "clusters", manifest["counts"]["clusters"])
