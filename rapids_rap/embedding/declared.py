"""What the JSON files of a model folder say, judged before a library acts on it.

A folder from elsewhere may hold any value under any key. Sizes are checked here, for a library
would build what they ask for before it notices; so is what would make a library run code, load
another file or ask the network. The rest is left to the library, whose refusal is a sentence too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from rapids_rap.embedding.folder import read_json
from rapids_rap.errors import InputError

SIZES = {  # of every family that names them so; the largest that a model is known to have, and more
    "hidden_size": 2**20,
    "intermediate_size": 2**22,
    "head_dim": 2**20,
    "num_hidden_layers": 2**12,
    "num_attention_heads": 2**16,
    "num_key_value_heads": 2**16,
    "vocab_size": 2**26,
    "max_position_embeddings": 2**24,
}
MAY_BE_NULL = ("head_dim", "num_key_value_heads")
# Keys that name code, a file or a place of the network, and what would come of them.
NO_KEYS = {
    "quantization_config": "quantised weights are read by code from elsewhere; save the model "
    "with plain weights",
    "transformers_weights": "another file would be read as the weights",
    "fast_tokenizer_files": "another file would be read as the tokenizer",
}
CODE = "auto_map"  # which classes of which *.py to load
DEEPEST = 64


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises `InputError` naming it where it does not."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, found {_shown(value)}.")
    return value


def read_declared(folder: Path) -> dict[str, Any]:
    """config.json of a transformer's folder, its sizes checked and no file or code but its own.

    Raises `InputError` that names the field.
    """
    path = folder / "config.json"
    config = read_object(path)
    for where, values in _objects(config, path):
        for key, reason in NO_KEYS.items():
            if values.get(key) is not None:
                raise InputError(f"{path}: {where}{key}: {reason}.")
        for key in SIZES.keys() & values.keys():
            _check_size(path, f"{where}{key}", values[key], SIZES[key], key in MAY_BE_NULL)
    heads, width = config.get("num_attention_heads"), config.get("hidden_size")
    if isinstance(heads, int) and isinstance(width, int) and heads > width:
        raise InputError(f"{path}: num_attention_heads = {heads} exceeds hidden_size = {width}.")
    return config


def check_weights_fit(folder: Path) -> None:
    """Raise `InputError` where config.json describes far more than the weights hold.

    A library would first build all of it, for hours, and then miss most of its tensors.
    """
    config = read_declared(folder)
    inner = config.get("text_config")
    described = inner if isinstance(inner, dict) else config
    tensors = numbers = 0
    try:
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="numpy") as file:
                shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
            tensors += len(shapes)
            numbers += sum(math.prod(shape) for shape in shapes)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"The weights in {folder} can't be loaded ({error}). Copy or download the model again."
        ) from None
    for key, most in (("num_hidden_layers", tensors), ("vocab_size", numbers)):
        value = described.get(key)
        if isinstance(value, int) and value > most:
            raise InputError(
                f"{folder / 'config.json'}: {key} = {value:,} is more than the weights beside it "
                f"hold ({tensors:,} tensors, {numbers:,} numbers). Copy or download the model "
                "again."
            )


def check_tokenizer_settings(folder: Path) -> None:
    """Raise `InputError` where the tokenizer's settings are no object or name another file."""
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return
    settings = read_object(path)
    for key in NO_KEYS.keys() & settings.keys():
        raise InputError(f"{path}: {key}: {NO_KEYS[key]}.")


def brings_code(folder: Path) -> bool:
    """Whether the folder names Python code of its own that would run with trust_remote_code."""
    files = (folder / "config.json", folder / "tokenizer_config.json")
    return any(CODE in read_object(path) for path in files if path.is_file())


def _objects(config: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The configuration and what is nested in it, such as text_config, each with its place."""
    waiting: list[tuple[str, Mapping[str, Any]]] = [("", config)]
    while waiting:
        where, values = waiting.pop()
        yield where, values
        if where.count(".") > DEEPEST:
            raise InputError(f"{path}: nested too deeply.")
        waiting += [(f"{where}{k}.", v) for k, v in values.items() if isinstance(v, dict)]


def _check_size(path: Path, field: str, value: Any, most: int, optional: bool) -> None:
    if value is None and optional:
        return
    each = value if isinstance(value, list) and value else [value]  # a size a layer
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in each):
        raise InputError(f"{path}: {field} = {_shown(value)}: expected a whole number.")
    if not all(1 <= one <= most for one in each):
        raise InputError(f"{path}: {field} = {_shown(value)}: expected 1 to {most:,}.")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
