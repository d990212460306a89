"""A grid of runs with every shared stage run once, measured by one scorer, in one table.

The cells lie in OUT/<cell>/ as any run; OUT/.store holds the vectors and OUT/.stages the stages of
all of them, found by content, so that cells which differ in one setting share the rest. A cell that
is finished is not run again. Then every cell is measured on the texts that all cells hold.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapids_rap import pipeline
from rapids_rap.backend.protocol import Backend
from rapids_rap.compare.compare import Agreement, contrast_runs, measure_agreement, unasked
from rapids_rap.compare.grids import OWN_FILES, Cell, Grid
from rapids_rap.compare.memory import Memory, find_memory
from rapids_rap.compare.scores import Figures, cluster_sizes, rescore
from rapids_rap.compare.shared import Shared, find_shared
from rapids_rap.compare.trained import judge_held_out, record_of
from rapids_rap.compare.verdict import Contrast, Verdict, judge
from rapids_rap.config import Config
from rapids_rap.corpus.files import find_files
from rapids_rap.embedding.model import resolve_model
from rapids_rap.errors import CapabilityError, ConfigError, InputError, NoViewError
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.versions import used_versions
from rapids_rap.progress import StageProgress
from rapids_rap.runs.files import digest
from rapids_rap.runs.folder import hash_inputs
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.outputs import check_output_folder, is_run, named_files
from rapids_rap.runs.run import Run, open_run
from rapids_rap.settings import change_config
from rapids_rap.training.train import VERSION, require_trainable, train

log = logging.getLogger(__name__)

Say = Callable[[str], None]
_READING = {"pooling", "causal", "prompt", "max_tokens", "dtype"}  # how a model is read


@dataclass(frozen=True)
class CellResult:
    """One cell's run, measured on the texts that all cells share.

    figures: by the one scorer. own: figures of its quality.json. agreement: with the first cell.
    contrasts, verdict: against the first cell (a: the first, b: this one). training: the
    training.json of the cell's model, where the cell trained one.
    """

    cell: Cell
    run: Run
    figures: Figures
    sizes: dict[str, object]
    agreement: Agreement
    contrasts: tuple[Contrast, ...]
    verdict: Verdict
    training: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Ablation:
    """All cells of a grid, the first one first, and the texts they share.

    memory: songs that the model of any cell was trained on, left out of every cell's figures.
    left_out: a sentence for each cell that these lyrics can't have.
    """

    grid: Grid
    shared: Shared
    memory: Memory
    cells: tuple[CellResult, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class GridRuns:
    """The cells that ran, their runs in the same order, and a sentence for each that could not."""

    grid: Grid
    runs: tuple[Run, ...]
    left_out: tuple[str, ...]


def run_grid(
    grid: Grid,
    config: Config,
    out: Path,
    resolution: DeviceResolution,
    progress: StageProgress,
    *,
    command: str = "",
    overwrite: bool = False,
    say: Say = log.info,
) -> GridRuns:
    """Run what of the grid is not finished yet, into `out`/<cell>/.

    A cell whose view can't be made of these lyrics is left out, and said, unless it is the first.
    Every cell's configuration is checked before the first one runs. Raises `InputError` where `out`
    is itself a run, `CapabilityError` where a cell needs training and that can't be had,
    `LockHeldError` where another grid is running there.
    """
    if is_run(out):
        raise InputError(f"{out}: is a run; --out of an ablation names a folder for its cells.")
    configs = [cell.configure(_with_store(config, out)) for cell in grid.cells]
    _check_units(grid, configs)
    _check_training(grid, configs)
    files, _ = find_files([Path(path) for path in config.input.paths])
    cells = [*(cell.name for cell in grid.cells), *OWN_FILES, ".store", ".stages", ".models"]
    check_output_folder(out, [*files, *named_files(config)], cells)
    contents = sorted(content for _, content in hash_inputs(files))
    done: list[tuple[Cell, Run]] = []
    left_out = []
    with exclusive(out):
        for number, (cell, own) in enumerate(zip(grid.cells, configs, strict=True), start=1):
            folder = out / cell.name
            place = f"cell {number} of {len(grid.cells)}: {cell.name}"
            if cell.view:
                try:
                    own = _trained(own, out, contents, resolution, progress)
                except NoViewError as error:
                    if number == 1:
                        raise
                    left_out.append(f"{cell.name} is left out. {error}")
                    say(f"{place} (left out: {error})")
                    continue
            if _is_finished(folder, own, contents):
                say(f"{place} (finished earlier)")
            else:
                say(place)
                pipeline.run(
                    own,
                    folder,
                    resolution,
                    progress,
                    command=command,
                    overwrite=overwrite,
                    shared_stages=out / ".stages",
                )
            done.append((cell, open_run(folder)))
    ran = grid.model_copy(update={"cells": tuple(cell for cell, _ in done)})
    return GridRuns(ran, tuple(run for _, run in done), tuple(left_out))


def measure_grid(
    grid: Grid,
    runs: Sequence[Run],
    backend: Backend,
    left_out: tuple[str, ...] = (),
    *,
    seed: int = 0,
) -> Ablation:
    """Every cell by one scorer on the distinct texts that all cells hold, and against the first.

    Cells with other cleaning hold other lines; a text counts where every cell has it word for word
    after normalisation, so a cell can't win by lines that the others do not have.
    """
    shared = find_shared(runs, seed=seed)
    memory = find_memory(runs, backend)
    figures = rescore(shared, memory, backend, seed)
    first = shared.sides[0]
    cells = []
    for number, (cell, side) in enumerate(zip(grid.cells, shared.sides, strict=True)):
        own = figures[number]
        rows = contrast_runs(shared, memory, (0, number), (figures[0], own))
        training = _training_of(cell, side.run)
        if training:
            rows = judge_held_out(rows, training)
        names = (grid.cells[0].name, cell.name)
        verdict = judge(rows, *names, unasked(shared, (0, number), names))
        sizes = dict(cluster_sizes(shared, side))
        agreement = measure_agreement(first.labels, side.labels)
        cells.append(
            CellResult(cell, side.run, own, sizes, agreement, tuple(rows), verdict, training)
        )
    return Ablation(grid, shared, memory, tuple(cells), left_out)


def _with_store(config: Config, out: Path) -> Config:
    """One vector store for all cells, unless the user named one."""
    if config.embedding.store:
        return config
    store = json.dumps(str((out / ".store").resolve()), ensure_ascii=False)
    return change_config(config, [f"embedding.store={store}"])


def _is_finished(folder: Path, config: Config, contents: Sequence[str]) -> bool:
    """Whether the folder holds this very run: configuration, inputs and version alike."""
    try:
        manifest = open_run(folder).manifest
    except InputError:
        return False
    version = used_versions().get("rapids-rap")
    inputs = sorted(str(file.get("sha256")) for file in manifest.get("inputs", []))
    return (
        _identity(manifest["config"]) == _identity(config.model_dump(mode="json"))
        and inputs == list(contents)
        and manifest.get("versions", {}).get("rapids-rap") == version
        and _is_model(config, str(manifest["model"].get("fingerprint")))
    )


def _is_model(config: Config, fingerprint: str) -> bool:
    """Whether the model is the one of a finished cell; a folder may hold another by now.

    True where it can't be had any more: what was finished with it can still be measured.
    """
    try:
        return resolve_model(config.embedding, "float32").fingerprint == fingerprint
    except (InputError, CapabilityError):
        return True


def _identity(config: dict[str, object]) -> str:
    """The configuration without where things lie, which changes nothing."""
    plain = json.loads(json.dumps(config))
    plain.get("input", {}).pop("paths", None)
    plain.get("embedding", {}).pop("store", None)
    return json.dumps(plain, sort_keys=True)


def _training_of(cell: Cell, run: Run) -> Mapping[str, Any] | None:
    return record_of(run) if cell.view else None


def _check_units(grid: Grid, configs: Sequence[Config]) -> None:
    """Say before the first cell runs that lines and songs can't be compared."""
    first = configs[0].corpus.unit
    for cell, config in zip(grid.cells, configs, strict=True):
        if config.corpus.unit != first:
            raise ConfigError(
                f"cell {cell.name}: corpus.unit = {config.corpus.unit}, but the first cell has "
                f"{first}: cells are compared on the texts they share, so all need one unit."
            )


