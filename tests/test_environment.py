"""The files that set a machine up: conda, container and pip agree with one another.

None of them can be solved or built here, so what can go wrong without that is checked: syntax,
paths, versions that drift apart, and the rules that the container keeps.
"""

import io
import json
import re
import tomllib

import pytest
import yaml
from dockerfile_parse import DockerfileParser
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from rapids_rap import __version__
from rapids_rap.backend.gpu_imports import MODULES
from rapids_rap.machine.driver_obstacles import MINIMUM_DRIVER, RAPIDS, driver_obstacle
from rapids_rap.machine.library_obstacles import FAISS_GPU, library_obstacle
from tests.conftest import ROOT
from tests.machine import test_driver_obstacles, test_library_obstacles

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA = ["environment-gpu.yaml", "environment-cpu.yaml"]
# What conda calls differently, or has none of.
PIP_NAMES = {
    "cudf": "cudf-cu13",
    "cuml": "cuml-cu13",
    "cuvs": "cuvs-cu13",
    "rmm": "rmm-cu13",
    "cupy": "cupy-cuda13x",
    "matplotlib-base": "matplotlib",
}
CONDA_ONLY = {"python", "pip", "cuda-version", "c-compiler"}


def declared(*extras):
    """What pyproject.toml asks for, by name: the core and these extras."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def pinned(name):
    """The versions of a constraints file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(len(pin.specifier) == 1 and "===" not in str(pin) for pin in pins)
    return {canonicalize_name(p.name): str(p.specifier).removeprefix("==") for p in pins}


# --- pip


def test_the_gpu_extra_brings_what_is_looked_for():
    """Every library that the doctor asks for is installed by the core or by `[gpu]`."""
    names = set(declared("gpu"))
    assert {PIP_NAMES.get(m, {"faiss": "faiss-gpu"}.get(m, m)) for m in MODULES} <= names
    assert "faiss-cpu" not in names


def test_both_extras_ask_for_the_same_of_what_they_share():
    """`--backend cpu` computes the same beside RAPIDS as without it."""
    gpu, cpu = ({r.name: r for r in map(Requirement, EXTRAS[e])} for e in ("gpu", "cpu"))
    shared = gpu.keys() & cpu.keys()
    assert shared == cpu.keys() - {"faiss-cpu"}
    assert all(gpu[name].specifier == cpu[name].specifier for name in shared)


def test_messages_name_the_versions_of_the_extra():
    """Whoever follows a remedy gets what pyproject.toml asks for."""
    asked = declared("gpu")
    for name in ("cudf-cu13", "cuml-cu13", "cuvs-cu13", "rmm-cu13"):
        assert asked[name].specifier == SpecifierSet(f"=={RAPIDS}.*")
    assert Requirement(FAISS_GPU) == asked["faiss-gpu"]


@pytest.mark.parametrize(
    ("name", "extras"),
    [("constraints-gpu.txt", ("gpu", "train", "view")), ("constraints-cpu.txt", ("cpu", "view"))],
)
def test_constraints_satisfy_what_is_declared(name, extras):
    """Each requirement has a pin, and the pin is a version that it accepts."""
    pins = pinned(name)
    for wanted, requirement in declared(*extras).items():
        assert wanted in pins, wanted
        assert requirement.specifier.contains(pins[wanted]), requirement


def test_the_gpu_runs_the_versions_that_are_tested():
    """What the suite is proven on is what a GPU server gets, but for torch's own Triton."""
    cpu, gpu = pinned("constraints-cpu.txt"), pinned("constraints-gpu.txt")
    differing = {name for name in cpu.keys() & gpu.keys() if cpu[name] != gpu[name]}
    assert differing <= {"triton"}


# --- conda


@pytest.fixture(params=CONDA)
def conda(request):
    """One of the conda environments, parsed."""
    return yaml.safe_load((ROOT / "conda" / request.param).read_text(encoding="utf-8"))


