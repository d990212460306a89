"""What is said of libraries that can't use a card which the driver offers."""

from dataclasses import replace

import pytest

from rapids_rap.backend.gpu_imports import ABSENT
from rapids_rap.machine.driver import Library, TorchBuild
from rapids_rap.machine.library_obstacles import library_obstacle, notes, parts
from tests.gpu_facts import H100, LIBRARIES, TORCH, USABLE, with_problem


def torch_as(**changes):
    return replace(USABLE, torch=replace(TORCH, **changes))


CPU_TORCH = replace(
    USABLE,
    torch=TorchBuild("", available=False),
    libraries=(Library("torch", "2.13.0+cpu"), *LIBRARIES[1:]),
)
FAULTS = {
    "RAPIDS is missing": (
        replace(USABLE, libraries=with_problem("cuml", ABSENT)),
        ["cuml is not installed", "H100", "[gpu]"],
    ),
    "torch for the CPU": (
        CPU_TORCH,
        ["2.13.0+cpu", "CPU", "CUDA 13", "pip install --force-reinstall 'torch===2.13.0'"],
    ),
    "torch for a later CUDA": (torch_as(cuda="14.0"), ["14.0", "580.95.05", "13.0", "update"]),
    "torch finds none": (
        torch_as(available=False, reason="CUDA driver initialization failed"),
        ["2.13.0", "H100", "CUDA driver initialization failed"],
    ),
    "torch finds none, without a word": (torch_as(available=False), ["it gives no reason"]),
    "torch lacks the card": (
        torch_as(architectures=("sm_75", "sm_80", "sm_86")),
        ["9.0", "H100", "sm_75 sm_80 sm_86"],
    ),
    "torch is broken": (
        replace(USABLE, libraries=with_problem("torch", "OSError: libcudart.so.13"), torch=None),
        ["torch can't be imported", "libcudart.so.13", "[gpu]"],
    ),
    "cudf is broken": (
        replace(USABLE, libraries=with_problem("cudf", "ImportError: undefined symbol")),
        ["cudf can't be imported", "undefined symbol", "[gpu]"],
    ),
    "faiss is broken": (
        replace(USABLE, libraries=with_problem("faiss", "it ended with signal 6")),
        ["faiss can't be imported", "signal 6"],
    ),
    "faiss finds none": (replace(USABLE, faiss_gpus=0), ["faiss 1.15.1", "H100", "faiss-gpu=="]),
}


@pytest.mark.parametrize(("facts", "words"), FAULTS.values(), ids=FAULTS)
def test_each_fault_has_its_sentence(facts, words):
    """The library at fault is named, with what was expected and how to mend it."""
    found = library_obstacle(facts)
    assert [word for word in words if word not in found] == []
    assert not found.endswith(".")


def test_everything_that_is_missing_is_named_at_once():
    """One installation mends it, not one for each missing library."""
    libraries = tuple(Library(lib.name, problem=ABSENT) for lib in LIBRARIES[3:])
    found = library_obstacle(replace(USABLE, libraries=LIBRARIES[:3] + libraries))
    assert "rmm, cudf, cuml and cuvs are not installed" in found


def test_a_sound_installation_is_no_obstacle():
    """Nothing is refused that works."""
    assert library_obstacle(USABLE) == ""
    assert notes(USABLE) == []


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((9, 0), ("sm_90",), True),
        ((8, 9), ("sm_80",), True),  # a later minor of the same major version
        ((8, 0), ("sm_86",), False),
        ((10, 0), ("sm_90",), False),
        ((10, 3), ("sm_90", "compute_90"), True),  # compiled by the driver on first use
        ((9, 0), ("compute_100",), False),
        ((9, 0), ("sm_90a",), True),
        ((12, 0), ("compute_90a",), False),  # bound to one card
        ((12, 1), ("sm_120",), True),
        ((9, 0), ("gfx942",), False),
        ((9, 0), (), True),  # torch names none: no reason to refuse
    ],
)
def test_which_code_runs_on_which_card(capability, architectures, runs):
    """Machine code runs within its major version, portable code on what is newer."""
    facts = torch_as(architectures=architectures)
    facts = replace(facts, cards=(replace(H100, capability=capability),))
    assert (library_obstacle(facts) == "") == runs


NO_FAISS = replace(USABLE, libraries=with_problem("faiss", ABSENT), faiss_gpus=None)
CPU_FAISS = replace(USABLE, faiss_gpus=None, faiss_packages=("faiss-cpu", "faiss-gpu"))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (NO_FAISS, ["faiss-gpu is not installed", "by cuVS", "[gpu]"]),
        (CPU_FAISS, ["without GPU support", "faiss-cpu, faiss-gpu", "pip uninstall faiss-cpu"]),
    ],
    ids=["absent", "faiss-cpu over faiss-gpu"],
)
def test_without_faiss_on_the_gpu_cuvs_searches(facts, words):
    """A run starts, and the doctor says what searches and how to have FAISS back."""
    assert library_obstacle(facts) == ""
    [note] = notes(facts)
    assert [word for word in words if word not in note] == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(USABLE, faiss_packages=("faiss-cpu", "faiss-gpu")), "faiss-cpu and faiss-gpu"),
        (torch_as(cuda="12.8"), "CUDA 12.8"),
        (replace(USABLE, libraries=(*LIBRARIES[:4], Library("cudf", "26.06.00"))), "cudf 26.06.00"),
        (replace(USABLE, cards=(replace(H100, mode="Exclusive_Process"),)), "one process"),
        (replace(USABLE, cards=(replace(H100, capability=(7, 5)),)), "embedding.dtype=float16"),
    ],
)
def test_what_works_but_is_odd_is_noted(facts, words):
    """A combination that was not meant is said, and nothing else is."""
    [note] = notes(facts)
    assert words in note


def test_parts_tell_what_runs_without_rapids():
    """With torch, CuPy and Triton alone, embedding and silhouette are ready and the rest is not."""
    libraries = LIBRARIES[:3] + tuple(Library(lib.name, problem=ABSENT) for lib in LIBRARIES[3:])
    found = dict(parts(replace(USABLE, libraries=libraries, faiss_gpus=None)))
    assert found["embedding, pooling, silhouette, PCA"] == "torch + cupy + triton ready"
    assert found["neighbours by FAISS"] == "faiss: not installed"
    assert found["UMAP and HDBSCAN by cuML"] == "rmm: not installed; cuml: not installed"
    assert all(state.endswith("ready") for _, state in parts(USABLE))


@pytest.mark.parametrize(("gpus", "words"), [(None, "its CPU build"), (0, "finds no GPU")])
def test_parts_tell_a_faiss_that_has_no_gpu(gpus, words):
    """A faiss that imports but can't use the card is not called ready."""
    assert words in dict(parts(replace(USABLE, faiss_gpus=gpus)))["neighbours by FAISS"]


def test_parts_tell_a_torch_that_has_no_gpu():
    """Nor is a torch for the CPU."""
    assert "torch: finds no GPU" in dict(parts(CPU_TORCH))["embedding, pooling, silhouette, PCA"]
