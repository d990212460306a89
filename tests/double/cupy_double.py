"""The modules `cupy`, `cupy.cuda`, `cupy.linalg` and `cupy.fft`, from the record.

A function binds its arguments to the real signature, takes device arrays and scalars only, and
lets NumPy compute on what lies in them.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from tests.double import contract, work
from tests.double.array import Device, Pointer, allocator, default_allocator, ndarray, operand, wrap
from tests.double.memory import TOTAL, OutOfMemoryError, heap

DRIVER = 13000
PLAIN = frozenset(
    {"broadcast_shapes", "dtype", "finfo", "iinfo", "isdtype", "issubdtype"}
)  # not about arrays
SORTS = (None, "stable")


def make_modules() -> dict[str, ModuleType]:
    """CuPy's modules by their names."""
    cupy = _module("cupy", __version__=_version("cupy-cuda13x"))
    for name in contract.names_of("cupy"):
        setattr(cupy, name, _member(f"cupy.{name}", name, np, OVERRIDES))
    cuda = _module("cupy.cuda", **vars(CUDA))
    linalg = _module("cupy.linalg")
    for name in contract.names_of("cupy.linalg"):
        setattr(linalg, name, _member(f"cupy.linalg.{name}", name, np.linalg, {}))
    modules = {
        "cupy": cupy,
        "cupy.cuda": cuda,
        "cupy.cuda.device": _module("cupy.cuda.device", Device=Device),
        "cupy.linalg": linalg,
        "cupy.fft": _module("cupy.fft"),
    }
    cupy.cuda, cupy.linalg, cupy.fft = cuda, linalg, modules["cupy.fft"]
    for name, module in modules.items():
        if "." not in name or name.count(".") == 1:
            _say_what_is_missing(module, name)
    return modules


def _say_what_is_missing(module: ModuleType, owner: str) -> None:
    def lack(name: str) -> Any:
        raise AttributeError(
            f"module {owner!r} has no attribute {name!r} (double: either the real library lacks "
            "it, or tools/gpu_contract/names.py does; add it there and record again)"
        )

    module.__getattr__ = lack  # type: ignore[method-assign]


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name, "Stand-in; see tests.double.")
    module.__path__ = []
    module.__dict__.update(members)
    return module


def _version(wheel: str) -> str:
    return str(contract.record()["wheels"][wheel])


def _member(dotted: str, name: str, library: Any, overrides: dict[str, Any]) -> Any:
    """What stands in for a recorded name."""
    if name in overrides:
        return overrides[name]
    thing = getattr(library, name)
    if name in PLAIN or contract.kind(dotted) in ("value", "class", "attribute"):
        return thing
    return _computed(dotted, thing)


