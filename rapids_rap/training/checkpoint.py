"""What a training needs to go on after a kill: whole or not there at all.

A checkpoint is a folder that is written beside its name and renamed: the trained weights and the
optimiser's moments, and a JSON file with the history. Weights are safetensors; the optimiser is
torch's own format, read back with `weights_only=True`, which runs no code from the file.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

from rapids_rap.errors import InputError
from rapids_rap.files import PARTIAL, explain_os_errors, sync_folder, write_json
from rapids_rap.training import Weights

_NAME = re.compile(r"checkpoint-(\d{9})")


@dataclass
class State:
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


class Checkpoints:
    """The checkpoints of one training, in a folder whose lock the caller holds.

    `identity` stands for all that the training depends on; `replace` says that what another one
    left there may go.
    """

    def __init__(self, folder: Path, identity: str, replace: bool = False) -> None:
        self.folder = folder
        self.identity = identity
        self.replace = replace

    def save(self, state: State, module: nn.Module, optimizer: Optimizer) -> None:
        """Write the newest checkpoint, then remove what it replaces."""
        name = f"checkpoint-{state.steps:09d}"
        beside = self.folder / (name + PARTIAL)
        with explain_os_errors(self.folder):
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir()
            save_file(trained_weights(module), beside / "weights.safetensors")
            torch.save(optimizer.state_dict(), beside / "optimizer.pt")
            write_json(beside / "state.json", asdict(state))
            shutil.rmtree(self.folder / name, ignore_errors=True)
            beside.rename(self.folder / name)
            sync_folder(self.folder)
        self._sweep(name, state.best_step)

    def load(self, module: nn.Module, optimizer: Optimizer) -> State:
        """Put everything back where the newest checkpoint left it; a fresh state without one.

        Raises `InputError` where it belongs to other lyrics or settings.
        """
        newest = max(self._all(), default=None)
        if newest is None:
            return State(self.identity)
        state = State(**json.loads((newest / "state.json").read_text("utf-8")))
        if state.identity != self.identity:
            if self.replace:
                shutil.rmtree(newest)
                return State(self.identity)
            raise InputError(
                f"{self.folder} holds an unfinished training of another model, other lyrics or "
                "other settings. Give the same ones to go on, or --overwrite to start anew."
            )
        put_weights(module, load_file(newest / "weights.safetensors"))
        optimizer.load_state_dict(torch.load(newest / "optimizer.pt", weights_only=True))
        return state

    def save_best(self, step: int, module: nn.Module) -> None:
        """Keep the weights of this step; a checkpoint that refers to them keeps them alive."""
        path = self._best(step)
        beside = path.with_name(path.name + PARTIAL)
        with explain_os_errors(path):
            save_file(trained_weights(module), beside)
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


def as_plain(value: Any) -> Any:
    """Numbers rounded for a JSON file that people read."""
    if isinstance(value, dict):
        return {name: as_plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value
