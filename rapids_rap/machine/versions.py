"""The versions of the libraries: those that shape a result, and all that the manifest names."""

from __future__ import annotations

import importlib.metadata
import re

from rapids_rap import __version__

SHAPING = (
    "numpy",
    "scipy",
    "scikit-learn",
    "faiss-cpu",
    "umap-learn",
    "fast_hdbscan",
    "numba",
    "rjieba",
    "opencc",
    "pypinyin",
    "cuml-cu13",
    "cudf-cu13",
    "cuvs-cu13",
    "cupy-cuda13x",
    "faiss-gpu",
)
PACKAGES = (
    *SHAPING,
    "torch",
    "transformers",
    "pandas",
    "pyarrow",
    "datashader",
    "rmm-cu13",
    "triton",
    "flash-attn",
    "numba-cuda",
    "nvidia-cuda-runtime",
)
CUDA_SUFFIX = re.compile(r"-cu(13|da13x)$")


def installed_version(name: str) -> str:
    """The version of an installed distribution, or an empty string.

    What pip calls cuml-cu13 is cuml in a conda environment.
    """
    for candidate in (name, CUDA_SUFFIX.sub("", name)):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def used_versions() -> dict[str, str]:
    """The versions that shape a run's results, for its manifest."""
    versions = {name: installed_version(name) for name in PACKAGES}
    return {"rapids-rap": __version__} | {name: v for name, v in versions.items() if v}


def shaping_versions() -> dict[str, str]:
    """The versions that decide a stage's result, so that it is computed again after an upgrade."""
    return {"rapids-rap": __version__} | {name: installed_version(name) for name in SHAPING}
