"""What can be known to fail before the work starts: room on the disk, and memory."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rapids_rap.config import Config
from rapids_rap.errors import CapabilityError, ConfigError, InputError, readable_bytes
from rapids_rap.machine.memory_plan import MemoryPlan
from rapids_rap.night.metrics import PREFIX
from rapids_rap.night.root import NightRoot
from rapids_rap.runs.files import explain_os_errors
from rapids_rap.runs.run import Run

log = logging.getLogger(__name__)

TEXT_BYTES = 20  # of lyrics that make a distinct text, about: a first night knows no better
ROW = 1_500  # bytes of a distinct text in tables and kept stages (about 700 at 60,000), rounded up
PAGES = 100 * 2**20  # maps, report and the like, however few texts
METRICS_HEAD = f"# HELP {PREFIX}".encode()
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
    """Raises `CapabilityError` where ROOT's disk, or that of its runs, can't hold the night."""
    with explain_os_errors(root.path):
        there = next(p for p in (root.path, *root.path.absolute().parents) if p.exists())
        places = [there, root.runs] if root.runs.exists() else [there]
        free = {place.stat().st_dev: (shutil.disk_usage(place).free, place) for place in places}
    for room, place in free.values():
        if room < needed:
            raise CapabilityError(
                f"{place}: tonight writes about {readable_bytes(needed, room)} and "
                f"{readable_bytes(room, needed)} are free. Free some space, lower "
                "nightly.keep_runs, or set embedding.store_dtype=float16; the published run is "
                "untouched."
            )


def check_memory(plan: MemoryPlan) -> None:
    """Raises `CapabilityError` where the plan is far from fitting; the run itself warns if near."""
    short = plan.peak > TOO_TIGHT * plan.free or plan.host > TOO_TIGHT * plan.host_free
    if plan.free and short:
        raise CapabilityError(
            f"There is not enough memory for tonight: {plan.sentence}. Stop what else runs, use "
            "input.limit, or a machine with more; the published run is untouched."
        )


def check_folders(root: NightRoot) -> None:
    """Raises `InputError` where something in ROOT is not what a night will need at its end.

    `runs` and `store` may be links to other disks, but must be there; what nights make and remove
    must be their own.
    """
    for folder in (root.building, root.trash):
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise InputError(
                f"{folder}: is a link or a file, and nights make a folder there. Remove it; what "
                f"may lie on another disk is {root.runs} and {root.store}."
            )
    for folder in (root.runs, root.store):
        if folder.is_symlink() and not folder.exists():
            raise InputError(
                f"{folder}: is a link to {folder.readlink()}, which is not there. Mount that disk, "
                "or make that folder."
            )
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is not a folder; move it away.")
    for folder in (root.path, root.runs, root.store, root.building):
        if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(
                f"{folder}: can't be written. Mount its disk for writing, or give this account "
                "the right to write there."
            )
    for file in (root.state, root.labels):
        if file.exists() and not file.is_file():
            raise InputError(f"{file}: is a folder, a device or a pipe; a file was expected.")


def check_place(root: NightRoot, config: Config) -> None:
    """Raises `ConfigError` where ROOT lies among the inputs, or the store is not ROOT's."""
    own = root.path.resolve()
    for given in config.input.paths:
        try:
            path = Path(given).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, a link to itself
            raise InputError(f"input.paths: {given[:80]!r}: can't be read ({error}).") from None
        if own == path or path in own.parents:
            raise ConfigError(
                f"nightly.root = {root.path}: lies inside the input {given}, and would be read as "
                "lyrics; choose a folder elsewhere."
            )
    check_metrics(config)
    store = config.embedding.store
    if store and Path(store).expanduser().resolve() != root.store.resolve():
        raise ConfigError(
            f"embedding.store = {store}: nights keep their vectors in {root.store}; leave it out."
        )


def check_metrics(config: Config) -> None:
    """Raises `ConfigError` where nightly.metrics names a file that no night wrote."""
    if not config.nightly.metrics:
        return
    path = Path(config.nightly.metrics).expanduser()
    try:
        old = b""
        if path.is_file():
            with path.open("rb") as file:
                old = file.read(64)
        ours = not path.exists() or (path.is_file() and (not old or old.startswith(METRICS_HEAD)))
    except OSError:  # said after the night, which it does not stop
        return
    if not ours:
        raise ConfigError(
            f"nightly.metrics = {path}: holds something else than a night's metrics, which would "
            "be lost; name another file."
        )
