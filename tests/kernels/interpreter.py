"""Triton's interpreter, switched on for a while, whoever imported Triton before."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

KERNELS = ("rapids_rap.kernels.pool_triton", "rapids_rap.kernels.silhouette_triton")


@contextlib.contextmanager
def interpreted() -> Iterator[None]:
    """Run the kernels on CPU tensors in Triton's interpreter until the end of the block.

    Triton asks TRITON_INTERPRET when a function is decorated, those of its own library included,
    and PyTorch's compiler may have imported it long before. So Triton and the kernels are imported
    anew here, and put back as they were, for a test of the same process that has a GPU.

    A kernel that reads or writes beyond its tensors fails, which a GPU would not notice.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        for name in _modules():
            patch.delitem(sys.modules, name)
        try:
            _check()
            _guard_memory()
            yield
        finally:
            for name in _modules():
                del sys.modules[name]


def _modules() -> list[str]:
    """Python modules that hold decorated functions; Triton's compiled library is loaded once."""
    return [
        name
        for name in sys.modules
        if name in KERNELS
        or (name.partition(".")[0] == "triton" and not name.startswith("triton._C"))
    ]


def _check() -> None:
    """Fail loudly rather than test something else than the kernels."""
    language = importlib.import_module("triton.language")
    interpreter = importlib.import_module("triton.runtime.interpreter")
    pool, silhouette = (importlib.import_module(name) for name in KERNELS)
    for function in (language.sum, pool.pool_kernel, silhouette.silhouette_kernel):
        assert isinstance(function, interpreter.InterpretedFunction), f"{function} is compiled"


def _guard_memory() -> None:
    """Hold every address that a kernel uses against the tensors it was given."""
    interpreter = importlib.import_module("triton.runtime.interpreter")
    spans: list[tuple[int, int]] = []

    def remember(*arguments: Any, **_: Any) -> None:
        spans[:] = [_span(tensor) for tensor in arguments if isinstance(tensor, torch.Tensor)]

    def check(pointers: Any, mask: Any) -> None:
        first = pointers.data[np.broadcast_to(mask.data, pointers.data.shape)]
        last = first + pointers.get_element_ty().primitive_bitwidth // 8
        inside = np.zeros(first.shape, dtype=bool)
        for start, end in spans:
            inside |= (first >= start) & (last <= end)
        assert inside.all(), "an address beyond the kernel's tensors"

    def load(self: Any, pointers: Any, mask: Any, *rest: Any) -> Any:
        check(pointers, mask)
        return unguarded_load(self, pointers, mask, *rest)

    def store(self: Any, pointers: Any, value: Any, mask: Any, *rest: Any) -> Any:
        check(pointers, mask)
        return unguarded_store(self, pointers, value, mask, *rest)

    builder = interpreter.InterpreterBuilder
    unguarded_load, unguarded_store = builder.create_masked_load, builder.create_masked_store
    builder.create_masked_load, builder.create_masked_store = load, store
    pool, silhouette = (importlib.import_module(name) for name in KERNELS)
    for kernel in (pool.pool_kernel, silhouette.silhouette_kernel):
        kernel.add_pre_run_hook(remember)


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """Addresses of the first byte of a tensor and of the first one behind it."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    values = 1 + sum((size - 1) * stride for size, stride in steps) if tensor.numel() else 0
    return tensor.data_ptr(), tensor.data_ptr() + values * tensor.element_size()
