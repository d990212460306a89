"""What can be known to fail before the work starts: room on the disk, and memory."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rapids_rap.config import Config
from rapids_rap.errors import CapabilityError, ConfigError, readable_bytes
from rapids_rap.machine.memory_plan import MemoryPlan
from rapids_rap.night.root import NightRoot
from rapids_rap.runs.files import explain_os_errors
from rapids_rap.runs.run import Run

log = logging.getLogger(__name__)

TEXT_BYTES = 20  # of lyrics that make a distinct text, about: a first night knows no better
ROW = 1_500  # bytes of a distinct text in tables and kept stages (about 700 at 60,000), rounded up
PAGES = 100 * 2**20  # maps, report and the like, however few texts
TOO_TIGHT = 1.5  # times the free memory: an estimate may be off by less


def expected_texts(inputs: Sequence[Path], previous: Run | None) -> int:
    """Distinct texts of tonight: last night's, grown as the files have; else by their size."""
    size = sum(path.stat().st_size for path in inputs)
    if previous is None:
        return max(1, size // TEXT_BYTES)
    # Files' sizes are not in the manifest, so growth is bounded by all of tonight's being new.
    known = int(previous.manifest["counts"]["distinct"])
    return max(known, min(size // TEXT_BYTES, 2 * known))


def needed_bytes(texts: int, dim: int, config: Config, previous: Run | None) -> int:
    """What a night writes at most: its run, the stages it keeps while it runs, and new vectors."""
    width = dim * np.dtype(config.embedding.store_dtype).itemsize
    known = int(previous.manifest["counts"]["distinct"]) if previous else 0
    same_space = previous is not None and previous.manifest["model"].get("dim") == dim
    stored = max(0, texts - known) if same_space else texts
    graph = config.neighbors.k * 12
    return texts * (width + graph + ROW) + stored * (width + 32) + PAGES


def check_disk(root: NightRoot, needed: int) -> None:
    """Raises `CapabilityError` where the disk of ROOT can't hold what the night will write."""
    with explain_os_errors(root.path):
        there = next(p for p in (root.path, *root.path.absolute().parents) if p.exists())
        free = shutil.disk_usage(there).free
    if free < needed:
        raise CapabilityError(
            f"{root.path}: tonight writes about {readable_bytes(needed, free)} and "
            f"{readable_bytes(free, needed)} are free. Free some "
            "space, lower nightly.keep_runs, or set embedding.store_dtype=float16; the published "
            "run is untouched."
        )


def check_memory(plan: MemoryPlan) -> None:
    """Raises `CapabilityError` where the plan is far from fitting; the run itself warns if near."""
    short = plan.peak > TOO_TIGHT * plan.free or plan.host > TOO_TIGHT * plan.host_free
    if plan.free and short:
        raise CapabilityError(
            f"There is not enough memory for tonight: {plan.sentence}. Stop what else runs, use "
            "input.limit, or a machine with more; the published run is untouched."
        )


def check_place(root: NightRoot, config: Config) -> None:
    """Raises `ConfigError` where ROOT lies among the inputs, or the store is not ROOT's."""
    own = root.path.resolve()
    for given in config.input.paths:
        path = Path(given).resolve()
        if own == path or path in own.parents:
            raise ConfigError(
                f"nightly.root = {root.path}: lies inside the input {given}, and would be read as "
                "lyrics; choose a folder elsewhere."
            )
    store = config.embedding.store
    if store and Path(store).expanduser().resolve() != root.store.resolve():
        raise ConfigError(
            f"embedding.store = {store}: nights keep their vectors in {root.store}; leave it out."
        )
