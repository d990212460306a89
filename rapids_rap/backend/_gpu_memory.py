"""Device memory: one allocator for CuPy, cuDF, cuML and cuVS, and what its failures mean.

Streams. CuPy and torch work on the legacy default stream, cuML and cuVS on the per-thread one, and
FAISS is told torch's (`faiss.contrib.torch_utils`). CUDA orders the per-thread stream after the
legacy one and the reverse, so arrays may pass between them; the host is made to wait
(`synchronize`) only where an array may die before a library that returned early has read it, and
where NumPy looks at mapped memory.
"""

from __future__ import annotations

import functools
import importlib
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from rapids_rap.arrays import Float32s
from rapids_rap.backend.extras import require
from rapids_rap.backend.failures import device_failure, is_device_error
from rapids_rap.backend.gpu_plan import GIB, RESERVE, plan_vectors, vector_bytes
from rapids_rap.backend.host import host_memory
from rapids_rap.backend.protocol import Array, Memory, Sizes
from rapids_rap.errors import CapabilityError, RapError

MAPPED = 2  # cudaHostAllocMapped
EXHAUSTED = ("out of memory", "out_of_memory", "bad_alloc", "memoryallocation")

Counts = Callable[[], tuple[int, int]]  # bytes allocated in all, and the most at one time


@functools.cache
def gpu_memory() -> GpuMemory:
    """The device memory of this process; RMM's resource is global, so it is set up once."""
    return GpuMemory()


class GpuMemory:
    """Allocates arrays, moves them between libraries, and says how much there is.

    Raises CapabilityError where CuPy is missing or finds no device.
    """

    def __init__(self) -> None:
        self.cupy: Any = require("cupy", "The run", "gpu")
        if not self.cupy.cuda.is_available():
            raise CapabilityError(
                "CuPy finds no CUDA device: there is none, its driver is older than CUDA 13 "
                "needs, or CUDA_VISIBLE_DEVICES hides it; run `rapids-rap doctor`, or use "
                "--backend cpu."
            )
        self.allocator, self._counts = _install_allocator(self.cupy)
        # Mapped host memory by its address, for as long as an array on it lives.
        self._mapped: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def synchronize(self) -> None:
        """Wait for all work on the device."""
        self.cupy.cuda.runtime.deviceSynchronize()

    def memory(self) -> Memory:
        """Bytes free and in all as the driver tells them; the peak of the array libraries.

        Freed blocks that the pool keeps (at most `RESERVE`) count as used.
        """
        self.synchronize()
        free, total = self.cupy.cuda.runtime.memGetInfo()
        return Memory(free=int(free), total=int(total), peak=self._counts()[1])

    def allocated(self) -> int:
        """Bytes that the array libraries allocated in all."""
        return self._counts()[0]

    def as_torch(self, array: Array) -> Any:
        """A torch tensor on the array's memory, mapped host memory included."""
        from torch.utils.dlpack import from_dlpack

        return from_dlpack(array)

    def from_torch(self, tensor: Any) -> Array:
        """A CuPy array on the tensor's memory."""
        return self.cupy.from_dlpack(tensor)

    def allocate_rows(self, n: int, d: int, sizes: Sizes) -> tuple[Array, str]:
        """An uninitialised (n, d) float32 matrix where `plan_vectors` puts it, and why there."""
        choice = plan_vectors(n, d, self.memory().free, host_memory().free, sizes)
        with self.explain("The matrix of vectors", vector_bytes(n, d)):
            if choice.algorithm == "host":
                return self._map_rows(n, d), f"pinned host memory: {choice.because}"
            return self.cupy.empty((n, d), dtype=np.float32), f"device: {choice.because}"

    def host_view(self, array: Array) -> Float32s | None:
        """The mapped rows as a NumPy array on the same memory; None for device memory.

        array: whole rows, contiguous, of a matrix of `allocate_rows`.
        """
        pinned = self._mapping(array)
        if pinned is None or not array.flags.c_contiguous:
            return None
        self.synchronize()
        pointer = self.cupy.cuda.PinnedMemoryPointer(pinned, array.data.ptr - pinned.ptr)
        return np.frombuffer(pointer, dtype=np.float32, count=array.size).reshape(array.shape)

    def is_mapped(self, array: Array) -> bool:
        """Whether the array lies in mapped host memory."""
        return self._mapping(array) is not None

    def _mapping(self, array: Array) -> Any:
        """The mapped memory that holds the array, or None."""
        for start, pinned in self._mapped.items():
            if 0 <= array.data.ptr - start < pinned.size:
                return pinned
        return None

    def _map_rows(self, n: int, d: int) -> Array:
        """Host memory that the device reads and writes over its bus, at the same address."""
        cuda = self.cupy.cuda
        pinned = cuda.PinnedMemory(vector_bytes(n, d), MAPPED)
        self._mapped[pinned.ptr] = pinned
        # The device must be named: the driver gives host memory none.
        device = cuda.runtime.getDevice()
        memory = cuda.UnownedMemory(pinned.ptr, vector_bytes(n, d), pinned, device)
        return self.cupy.ndarray((n, d), dtype=np.float32, memptr=cuda.MemoryPointer(memory, 0))

    @contextmanager
    def explain(self, stage: str, wanted: int) -> Iterator[None]:
        """Turn every library's way of running out of memory into one CapabilityError.

        wanted: the bytes that were expected. Waits for the device, so that what fails is `stage`.
        """
        free = self.memory().free
        try:
            yield
            self.synchronize()
        except RapError:
            raise
        except Exception as error:
            if is_device_error(error) and not is_out_of_memory(error):
                raise device_failure(
                    error, f"{stage} broke off; what was finished is kept."
                ) from error
            if not is_out_of_memory(error):
                raise
            raise exhausted(stage, wanted, free) from error


