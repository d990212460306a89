"""What this machine can run: backend, versions, model, fonts, and a memory plan for N lines."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection
from importlib.util import find_spec

from rapids_rap import __version__
from rapids_rap.backend import load_backend
from rapids_rap.backend.protocol import Memory, Sizes
from rapids_rap.config import EmbeddingConfig
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.machine import device
from rapids_rap.machine.driver import Card, DriverFacts
from rapids_rap.machine.driver_obstacles import MINIMUM_DRIVER, cuda_version, dotted
from rapids_rap.machine.library_obstacles import notes, parts
from rapids_rap.machine.memory_plan import (
    QWEN2_1_5B,
    MemoryPlan,
    ModelSize,
    find_model_size,
    gib,
    plan_memory,
)
from rapids_rap.machine.scale_plan import BATCH, Job
from rapids_rap.machine.scale_text import (
    FREE_SHARE,
    ScaleText,
    describe_plan,
    planned_machines,
)
from rapids_rap.machine.versions import PACKAGES, installed_version

Rows = list[tuple[str, str]]


def examine(
    lines: int, model: str, gpu_memory: float = 0.0, main_memory: float = 0.0
) -> dict[str, Rows]:
    """Titled rows of what was found; never fails for something that is missing, only says so.

    gpu_memory, main_memory: plan for a card of so many GiB in place of this machine's, in a server
    with so many.
    """
    facts = device.probe()
    plan = plan_for(lines, model, facts, gpu_memory, main_memory)
    return {
        "Machine": _machine(),
        "GPU": gpu_rows(facts),
        "Packages": [(name, installed_version(name) or "not installed") for name in PACKAGES],
        "Parts": [("CPU backend", _cpu_backend()), ("model", _model(model)), ("font", _font())],
        f"Memory plan for {lines:,} distinct lines of {plan.dim} dimensions": plan_rows(plan),
    }


def examine_many(
    lines: int,
    model: str,
    workers: int,
    by_shards: Collection[str],
    gpu_memory: float = 0.0,
    main_memory: float = 0.0,
) -> ScaleText:
    """The plan for so many workers; the other arguments as `examine`'s and `describe_plan`'s."""
    here = load_backend("cpu").memory().free
    machines = planned_machines(workers, gpu_memory, main_memory, here)
    size = _model_size(model, "bfloat16" if machines.gpu else "float32")
    return describe_plan(Job(lines, size), machines, by_shards)


def _machine() -> Rows:
    return [
        ("rapids-rap", __version__),
        ("Python", platform.python_version()),
        ("system", platform.platform()),
        ("CPU cores", str(os.cpu_count())),
    ]


def gpu_rows(facts: DriverFacts) -> Rows:
    """The driver, each card, what torch was built for, and which parts could run."""
    rows = [("driver", _driver(facts))]
    if facts.smi_problem:
        rows.append(("nvidia-smi", facts.smi_problem))
    hidden = "" if facts.cards else ", not shown to this process"
    cards = facts.cards or facts.listed
    rows += [(f"GPU {i}", _card(card) + hidden) for i, card in enumerate(cards)]
    if not facts.libraries:
        return [*rows, ("libraries", "not tried, because the driver offers no usable GPU")]
    if facts.torch is not None:
        built = f"CUDA {facts.torch.cuda}" if facts.torch.cuda else "the CPU"
        rows.append(("torch built for", f"{built} {' '.join(facts.torch.architectures)}".strip()))
    rows += parts(facts)
    return [*rows, *(("note", note) for note in notes(facts))]


def _driver(facts: DriverFacts) -> str:
    found = facts.driver or ("version unknown" if facts.loaded else "none found")
    supports = f", supports CUDA up to {cuda_version(facts.cuda)}" if facts.cuda else ""
    return f"{found}{supports} (needed: {MINIMUM_DRIVER} or newer)"


def _card(card: Card) -> str:
    known = [card.name]
    if card.memory:
        free = f", {gib(card.memory - card.used)} free" if card.used else ""
        known.append(f"{gib(card.memory)}{free}")
    if card.capability[0]:
        known.append(f"compute capability {dotted(card.capability)}")
    if card.mig:
        known.append("MIG mode")
    if card.mode not in ("", "Default"):
        known.append(f"compute mode {card.mode}")
    return ", ".join(known)


def _cpu_backend() -> str:
    missing = [p for p in ("umap-learn", "fast_hdbscan") if not installed_version(p)]
    if find_spec("faiss") is None:  # faiss-gpu holds the CPU indexes too
        missing.insert(0, "faiss-cpu")
    return f"missing {', '.join(missing)}: pip install 'rapids-rap[cpu]'" if missing else "ready"


def _model(model: str) -> str:
    from rapids_rap.embedding.folder import locate_model

    try:
        return f"{model}: found at {locate_model(model, download=False)}"
    except (CapabilityError, InputError) as error:
        return f"{model}: {error}"


def _font() -> str:
    from rapids_rap.config import MapsConfig
    from rapids_rap.maps.fonts import font_path

    try:
        return str(font_path(MapsConfig()))
    except (CapabilityError, InputError) as error:
        return str(error)


def plan_for(
    lines: int, model: str, facts: DriverFacts, gpu_memory: float = 0.0, main_memory: float = 0.0
) -> MemoryPlan:
    """For a card of `gpu_memory` GiB, else for this machine's usable card, else for its CPU.

    Of a card that isn't here `FREE_SHARE` is free, and its server has `main_memory` GiB, or four
    times the card's where that isn't said.
    """
    host = load_backend("cpu").memory()
    if gpu_memory or not device.gpu_obstacle(facts):
        total = int(gpu_memory * 2**30) or facts.cards[0].memory
        free = int(FREE_SHARE * total) if gpu_memory else total - facts.cards[0].used
        if gpu_memory:
            main = int(main_memory * 2**30) or 4 * total
            host = Memory(free=main, total=main, peak=0)
        size = _model_size(model, "bfloat16")
        sizes = Sizes(model=size.weights + size.activations(BATCH))
        return plan_memory("gpu", lines, size.hidden, Memory(free, total, 0), host, sizes)
    return plan_memory("cpu", lines, _model_size(model, "float32").hidden, host, host)


def _model_size(model: str, dtype: str) -> ModelSize:
    """Of the model if it is here, else of the default one."""
    try:
        return find_model_size(EmbeddingConfig(model=model), dtype, download=False)
    except (CapabilityError, InputError):
        return QWEN2_1_5B


def plan_rows(plan: MemoryPlan) -> Rows:
    """What each stage runs and needs, what is free, and whether it fits."""
    rows = [
        (
            s.stage,
            f"{gib(s.peak)}, {s.algorithm} ({s.because.partition('; does not fit')[0]})"
            + ("" if s.fits else " [too much]"),
        )
        for s in plan.stages
    ]
    if plan.device == "gpu":
        rows.append(("main memory", f"{gib(plan.host)} of {gib(plan.host_free)}"))
    if not plan.free:
        return [*rows, ("free now", "unknown on this system")]
    verdict = (
        "fits"
        if plan.fits
        else ("does not fit: fewer lines (--limit), a smaller model, or a machine with more memory")
    )
    return [*rows, (f"free {plan.device.upper()} memory", gib(plan.free)), ("verdict", verdict)]
