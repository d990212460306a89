"""Reading verbs on the double: vectors that the plan keeps in main memory never fill the device."""

import numpy as np
import pytest

from rapids_rap.backend import _gpu_faiss, _gpu_knn, _gpu_memory, load_backend, rows
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.gpu_plan import Choice
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import load_encoder
from rapids_rap.errors import CapabilityError
from rapids_rap.reading.assign import ask_neighbours
from rapids_rap.reading.run_space import run_config, run_space
from rapids_rap.reading.search import search_run
from tests.conftest import rap
from tests.double import contract, memory
from tests.reading.test_run_space import NEW, TEXTS, demo_run

pytestmark = pytest.mark.double
CPU = CpuBackend()
MODES = ("none", "center", "whiten")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each post-processing, its vectors those of the demo model."""
    encoder = load_encoder(EmbeddingConfig(model="demo"), CPU)
    folder = tmp_path_factory.mktemp("runs")
    return {
        mode: demo_run(folder / mode, encoder, f"embedding.postprocess={mode}") for mode in MODES
    }


@pytest.fixture
def gpu(double, monkeypatch):
    """A device of which matrices of vectors are kept out, worked on by small blocks."""
    home = Choice("vectors", "host", 0, "the test wants it")
    monkeypatch.setattr(_gpu_memory, "plan_vectors", lambda *_: home)
    for module, name in ((_gpu_faiss, "TILE"), (_gpu_knn, "BLOCK"), (rows, "BLOCK_BYTES")):
        monkeypatch.setattr(module, name, 2**13)
    return load_backend("gpu")


def peak_of(call):
    """What a call returns, and the bytes that it held on the device beside what was there."""
    before = memory.heap.peak = memory.heap.used
    return call(), memory.heap.peak - before


@pytest.mark.parametrize("mode", MODES)
def test_a_search_reads_host_vectors_by_tiles(runs, gpu, mode):
    """The nearest lines of a run whose vectors no device holds, as the CPU finds them."""
    run = runs[mode]
    found, peak = peak_of(lambda: search_run(run, NEW[1], "line", 5, gpu))
    expected = search_run(run, NEW[1], "line", 5, CPU)
    assert found["text"].tolist() == expected["text"].tolist()
    np.testing.assert_allclose(found["similarity"], expected["similarity"], atol=1e-5)
    fits = 4 * run.vectors.shape[1] ** 2 if mode == "whiten" else 0  # axes and covariance
    assert peak < run.vectors.size * 4 // 2 + 8 * fits


@pytest.mark.parametrize("mode", MODES)
def test_new_texts_are_placed_among_host_vectors(runs, gpu, mode):
    """What `assign` asks: neighbours and their votes, as the CPU has them."""
    run = runs[mode]
    labels = np.arange(len(TEXTS)) % 4 - 1

    def place(backend):
        space = run_space(run, TEXTS, NEW, run_config(run), backend)
        return ask_neighbours(space.base, space.asked, backend.from_host(labels), backend)

    found, peak = peak_of(lambda: place(gpu))
    expected = place(CPU)
    np.testing.assert_array_equal(found.nearest, expected.nearest)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.similarity, expected.similarity, atol=1e-5)
    fits = 4 * run.vectors.shape[1] ** 2 if mode == "whiten" else 0
    assert peak < run.vectors.size * 4 // 2 + 8 * fits


def test_a_copy_that_finds_no_room_is_one_sentence(double):
    """Not a MemoryError, which would be reported as a defect of this program."""
    backend = load_backend("gpu")
    contract.faults["cupy.asarray"] = contract.calls["cupy.asarray"] + 1
    with pytest.raises(CapabilityError, match=r"copy to the GPU ran out of memory: about 0\.0 GiB"):
        backend.from_host(np.zeros(3))


def test_a_device_that_is_full_is_no_defect(runs, double, monkeypatch):
    """Wherever in a verb memory runs out, exit code 3 and a sentence."""
    monkeypatch.setattr("rapids_rap.reading.search._units", _full)
    ended = rap("search", runs["none"].path, "故乡", "--backend", "gpu")
    assert ended.code == 3, ended.err
    assert "Memory ran out" in ended.err
    assert "defect" not in ended.err


def _full(*_):
    raise memory.OutOfMemoryError("Out of memory allocating 1,073,741,824 bytes.")