def exhausted(stage: str, wanted: int, free: int) -> CapabilityError:
    """What to say where device memory did not suffice; `wanted`: bytes that were expected."""
    return CapabilityError(
        f"{stage} ran out of memory: about {wanted / GIB:.1f} GiB were expected and "
        f"{free / GIB:.1f} GiB of the GPU's were free; end other programs on the GPU, use "
        "a larger one, or fewer lines (--limit). What was finished is kept."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether CuPy, RMM, torch, FAISS, cuML or cuVS ran out of memory.

    CuPy and RMM raise kinds of MemoryError; torch, FAISS, the CUDA runtime and cuVS errors of their
    own, which say so in words.
    """
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(word in message for word in EXHAUSTED)


def _install_allocator(cupy: Any) -> tuple[str, Counts]:
    """RMM's pool for every RAPIDS library and CuPy; CuPy's own pool where RMM is not installed."""
    try:
        resources = importlib.import_module("rmm.mr")
        allocators = importlib.import_module("rmm.allocators.cupy")
    except ImportError:
        return _count_own_pool(cupy)
    # FAISS and torch allocate from the driver, so the pool must give back what it doesn't use.
    pool = resources.CudaAsyncMemoryResource(release_threshold=RESERVE)
    adaptor = resources.StatisticsResourceAdaptor(pool)
    resources.set_current_device_resource(adaptor)
    cupy.cuda.set_allocator(allocators.rmm_cupy_allocator)

    def counts() -> tuple[int, int]:
        statistics = adaptor.allocation_counts
        return int(statistics.total_bytes), int(statistics.peak_bytes)

    return "RMM's asynchronous pool, for CuPy, cuDF, cuML and cuVS", counts


def _count_own_pool(cupy: Any) -> tuple[str, Counts]:
    pool = cupy.get_default_memory_pool()
    total = peak = 0

    def allocate(size: int) -> Any:
        nonlocal total, peak
        pointer = pool.malloc(size)
        total += size
        peak = max(peak, pool.used_bytes())
        return pointer

    cupy.cuda.set_allocator(allocate)
    return "CuPy's own pool: rmm is not installed", lambda: (total, peak)
