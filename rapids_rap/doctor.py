"""What this machine can run: backend, versions, model, fonts, and a memory plan for N lines."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from rapids_rap import __version__
from rapids_rap.backend import load_backend
from rapids_rap.device import describe_gpu, plan_memory
from rapids_rap.errors import CapabilityError, InputError

SHAPING = (
    "numpy", "scipy", "scikit-learn", "faiss-cpu", "umap-learn", "fast_hdbscan", "numba", "rjieba",
    "opencc",
)  # fmt: skip
PACKAGES = (
    *SHAPING, "torch", "transformers", "pandas", "pyarrow", "datashader",
    "cuml-cu13", "cudf-cu13", "cupy-cuda13x", "faiss-gpu", "triton",
)  # fmt: skip
PLAN_DIM, PLAN_K, PLAN_TOKENS = 1536, 30, 8  # Qwen2-1.5B, the default graph, a usual lyric line

Rows = list[tuple[str, str]]


def examine(lines: int, model: str) -> dict[str, Rows]:
    """Titled rows of what was found; never fails for something that is missing, only says so."""
    return {
        "Machine": _machine(),
        "Packages": [(name, installed_version(name) or "not installed") for name in PACKAGES],
        "Parts": [("CPU backend", _cpu_backend()), ("model", _model(model)), ("font", _font())],
        f"Memory plan for {lines:,} distinct lines of {PLAN_DIM} dimensions": _plan(lines),
    }


def installed_version(name: str) -> str:
    """The version of an installed distribution, or an empty string."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def used_versions() -> dict[str, str]:
    """The versions that shape a run's results, for its manifest."""
    versions = {name: installed_version(name) for name in PACKAGES}
    return {"rapids-rap": __version__} | {name: v for name, v in versions.items() if v}


def shaping_versions() -> dict[str, str]:
    """The versions that decide a stage's result, so that it is computed again after an upgrade."""
    return {"rapids-rap": __version__} | {name: installed_version(name) for name in SHAPING}


def _machine() -> Rows:
    return [
        ("rapids-rap", __version__),
        ("Python", platform.python_version()),
        ("system", platform.platform()),
        ("CPU cores", str(os.cpu_count())),
        ("GPU", describe_gpu() or "none found"),
    ]


def _cpu_backend() -> str:
    missing = [p for p in ("faiss-cpu", "umap-learn", "fast_hdbscan") if not installed_version(p)]
    return f"missing {', '.join(missing)}: pip install 'rapids-rap[cpu]'" if missing else "ready"


def _model(model: str) -> str:
    from rapids_rap.embedding.folder import locate_model

    try:
        return f"{model}: found at {locate_model(model, download=False)}"
    except (CapabilityError, InputError) as error:
        return f"{model}: {error}"


def _font() -> str:
    from rapids_rap.config import MapsConfig
    from rapids_rap.fonts import font_path

    try:
        return str(font_path(MapsConfig()))
    except (CapabilityError, InputError) as error:
        return str(error)


def _plan(lines: int) -> Rows:
    memory = load_backend("cpu").memory()
    plan = plan_memory(lines, PLAN_DIM, PLAN_K, PLAN_TOKENS, memory.free)
    rows = [(s.stage, f"{_gib(s.peak)} ({s.because})") for s in plan.stages]
    verdict = "fits" if plan.fits else "does not fit: use --limit, or a machine with more memory"
    if not memory.total:
        return [*rows, ("free now", "unknown on this system")]
    return [*rows, ("free now", _gib(plan.free)), ("verdict", verdict)]


def _gib(size: Any) -> str:
    return f"{size / 2**30:.1f} GiB"
