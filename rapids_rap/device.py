"""Which backend runs, and the reason: decided once, logged once.

`resolve` answers what the command line asked (`auto`, `cpu`, `gpu`, `--require-gpu`) with a
backend's name and a sentence. `plan_memory` says, before work starts, what the largest stages will
need for N texts and whether that fits.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import logging
import shutil
import subprocess
from dataclasses import dataclass
from typing import Literal

from rapids_rap.errors import CapabilityError

log = logging.getLogger(__name__)

Wanted = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True)
class DeviceResolution:
    """The backend that will run and why; `gpu` describes the card, or is empty without one."""

    backend: Literal["cpu", "gpu"]
    reason: str
    gpu: str = ""


@dataclass(frozen=True)
class StageMemory:
    """The expected peak of one stage, in bytes, and what makes it so large."""

    stage: str
    peak: int
    because: str


@dataclass(frozen=True)
class MemoryPlan:
    """Expected peaks by stage for a number of texts, against what is free."""

    texts: int
    dim: int
    free: int
    stages: tuple[StageMemory, ...]

    @property
    def peak(self) -> int:
        """The largest expected peak, in bytes."""
        return max(stage.peak for stage in self.stages)

    @property
    def fits(self) -> bool:
        """Whether the largest stage fits into what is free."""
        return self.peak <= self.free


def resolve(wanted: Wanted, *, require_gpu: bool = False) -> DeviceResolution:
    """Decide the backend. Raises `CapabilityError` where a GPU was demanded and can't be used."""
    if wanted == "cpu" and not require_gpu:
        return DeviceResolution("cpu", "the CPU was asked for")
    gpu = describe_gpu()
    obstacle = gpu_obstacle(gpu)
    if wanted == "gpu" or require_gpu:
        raise CapabilityError(f"A GPU was asked for, but {obstacle}.")
    return DeviceResolution("cpu", obstacle, gpu)


def gpu_obstacle(gpu: str) -> str:
    """Why the GPU backend can't run here, in words that say what to do about it."""
    if not gpu:
        if ctypes.util.find_library("cuda"):
            return "the NVIDIA driver reports no GPU (is one visible to this process?)"
        return "no NVIDIA driver was found on this machine"
    if importlib.util.find_spec("cuml") is None:
        return f"{gpu} is there, but the RAPIDS libraries (cuml) are not installed"
    return f"{gpu} is there, but the GPU backend is not part of this version yet"


def describe_gpu() -> str:
    """Name, memory and driver of the first GPU as nvidia-smi tells them, or an empty string."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run([tool, *query], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else ""


def plan_memory(texts: int, dim: int, k: int, tokens_each: int, free: int) -> MemoryPlan:
    """Expected peak bytes of the CPU stages for `texts` distinct texts of `dim` float32 dimensions.

    The formulas count the arrays that a stage holds at once; the constants were fitted to measured
    peaks (docs/performance.md).
    """
    vectors = texts * dim * 4
    graph = texts * k * 12  # int64 index and float32 distance
    fuzzy = texts * k * 2 * 24  # symmetrised COO edges and their epoch counters, per layout
    stages = (
        StageMemory("embedding", BASE + 2 * vectors, "model, vectors and one shard"),
        StageMemory("neighbors", BASE + 2 * vectors + 2 * graph, "vectors, index and graph"),
        StageMemory("layout", BASE + vectors + graph + 2 * fuzzy, "two layouts side by side"),
        StageMemory("clusters", BASE + vectors + graph + texts * 1200, "spanning tree"),
        StageMemory("evidence", BASE + vectors + texts * tokens_each * 120, "token tables"),
        StageMemory("quality", BASE + BLOCKS + 2 * vectors + graph, "blocks of distances"),
    )
    return MemoryPlan(texts, dim, free, stages)


BASE = 1000 * 2**20  # the interpreter with torch and the other libraries loaded
BLOCKS = 700 * 2**20  # what quality and the maps work in, however many texts there are
