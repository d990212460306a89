"""What a training needs to go on after a kill: whole or not there at all.

A checkpoint is a folder that is written beside its name and renamed: the trained weights and the
optimiser's moments, and a JSON file with the history. Weights are safetensors; the optimiser is
torch's own format, read back with `weights_only=True`, which runs no code from the file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

from rapids_rap.backend.failures import is_out_of_memory
from rapids_rap.errors import InputError
from rapids_rap.runs.files import PARTIAL, open_plain, sync_folder, write_json, write_whole
from rapids_rap.runs.run import read_json
from rapids_rap.training import Weights
from rapids_rap.training.writing import explain_tensor_errors, sync_files

log = logging.getLogger(__name__)

# What reading a truncated or overwritten checkpoint can raise.
DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    SafetensorError,
)
_NAME = re.compile(r"checkpoint-(\d{9})")


@dataclass
class TrainingState:
    """Where a training stands.

    steps: done. loss_sum, loss_steps: of the steps since the last evaluation. best_step: with the
    best mrr so far, None without a development set; unimproved: evaluations since. view_cosine:
    mean over the first batch. history: one entry an evaluation.
    """

    identity: str
    steps: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    best_step: int | None = None
    best_mrr: float = 0.0
    unimproved: int = 0
    seconds: float = 0.0
    view_cosine: float | None = None
    history: list[dict[str, float | None]] = field(default_factory=list)


def trained_weights(module: nn.Module) -> Weights:
    """What learns, on the host, by name."""
    named = module.named_parameters()
    return {n: w.detach().cpu().contiguous() for n, w in named if w.requires_grad}


def put_weights(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give the trained parameters these values."""
    own = dict(module.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            own[name].copy_(weight)


def _check_weights(module: nn.Module, weights: Weights) -> None:
    """Raises ValueError for weights that are not those that learn here, by name and shape."""
    own = {n: w.shape for n, w in module.named_parameters() if w.requires_grad}
    if own != {name: weight.shape for name, weight in weights.items()}:
        raise ValueError("its weights are those of another model")


class Checkpoints:
    """The checkpoints of one training, in a folder whose lock the caller holds.

    `identity` stands for all that the training depends on; `replace` says that what another one
    left there may go.
    """

    def __init__(self, folder: Path, identity: str, replace: bool = False) -> None:
        self.folder = folder
        self.identity = identity
        self.replace = replace

    def save(self, state: TrainingState, module: nn.Module, optimizer: Optimizer) -> None:
        """Write the newest checkpoint, then remove what it replaces."""
        name = f"checkpoint-{state.steps:09d}"
        beside = self.folder / (name + PARTIAL)
        with explain_tensor_errors(self.folder), _nothing_left(beside):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir()
            save_file(trained_weights(module), beside / "weights.safetensors")
            moments = optimizer.state_dict()
            write_whole(beside / "optimizer.pt", lambda file: torch.save(moments, file))
            write_json(beside / "state.json", asdict(state))
            sync_files(beside)
            shutil.rmtree(self.folder / name, ignore_errors=True)
            beside.rename(self.folder / name)
            sync_folder(self.folder)
        self._sweep(name, state.best_step)

    def load(self, module: nn.Module, optimizer: Optimizer) -> TrainingState:
        """Put everything back where the newest checkpoint left it; a fresh state without one.

        One that can't be read is set aside and said. Raises `InputError` where it belongs to other
        lyrics or settings.
        """
        for newest in sorted(self._all(), reverse=True):
            try:
                state, weights, moments = self._read(newest)
                if state.identity == self.identity:
                    _check_weights(module, weights)
                    optimizer.load_state_dict(moments)
            except DAMAGE as error:
                if is_out_of_memory(error):
                    raise
                log.warning(
                    "%s is damaged (%s); it is set aside, and training goes on from what was "
                    "before it.",
                    newest,
                    str(error).partition(". ")[0] or type(error).__name__,
                )
                aside = newest.with_name(f"damaged-{newest.name}")
                shutil.rmtree(aside, ignore_errors=True)
                newest.rename(aside)
                continue
            if state.identity == self.identity:
                put_weights(module, weights)
                return state
            if not self.replace:
                raise InputError(
                    f"{self.folder} holds an unfinished training of another model, other lyrics or "
                    "other settings. Give the same ones to go on, or --overwrite to start anew."
                )
            shutil.rmtree(newest)
        return TrainingState(self.identity)

    def _read(self, folder: Path) -> tuple[TrainingState, Weights, dict[str, Any]]:
        """A checkpoint's state, weights and moments, on the host; raises one of `DAMAGE`."""
        state = TypeAdapter(TrainingState).validate_python(read_json(folder / "state.json"))
        for name in ("weights.safetensors", "optimizer.pt"):
            open_plain(folder / name).close()  # raises OSError for a pipe or a device
        weights = load_file(folder / "weights.safetensors")
        moments = _load_moments(folder / "optimizer.pt")
        if state.best_step is not None:
            open_plain(self._best(state.best_step)).close()
            with safe_open(self._best(state.best_step), "pt"):
                pass  # opening it compares its length with what it says it holds
        return state, weights, moments

    def save_best(self, step: int, module: nn.Module) -> None:
        """Keep the weights of this step; a checkpoint that refers to them keeps them alive."""
        path = self._best(step)
        beside = path.with_name(path.name + PARTIAL)
        with explain_tensor_errors(self.folder), _nothing_left(beside):
            save_file(trained_weights(module), beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            beside.replace(path)

    def put_best(self, step: int, module: nn.Module) -> None:
        """Give the module the weights kept for this step."""
        put_weights(module, load_file(self._best(step)))

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:09d}.safetensors"

    def _all(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]

    def _sweep(self, name: str, best_step: int | None) -> None:
        for path in self._all():
            if path.name != name:
                shutil.rmtree(path)
        kept = None if best_step is None else self._best(best_step)
        for path in self.folder.glob("best-*"):
            if path != kept:
                path.unlink()


@contextlib.contextmanager
def _nothing_left(beside: Path) -> Iterator[None]:
    """Take a half-written file or folder away again, for a full disk needs the room."""
    try:
        yield
    except BaseException:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
        raise


def _load_moments(path: Path) -> dict[str, Any]:
    try:
        moments: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch lets through whatever its reader raises
        if is_out_of_memory(error):
            raise
        raise ValueError(f"{path.name} is no file of tensors that torch wrote") from error
    return moments


def as_plain(value: Any) -> Any:
    """Numbers rounded for a JSON file that people read."""
    if isinstance(value, dict):
        return {name: as_plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value
