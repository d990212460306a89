"""Facts about the GPU of this machine: what its driver says, and what the libraries above it say.

Nothing is judged here; `obstacles.py` and `library_obstacles.py` do that. The driver is asked
through nvidia-smi and through libcuda.so.1, which takes milliseconds and makes no CUDA context.
Only where it has a usable card are the GPU libraries imported, in a process of their own.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rapids_rap.backend import gpu_imports

SMI_SECONDS = 10
IMPORT_SECONDS = 120
KERNEL_MODULE = Path("/proc/driver/nvidia/version")
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
CONTAINER_VARIABLES = ("KUBERNETES_SERVICE_HOST", "container")
FAISS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")
CARD_QUERY = "uuid,name,memory.total,memory.used,compute_mode,mig.mode.current,driver_version"
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class Card:
    """A GPU or an instance of one. Bytes; 0, (0, 0) or an empty string where that is not known.

    mode: the compute mode in nvidia-smi's word. mig: whether it is split into instances.
    """

    name: str
    uuid: str = ""
    memory: int = 0
    used: int = 0
    capability: tuple[int, int] = (0, 0)
    mode: str = ""
    mig: bool = False


@dataclass(frozen=True)
class Holder:
    """A process that works on the card of that uuid."""

    uuid: str
    pid: int
    name: str


@dataclass(frozen=True)
class Library:
    """A module: its version, and why it can't be imported (empty where it can)."""

    name: str
    version: str = ""
    problem: str = ""


@dataclass(frozen=True)
class TorchBuild:
    """cuda: what torch was built for, "13.0", empty for none. reason: why it finds no device.

    architectures: such as "sm_90" (machine code) or "compute_120" (which newer cards can use too).
    """

    cuda: str
    available: bool
    reason: str = ""
    architectures: tuple[str, ...] = ()


@dataclass(frozen=True)
class DriverFacts:
    """All that is known of the GPU before anything runs on it.

    container: whether this process runs in one. visible: CUDA_VISIBLE_DEVICES, None where unset.
    driver: version of the driver on the machine, empty without one. smi_problem: nvidia-smi's
    complaint. listed: the cards of the machine, as nvidia-smi lists them; holders: processes on
    those in exclusive mode. loaded: whether libcuda.so.1 can be opened; cuda: the newest CUDA it
    supports (13010 is 13.1; 0: unknown); init: its error code (0: none). cards: what CUDA shows to
    this process, the first being the one that is used. faiss_packages: installed distributions of
    faiss. libraries, torch, faiss_gpus: filled in only where the driver has a usable card.
    """

    system: str = "Linux"
    container: bool = False
    visible: str | None = None
    driver: str = ""
    smi_problem: str = ""
    listed: tuple[Card, ...] = ()
    holders: tuple[Holder, ...] = ()
    loaded: bool = False
    cuda: int = 0
    init: int = 0
    cards: tuple[Card, ...] = ()
    faiss_packages: tuple[str, ...] = ()
    libraries: tuple[Library, ...] = ()
    torch: TorchBuild | None = None
    faiss_gpus: int | None = None


def read_driver() -> DriverFacts:
    """What the driver says; never raises for what is missing or broken."""
    smi_problem, driver, listed = ask_nvidia_smi()
    exclusive = any(card.mode == "Exclusive_Process" for card in listed)
    facts = DriverFacts(
        system=platform.system(),
        container=_in_container(),
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        driver=driver or kernel_module_version(),
        smi_problem=smi_problem,
        listed=listed,
        holders=ask_holders() if exclusive else (),
        faiss_packages=tuple(name for name in FAISS if _is_installed(name)),
    )
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return facts
    cuda, init, cards = ask_libcuda(library)
    known = {card.uuid: card for card in listed}
    cards = tuple(_with_state(card, known.get(card.uuid)) for card in cards)
    return replace(facts, loaded=True, cuda=cuda, init=init, cards=cards)


def read_libraries(facts: DriverFacts) -> DriverFacts:
    """The facts with what torch, CuPy, Triton, RAPIDS and faiss say, each imported elsewhere."""
    answers, end = _run_imports()
    silent = [name for name in gpu_imports.MODULES if name not in answers]
    for name in silent:
        problem = end if name == silent[0] else f"not tried after {silent[0]}"
        answers[name] = {"version": "", "problem": problem}
    libraries = tuple(
        Library(name, answers[name]["version"], answers[name]["problem"])
        for name in gpu_imports.MODULES
    )
    torch, build = answers["torch"], None
    if "cuda" in torch:
        architectures = tuple(torch["architectures"])
        build = TorchBuild(torch["cuda"], torch["available"], torch["reason"], architectures)
    faiss = answers["faiss"]
    return replace(facts, libraries=libraries, torch=build, faiss_gpus=faiss.get("gpus"))


