"""What `make test-gpu` compared, part by part, and on which device; importable without a GPU."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import torch

from rapids_rap.backend import load_backend
from rapids_rap.backend._gpu_faiss import has_gpu_half
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.certificate import ParityFigure, number

# part: the modules it needs beside torch
PARTS = {
    "kernels": ("triton",),
    "attention": (),
    "embedding": ("cupy", "triton"),
    "dense": ("cupy", "triton"),
    "spaces": ("cupy", "rjieba"),
    "neighbors": ("cupy", "faiss"),
    "neighbors (cuvs)": ("cupy", "cuvs"),
    "host vectors": ("cupy", "cuvs"),
    "layout": ("cupy", "cuml", "umap"),
    "clusters": ("cupy", "cuml", "umap", "fast_hdbscan"),
    "tables": ("cupy", "cudf", "rjieba"),
    "memory": ("cupy", "cuml", "cuvs"),
    "whole run": ("cupy", "cudf", "cuml", "cuvs"),
}
BROKEN = "not run: it broke off"


def is_installed(name: str) -> bool:
    """Whether a module can be found, without importing it; of FAISS, its half for a GPU."""
    if name == "faiss":
        return has_gpu_half()
    return importlib.util.find_spec(name) is not None


class Findings:
    """The states and figures of the parts of one session. Several tests may share a part."""

    def __init__(
        self,
        parts: Mapping[str, tuple[str, ...]] = PARTS,
        installed: Callable[[str], bool] = is_installed,
    ) -> None:
        self.figures: list[ParityFigure] = []
        self._needs, self._installed = parts, installed
        self._begun: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._left_out: dict[str, str] = {}

    @property
    def parts(self) -> dict[str, str]:
        """Each part's state; one that ever broke off, or was left out, has not run."""
        return {part: self._state(part) for part in self._needs}

    @property
    def any_ran(self) -> bool:
        """Whether a single comparison was begun."""
        return bool(self._begun)

    def obstacle(self, part: str) -> str:
        """What of the part's needs is not installed, in words; empty where all is."""
        missing = [name for name in self._needs[part] if not self._installed(name)]
        return f"{', '.join(missing)} not installed" if missing else ""

    def leave_out(self, part: str, why: str) -> None:
        """Record that a test of the part could not run."""
        self._left_out[part] = f"not run: {why}"

    def measure(self, part: str, figures: Callable[[], Iterable[ParityFigure]]) -> list[str]:
        """Record the part's figures as they come; the demands that they miss, in words.

        What `figures` raises passes through: the part then stays broken, whatever follows.
        """
        self._begun[part] += 1
        missed = []
        for figure in figures():
            self.figures.append(figure)
            if figure.passed is False:
                missed.append(f"{figure.name} = {number(figure.value)}, needed {figure.needed}")
        self._ended[part] += 1
        return missed

    def _state(self, part: str) -> str:
        if self._begun[part] != self._ended[part]:
            return BROKEN
        if part in self._left_out:
            return self._left_out[part]
        return "ran" if self._ended[part] else "not run: not selected"


def device_facts() -> tuple[str, str, str]:
    """Device, compute capability and driver: the backend's words, or torch's without CuPy."""
    try:
        used = load_backend("gpu").usage()
    except CapabilityError:
        major, minor = torch.cuda.get_device_capability(0)
        version = torch._C._cuda_getDriverVersion()  # 1000 x major + 10 x minor
        driver = f"CUDA {version // 1000}.{version % 1000 // 10}"
        return torch.cuda.get_device_name(0), f"{major}.{minor}", driver
    return used.device, used.compute_capability, used.driver
