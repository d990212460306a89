"""The GPU half of FAISS, laid over the installed faiss-cpu for as long as the double lasts.

Written by hand, for FAISS' compiled classes tell no signature (see the record). It takes torch
tensors, as `faiss.contrib.torch_utils` makes the real one do; on the double they are the CPU's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.double import contract

NAMES = ("GpuIndexIVFFlat", "StandardGpuResources", "get_num_gpus", "knn_gpu")


class StandardGpuResources:
    """Scratch memory of FAISS."""

    def __init__(self) -> None:
        contract.enter("faiss.StandardGpuResources")
        self.scratch, self.pinned, self.used = -1, 256 * 2**20, False

    def setTempMemory(self, *args: Any, **kwargs: Any) -> None:
        """How much; to be said before the first search."""
        name = "faiss.StandardGpuResources.setTempMemory"
        self.scratch = contract.bind(name, (self, *args), kwargs).arguments["size"]

    def setPinnedMemory(self, *args: Any, **kwargs: Any) -> None:
        """How much; the real one refuses it once a device is in use."""
        name = "faiss.StandardGpuResources.setPinnedMemory"
        size = contract.bind(name, (self, *args), kwargs).arguments["size"]
        if self.used:
            raise RuntimeError("Error: 'defaultStreams_.empty()' failed")
        self.pinned = size


def get_num_gpus() -> int:
    """One."""
    return 1


def knn_gpu(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Exact search over tensors; fills D and I where they are given."""
    import faiss

    bound = contract.bind("faiss.knn_gpu", args, kwargs)
    bound.apply_defaults()
    given = bound.arguments
    if not isinstance(given["res"], StandardGpuResources):
        raise TypeError("in method 'bfKnn', argument 1 of type 'GpuResourcesProvider *'")
    given["res"].used = True
    contract.judge("faiss.knn_gpu.k", given["k"])
    queries, rows = _rows(given["xq"]), _rows(given["xb"])
    if queries.shape[1] != rows.shape[1]:
        raise AssertionError
    found, ids = faiss.knn(queries, rows, given["k"], metric=given["metric"])
    return _fill(given["D"], found, torch.float32), _fill(given["I"], ids, torch.int64)


class GpuIndexIVFFlat:
    """An inverted file on the device."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        import faiss

        given = contract.bind("faiss.GpuIndexIVFFlat", args, kwargs).arguments
        if kwargs or not isinstance(given["provider"], StandardGpuResources):
            raise TypeError("Wrong number or type of arguments for overloaded function")
        d, metric = given["dims"], given["metric"]
        inner = metric == faiss.METRIC_INNER_PRODUCT
        quantizer = faiss.IndexFlatIP(d) if inner else faiss.IndexFlatL2(d)
        self._index = faiss.IndexIVFFlat(quantizer, d, given["nlist"], metric)
        self._quantizer = quantizer

    nlist = property(lambda self: self._index.nlist)
    cp = property(lambda self: self._index.cp)

    @property
    def nprobe(self) -> int:
        """Lists that a search looks into."""
        return int(self._index.nprobe)

    @nprobe.setter
    def nprobe(self, value: int) -> None:
        self._index.nprobe = value

    def train(self, *args: Any, **kwargs: Any) -> None:
        """Centres of the lists."""
        given = contract.bind("faiss.GpuIndexIVFFlat.train", (self, *args), kwargs).arguments
        self._index.train(_rows(given["x"]))

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Rows into the lists."""
        given = contract.bind("faiss.GpuIndexIVFFlat.add", (self, *args), kwargs).arguments
        self._index.add(_rows(given["x"]))

    def search(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The nearest rows of the probed lists; -1 where there are too few."""
        given = contract.bind("faiss.GpuIndexIVFFlat.search", (self, *args), kwargs).arguments
        contract.judge("faiss.knn_gpu.k", given["k"])
        contract.judge("faiss.GpuIndexIVFFlat.nprobe", self.nprobe)
        found, ids = self._index.search(_rows(given["x"]), given["k"])
        return (
            _fill(given.get("D"), found, torch.float32),
            _fill(given.get("I"), ids, torch.int64),
        )


def _rows(tensor: Any) -> np.ndarray[Any, Any]:
    """A contiguous float32 tensor, as FAISS insists."""
    if type(tensor) is not torch.Tensor:
        raise AssertionError(f"FAISS takes tensors here, not {type(tensor)}")
    if tensor.dtype != torch.float32:
        raise TypeError("xq must be float32, float16 or bfloat16")
    if not tensor.is_contiguous():
        raise TypeError("matrix should be row or column-major")
    return tensor.numpy()


def _fill(out: Any, found: Any, dtype: torch.dtype) -> Any:
    if out is None:
        return torch.from_numpy(found)
    if out.shape != found.shape or out.dtype != dtype:
        raise AssertionError
    out.numpy()[...] = found
    return out


contract.raise_out_of_memory["faiss"] = lambda: RuntimeError(
    "Error in virtual void* faiss::gpu::StandardGpuResourcesImpl::allocMemory: "
    "'err == cudaSuccess' failed: cudaMalloc error out of memory (set by a test)"
)
