"""How torch's batches travel on a device: everything the encoder asks about where it runs.

A lane moves a batch's arrays to the device and results back, says how batches are best cut there,
and explains the device's errors. `CpuLane` gives every core a batch of its own. `CudaLane` never
waits for the device: whatever is uploaded is copied while earlier batches are still computed, and
a download is waited for only by who needs it, in another thread. A new device is one class.

CudaLane has not been run on a GPU yet; its order of streams and events is tested on a double.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from rapids_rap.arrays import HostArray
from rapids_rap.backend.failures import is_out_of_memory
from rapids_rap.backend.linears import lay_out
from rapids_rap.errors import CapabilityError

Workers = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class Lane(Protocol):
    """What an encoder asks of its device.

    dtype: of weights and activations where the configuration leaves it open. token_budget: tokens
    a batch where it leaves that open. shard_tokens: tokens that a shard has at least, about; 0
    where a shard of the configured number of texts keeps the device busy. packs: whether texts of a
    half-precision model are best laid end to end, because a kernel attends within each of them.
    walks: tokens of the longest text whose float32 attention is best done along the paths of a trie
    (`path_attention`); 0: no text's.
    """

    device: torch.device
    dtype: str
    token_budget: int
    shard_tokens: int
    packs: bool
    walks: int

    def place(self, model: torch.nn.Module, name: str) -> torch.nn.Module:
        """The model in the device's memory. Raises `CapabilityError` where it doesn't fit."""

    def lay_out(self, model: torch.nn.Module) -> Callable[[], None] | None:
        """Lay the weights out as products on this device want them; return what takes it back.

        None where nothing was changed. The model can't be trained any more.
        """

    def upload(self, *arrays: HostArray) -> tuple[torch.Tensor, ...]:
        """The arrays on the device, for whatever is computed next in this thread."""

    def download(self, tensor: torch.Tensor) -> Callable[[], HostArray]:
        """Start to copy a tensor to the host. Calling the result waits for it and returns it.

        The tensor must not be written again before.
        """

    def workers(self) -> AbstractContextManager[Workers]:
        """A `map` that computes batches as the device does it best, in their order."""

    def release(self) -> None:
        """Give cached memory back, for the array libraries that work after the encoder."""


class CpuLane:
    """`Lane` on the CPU: a batch a core, arrays shared rather than moved."""

    device = torch.device("cpu")
    dtype = "float32"
    # Larger batches are no faster (docs/performance.md) and leave the cache.
    token_budget = 1024
    shard_tokens = 0
    packs = False
    # Up to there a walk is quicker than products, or about as quick (docs/performance.md).
    walks = 48

    def place(self, model: torch.nn.Module, name: str) -> torch.nn.Module:
        """The model itself."""
        return model

    def lay_out(self, model: torch.nn.Module) -> Callable[[], None] | None:
        """Of float32 layers, for oneDNN."""
        return lay_out(model)

    def upload(self, *arrays: HostArray) -> tuple[torch.Tensor, ...]:
        """Views of the arrays."""
        return tuple(torch.from_numpy(array) for array in arrays)

    def download(self, tensor: torch.Tensor) -> Callable[[], HostArray]:
        """A view of the tensor."""
        return tensor.numpy

    @contextlib.contextmanager
    def workers(self) -> Iterator[Workers]:
        """One batch a core, each on one core.

        Cores that share a batch wait for each other in every layer, and on a busy machine mostly
        wait (docs/performance.md). A batch on one core also gives the same bits on any number of
        cores, if torch itself is told so, in every thread that computes: other libraries set the
        number of OpenMP's threads in theirs, which torch then reports as its own, while the matrix
        products beneath go by what torch was told last and round otherwise.
        """
        cores = torch.get_num_threads()
        _compute_on_one_core()
        pool = ThreadPoolExecutor(cores, initializer=_compute_on_one_core)
        try:
            yield map if cores == 1 else pool.map
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(cores)

    def release(self) -> None:
        """Nothing is cached."""


def _compute_on_one_core() -> None:
    """Tell torch so in this thread. Asked first, it no longer takes over what another was told."""
    torch.get_num_threads()
    torch.set_num_threads(1)


class CudaLane:
    """`Lane` on a CUDA device: computing on torch's current stream, copies on two others.

    One stream for both directions would let an upload wait behind a download, and that for the
    computation whose result it takes.
    """

    dtype = "bfloat16"
    token_budget = 32_768
    # 2,048 lines of lyrics don't fill one batch, and a shard ends in one that is not full, is
    # copied, written and synced. Eight batches are seconds of work.
    shard_tokens = 8 * 32_768
    packs = True
    walks = 0

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._uploads = torch.cuda.Stream(device)
        self._downloads = torch.cuda.Stream(device)

    def place(self, model: torch.nn.Module, name: str) -> torch.nn.Module:
        """See `Lane.place`; torch has no memory but its caches to give up for it."""
        needed = sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
        free, total = torch.cuda.mem_get_info(self.device)
        try:
            return model.to(self.device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise CapabilityError(
                f"The weights of {name} take {_gib(needed)} of GPU memory and {_gib(free)} of "
                f"{_gib(total)} are free. Stop what else uses the GPU, choose a smaller model, "
                "embed fewer lines (--limit), or use --backend cpu."
            ) from error

    def lay_out(self, model: torch.nn.Module) -> Callable[[], None] | None:
        """See `Lane.lay_out`; cuBLAS takes weights as they are."""
        return None

    def upload(self, *arrays: HostArray) -> tuple[torch.Tensor, ...]:
        """See `Lane.upload`; through pinned memory, beside what is being computed."""
        computing = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self._uploads):
            tensors = tuple(
                torch.from_numpy(array).pin_memory().to(self.device, non_blocking=True)
                for array in arrays
            )
            arrived = self._uploads.record_event()
        computing.wait_event(arrived)
        for tensor in tensors:  # or torch would reuse the memory when the last upload is through
            tensor.record_stream(computing)
        return tensors

    def download(self, tensor: torch.Tensor) -> Callable[[], HostArray]:
        """See `Lane.download`; into pinned memory, beside what is computed next."""
        self._downloads.wait_event(torch.cuda.current_stream(self.device).record_event())
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        with torch.cuda.stream(self._downloads):
            host.copy_(tensor, non_blocking=True)
            # Blocking: who waits for it sleeps, and leaves the core to the main thread.
            arrived = self._downloads.record_event(torch.cuda.Event(blocking=True))
        tensor.record_stream(self._downloads)

        def wait() -> HostArray:
            arrived.synchronize()
            return host.numpy()

        return wait

    @contextlib.contextmanager
    def workers(self) -> Iterator[Workers]:
        """One batch after the other: the device runs behind and has the next one waiting."""
        yield map

    def release(self) -> None:
        """See `Lane.release`."""
        release_cache()


def release_cache() -> None:
    """Give back what torch keeps of freed tensors on a GPU, which other libraries can't use."""
    torch.cuda.empty_cache()


def open_lane(device: str) -> Lane:
    """The lane of a backend's `torch_device`."""
    kind = torch.device(device)
    return CpuLane() if kind.type == "cpu" else CudaLane(kind)


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB ({size} bytes)"
