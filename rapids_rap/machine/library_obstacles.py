"""Why the GPU libraries can't use a card that the driver offers, one sentence each.

As `obstacles.py`: pure functions of `DriverFacts`, the first check that speaks wins.
"""

from __future__ import annotations

import re
from typing import Final

from rapids_rap.backend.gpu_imports import ABSENT
from rapids_rap.machine.driver import DriverFacts, Library, TorchBuild
from rapids_rap.machine.driver_obstacles import RAPIDS, cuda_version, dotted, first, numbers

FAISS_GPU: Final = "faiss-gpu==1.15.1"
FUSED_ATTENTION: Final = (8, 0)  # flash-attn 2 and torch's kernel; also bfloat16 in hardware
RAPIDS_MODULES: Final = ("rmm", "cudf", "cuml", "cuvs")
OPTIONAL: Final = ("faiss",)  # cuVS searches in its place
EXTRA: Final = "`pip install 'rapids-rap[gpu]'` (with conda: docs/gpu.md)"

PARTS: Final = (
    ("embedding, pooling, silhouette, PCA", ("torch", "cupy", "triton")),
    ("neighbours by FAISS", ("torch", "cupy", "faiss")),
    ("neighbours by cuVS", ("cupy", "cuvs")),
    ("UMAP and HDBSCAN by cuML", ("cupy", "rmm", "cuml")),
    ("tables and maps by cuDF", ("cupy", "rmm", "cudf")),
)


def library_obstacle(facts: DriverFacts) -> str:
    """What keeps the libraries from a card that the driver offers; empty for nothing."""
    return first(facts, (_absent, _torch_build, _torch_device, _broken, _faiss))


def notes(facts: DriverFacts) -> list[str]:
    """What works, but is not what this version was made for."""
    return [note for note in (check(facts) for check in NOTES) if note]


def parts(facts: DriverFacts) -> list[tuple[str, str]]:
    """Each part of the GPU backend: what it is made of and "ready", or what it lacks."""
    problems = {library.name: library.problem for library in facts.libraries}
    if facts.torch is not None and not facts.torch.available:
        problems["torch"] = "finds no GPU"
    if not problems.get("faiss") and not facts.faiss_gpus:
        problems["faiss"] = "is its CPU build" if facts.faiss_gpus is None else "finds no GPU"
    rows = []
    for part, needed in PARTS:
        lacking = [f"{name}: {problems[name]}" for name in needed if problems.get(name)]
        rows.append((part, "; ".join(lacking) or f"{' + '.join(needed)} ready"))
    return rows


# --- the checks


def _absent(facts: DriverFacts) -> str:
    absent = [
        library.name
        for library in facts.libraries
        if library.problem == ABSENT and library.name not in OPTIONAL
    ]
    if not absent:
        return ""
    return (
        f"{_listing(absent)} not installed, and without that {facts.cards[0].name} can't be used; "
        f"{EXTRA} brings what is missing"
    )


def _torch_build(facts: DriverFacts) -> str:
    torch = _library(facts, "torch")
    if torch.problem or facts.torch is None:
        return _unimportable(torch)
    plain = torch.version.partition("+")[0]
    if not facts.torch.cuda:
        return (
            f"torch {torch.version} is built for the CPU, and a build for CUDA 13 is expected; "
            f"`pip install --force-reinstall 'torch==={plain}'` takes PyPI's, which is one on Linux"
        )
    if facts.cuda and _major(facts.torch.cuda) * 1000 > facts.cuda:
        return (
            f"torch {torch.version} is built for CUDA {facts.torch.cuda}, and driver "
            f"{facts.driver} supports CUDA up to {cuda_version(facts.cuda)}; update the driver, or "
            "install a torch for CUDA 13"
        )
    return ""


def _torch_device(facts: DriverFacts) -> str:
    torch, build, card = _library(facts, "torch"), facts.torch, facts.cards[0]
    if build is None:
        return ""
    if not build.available:
        return (
            f"torch {torch.version} for CUDA {build.cuda} finds no GPU although the driver shows "
            f"{card.name} ({build.reason or 'it gives no reason'}); `python -c 'import torch; "
            "torch.cuda.init()'` says more, and a fresh environment often mends it"
        )
    if _runs_on(card.capability, build):
        return ""
    return (
        f"torch {torch.version} has no code for {card.name} (compute capability "
        f"{dotted(card.capability)}): it was built for {' '.join(build.architectures)}; install a "
        "build that has"
    )


