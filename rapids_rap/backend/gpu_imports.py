"""Run as a script: import each library of the GPU backend and write what it says, a JSON line each.

`driver.read_libraries` starts it as a process of its own, so that a library that breaks its process
breaks only this one, and so that looking at a GPU costs the caller neither memory nor a CUDA
context. Nothing is allocated on a device here.
"""

from __future__ import annotations

import importlib
import json
import os
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

MODULES = ("torch", "cupy", "triton", "rmm", "cudf", "cuml", "cuvs", "faiss")
ABSENT = "not installed"


def look_at(name: str) -> dict[str, Any]:
    """name, version, problem (empty where the import succeeds), and what `ASKED` adds."""
    if find_spec(name) is None:
        return {"name": name, "version": "", "problem": ABSENT}
    try:
        module = importlib.import_module(name)
        extra = ASKED[name](module) if name in ASKED else {}
    except Exception as error:  # a broken installation may raise anything
        sentence = " ".join(str(error).split())[:200]
        return {"name": name, "version": "", "problem": f"{type(error).__name__}: {sentence}"}
    return {"name": name, "version": str(getattr(module, "__version__", "")), "problem": ""} | extra


def ask_torch(torch: ModuleType) -> dict[str, Any]:
    """What CUDA torch was built for, and whether, or why not, it finds a device."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    reason = " ".join(str(caught[-1].message).split())[:200] if caught else ""
    return {
        "cuda": torch.version.cuda or "",
        "available": available,
        "reason": reason,
        "architectures": torch.cuda.get_arch_list(),
    }


def ask_faiss(faiss: ModuleType) -> dict[str, Any]:
    """How many GPUs faiss counts; None of a build without its GPU half."""
    return {"gpus": faiss.get_num_gpus() if hasattr(faiss, "StandardGpuResources") else None}


ASKED: dict[str, Callable[[ModuleType], dict[str, Any]]] = {"torch": ask_torch, "faiss": ask_faiss}


def main() -> None:
    """Write to what was standard output; whatever the libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for name in MODULES:
            answers.write(json.dumps(look_at(name)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