def split(conda):
    """Conda's own requirements and those left to pip."""
    own = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    [section] = [entry for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert list(section) == ["pip"]
    return own, section["pip"]


def conda_specifier(text):
    """`=26.10` of conda is `==26.10.*` of pip; the rest is written the same."""
    fuzzy = re.fullmatch(r"=([\d.]+)", text)
    return SpecifierSet(f"=={fuzzy[1]}.*" if fuzzy else text)


def test_conda_asks_for_what_pyproject_asks_for(conda):
    """A version that is raised in one file is raised in the other."""
    own, _ = split(conda)
    asked = declared("gpu", "cpu")
    for entry in own:
        name, _, version = entry.partition(" ")
        if name in CONDA_ONLY:
            continue
        requirement = asked[PIP_NAMES.get(name, name)]
        assert conda_specifier(version) == requirement.specifier, entry


def test_conda_has_a_python_that_the_project_accepts(conda):
    """Python 3.11 to 3.13, as RAPIDS and the project support it."""
    own, _ = split(conda)
    [entry] = [e for e in own if e.startswith("python ")]
    range_ = SpecifierSet(entry.removeprefix("python "))
    assert [v for v in ("3.10", "3.11", "3.12", "3.13", "3.14") if v in range_] == [
        "3.11",
        "3.12",
        "3.13",
    ]
    assert "3.11" in SpecifierSet(PROJECT["requires-python"])
    assert "pip" in {e.split(" ")[0] for e in own}


def test_pip_section_installs_the_project_itself(conda):
    """Pip runs in the folder of the file: the path leads to the project, its extras exist."""
    _, section = split(conda)
    [editable] = [entry for entry in section if entry.startswith("-e ")]
    path, extras = re.fullmatch(r"-e (\S+?)\[([\w,]+)\]", editable).groups()
    assert (ROOT / "conda" / path).resolve() == ROOT
    assert set(extras.split(",")) <= EXTRAS.keys()
    assert "gpu" not in extras.split(","), "pip's RAPIDS would overwrite conda's"


def test_pip_section_agrees_with_the_constraints(conda):
    """Each requirement parses, and accepts the version that was resolved."""
    pins = pinned("constraints-gpu.txt")
    for entry in split(conda)[1]:
        if not entry.startswith("-e "):
            requirement = Requirement(entry)
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_the_opencc_that_changes_simplified_words_is_shut_out(conda):
    """OpenCC 1.4.0 makes 坯 of 坏 in text that was simplified already."""
    [asked] = [r for r in map(Requirement, PROJECT["dependencies"]) if r.name == "opencc"]
    [own] = [r for r in split(conda)[1] if r.startswith("opencc")]
    assert Requirement(own).specifier == asked.specifier
    assert "1.4.0" not in asked.specifier
    assert "1.4.2" in asked.specifier


def test_the_gpu_environment_is_complete():
    """RAPIDS by conda for CUDA 13, FAISS by pip, and no library of `[gpu]` forgotten."""
    conda = yaml.safe_load((ROOT / "conda" / CONDA[0]).read_text(encoding="utf-8"))
    own, section = split(conda)
    assert conda["channels"] == ["rapidsai", "conda-forge", "nvidia"]
    assert "cuda-version >=13.0,<14" in own
    names = {PIP_NAMES.get(e.split(" ")[0], e.split(" ")[0]) for e in own}
    names |= {Requirement(e).name for e in section if not e.startswith("-e ")}
    wanted = {r.name for r in map(Requirement, EXTRAS["gpu"])} - {"triton"}  # torch brings its own
    assert wanted <= names


# --- the container


@pytest.fixture(scope="module")
def dockerfile():
    """The instructions of Dockerfile.cuda: (instruction, value), by stage."""
    source = io.BytesIO((ROOT / "Dockerfile.cuda").read_bytes())
    stages = [[]]
    for entry in DockerfileParser(fileobj=source).structure:
        if entry["instruction"] == "COMMENT":
            continue
        if entry["instruction"] == "FROM":
            stages.append([])
        stages[-1].append((entry["instruction"], entry["value"]))
    return stages


def values(stage, instruction):
    return [value for name, value in stage if name == instruction]


def variables(stage, instruction):
    """What ENV, ARG or LABEL of a stage set."""
    text = " ".join(values(stage, instruction))
    return {k: v.strip('"') for k, v in re.findall(r'([\w.]+)=("[^"]*"|\S+)', text)}


KNOWN = {
    "ARG",
    "FROM",
    "RUN",
    "COPY",
    "ENV",
    "LABEL",
    "WORKDIR",
    "VOLUME",
    "USER",
    "HEALTHCHECK",
    "ENTRYPOINT",
    "CMD",
}


def test_the_container_is_built_in_one_stage_and_runs_in_another(dockerfile):
    """The compiler and its toolkit stay behind; both stages have the same CUDA and system."""
    head, builder, runtime = dockerfile
    assert {name for stage in dockerfile for name, _ in stage} <= KNOWN
    assert values(builder, "FROM") == [
        "nvidia/cuda:${CUDA_VERSION}-devel-ubuntu${UBUNTU_VERSION} AS builder"
    ]
    assert values(runtime, "FROM") == [
        "nvidia/cuda:${CUDA_VERSION}-base-ubuntu${UBUNTU_VERSION} AS runtime"
    ]
    cuda = Version(variables(head, "ARG")["CUDA_VERSION"])
    torch_cuda = Version(pinned("constraints-gpu.txt")["cuda-toolkit"])
    assert cuda.release[:2] == torch_cuda.release[:2], "flash-attn is compiled for torch's CUDA"


def test_the_container_does_not_run_as_root(dockerfile):
    """The last USER counts; it is a number, so that an orchestrator can tell."""
    user = values(dockerfile[-1], "USER")[-1]
    assert int(user.partition(":")[0]) > 0


def test_the_container_examines_itself(dockerfile):
    """The health check is the doctor, and the doctor's options exist."""
    [check] = values(dockerfile[-1], "HEALTHCHECK")
    command = json.loads(check.partition("CMD")[2])
    assert command == ["rapids-rap", "doctor", "--require-gpu"]
    assert json.loads(values(dockerfile[-1], "ENTRYPOINT")[0]) == ["rapids-rap"]


def test_the_container_can_write_where_it_must(dockerfile):
    """Models, lyrics and runs are volumes; every cache has a folder that any user may write to."""
    runtime = dockerfile[-1]
    assert set(json.loads(values(runtime, "VOLUME")[0])) == {"/models", "/lyrics", "/runs"}
    settings = variables(runtime, "ENV")
    assert settings["HF_HOME"] == "/models"
    caches = {"NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "CUPY_CACHE_DIR", "MPLCONFIGDIR"}
    assert all(settings[name].startswith("/cache/") for name in caches)
    assert any("--mode 1777 /cache" in command for command in values(runtime, "RUN"))


def test_the_container_takes_nothing_from_the_network_by_itself(dockerfile):
    """Only package managers fetch, and no secret is built in."""
    for stage in dockerfile:
        assert not [v for v in values(stage, "RUN") if re.search(r"\b(curl|wget|git clone)\b", v)]
        names = [*variables(stage, "ENV"), *variables(stage, "ARG")]
        assert not [n for n in names if re.search("TOKEN|SECRET|PASSWORD|CREDENTIAL|API_KEY", n)]


def test_every_copied_file_exists_and_nothing_else_is_sent(dockerfile):
    """The build's context is exactly what COPY names: no lyrics, models, runs or history."""
    copied = [v.split() for s in dockerfile for v in values(s, "COPY") if "--from=" not in v]
    sources = {source for entry in copied for source in entry[:-1]}
    assert all((ROOT / source).exists() for source in sources)
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == sources
    assert {"pyproject.toml", "rapids_rap", "kernels", "bench", "LICENSE"} <= sources


def test_everything_in_the_container_is_pinned(dockerfile):
    """Pip installs under the constraints, flash-attn for the cards that torch is asked for."""
    builder = dockerfile[1]
    assert variables(builder, "ENV")["PIP_CONSTRAINT"] == "/build/constraints-gpu.txt"
    pins = pinned("constraints-gpu.txt")
    installed = " ".join(values(builder, "RUN"))
    for name in ("torch", "ninja", "packaging", "psutil", "setuptools", "wheel", "flash-attn"):
        assert name in pins
        assert re.search(rf"\b{name}\b", installed)
    [extras] = re.findall(r"'\.\[([\w,]+)\]'", installed)
    assert extras.split(",") == ["gpu", "train", "scale"]
    cards = variables(builder, "ARG")
    assert cards["FLASH_ATTN_CUDA_ARCHS"] == cards["TORCH_CUDA_ARCH_LIST"].replace(".", "")
    assert variables(dockerfile[-1], "LABEL")["org.opencontainers.image.version"] == __version__


# --- the guide


@pytest.mark.parametrize("name", ["docs/gpu.md", "Dockerfile.cuda"])
def test_the_least_driver_is_the_same_everywhere(name):
    """Guide, container and messages ask for one driver."""
    found = set(re.findall(r"\b\d{3}\.\d+\.\d+\b", (ROOT / name).read_text(encoding="utf-8")))
    assert MINIMUM_DRIVER in found


def test_the_guide_quotes_the_versions_that_were_resolved():
    """The table of docs/gpu.md is the table of constraints-gpu.txt."""
    pins = pinned("constraints-gpu.txt")
    rows = re.findall(r"^\| `([\w-]+)` \| ([\w.]+) \|", (ROOT / "docs/gpu.md").read_text(), re.M)
    assert len(rows) >= 10
    for name, version in rows:
        assert pins[canonicalize_name(name)] == version, name


def test_the_guide_explains_every_obstacle():
    """Each sentence of the doctor holds the words of a row, and no row waits for a sentence."""
    guide = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    table = guide.partition("## When the GPU is not found")[2].partition("## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|", table, re.M)
    said = [driver_obstacle(facts) for facts, _ in test_driver_obstacles.FAULTS.values()]
    said += [library_obstacle(facts) for facts, _ in test_library_obstacles.FAULTS.values()]
    assert [s for s in said if not any(words in s for words in rows)] == []
    assert [words for words in rows if not any(words in s for s in said)] == []
