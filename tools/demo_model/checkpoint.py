"""Kill-safe files: everything is written beside its place and then renamed into it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


def write_safely(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write`` with a neighbouring path, then move what it wrote to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    write(beside)
    beside.replace(path)


def save_json(value: object, path: Path) -> None:
    """``value`` as readable JSON."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    write_safely(path, lambda beside: beside.write_text(text, "utf-8"))


def load_json(path: Path) -> Any:
    """What :func:`save_json` wrote."""
    return json.loads(path.read_text("utf-8"))


def save_state(state: dict[str, Any], path: Path) -> None:
    """Tensors and plain values, readable with ``weights_only=True``."""
    write_safely(path, lambda beside: torch.save(state, beside))


def load_state(path: Path) -> dict[str, Any] | None:
    """What :func:`save_state` wrote, or None where there is nothing yet."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def resume(model: nn.Module, optimizer: Optimizer, path: Path) -> tuple[int, float]:
    """Put both back where ``path`` left them; returns the steps done and the seconds spent."""
    state = load_state(path)
    if not state:
        return 0, 0.0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"], state["seconds"]
