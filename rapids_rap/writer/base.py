"""Which causal model is tuned: the bundled demo writer, a folder, or a name on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from rapids_rap.backend.failures import is_out_of_memory
from rapids_rap.data import data_path
from rapids_rap.embedding.declared import check_tokenizer_settings, read_declared
from rapids_rap.embedding.folder import check_folder, fingerprint, first_line, locate_model
from rapids_rap.embedding.model import quiet_transformers
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs.files import label_of

DEFAULT = "Qwen/Qwen2-1.5B"
DEMO = "demo"
OFFER = (
    "Give --model the folder of a causal model that lies on this machine, or --model demo (bundled "
    "and tiny: everything runs, and its verses are nonsense)."
)


@dataclass(frozen=True)
class Base:
    """A causal model on the disk.

    name: as it was asked for; origin: where its files are from; fingerprint: of what decides its
    answers.
    """

    name: str
    origin: str
    folder: Path
    fingerprint: str


def find_base(name: str, *, download: bool = True) -> Base:
    """The model of that name, found complete and able to write.

    Raises `InputError` for a folder that is none or can't write, `CapabilityError` for a named
    model that can't be had.
    """
    folder, origin = _locate(name, download)
    declared = read_declared(folder)
    check_tokenizer_settings(folder)
    kind, built = str(declared.get("model_type")), declared.get("architectures") or []
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise InputError(
            f"{label_of(folder)}: is a model of type {kind}, which writes no text. {OFFER}"
        )
    named: Any = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]
    writers = (named,) if isinstance(named, str) else tuple(named)
    if built and not set(built) & set(writers):
        raise InputError(
            f"{label_of(folder)}: holds {built[0]}, an encoder without the head that writes; "
            f"expected {writers[0]}. {OFFER}"
        )
    return Base(name, origin, folder, fingerprint(folder))


def _locate(name: str, download: bool) -> tuple[Path, str]:
    if name == DEMO:
        folder = data_path("demo_writer")
        if not (folder / "config.json").is_file():
            raise CapabilityError("The bundled demo writer is missing; reinstall rapids-rap.")
        return folder, "bundled with rapids-rap"
    if name == "e5-small":
        raise InputError(f"--model e5-small: is an encoder, which writes no text. {OFFER}")
    path = Path(name).expanduser()
    try:
        if path.is_dir():
            check_folder(path, name)
            return path, "a folder"
        return locate_model(name, download=download), "the Hugging Face cache"
    except CapabilityError as error:
        said = str(error).partition("). ")[0]
        raise CapabilityError(f"{said}). {OFFER}") from error
    except InputError as error:
        if path.is_dir():
            raise
        raise InputError(f"--model {name[:200]}: there is no such model folder. {OFFER}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"--model {name[:200]!r}: can't be read ({error}). {OFFER}") from None


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer, exactly as its file says, with a token to pad by. Raises `InputError`.

    `AutoTokenizer` rebuilds those of known families from their vocabulary (`embedding.model`).
    """
    quiet_transformers()
    whole = (folder / "tokenizer.json").is_file()
    kind = transformers.PreTrainedTokenizerFast if whole else transformers.AutoTokenizer
    try:
        tokenizer = kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # each family checks its values in its own way
        raise InputError(
            f"{label_of(folder)}: the tokenizer can't be read ({first_line(error)}). Copy or "
            "download the model again."
        ) from error
    if tokenizer.eos_token_id is None:
        raise InputError(f"{label_of(folder)}: the tokenizer has no end token, by which songs end.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def load_causal(folder: Path, device: str, *, half: bool) -> Any:
    """The model on `device` with all of its weights; half: in bfloat16, else in float32.

    Raises `InputError` where the folder's weights are not those of its configuration.
    """
    quiet_transformers()
    try:
        loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.bfloat16 if half else torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # safetensors, huggingface_hub and torch have errors of their own
        if is_out_of_memory(error):
            raise
        raise InputError(
            f"{label_of(folder)}: the model can't be read ({first_line(error)}). Copy or download "
            "it again."
        ) from error
    model, report = loaded
    tied = set(model.all_tied_weights_keys or ())  # the head, where it is the table of tokens
    missing = sorted(set(report["missing_keys"]) - tied)
    if missing:
        raise InputError(
            f"{label_of(folder)}: lacks {len(missing)} tensors of a model that writes, for example "
            f"{missing[0]}. {OFFER}"
        )
    return model.to(device)