def ask_nvidia_smi() -> tuple[str, str, tuple[Card, ...]]:
    """Its complaint, the driver's version, and the machine's cards."""
    problem, rows = _smi(f"--query-gpu={CARD_QUERY}")
    cards = tuple(
        Card(
            name=row[1],
            uuid=row[0].partition("-")[2],
            memory=_mebibytes(row[2]),
            used=_mebibytes(row[3]),
            mode=row[4],
            mig=row[5] == "Enabled",
        )
        for row in rows
    )
    return problem, rows[0][6] if rows else "", cards


def ask_holders() -> tuple[Holder, ...]:
    """The processes with a CUDA context, this one left out."""
    _, rows = _smi("--query-compute-apps=gpu_uuid,pid,process_name")
    return tuple(
        Holder(card.partition("-")[2], int(pid), name)
        for card, pid, name in rows
        if pid.isdecimal() and int(pid) != os.getpid()
    )


def ask_libcuda(library: Any) -> tuple[int, int, tuple[Card, ...]]:
    """The newest CUDA supported, cuInit's error code, and the cards that this process may use.

    library: libcuda.so.1. None of these calls makes a context.
    """
    newest, count = ctypes.c_int(0), ctypes.c_int(0)
    library.cuDriverGetVersion(ctypes.byref(newest))
    init = int(library.cuInit(0))
    if init == 0:
        library.cuDeviceGetCount(ctypes.byref(count))
    return newest.value, init, tuple(_card(library, ordinal) for ordinal in range(count.value))


def kernel_module_version() -> str:
    """The version of the loaded NVIDIA kernel module; in a container, of its host's."""
    try:
        found = re.search(r"\b\d{3}\.\d+(\.\d+)?\b", KERNEL_MODULE.read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found[0] if found else ""


def _card(library: Any, ordinal: int) -> Card:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    size, name, identity = (
        ctypes.c_size_t(),
        ctypes.create_string_buffer(96),
        (ctypes.c_ubyte * 16)(),
    )
    library.cuDeviceGet(ctypes.byref(device), ordinal)
    library.cuDeviceGetName(name, len(name), device)
    library.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    library.cuDeviceGetAttribute(ctypes.byref(major), CAPABILITY_MAJOR, device)
    library.cuDeviceGetAttribute(ctypes.byref(minor), CAPABILITY_MINOR, device)
    library.cuDeviceGetUuid_v2(ctypes.byref(identity), device)
    return Card(
        name=name.value.decode(errors="replace"),
        uuid=str(uuid.UUID(bytes=bytes(identity))),
        memory=size.value,
        capability=(major.value, minor.value),
    )


def _with_state(card: Card, listed: Card | None) -> Card:
    """A card of CUDA's with what only nvidia-smi knows of it."""
    if listed is None:
        return card
    return replace(card, used=listed.used, mode=listed.mode, mig=listed.mig)


def _smi(query: str) -> tuple[str, list[list[str]]]:
    """nvidia-smi's complaint, empty where it answers or is missing, and the rows of its answer."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "", []
    command = [tool, query, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SMI_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {SMI_SECONDS} s", []
    except OSError as error:
        return str(error), []
    if done.returncode:
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        return said[0] if said else f"it ended with {done.returncode}", []
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return "", [row for row in rows if len(row) == query.count(",") + 1]


def _run_imports() -> tuple[dict[str, Any], str]:
    """The answers by module, and what ended the process before it came to the others."""
    command = [sys.executable, "-P", gpu_imports.__file__]
    try:
        done = subprocess.run(command, capture_output=True, timeout=IMPORT_SECONDS)
        out, end = done.stdout, f"it ends the process that imports it, code {done.returncode}"
    except subprocess.TimeoutExpired as expired:
        out, end = expired.stdout or b"", f"its import takes more than {IMPORT_SECONDS} s"
    return {answer["name"]: answer for answer in _json_lines(out.splitlines())}, end


def _json_lines(lines: Iterable[bytes]) -> Iterable[dict[str, Any]]:
    for line in lines:
        with contextlib.suppress(ValueError):  # the last one may be cut off
            yield json.loads(line)


def _in_container() -> bool:
    marked = any(path.exists() for path in CONTAINER_MARKS)
    return marked or any(name in os.environ for name in CONTAINER_VARIABLES)


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _mebibytes(cell: str) -> int:
    """Bytes of a cell such as "81559"; 0 of one such as "[N/A]"."""
    return int(cell) * 2**20 if cell.isdecimal() else 0
