"""Tests of the lanes: what a batch sees on the device, and what is said when the device fails.

The CUDA lane runs here on a fake `torch.cuda`; it has not been run on a GPU.
"""

import numpy as np
import pytest
import torch

from rapids_rap.backend.lanes import CpuLane, CudaLane, open_lane
from rapids_rap.errors import CapabilityError
from tests.backend.fake_cuda import GARBAGE, FakeCuda

CPU = torch.device("cpu")


def name(error):
    return f"{type(error).__name__}-{str(error)[:24]}"


@pytest.fixture
def cuda(monkeypatch):
    """The fake `torch.cuda`."""
    return FakeCuda(monkeypatch)


@pytest.fixture
def two_cores():
    """As on a machine with two cores, whatever this one has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_backends_device_decides_the_lane(cuda):
    """The double of the GPU backend computes on the CPU, and says so by its torch device."""
    assert isinstance(open_lane("cpu"), CpuLane)
    lane = open_lane("cuda")
    assert isinstance(lane, CudaLane)
    assert (lane.device.type, lane.dtype, lane.packs) == ("cuda", "bfloat16", True)


def test_the_cpu_moves_nothing():
    """Arrays are shared both ways: no copy of a batch or of the vectors."""
    array = np.arange(4)
    (tensor,) = CpuLane().upload(array)
    tensor[0] = 9
    assert array[0] == 9
    assert CpuLane().download(tensor)()[0] == 9
    model = torch.nn.Linear(2, 2)
    assert CpuLane().place(model, "m") is model


def test_cpu_workers_take_a_batch_a_core_and_keep_the_order(two_cores):
    """Each core runs whole batches on one thread, and the cores are given back."""
    with CpuLane().workers() as run:
        assert list(run(lambda i: (i, torch.get_num_threads()), range(5))) == [
            (i, 1) for i in range(5)
        ]
    assert torch.get_num_threads() == 2


def test_an_error_in_a_cpu_worker_surfaces_and_frees_the_cores(two_cores):
    """One failed batch must not leave the process with a single thread."""
    with pytest.raises(ZeroDivisionError), CpuLane().workers() as run:
        list(run(lambda i: 1 // i, [1, 0, 1]))
    assert torch.get_num_threads() == 2


def test_what_is_computed_next_sees_the_upload_without_waiting_on_the_host(cuda):
    """The compute stream waits for the copy, the host never: that is the overlap."""
    lane = CudaLane(CPU)
    arrays = np.arange(5), np.array([1, 2], dtype=np.int32)
    tensors = lane.upload(*arrays)
    for tensor, array in zip(tensors, arrays, strict=True):
        np.testing.assert_array_equal(tensor, array)
        assert tensor.numpy().dtype == array.dtype
        assert (tensor.data_ptr(), "computing") in cuda.recorded
    assert ("copy", "computing") not in cuda.log
    assert not [entry for entry in cuda.log if entry[0] == "synchronize"]


def test_the_fake_shows_an_upload_that_nobody_waited_for(cuda, monkeypatch):
    """Proves that the test above can fail: without the wait the batch would be garbage."""
    monkeypatch.setattr(type(cuda.computing), "wait_event", lambda self, event: None)
    (tensor,) = CudaLane(CPU).upload(np.arange(5))
    assert tensor.tolist() == [GARBAGE] * 5


def test_a_download_takes_what_was_computed_and_is_waited_for_only_when_called(cuda):
    """The copy stands behind the computation; the host waits where the array is wanted."""
    lane = CudaLane(CPU)
    tensor = torch.arange(4.0)
    cuda.log.clear()
    pending = lane.download(tensor)
    stream = cuda.recorded[-1][1]
    assert cuda.recorded[-1] == (tensor.data_ptr(), stream)
    assert stream != "computing"
    before = [("record", "computing"), ("wait", stream, "computing"), ("copy", stream)]
    assert cuda.log == [*before, ("record", stream)]
    np.testing.assert_array_equal(pending(), [0, 1, 2, 3])
    assert cuda.log[-1] == ("synchronize", stream)


def test_an_upload_never_stands_behind_a_download(cuda):
    """On one copy stream the next batch would wait until this one is computed."""
    lane = CudaLane(CPU)
    lane.download(torch.ones(2))
    lane.upload(np.ones(2))
    streams = [entry[1] for entry in cuda.log if entry[0] == "copy"]
    assert len(set(streams)) == 2


def test_a_model_too_large_for_the_gpu_names_bytes_and_remedies(cuda, monkeypatch):
    """The administrator must see by how much it misses, and what to do."""
    model = torch.nn.Linear(100, 100)
    cuda.free = 1000

    def full(self, device):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(CapabilityError) as caught:
        CudaLane(CPU).place(model, "a/model")
    said = str(caught.value)
    assert "a/model" in said
    assert "(40400 bytes)" in said
    assert "(1000 bytes)" in said
    assert "--backend cpu" in said


def test_other_errors_of_placing_a_model_are_not_a_shortage(cuda, monkeypatch):
    """A wrong sentence about memory would send the administrator the wrong way."""

    def broken(self, device):
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(torch.nn.Module, "to", broken)
    with pytest.raises(RuntimeError, match="kernel image"):
        CudaLane(CPU).place(torch.nn.Linear(1, 1), "m")


def test_a_model_that_fits_is_placed(cuda):
    """The usual case."""
    model = torch.nn.Linear(2, 2)
    assert CudaLane(CPU).place(model, "m") is model


def test_cuda_batches_run_one_after_the_other(cuda):
    """The GPU is shared by nobody: batches side by side would only need more memory."""
    with CudaLane(CPU).workers() as run:
        assert list(run(str, [1, 2])) == ["1", "2"]


def test_only_cuda_has_a_cache_to_release(cuda):
    """The array libraries that come next need what torch keeps."""
    CpuLane().release()
    assert cuda.emptied == 0
    CudaLane(CPU).release()
    assert cuda.emptied == 1
