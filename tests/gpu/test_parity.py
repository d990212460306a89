"""The GPU backend against the CPU backend, part by part, on the same input."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import pytest
import torch

from rapids_rap.backend import load_backend
from rapids_rap.embedding import varlen
from tests.conftest import LYRICS, ROOT
from tests.gpu.findings import is_installed
from tests.parity import checks, options
from tests.parity.attention import attention
from tests.parity.host_vectors import host_vectors
from tests.parity.reruns import whole_runs

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("engine", ["exact", "ivf"])
def test_neighbors(compare, sample, engine):
    """FAISS finds the neighbours that the CPU finds."""
    compare("neighbors", partial(checks.neighbors, sample, load_backend("gpu"), engine))


@pytest.mark.parametrize(
    ("part", "engine"), [("neighbors", "exact"), ("neighbors", "ivf"), ("neighbors (cuvs)", "cuvs")]
)
def test_neighbors_of_odd_rows(compare, sample, part, engine):
    """Rows of many lengths, the same search twice, and no queries, by every engine."""
    compare(part, lambda: options.odd_rows(sample, load_backend("gpu"), engine))


def test_neighbors_of_scarce_lists(compare):
    """An inverted file that misses says how much, and leaves no gap."""
    compare("neighbors", lambda: options.scarce_lists(load_backend("gpu")))


def test_neighbors_by_descent(compare, sample):
    """NN-descent over device rows is measured and repaired."""
    compare("neighbors (cuvs)", lambda: options.descent(sample, load_backend("gpu")))


def test_neighbors_of_cuvs(compare, sample):
    """So does cuVS."""
    compare("neighbors (cuvs)", lambda: checks.neighbors(sample, load_backend("gpu"), "cuvs"))


def test_layout(compare, sample):
    """The map is as trustworthy as the CPU's, and no point flies off."""
    compare("layout", lambda: checks.layout(sample, load_backend("gpu")))


def test_starts(compare, sample):
    """So is a map from every other start, and a seed gives one map."""
    compare("layout", lambda: options.starts(sample, load_backend("gpu")))


def test_selections(compare, sample):
    """And with every selection, a distance, NN-descent, and noise that joins clusters."""
    compare("clusters", lambda: options.selections(sample, load_backend("gpu")))


def test_spaces(compare, sample):
    """Every post-processing, with and without words, gives the CPU's similarities."""
    compare("spaces", lambda: options.spaces(sample, load_backend("gpu")))


def test_encoders(compare, sample, tmp_path):
    """Every pooling, stores of half precision, a resumed store and halved batches."""
    compare("embedding", lambda: options.encoders(sample, load_backend("gpu"), tmp_path))


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


def test_attention(compare):
    """Each fused kernel that is installed attends within texts as torch does text by text."""
    major = torch.cuda.get_device_capability()[0] if torch.cuda.is_available() else 0
    compare("attention", _attention, "" if major >= 8 else "compute capability below 8.0")


def test_host_vectors(compare):
    """Rows in mapped host memory are written, read and searched as those in device memory."""
    compare("host vectors", lambda: host_vectors(load_backend("gpu")))


def test_whole_run(compare, tmp_path):
    """The main job ends well on the GPU, and its manifest shows that the GPU worked."""
    compare("whole run", lambda: _whole_run(tmp_path / "run"))


def test_whole_runs(compare, tmp_path):
    """Figures, tables and pictures are the CPU's; twice the same; resumed; asked for new lines."""
    compare("whole run", lambda: whole_runs(tmp_path))


def _whole_run(folder):
    # In a process of its own, so that the manifest counts this run alone.
    entry = "from rapids_rap.cli import main; main()"
    command = [sys.executable, "-c", entry, "run", str(LYRICS), "--model", "demo"]
    command += ["--backend", "gpu", "--out", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    yield from checks.whole_run(json.loads((folder / "manifest.json").read_text()))


def _attention():
    yield from attention("torch", varlen.torch_kernel, "cuda")
    flash = is_installed("flash_attn")
    yield checks.noted("attention", "flash-attn installed", float(flash))
    if flash:
        yield from attention("flash-attn", varlen.flash_attn_kernel, "cuda")
