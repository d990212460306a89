"""A projection after pooling: the one step beyond pooling that a model folder may ask for here.

It is what `rapids-rap train` writes in `head` mode, in sentence-transformers' own format: a square
matrix without bias or activation, so a vector keeps its length in numbers and only turns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from rapids_rap.embedding.declared import read_object
from rapids_rap.embedding.folder import module_folder, read_modules
from rapids_rap.errors import InputError

DENSE_KIND = "Dense"
IDENTITY = "torch.nn.modules.linear.Identity"


def dense_description(dim: int) -> dict[str, Any]:
    """What sentence-transformers' `Dense` reads of a square projection."""
    sizes = {"in_features": dim, "out_features": dim}
    return sizes | {"bias": False, "activation_function": IDENTITY}


def find_projection(root: Path, dim: int) -> Path | None:
    """The folder of the projection that modules.json lists, or None.

    Raises `InputError` for more than one and for a kind that isn't this one.
    """
    dense = [m for m in read_modules(root) if str(m.get("type", "")).endswith(f".{DENSE_KIND}")]
    if not dense:
        return None
    folder = module_folder(root, dense[0])
    declared = read_object(folder / "config.json")
    wanted = dense_description(dim)
    if len(dense) > 1 or any(declared.get(key) != value for key, value in wanted.items()):
        raise InputError(
            f"{root / 'modules.json'} asks for a Dense step other than one square projection "
            "without bias and activation, which isn't supported; give a model that ends with "
            "pooling, or one that `rapids-rap train` wrote."
        )
    if not (folder / "model.safetensors").is_file():
        raise InputError(f"{folder} has no model.safetensors. Copy the model again.")
    return folder


def load_projection(folder: Path, dim: int) -> torch.Tensor:
    """The matrix, (d, d) float32 on the host. Raises `InputError` for a damaged file."""
    path = folder / "model.safetensors"
    try:
        weight = load_file(path)["linear.weight"].float()
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{path}: no projection can be read ({error}).") from error
    if weight.shape != (dim, dim) or not bool(torch.isfinite(weight).all()):
        raise InputError(f"{path}: expected a finite matrix of {dim} x {dim}.")
    return weight
