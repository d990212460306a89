"""A model as a folder of files: finding it, checking it before it is loaded, fingerprinting it."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rapids_rap.data import data_path
from rapids_rap.embedding import e5_small
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs.files import label_of, read_plain

log = logging.getLogger(__name__)

# The files that decide which vector a text gets. Anything else in the folder may change freely.
DECIDING_FILES = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "*.py",
)
DECLARING_FILES = ("modules.json", "*_Pooling/config.json", "*sentence*.json")
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model", "*.tiktoken")
_PATTERNS = [*DECIDING_FILES, *DECLARING_FILES]
PICKLED_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt")
ADAPTER = "adapter_config.json"
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
CHUNK = 16 * 2**20  # bytes hashed at a time
OFFER = (
    "Use --model e5-small (a real encoder from a Python package), --model demo (bundled) or the "
    "path of a folder that holds the model."
)


def locate_model(name: str, *, download: bool = True) -> Path:
    """The folder of `demo`, `e5-small`, a local path or a Hugging Face name, found complete.

    The local cache of the Hub is asked first, and the network only if the model isn't there and
    `download` allows it.
    Raises `InputError` for a folder that is missing or incomplete, `CapabilityError` for a named
    model that can't be had.
    """
    if name == "demo":
        folder = data_path("demo_model")
        if not (folder / "config.json").is_file():
            raise CapabilityError("The bundled demo model is missing; reinstall rapids-rap.")
        return folder
    if name == "e5-small":
        return _cached(e5_small.HUB_NAME) or e5_small.locate_e5_small()
    folder = Path(name).expanduser()
    try:
        found, used = folder.is_dir(), folder.exists()
    except (OSError, ValueError) as error:  # a NUL, a name longer than any may be, no right to look
        raise InputError(
            f"embedding.model: {label_of(folder)[:200]} can't be read ({error}). {OFFER}"
        ) from None
    if found:
        check_folder(transformer_folder(folder), name)
        return folder
    if used or not HUB_NAME.fullmatch(name) or name.startswith("."):
        raise InputError(f"embedding.model: there is no model folder at {name}. {OFFER}")
    return _from_hub(name, download)


def origin_of(name: str, folder: Path) -> str:
    """Where the files of a model that `locate_model` found are from, in words."""
    if name == "demo":
        return "bundled with rapids-rap"
    if name == "e5-small":
        converted = folder.name == e5_small.FOLDER
        return e5_small.ORIGIN if converted else f"{e5_small.HUB_NAME} in the Hugging Face cache"
    return "a folder" if Path(name).expanduser().is_dir() else "the Hugging Face cache"


def _cached(name: str) -> Path | None:
    """The snapshot of a named model in the local cache; None where there is none.

    Raises `InputError` for one that can't be used.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=_PATTERNS, local_files_only=True))
    except (OSError, ValueError):
        return None
    check_folder(transformer_folder(folder), name)
    return folder


def _from_hub(name: str, download: bool) -> Path:
    """The snapshot of a named model: the cached one if it is complete, else downloaded."""
    from huggingface_hub import snapshot_download

    flaw = ""
    try:
        folder = _cached(name)
        if folder is not None:
            return folder
    except InputError as error:
        flaw = f"The copy in the local cache can't be used: {error} "
    if not download:
        raise CapabilityError(f"{flaw}not whole in the local cache; a run would download it.")
    log.info("%s is not whole in the local model cache; asking the Hugging Face Hub", name)
    try:
        folder = Path(snapshot_download(name, allow_patterns=_PATTERNS, etag_timeout=10))
    except Exception as error:  # the Hub client raises the errors of whichever HTTP library it uses
        raise CapabilityError(
            f"The model {name} is not on this machine and could not be downloaded "
            f"({first_line(error)}). {flaw}{OFFER}"
        ) from error
    check_folder(transformer_folder(folder), name)
    return folder


def transformer_folder(folder: Path) -> Path:
    """Where the transformer itself lies: sentence-transformers may keep it in a subfolder."""
    for module in read_modules(folder):
        if str(module.get("type", "")).endswith(".Transformer"):
            return module_folder(folder, module)
    return folder


