"""The comparisons of `make test-gpu`, run here on the double: it meets what a GPU must meet.

This also runs every line of the comparisons against the GPU backend before a GPU does.
"""

import sys

import pytest

from rapids_rap.backend import load_backend
from tests.conftest import LYRICS
from tests.parity import checks, options
from tests.parity.host_vectors import host_vectors
from tests.parity.peaks import peaks
from tests.parity.reruns import whole_runs

pytestmark = pytest.mark.double
PARTS = [checks.neighbors, checks.layout, checks.clusters, checks.dense, checks.tables]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return checks.load_sample(LYRICS, tmp_path_factory.mktemp("store"), most=600)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_the_double_meets_what_a_gpu_must_meet(double, sample, part):
    """No figure of any part misses its demand."""
    figures = list(part(sample, load_backend("gpu")))
    assert figures
    assert [f for f in figures if not f.passed] == []


@pytest.mark.parametrize("part", ["cuvs", "layout", "clusters", "host vectors"])
def test_parts_run_without_faiss(double, sample, monkeypatch, part):
    """A machine that holds RAPIDS alone tries what needs no FAISS, reference included."""
    monkeypatch.setitem(sys.modules, "faiss", None)
    gpu = load_backend("gpu")
    run = {
        "cuvs": lambda: checks.neighbors(sample, gpu, "cuvs"),
        "layout": lambda: checks.layout(sample, gpu),
        "clusters": lambda: checks.clusters(sample, gpu),
        "host vectors": lambda: host_vectors(gpu, 1200, 48),
    }[part]
    figures = list(run())
    assert figures
    assert [f for f in figures if not f.passed] == []


OPTIONS = {
    "odd rows, exact": lambda sample, gpu, _: options.odd_rows(sample, gpu, "exact"),
    "odd rows, ivf": lambda sample, gpu, _: options.odd_rows(sample, gpu, "ivf"),
    "odd rows, cuvs": lambda sample, gpu, _: options.odd_rows(sample, gpu, "cuvs"),
    "scarce lists": lambda _, gpu, __: options.scarce_lists(gpu, 2500),
    "descent": lambda sample, gpu, _: options.descent(sample, gpu),
    "starts": lambda sample, gpu, _: options.starts(sample, gpu),
    "selections": lambda sample, gpu, _: options.selections(sample, gpu),
    "spaces": lambda sample, gpu, _: options.spaces(sample, gpu),
    "encoders": lambda sample, gpu, folder: options.encoders(sample, gpu, folder, 40),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_the_double_agrees(double, sample, tmp_path, name):
    """Settings other than the defaults, asked of the double as of a GPU."""
    figures = list(OPTIONS[name](sample, load_backend("gpu"), tmp_path))
    assert figures
    assert [f for f in figures if f.passed is False] == []


def test_vectors_of_the_double_agree(double, sample, tmp_path):
    """The encoder fills the backend's matrix with the vectors of the CPU."""
    figures = list(checks.embedding(sample, load_backend("gpu"), tmp_path))
    assert [f for f in figures if f.passed is False] == []


def test_host_vectors_of_the_double_agree(double):
    """Tiles, batches of host rows and torch's writes give what device rows give."""
    figures = list(host_vectors(load_backend("gpu"), 1200, 48))
    assert len(figures) == 11
    assert [f for f in figures if not f.passed] == []


@pytest.mark.slow
def test_whole_runs_of_the_double_agree(tmp_path, monkeypatch):
    """Figures, tables and pictures of a run, the seed twice, a run that goes on, and `assign`."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = (sys.executable, "-m", "tests.double", "--")
    small = ("--limit", "300", "--set", "clusters.layouts=2", "--set", "maps.width=600")
    small += ("--set", "maps.height=450", "--set", "embedding.dtype=float32")
    figures = list(whole_runs(tmp_path, run, where="cpu", more=small))
    assert len(figures) > 25
    assert [f for f in figures if not f.passed] == []


def test_peaks_of_the_double_are_measured(double):
    """The double's heap stands for a driver: a stage that holds more than planned is noticed."""
    free = iter(range(2**34, 0, -1))  # a byte less at every look
    figures = list(peaks(load_backend("gpu"), 600, 32, lambda: next(free)))
    assert len(figures) == 10
    assert [f for f in figures if f.passed is False] == []
    drained = iter([2**34, *[0] * 10**6])
    figures = list(peaks(load_backend("gpu"), 600, 32, lambda: next(drained)))
    assert [f.name for f in figures if f.passed is False] == [
        "600 x 32: device memory, share of the plan"
    ]
