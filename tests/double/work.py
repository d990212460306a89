"""What a run asks of the device, counted by stage: the nearest thing to a profile without a card.

Launches are calls that start at least one kernel, not kernels: a call of cuML or FAISS counts once,
as does a sum or a sort, which start several. A synchronisation makes the host wait: a value that it
reads, an array that it copies, an index by a mask or by `nonzero`, whose size it has to know.
`uploads` go to the device, `downloads` come from it; `crossings` are bytes of mapped host memory
that kernels read, each time they do. What torch runs (the encoder) is not seen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from rapids_rap.runs.stages import _Measurement

# Calls that need not start a kernel: they make views, or memory that nothing is written into.
VIEWS = """astype asarray array asnumpy ascontiguousarray broadcast_shapes broadcast_to csr_matrix
csc_matrix coo_matrix dtype empty empty_like expand_dims finfo from_dlpack get
get_default_memory_pool iinfo isdtype issubdtype item matrix_transpose moveaxis ndarray permute_dims
ravel reshape setPinnedMemory setTempMemory squeeze swapaxes take tolist transpose view __dlpack__
__getitem__ __setitem__"""
FREE = frozenset(VIEWS.split())  # some of them launch by what they are given, and are counted then
LIBRARIES = ("cupy", "cupyx", "cudf", "cuml", "cuvs", "faiss")
ASIDE = ("cupy.cuda", "faiss.StandardGpuResources", "cuvs.neighbors.nn_descent.IndexParams")


@dataclass
class Work:
    """Of one stage. launches, syncs: numbers; uploads, downloads, crossings: bytes."""

    launches: int = 0
    syncs: int = 0
    uploads: int = 0
    downloads: int = 0
    crossings: int = 0
    resources: int = 0


OUTSIDE = "outside of stages"
_enter, _leave = _Measurement.__enter__, _Measurement.__exit__
stages: list[str] = [OUTSIDE]
"""The stages that are running, the innermost last."""

found: defaultdict[str, Work] = defaultdict(Work)
"""What was counted since the double was installed, by stage."""

mapped: dict[int, int] = {}
"""Bytes of mapped host memory by its address."""


def now() -> Work:
    """What the innermost stage has counted."""
    return found[stages[-1]]


def called(name: str) -> None:
    """Count a call of a recorded name."""
    library, last = name.partition(".")[0], name.rpartition(".")[2]
    if name == "faiss.StandardGpuResources":
        now().resources += 1
    if name in ("cupy.nonzero", "cupy.cuda.runtime.deviceSynchronize"):
        now().syncs += 1
    if library in LIBRARIES and last not in FREE and not name.startswith(ASIDE):
        now().launches += 1


def launched() -> None:
    """Count a kernel that no recorded name stands for: an operator, a copy, an index."""
    now().launches += 1


def waited() -> None:
    """Count a wait of the host."""
    now().syncs += 1


def read(host: Any, nbytes: int) -> None:
    """Count `nbytes` that a kernel reads of an array, if it lies in mapped memory."""
    address = host.__array_interface__["data"][0] if mapped else 0
    if any(start <= address < start + size for start, size in mapped.items()):
        now().crossings += nbytes


def reset() -> None:
    """Begin anew."""
    stages[:] = [OUTSIDE]
    found.clear()
    mapped.clear()


def enter_stage(measurement: Any) -> Any:
    """In place of `_Measurement.__enter__`."""
    stages.append(measurement.name)
    return _enter(measurement)


def leave_stage(measurement: Any, *error: Any) -> Any:
    """In place of `_Measurement.__exit__`."""
    try:
        return _leave(measurement, *error)
    finally:
        stages.pop()