def module_folder(root: Path, module: Mapping[str, Any]) -> Path:
    """The folder of a step of modules.json. Raises `InputError` where it lies outside the model."""
    where = root / "modules.json"
    try:
        inner = root / str(module.get("path", ""))
        inner.is_dir()
        inside = inner.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError) as error:  # a NUL, or a name longer than any may be
        raise InputError(f"{where}: path of a module: can't be read ({error}).") from None
    if not inside:
        raise InputError(f"{where}: {inner} is outside the model folder.")
    return inner


def read_modules(folder: Path) -> list[dict[str, Any]]:
    """The steps that sentence-transformers' modules.json lists, or none."""
    path = folder / "modules.json"
    modules = read_json(path) if path.is_file() else []
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise InputError(f"{path}: expected a list of modules as sentence-transformers writes it.")
    return modules


def read_json(path: Path) -> Any:
    """A JSON file of a model folder. Raises `InputError` naming it where it can't be read."""
    try:
        return json.loads(read_plain(path).decode("utf-8"))
    except RecursionError:
        raise InputError(f"{path}: can't be read as JSON (nested too deeply).") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read as JSON ({error}).") from error


def check_folder(folder: Path, name: str) -> None:
    """Raise `InputError`, with the fix, unless configuration, weights and tokenizer are there."""
    if not (folder / "config.json").is_file():
        raise InputError(
            f"The model folder {folder} has no config.json. Give a folder as save_pretrained "
            "writes it (for an adapter: merge it into its base model first)."
        )
    if (folder / ADAPTER).exists():
        raise InputError(
            f"The model folder {folder} has an {ADAPTER}, with which transformers would load "
            "another model than this one. Merge the adapter into its base model first, or remove "
            "that file."
        )
    _check_weights(folder, name)
    if not any(matching_files(folder, TOKENIZER_FILES)):
        raise InputError(
            f"The model folder {folder} has no tokenizer (tokenizer.json). Save it there too: "
            "AutoTokenizer.from_pretrained(BASE_MODEL).save_pretrained(FOLDER)."
        )


def _check_weights(folder: Path, name: str) -> None:
    weights = matching_files(folder, ("*.safetensors",))
    if not weights:
        pickled = matching_files(folder, PICKLED_WEIGHTS)
        if pickled:
            raise InputError(
                f"The model {name} has its weights only as {pickled[0].name}, a pickle, which can "
                "run code when it is read; only safetensors are read here. Convert it once where "
                "you trust it: AutoModel.from_pretrained(MODEL).save_pretrained(FOLDER)."
            )
        raise InputError(f"The model folder {folder} has no weights (model.safetensors).")
    for index in folder.glob("*.safetensors.index.json"):
        content = read_json(index)
        weight_map = content.get("weight_map") if isinstance(content, dict) else None
        named = weight_map.values() if isinstance(weight_map, dict) else ()
        names = {str(file) for file in named}
        foreign = sorted(f for f in names if Path(f).name != f or not f.endswith(".safetensors"))
        if foreign:
            raise InputError(
                f"{index}: names {foreign[0]}, which is no safetensors file of this folder. Copy "
                "or download the model again."
            )
        missing = sorted(file for file in names if not (folder / file).is_file())
        if missing:
            raise InputError(
                f"The model folder {folder} lacks {len(missing)} of {len(names)} weight files, "
                f"for example {missing[0]}. Copy or download the model again."
            )


def fingerprint(folder: Path, projection: Path | None = None) -> str:
    """SHA-256 over names and contents of the files that decide the vectors, sorted by name.

    `projection` is the folder of a step after pooling, whose files decide too.
    """
    total = hashlib.sha256()
    after = matching_files(projection, DECIDING_FILES) if projection else []
    for path in [*matching_files(folder, DECIDING_FILES), *after]:
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        total.update(f"{path.name}\n{digest.hexdigest()}\n".encode())
    return total.hexdigest()


def matching_files(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Files directly in `folder` whose name fits a pattern, sorted by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
    )


def first_line(error: BaseException) -> str:
    """What a library says, in a line that can stand in a sentence of ours."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
