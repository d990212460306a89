"""Optional libraries: imported when a method first needs them, and explained when missing."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Literal

from rapids_rap.errors import CapabilityError

Extra = Literal["cpu", "gpu"]

_DISTRIBUTIONS: dict[Extra, dict[str, str]] = {
    "cpu": {"faiss": "faiss-cpu", "umap": "umap-learn"},
    "gpu": {
        "faiss": "faiss-gpu",
        "cupy": "cupy-cuda13x",
        "cudf": "cudf-cu13",
        "cuml": "cuml-cu13",
        "cuvs": "cuvs-cu13",
    },
}
# What the dynamic linker says where a library is there and can't be mapped.
_NO_MEMORY = ("Cannot allocate memory", "failed to map segment", "cannot map zero-fill pages")
_MACHINES: dict[Extra, str] = {"cpu": "the CPU", "gpu": "a GPU"}


def require(module: str, purpose: str, extra: Extra = "cpu") -> ModuleType:
    """The module, imported; else a CapabilityError that names it, the purpose and the remedy."""
    root = module.partition(".")[0]
    name = _DISTRIBUTIONS[extra].get(root, root)
    try:
        return importlib.import_module(module)
    except (ImportError, MemoryError) as error:
        if any(words in str(error) for words in _NO_MEMORY) or isinstance(error, MemoryError):
            raise CapabilityError(
                f"{purpose} on {_MACHINES[extra]} needs {name}, and main memory does not suffice "
                f"to load it ({error}). Stop what else runs, or raise this account's limit."
            ) from error
        raise CapabilityError(
            f"{purpose} on {_MACHINES[extra]} needs {name} ({error}); install it with "
            f"`pip install rapids-rap[{extra}]`."
        ) from error
    except RuntimeError as error:
        # Numba, under a user who can write neither to the installation nor to a home folder.
        if "cannot cache" not in str(error):
            raise
        raise CapabilityError(
            f"{purpose} needs {name}, which finds no folder for its compiled code; "
            "set NUMBA_CACHE_DIR to one that can be written."
        ) from error
