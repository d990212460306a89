"""Putting the double in, and taking it out again without a trace."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import faiss
import faiss.contrib.torch_utils  # on which the double's GPU half is laid
import torch

from rapids_rap.backend import lanes
from rapids_rap.machine import device
from rapids_rap.runs import stages
from tests.double import (
    array,
    contract,
    cuml_double,
    cupy_double,
    cuvs_double,
    datashader_double,
    faiss_double,
    frame,
    memory,
    rmm_double,
    sparse_double,
    work,
)

LIBRARIES = ("cudf", "cuml", "cupy", "cupyx", "cuvs", "rmm")
COMPAT = "array_api_compat.cupy"
REASON = "the double of a GPU, computed on the CPU"
GPU = "double (no GPU)"


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """The stand-ins in `sys.modules`, and the GPU backend upon them, for as long as this lasts.

    The real libraries, where they are installed and imported, are put back afterwards.
    """
    modules = _modules()
    _reset()
    with contextlib.ExitStack() as undo:
        undo.callback(sys.modules.update, _take_out())
        undo.callback(_take_out)
        sys.modules.update(modules)
        undo.callback(datashader_double.remove, datashader_double.install(modules["cudf"]))
        _patch(undo, device, "resolve", _resolve)
        for name in faiss_double.NAMES:
            _patch(undo, faiss, name, getattr(faiss_double, name))
        gpu = importlib.import_module("rapids_rap.backend.gpu")
        _patch(undo, gpu.GpuBackend, "torch_device", "cpu")
        _patch(undo, lanes.CpuLane, "workers", _one_by_one)
        _patch(undo, stages._Measurement, "__enter__", work.enter_stage)
        _patch(undo, stages._Measurement, "__exit__", work.leave_stage)
        undo.callback(_forget)
        _forget()
        yield


def _modules() -> dict[str, ModuleType]:
    makers = (cupy_double, sparse_double, cuml_double, cuvs_double, rmm_double, frame)
    found = {name: module for maker in makers for name, module in maker.make_modules().items()}
    for name, module in found.items():  # `import a.b` also sets the attribute b of a
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(found[parent], child, module)
    return found


def _resolve(wanted: str, *, require_gpu: bool = False) -> Any:
    """In place of `device.resolve`: a GPU is found, and its name says what it is."""
    if wanted == "cpu" and not require_gpu:
        return device.DeviceResolution("cpu", "the CPU was asked for")
    return device.DeviceResolution("gpu", REASON, GPU)


@contextlib.contextmanager
def _one_by_one(lane: Any) -> Iterator[Any]:
    """Batches as a GPU computes them; Triton's interpreter bears no second thread either.

    Each on one core, as `CpuLane` does it, so that the same vectors come out.
    """
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield map
    finally:
        torch.set_num_threads(cores)


def _reset() -> None:
    contract.calls.clear()
    contract.faults.clear()
    work.reset()
    memory.ledger.clear()
    memory.heap.limit, memory.heap.peak, memory.heap.total = memory.TOTAL, memory.heap.used, 0
    array.allocator[0] = array.default_allocator
    rmm_double.current[0] = None


def _forget() -> None:
    """What the GPU backend keeps for the process, so that each installation begins anew."""
    ours = [m for name, m in sys.modules.items() if name.startswith("rapids_rap.backend._gpu_")]
    for module in ours:
        for thing in vars(module).values():
            if callable(getattr(thing, "cache_clear", None)):
                thing.cache_clear()
    _forget_classes()


def _forget_classes() -> None:
    """array_api_compat remembers by class which library an array is of."""
    from array_api_compat.common import _helpers

    for remembered in (_helpers._issubclass_fast, _helpers._cls_to_namespace):
        remembered.cache_clear()


def _take_out() -> dict[str, ModuleType]:
    """Take the modules that are stood in for, and what is built on them, out of `sys.modules`."""
    ours = [n for n in sys.modules if n.partition(".")[0] in LIBRARIES or n.startswith(COMPAT)]
    compat = sys.modules.get("array_api_compat")
    if compat is not None and "cupy" in vars(compat):
        delattr(compat, "cupy")
    return {name: sys.modules.pop(name) for name in ours}


def _patch(undo: contextlib.ExitStack, owner: Any, name: str, value: Any) -> None:
    """Set an attribute, and put back what was there, which may be nothing."""
    if name in vars(owner):
        undo.callback(setattr, owner, name, vars(owner)[name])
    else:
        undo.callback(delattr, owner, name)
    setattr(owner, name, value)
