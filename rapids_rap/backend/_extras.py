"""Optional libraries: imported when a method first needs them, and explained when missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from rapids_rap.errors import CapabilityError

_DISTRIBUTIONS = {"faiss": "faiss-cpu", "umap.umap_": "umap-learn"}


def require(module: str, purpose: str) -> ModuleType:
    """The module, imported; else a CapabilityError that names it, the purpose and the remedy."""
    name = _DISTRIBUTIONS.get(module, module)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CapabilityError(
            f"{purpose} on the CPU needs {name} ({error}); install it with "
            "`pip install rapids-rap[cpu]`."
        ) from error
    except RuntimeError as error:
        # Numba, under a user who can write neither to the installation nor to a home folder.
        if "cannot cache" not in str(error):
            raise
        raise CapabilityError(
            f"{purpose} needs {name}, which finds no folder for its compiled code; "
            "set NUMBA_CACHE_DIR to one that can be written."
        ) from error
