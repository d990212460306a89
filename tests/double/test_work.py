"""What is asked of the device: how it is counted, and what must not be asked more than once."""

import threading

import numpy as np
import pytest

from rapids_rap.backend import _gpu_faiss, _gpu_memory, load_backend
from rapids_rap.backend import gpu as gpu_module
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.gpu_plan import SCRATCH, Choice
from rapids_rap.quality.geometry import cosine_silhouette, dbcv, trustworthiness
from tests.conftest import ROOT
from tests.double import contract, work

pytestmark = pytest.mark.double
CPU = CpuBackend()


@pytest.fixture
def gpu(double):
    return load_backend("gpu")


@pytest.fixture
def counted():
    """`counted(call)`: what the call returns, and what it asked of the device."""

    def run(call):
        work.found.clear()
        return call(), work.now()

    return run


@pytest.fixture
def mapped(gpu, monkeypatch):
    """`mapped(rows)`: rows in main memory that the device reads over its bus."""
    home = Choice("vectors", "host", 0, "the test wants it")
    monkeypatch.setattr(_gpu_memory, "plan_vectors", lambda *_: home)

    def place(points):
        rows = gpu.allocate_rows(*points.shape)
        rows[:, :] = gpu.from_host(points)
        return rows

    return place


def unit(n, d, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_launches_waits_and_copies_are_told_apart(gpu, counted):
    """An operator launches, a value that is read waits, a mask does both, a view does neither."""
    array = gpu.from_host(np.arange(12.0))
    cases = {
        "operator": (lambda: array + 1, 1, 0),
        "function": (lambda: gpu.xp.sqrt(array), 1, 0),
        "view": (lambda: gpu.xp.reshape(array, (3, 4))[1:, :], 0, 0),
        "value": (lambda: float(array[0]), 0, 1),
        "mask": (lambda: array[array > 3], 2, 1),
        "where": (lambda: gpu.xp.where(array > 3, array, 0.0), 2, 0),
        "in place": (lambda: array.__setitem__(slice(2, 4), 0.0), 1, 0),
    }
    for name, (call, launches, syncs) in cases.items():
        _, done = counted(call)
        assert (done.launches, done.syncs) == (launches, syncs), name
    _, done = counted(lambda: gpu.to_host(gpu.from_host(np.zeros(5))))
    assert (done.uploads, done.downloads) == (40, 40)


def test_a_stage_has_its_own_count(gpu, tmp_path):
    """Work is put down to the stage that measures it."""
    from rapids_rap.runs.stages import StageCache

    array = gpu.from_host(np.arange(3.0))
    work.found.clear()
    with StageCache(tmp_path, gpu).measured("mine"):
        array + 1
    assert work.found["mine"].launches == 1


def test_nothing_is_bounded_by_clip():
    """The array API's clip scatters through a mask, and waits, for every bound."""
    sources = [*(ROOT / "rapids_rap").rglob("*.py"), *(ROOT / "kernels").rglob("*.py")]
    clipping = [p.name for p in sources if "xp.clip(" in p.read_text(encoding="utf-8")]
    assert clipping == []


def test_searches_share_one_resource(gpu, counted):
    """Streams and handles are made once; scratch memory is there while a search lasts, no more."""
    points = gpu.from_host(unit(300, 24))
    _, done = counted(lambda: [gpu.knn(points, 5) for _ in range(3)])
    assert done.resources == 1
    resources = _gpu_faiss._resources()
    assert (resources.pinned, resources.scratch) == (0, 0)
    assert _gpu_faiss.faiss_on_gpu()[1].scratch == SCRATCH


def test_scratch_memory_is_freed_after_a_failed_search(gpu):
    """Or the next stage would miss it."""
    points = gpu.from_host(unit(300, 24))
    gpu.knn(points, 5)
    contract.faults["faiss.knn_gpu"] = contract.calls["faiss.knn_gpu"] + 1
    with pytest.raises(Exception, match="ran out of memory"):
        gpu.knn(points, 5)
    assert _gpu_faiss._resources().scratch == 0


def test_a_silhouette_reads_host_rows_once_a_pass(gpu, mapped, counted):
    """A pass for the clusters' sums and one for the values; a mean fetches no row twice."""
    points = unit(300, 24)
    labels = np.arange(300) % 4
    rows = mapped(points)
    found, done = counted(lambda: cosine_silhouette(rows, gpu.from_host(labels)))
    assert done.crossings == 2 * points.nbytes
    np.testing.assert_allclose(gpu.to_host(found), cosine_silhouette(points, labels), atol=1e-6)


def test_ranks_are_counted_for_many_columns_at_once(gpu, counted, monkeypatch):
    """With room on the device, fewer launches; the figure is the same."""
    points, xy = gpu.from_host(unit(300, 24)), gpu.from_host(unit(300, 2, 1))

    def figure():
        return trustworthiness(points, xy, gpu, n_neighbors=15, sample=200, seed=1)

    at_once, few = counted(figure)
    monkeypatch.setattr(gpu_module.GpuBackend, "cache_bytes", 7 * 200 * 300)
    by_column, many = counted(figure)
    assert at_once == by_column
    assert few.launches < many.launches - 3 * 14


def test_large_arrays_are_sent_by_blocks(gpu, monkeypatch):
    """CuPy keeps pinned memory as large as the largest array that it was given at once."""
    monkeypatch.setattr(gpu_module, "BLOCK", 1000)
    array = np.arange(901, dtype=np.int64).reshape(53, 17)
    before = contract.calls["cupy.asarray"]
    np.testing.assert_array_equal(gpu.to_host(gpu.from_host(array)), array)
    assert contract.calls["cupy.asarray"] - before == 8  # of 7 rows of 136 bytes
    for odd in (np.zeros((1, 2000)), np.zeros((0, 3)), np.float32(3.0)):
        assert gpu.from_host(odd).shape == odd.shape


def test_the_host_works_beside_the_device(gpu):
    """What needs no device runs in a thread, and is waited for after what the device does."""
    done = []
    go_on = threading.Event()

    def on_the_host():
        go_on.wait(60)
        done.append("host")
        return threading.current_thread() is not threading.main_thread()

    def on_the_device():
        done.append("device")
        go_on.set()
        return "device"

    waiting = gpu.aside(on_the_host)
    assert gpu.together([waiting, on_the_device]) == [True, "device"]
    assert done == ["device", "host"]


def test_an_error_on_the_host_is_raised_where_it_is_waited_for(gpu):
    """Not lost in its thread."""
    with pytest.raises(ZeroDivisionError):
        gpu.together([gpu.aside(lambda: 1 // 0)])


def test_density_validity_is_the_cpus(gpu):
    """Computed aside, of the same sample."""
    points = np.concatenate([unit(90, 3) + 5 * i for i in range(3)])
    labels = np.repeat([0, 1, 2], 90)
    found = dbcv(gpu.from_host(points), gpu.from_host(labels), gpu, sample=120, seed=1)
    assert found == dbcv(points, labels, CPU, sample=120, seed=1)


def test_the_libraries_of_rapids_are_loaded_after_torch():
    """RAPIDS would find the CUDA 12 library of FAISS first, where torch has not brought its own."""
    import subprocess
    import sys

    code = (
        "import sys, rapids_rap.backend.gpu; "
        "loaded = set(sys.modules) & {'torch', 'cupy', 'faiss', 'cudf', 'cuml', 'cuvs', 'rmm'}; "
        "assert loaded == {'torch'}, loaded"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
