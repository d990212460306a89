"""RMM: an asynchronous pool and a statistics adaptor over the double's heap."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tests.double import contract
from tests.double.array import Block, Pointer
from tests.double.memory import heap


class CudaAsyncMemoryResource:
    """The pool; nothing is pooled here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        contract.bind("rmm.mr.CudaAsyncMemoryResource", args, kwargs)


@dataclass(frozen=True)
class Statistics:
    """Bytes now, at most, and in all."""

    current_bytes: int
    peak_bytes: int
    total_bytes: int


class StatisticsResourceAdaptor:
    """Counts what passes through it, from its making on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = contract.bind("rmm.mr.StatisticsResourceAdaptor", args, kwargs).arguments
        if not isinstance(given["upstream_mr"], CudaAsyncMemoryResource):
            raise TypeError("Argument 'upstream_mr' has incorrect type")
        self._before = heap.total

    @property
    def allocation_counts(self) -> Statistics:
        """The counts."""
        return Statistics(heap.used, heap.peak, heap.total - self._before)


current: list[Any] = [None]


def set_current_device_resource(*args: Any, **kwargs: Any) -> None:
    """Every RAPIDS library allocates from it from now on."""
    given = contract.bind("rmm.mr.set_current_device_resource", args, kwargs).arguments
    current[0] = given["mr"]


def rmm_cupy_allocator(*args: Any, **kwargs: Any) -> Pointer:
    """CuPy's allocations through the current resource."""
    size = contract.bind("rmm.allocators.cupy.rmm_cupy_allocator", args, kwargs).arguments["nbytes"]
    if current[0] is None:
        raise RuntimeError("the double wants a resource to be set before CuPy uses RMM")
    return Pointer(Block(size), 0)


def make_modules() -> dict[str, ModuleType]:
    """RMM's modules by their names."""
    names = ("rmm", "rmm.mr", "rmm.allocators", "rmm.allocators.cupy")
    modules = {name: ModuleType(name, "Stand-in; see tests.double.") for name in names}
    for module in modules.values():
        module.__path__ = []
    for thing in (
        CudaAsyncMemoryResource,
        StatisticsResourceAdaptor,
        set_current_device_resource,
    ):
        setattr(modules["rmm.mr"], thing.__name__, thing)
    modules["rmm.allocators.cupy"].rmm_cupy_allocator = rmm_cupy_allocator  # type: ignore[attr-defined]
    return modules
