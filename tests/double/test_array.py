"""The strict device array: what it computes is NumPy's, and nothing leaves it unasked."""

import operator

import numpy as np
import pytest
import torch

from tests.double import contract, memory

pytestmark = pytest.mark.double


def test_every_recorded_name_is_there(double):
    """The double offers all that is recorded, so no test passes by the lack of a name."""
    import importlib

    for name in contract.record()["names"]:
        parts = name.split(".")
        length = max(i for i in range(1, len(parts)) if ".".join(parts[:i]) in MODULES)
        thing = importlib.import_module(".".join(parts[:length]))
        for part in parts[length:]:
            thing = thing if part in FITTED else getattr(thing, part)


MODULES = set(contract.record()["modules"])
FITTED = ("labels_", "probabilities_", "cluster_persistence_")  # after fit, on instances


def test_numpy_gets_nothing_unasked(cupy):
    """np.asarray, np.array and a NumPy function that CuPy lacks raise; `get` copies, counted."""
    array = cupy.asarray(np.arange(6.0))
    for convert in (np.asarray, np.array, np.bincount, memoryview, bytes):
        with pytest.raises(TypeError):
            convert(array)
    host = array.get()
    np.testing.assert_array_equal(host, np.arange(6.0))
    assert [(copy.operation, copy.nbytes) for copy in memory.ledger] == [("get", 48)]


@pytest.mark.parametrize("compute", [operator.add, operator.mul, operator.matmul, operator.lt])
def test_arrays_of_the_host_do_not_mix(cupy, compute):
    """Neither side of an operation may be a NumPy array; NumPy's and Python's scalars may."""
    array, host = cupy.asarray(np.ones(3)), np.ones(3)
    for left, right in ((array, host), (host, array), (array, np.array(1.0))):
        with pytest.raises((TypeError, ValueError)):
            compute(left, right)
    if compute is not operator.matmul:
        for scalar in (2, 2.0, np.float32(2), np.int64(2)):
            np.testing.assert_array_equal(compute(array, scalar).get(), compute(host, scalar))


def test_items_are_set_and_read_by_device_arrays_only(cupy):
    """A NumPy array neither selects nor is written."""
    array = cupy.asarray(np.arange(5))
    mask = cupy.asarray(np.array([True, False, True, False, True]))
    array[mask] = cupy.asarray(np.array([7, 8, 9]))
    np.testing.assert_array_equal(array.get(), [7, 1, 8, 3, 9])
    np.testing.assert_array_equal(array[cupy.asarray(np.array([4, 0]))].get(), [9, 7])
    with pytest.raises(TypeError, match="Unsupported type"):
        array[np.array([0])]
    with pytest.raises(TypeError, match="Unsupported type"):
        array[mask] = np.array([1, 2, 3])


def test_scalars_of_one_element(cupy):
    """int, float and bool of no dimensions are allowed and counted; of others they are not."""
    one = cupy.asarray(np.array(3))
    assert (int(one), float(one), bool(one), one.item()) == (3, 3.0, True, 3)
    assert {copy.operation for copy in memory.ledger} == {"scalar"}
    with pytest.raises(TypeError):
        float(cupy.asarray(np.ones(1)))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(cupy.asarray(np.ones(2)))
    with pytest.raises(TypeError):  # CuPy's arrays have no __index__
        range(cupy.asarray(np.array(3)))


def test_reductions_stay_on_the_device(cupy):
    """A sum is an array of no dimensions, not a number."""
    total = cupy.sum(cupy.asarray(np.arange(4)))
    assert isinstance(total, cupy.ndarray)
    assert (total.shape, int(total)) == ((), 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda cp, a: cp.take(a, a, mode="clip"), "mode"),
        (lambda cp, a: cp.sum(a, keepdims=True, where=a), "where"),
        (lambda cp, a: cp.unique(a, sorted=False), "sorted"),
        (lambda cp, a: cp.argsort(a, stable=True), "stable"),
        (lambda cp, a: cp.clip(a, min=0), "min"),
        (lambda cp, a: a.astype(cp.float32, device=0), "device"),
        (lambda cp, a: a.reshape(shape=(1, -1)), "shape"),
    ],
)
def test_arguments_that_cupy_lacks_are_refused(cupy, call, message):
    """NumPy takes each of these, CuPy does not."""
    with pytest.raises(TypeError, match=message):
        call(cupy, cupy.asarray(np.arange(4)))


@pytest.mark.parametrize("name", ["vecdot", "unstack", "char", "busday_count", "block"])
def test_names_that_are_not_recorded_are_missing(cupy, name):
    """NumPy has each; the double says where to look."""
    assert hasattr(np, name) or name == "unstack"
    with pytest.raises(AttributeError, match=r"names\.py"):
        getattr(cupy, name)


def test_a_sort_by_name_is_refused(cupy):
    """CuPy knows no quicksort by name."""
    with pytest.raises(ValueError, match="kind"):
        cupy.sort(cupy.asarray(np.arange(3)), kind="quicksort")


def test_torch_shares_the_memory(cupy):
    """Through DLPack both ways, without a copy."""
    array = cupy.asarray(np.zeros((2, 3), dtype=np.float32))
    tensor = torch.from_dlpack(array)
    tensor[1, 2] = 5
    assert float(array[1, 2]) == 5
    back = cupy.from_dlpack(tensor)
    back[0, 0] = 4
    assert float(tensor[0, 0]) == 4
    assert not [copy for copy in memory.ledger if copy.operation != "scalar"]


def test_memory_is_counted_and_given_back(cupy):
    """An array's bytes are used while it lives, a view's are not counted twice."""
    before = memory.heap.used
    array = cupy.empty((1000, 8), dtype=cupy.float64)
    view = array[10:, :].T
    assert memory.heap.used - before == 64_000
    assert view.data.ptr == array.data.ptr + 10 * 64
    del array, view
    assert memory.heap.used == before


def test_too_little_memory_is_cupys_own_error(cupy):
    """Beyond the heap's limit the real class is raised, which is a MemoryError."""
    memory.heap.limit = memory.heap.used + 100
    with pytest.raises(cupy.cuda.memory.OutOfMemoryError, match="Out of memory"):
        cupy.empty(1000)


def test_mapped_memory_is_one_memory(cupy):
    """An array on pinned memory is seen by NumPy through the pinned pointer."""
    cuda = cupy.cuda
    pinned = cuda.PinnedMemory(64, 2)
    memory_ = cuda.UnownedMemory(pinned.ptr, 64, pinned, 0)
    array = cupy.ndarray((2, 8), dtype=np.float32, memptr=cuda.MemoryPointer(memory_, 0))
    array[1, 0] = 3.0
    seen = np.frombuffer(cuda.PinnedMemoryPointer(pinned, 32), dtype=np.float32, count=8)
    assert seen[0] == 3.0
    with pytest.raises(RuntimeError, match="device_id"):
        cuda.UnownedMemory(pinned.ptr, 64, pinned)


def test_the_double_leaves_no_trace():
    """After it, no stand-in is importable, FAISS is the CPU's and arrays are told anew."""
    import sys

    import faiss

    from rapids_rap.machine import device
    from tests.double.install import installed

    before = device.resolve
    with installed():
        assert "cupy" in sys.modules
        assert faiss.get_num_gpus() == 1
    assert not {"cupy", "cudf", "cuml", "cuvs", "rmm", "cupyx"} & set(sys.modules)
    assert device.resolve is before
    assert not hasattr(faiss, "StandardGpuResources")
    assert getattr(faiss, "get_num_gpus", lambda: 0)() == 0