def _check_training(grid: Grid, configs: Sequence[Config]) -> None:
    """Say before the first cell runs that views can't be trained here."""
    for cell, config in zip(grid.cells, configs, strict=True):
        if not cell.view:
            continue
        try:
            require_trainable(config)
        except ConfigError as error:
            raise ConfigError(f"cell {cell.name}: {error}") from None
        except CapabilityError as error:
            free = [f"--only {one.name}" for one in grid.cells if not one.view]
            raise CapabilityError(f"{error} Cells without training: {' '.join(free)}.") from None


def _trained(
    config: Config,
    out: Path,
    contents: Sequence[str],
    resolution: DeviceResolution,
    progress: StageProgress,
) -> Config:
    """The configuration with the model trained on its view, kept by what it was made from."""
    name = f"{config.train.views[0]}-{_made_from(config, contents)[:12]}"
    folder = (out / ".models" / name).resolve()
    if not (folder / "training.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        train(config, folder, resolution, progress)
    return change_config(config, [f"embedding.model={json.dumps(str(folder), ensure_ascii=False)}"])


def _made_from(config: Config, contents: Sequence[str]) -> str:
    """A hash of all that decides what a training gives, the content of files included."""
    listed = Path(config.train.heldout).expanduser()
    return digest(
        json.dumps(
            [
                VERSION,
                config.seed,
                config.train.model_dump(mode="json"),
                digest(listed.read_bytes()) if listed.is_file() else "",
                resolve_model(config.embedding, "float32").fingerprint,
                config.embedding.model_dump(mode="json", include=_READING),
                config.corpus.model_dump(mode="json"),
                config.input.model_dump(mode="json", exclude={"paths", "regions", "decisions"}),
                list(contents),
            ]
        )
    )