def _broken(facts: DriverFacts) -> str:
    broken = [library for library in facts.libraries if library.problem not in ("", ABSENT)]
    return _unimportable(broken[0]) if broken else ""


def _faiss(facts: DriverFacts) -> str:
    faiss, card = _library(facts, "faiss"), facts.cards[0]
    if facts.faiss_gpus == 0:
        return (
            f"faiss {faiss.version} finds no GPU although the driver shows {card.name}; `pip "
            f"install --force-reinstall {FAISS_GPU}` brings it with the CUDA libraries it needs"
        )
    return ""


# --- what works, but should be known


def _note_no_faiss(facts: DriverFacts) -> str:
    faiss = _library(facts, "faiss")
    if not facts.cards or facts.faiss_gpus is not None or faiss.problem not in ("", ABSENT):
        return ""
    if faiss.problem:
        return f"faiss-gpu is not installed, so neighbours are searched by cuVS; {EXTRA} brings it"
    return (
        f"faiss {faiss.version} is a build without GPU support (installed: "
        f"{', '.join(facts.faiss_packages) or 'unknown'}), so neighbours are searched by cuVS; "
        "faiss-cpu and faiss-gpu overwrite one another: `pip uninstall faiss-cpu faiss-gpu`, then "
        f"{EXTRA}"
    )


def _note_faiss(facts: DriverFacts) -> str:
    if facts.faiss_gpus is None or len(facts.faiss_packages) < 2:
        return ""
    both = " and ".join(facts.faiss_packages)
    return f"{both} are both installed and overwrite one another; keep one"


def _note_torch(facts: DriverFacts) -> str:
    if facts.torch is None or not facts.torch.cuda or _major(facts.torch.cuda) == 13:
        return ""
    return f"torch is built for CUDA {facts.torch.cuda}, the RAPIDS packages here for CUDA 13"


def _note_rapids(facts: DriverFacts) -> str:
    other = [
        f"{lib.name} {lib.version}"
        for lib in facts.libraries
        if lib.name in RAPIDS_MODULES and not lib.problem and not lib.version.startswith(RAPIDS)
    ]
    return f"written for RAPIDS {RAPIDS}, and found {', '.join(other)}" if other else ""


def _note_exclusive(facts: DriverFacts) -> str:
    if not facts.cards or facts.cards[0].mode != "Exclusive_Process":
        return ""
    return f"{facts.cards[0].name} is in compute mode Exclusive_Process: one process at a time"


def _note_turing(facts: DriverFacts) -> str:
    if not facts.cards or facts.cards[0].capability >= FUSED_ATTENTION:
        return ""
    return (
        f"{facts.cards[0].name} has compute capability {dotted(facts.cards[0].capability)}: fused "
        f"attention and bfloat16 need {dotted(FUSED_ATTENTION)}, so texts are embedded in batches "
        "of equal length; consider embedding.dtype=float16"
    )


NOTES: Final = (
    _note_no_faiss,
    _note_faiss,
    _note_torch,
    _note_rapids,
    _note_exclusive,
    _note_turing,
)


# --- words and numbers


def _library(facts: DriverFacts, name: str) -> Library:
    known = {library.name: library for library in facts.libraries}
    return known.get(name, Library(name, problem=ABSENT))


def _unimportable(library: Library) -> str:
    return (
        f"{library.name} can't be imported ({library.problem}); install it anew, best with {EXTRA} "
        "in a fresh environment"
    )


def _runs_on(capability: tuple[int, int], build: TorchBuild) -> bool:
    """Whether any architecture fits, or none is named."""
    return not build.architectures or any(_fits(capability, name) for name in build.architectures)


def _fits(capability: tuple[int, int], architecture: str) -> bool:
    """Whether code for "sm_86", "sm_90a" or "compute_120" runs on that card.

    Machine code runs on the same and later minors of its major version, portable code on whatever
    is newer, and what is marked with a letter on its own card only.
    """
    found = re.fullmatch(r"(sm|compute)_(\d+)([a-z]?)", architecture)
    if found is None:
        return False
    built = divmod(int(found[2]), 10)
    if found[3]:
        return built == capability
    return built <= capability and (found[1] == "compute" or built[0] == capability[0])


def _listing(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"


def _major(version: str) -> int:
    return numbers(version)[0]