def _computed(dotted: str, compute: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = contract.bind(dotted, args, kwargs)
        read = dotted.rpartition(".")[2] not in work.FREE
        given = [operand(value, read=read) for value in bound.args]
        named = {key: operand(value, read=read) for key, value in bound.kwargs.items()}
        result = compute(*given, **named)
        if dotted == "cupy.take":
            work.launched()
            work.read(given[0], result.nbytes)
        return _wrapped(result)

    call.__name__ = call.__qualname__ = dotted.rpartition(".")[2]
    return call


def _wrapped(result: Any) -> Any:
    """Arrays, or tuples and named tuples of them, on the device."""
    if isinstance(result, tuple):
        return tuple(wrap(part) for part in result)
    if isinstance(result, list):
        return [wrap(part) for part in result]
    return wrap(result)


# --- functions that are not NumPy's under the same arguments


def _array(*args: Any, **kwargs: Any) -> ndarray:
    """`cupy.array`: the explicit way onto the device."""
    bound = contract.bind("cupy.array", args, kwargs)
    options = dict(bound.arguments)
    return _upload(options.pop("obj"), copy=options.pop("copy", True), **options)


def _asarray(*args: Any, **kwargs: Any) -> ndarray:
    bound = contract.bind("cupy.asarray", args, kwargs)
    options = dict(bound.arguments)
    return _upload(options.pop("a"), copy=options.pop("copy", None), **options)


def _ascontiguousarray(*args: Any, **kwargs: Any) -> ndarray:
    bound = contract.bind("cupy.ascontiguousarray", args, kwargs)
    given = _upload(bound.arguments["a"], copy=None, dtype=bound.arguments.get("dtype"))
    return given if given.flags.c_contiguous else wrap(np.ascontiguousarray(given._host))


def _upload(
    given: Any, *, copy: bool | None, dtype: Any = None, order: str = "K", **ignored: Any
) -> ndarray:
    from tests.double.frame import Series

    if isinstance(given, Series):
        given = given.values
    if isinstance(given, ndarray):
        same = dtype is None or np.dtype(dtype) == given.dtype
        if same and not copy:
            return given
        work.launched()
        work.read(given._host, given.nbytes)
        return wrap(np.array(given._host, dtype=dtype, copy=True))
    host = np.array(given, dtype=dtype, order=order or "K", copy=True)
    work.now().uploads += host.nbytes
    if host.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {host.dtype}")
    return wrap(host)


def _asnumpy(*args: Any, **kwargs: Any) -> Any:
    bound = contract.bind("cupy.asnumpy", args, kwargs)
    given = bound.arguments["a"]
    return given.get() if isinstance(given, ndarray) else np.asarray(given)


def _astype(*args: Any, **kwargs: Any) -> ndarray:
    bound = contract.bind("cupy.astype", args, kwargs)
    options = bound.arguments
    return options["x"].astype(options["dtype"], copy=options.get("copy", True))


def _from_dlpack(*args: Any, **kwargs: Any) -> ndarray:
    """The memory of a torch tensor (on the double: the CPU's) as a device array."""
    bound = contract.bind("cupy.from_dlpack", args, kwargs)
    given = bound.arguments["array"]
    if isinstance(given, np.ndarray):
        raise TypeError("the double takes tensors of the double's device, not NumPy arrays")
    array = ndarray.__new__(ndarray)
    array._host, array._held = np.from_dlpack(given), given
    return array


def _sort(name: str) -> Callable[..., ndarray]:
    compute = getattr(np, name)

    def call(*args: Any, **kwargs: Any) -> ndarray:
        options = dict(contract.bind(f"cupy.{name}", args, kwargs).arguments)
        if options.get("kind") not in SORTS:
            raise ValueError(f"kind must be one of {SORTS}, got {options['kind']!r}")
        axis = options.get("axis", -1)
        # CuPy's sort is stable whatever `kind` says; nobody should rely on it.
        return wrap(compute(operand(options["a"]), axis=axis, kind=options.get("kind")))

    return call


def _get_default_memory_pool() -> Any:
    contract.enter("cupy.get_default_memory_pool")
    return SimpleNamespace(malloc=default_allocator, used_bytes=lambda: heap.used)


OVERRIDES: dict[str, Any] = {
    "array": _array,
    "asarray": _asarray,
    "ascontiguousarray": _ascontiguousarray,
    "asnumpy": _asnumpy,
    "astype": _astype,
    "from_dlpack": _from_dlpack,
    "sort": _sort("sort"),
    "argsort": _sort("argsort"),
    "ndarray": ndarray,
    "get_default_memory_pool": _get_default_memory_pool,
    "newaxis": None,
    "inf": np.inf,
    "nan": np.nan,
}


# --- cupy.cuda


class PinnedMemory:
    """`cupy.cuda.PinnedMemory`: host memory that a device may read; here plain memory."""

    def __init__(self, size: int, flags: int = 0) -> None:
        contract.enter("cupy.cuda.PinnedMemory")
        self._bytes = np.empty(size, dtype=np.uint8)
        self.ptr, self.size, self.flags = int(self._bytes.ctypes.data), size, flags
        work.mapped[self.ptr] = size
        weakref.finalize(self, work.mapped.pop, self.ptr, None)

    def buffer(self, offset: int, nbytes: int) -> Any:
        """Bytes of it."""
        return self._bytes[offset : offset + nbytes]


class PinnedMemoryPointer(np.ndarray):
    """`cupy.cuda.PinnedMemoryPointer`: exports the buffer protocol, as the real one does."""

    def __new__(cls, mem: PinnedMemory, offset: int) -> PinnedMemoryPointer:
        return mem.buffer(offset, mem.size - offset).view(cls)


class UnownedMemory:
    """`cupy.cuda.UnownedMemory`: an address that someone else keeps alive."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        options = contract.bind("cupy.cuda.UnownedMemory", args, kwargs).arguments
        self.ptr, self.size, self._owner = options["ptr"], options["size"], options["owner"]
        if options.get("device_id", -1) < 0 and isinstance(self._owner, PinnedMemory):
            raise RuntimeError("the driver knows no device of host memory; name one (device_id)")

    def buffer(self, offset: int, nbytes: int) -> Any:
        """Bytes of it; the owner lives as long as they do."""
        raw = (ctypes.c_uint8 * nbytes).from_address(self.ptr + offset)
        raw._owner = self._owner  # type: ignore[attr-defined]
        return raw


class CUDARuntimeError(RuntimeError):
    """`cupy.cuda.runtime.CUDARuntimeError`."""


def _set_allocator(*args: Any, **kwargs: Any) -> None:
    chosen = contract.bind("cupy.cuda.set_allocator", args, kwargs).arguments.get("allocator")
    allocator[0] = chosen or default_allocator


def _properties(device: int) -> dict[str, Any]:
    if device != 0:
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    return {"name": b"double (no GPU)", "major": 0, "minor": 0, "totalGlobalMem": TOTAL}


def _bound(dotted: str, compute: Callable[..., Any]) -> Callable[..., Any]:
    """`compute` behind the real signature."""

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = contract.bind(dotted, args, kwargs)
        return compute(*bound.args, **bound.kwargs)

    return call


_ANSWERS: dict[str, Callable[..., Any]] = {
    "deviceSynchronize": lambda: None,
    "driverGetVersion": lambda: DRIVER,
    "getDevice": lambda: 0,
    "getDeviceCount": lambda: 1,
    "getDeviceProperties": _properties,
    "memGetInfo": lambda: (heap.limit - heap.used, heap.limit),
}
RUNTIME = SimpleNamespace(
    CUDARuntimeError=CUDARuntimeError,
    **{name: _bound(f"cupy.cuda.runtime.{name}", answer) for name, answer in _ANSWERS.items()},
)
CUDA = SimpleNamespace(
    Device=Device,
    MemoryPointer=Pointer,
    PinnedMemory=PinnedMemory,
    PinnedMemoryPointer=PinnedMemoryPointer,
    UnownedMemory=UnownedMemory,
    is_available=_bound("cupy.cuda.is_available", lambda: True),
    memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    runtime=RUNTIME,
    set_allocator=_set_allocator,
)
contract.raise_out_of_memory["cupy"] = lambda: OutOfMemoryError(
    "Out of memory allocating 1,073,741,824 bytes (set by a test)."
)
