"""Which model, read how: pooling, causality, prompt, each with who declared it; then loading it.

The configuration wins over the preset of a named model, and that over what the folder declares
(sentence-transformers' files, `is_causal`, the architecture).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from rapids_rap.backend.failures import is_out_of_memory
from rapids_rap.backend.lanes import Lane
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding import Pooling
from rapids_rap.embedding.declared import (
    check_tokenizer_settings,
    check_weights_fit,
    read_declared,
    read_object,
)
from rapids_rap.embedding.folder import (
    fingerprint,
    first_line,
    locate_model,
    module_folder,
    origin_of,
    read_modules,
    transformer_folder,
)
from rapids_rap.embedding.presets import PRESETS, Preset
from rapids_rap.embedding.projection import DENSE_KIND, find_projection
from rapids_rap.errors import CapabilityError, InputError

log = logging.getLogger(__name__)

Declared = tuple[Any, str]  # a value and who declared it
POOLING_MODES: dict[str, Pooling] = {  # both spellings of sentence-transformers
    "cls": "cls",
    "mean": "mean",
    "lasttoken": "last",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}
# sentence-transformers steps that are done here; of Dense, what `projection.find_projection` takes.
PLAIN_ATTENTION = (None, "eager", "sdpa")
FEWEST_TOKENS = 4  # of a text, end token included; `echo` halves them
KNOWN_MODULES = ("Transformer", "Pooling", "Normalize", DENSE_KIND)


@dataclass(frozen=True)
class ModelSpec:
    """A model and everything besides the text that decides its vectors.

    origin: where its files are from. folder: the transformer's own files. dim: length of a vector.
    dtype: of weights and activations. projection: folder of a step after pooling, or None.
    """

    name: str
    origin: str
    folder: Path
    fingerprint: str
    dim: int
    pooling: Pooling
    pooling_source: str
    causal: bool
    causal_source: str
    prompt: str
    prompt_source: str
    end_token: str
    max_tokens: int
    dtype: str
    trust_remote_code: bool
    projection: Path | None = None


def resolve_model(config: EmbeddingConfig, auto_dtype: str, *, download: bool = True) -> ModelSpec:
    """Find the model and settle how it is read, without loading its weights.

    `auto_dtype` is what `dtype = "auto"` means on the device; `download` whether the network may be
    asked for a named model. Raises as `locate_model`, and `InputError` for a folder whose files say
    what no model can be.
    """
    root = locate_model(config.model, download=download)
    folder = transformer_folder(root)
    model_config = read_model_config(folder, config.trust_remote_code)
    check_tokenizer_settings(folder)
    preset = PRESETS.get(config.model)
    pooling, pooling_source = _pooling(config, preset, root)
    causal, causal_source = _causal(config, preset, model_config)
    prompt, prompt_source = _prompt(config, preset, root)
    dim = _vector_length(model_config, folder)
    projection = find_projection(root, dim)
    return ModelSpec(
        name=config.model,
        origin=origin_of(config.model, root),
        folder=folder,
        fingerprint=fingerprint(folder, projection),
        dim=dim,
        pooling=pooling,
        pooling_source=pooling_source,
        causal=causal,
        causal_source=causal_source,
        prompt=prompt,
        prompt_source=prompt_source,
        end_token=preset.end_token if preset else "",
        max_tokens=_max_tokens(config.max_tokens, model_config, folder),
        dtype=auto_dtype if config.dtype == "auto" else config.dtype,
        trust_remote_code=config.trust_remote_code,
        projection=projection,
    )


def read_model_config(folder: Path, trust_remote_code: bool) -> Any:
    """The transformers configuration of a folder.

    Raises `CapabilityError` for an architecture that this transformers doesn't know or that has a
    decoder of its own beside the encoder, `InputError` for values that no model can have.
    """
    kind = read_declared(folder).get("model_type")
    try:
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
        config.get_text_config()
    except Exception as error:  # each family checks its values in its own way
        if isinstance(kind, str) and kind in transformers.CONFIG_MAPPING:
            raise InputError(
                f"{folder / 'config.json'}: a value is not what {kind} takes "
                f"({first_line(error)}). Copy or download the model again."
            ) from error
        raise CapabilityError(
            f"{folder}/config.json describes a model that transformers {transformers.__version__} "
            f"can't build ({first_line(error)}). If the folder brings its own code and "
            "you trust it, set embedding.trust_remote_code=true."
        ) from error
    _use_plain_attention(config)
    if config.is_encoder_decoder:
        raise CapabilityError(
            f"{folder}: {config.model_type} is an encoder-decoder; give an encoder (BERT, XLM-R) "
            "or a decoder (Qwen2, Qwen3)."
        )
    return config


def _use_plain_attention(config: Any) -> None:
    """Take torch's own attention, whatever config.json names.

    A name such as `owner/kernel` would be fetched from the Hub and run, and `flash_attention_2`
    too where the package `kernels` is installed. How batches attend is decided in `forward`.
    """
    parts = [getattr(config, name, None) for name in config.sub_configs]
    for one in (config, config.get_text_config(), *(part for part in parts if part is not None)):
        if one._attn_implementation not in PLAIN_ATTENTION:
            one._attn_implementation = None
        one._experts_implementation = None


def _vector_length(model_config: Any, folder: Path) -> int:
    length = getattr(model_config.get_text_config(), "hidden_size", None)
    if not isinstance(length, int) or length < 1:
        raise InputError(
            f"{folder / 'config.json'}: hidden_size, the length of a vector, is missing or no "
            "whole number above 0."
        )
    return length


def _pooling(config: EmbeddingConfig, preset: Preset | None, root: Path) -> Declared:
    unknown = [
        kind
        for module in read_modules(root)
        if (kind := str(module.get("type", "")).rsplit(".", 1)[-1]) not in KNOWN_MODULES
    ]
    if unknown:
        raise InputError(
            f"{root / 'modules.json'} asks for a {unknown[0]} step after pooling, which isn't "
            "supported; give a model that ends with pooling, or remove the step from that file."
        )
    if config.pooling != "auto":
        return config.pooling, "configuration"
    if preset:
        return preset.pooling, "preset"
    for module in read_modules(root):
        if str(module.get("type", "")).endswith(".Pooling"):
            path = module_folder(root, module) / "config.json"
            return _declared_pooling(path), f"{path.parent.name}/config.json"
    return "mean", "default, nothing declares it"


def _declared_pooling(path: Path) -> Pooling:
    """The pooling that a sentence-transformers file declares, in its older or newer spelling."""
    declared = read_object(path)
    named = declared.get("pooling_mode")
    modes = [str(one) for one in named] if isinstance(named, list) else []
    modes += [named] if isinstance(named, str) else []
    modes += [key for key, on in declared.items() if key.startswith("pooling_mode_") and on is True]
    if len(modes) != 1 or modes[0] not in POOLING_MODES:
        raise InputError(
            f"{path}: pooling {', '.join(map(str, modes)) or 'none'} isn't supported; expected one "
            "of mean, last, cls. Set embedding.pooling to choose one."
        )
    return POOLING_MODES[modes[0]]


def _causal(config: EmbeddingConfig, preset: Preset | None, model_config: Any) -> Declared:
    if config.causal != "auto":
        return config.causal == "yes", "configuration"
    if preset:
        return preset.causal, "preset"
    declared = model_config.to_dict().get("is_causal")
    if isinstance(declared, bool):
        return declared, "config.json"
    kind = model_config.model_type
    decoder = (
        kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )
    return bool(getattr(model_config, "is_decoder", False)) or decoder, f"architecture {kind}"


def _prompt(config: EmbeddingConfig, preset: Preset | None, root: Path) -> Declared:
    if config.prompt != "auto":
        return config.prompt, "configuration"
    if preset:
        return preset.prompt, "preset"
    path = root / "config_sentence_transformers.json"
    if path.is_file():
        declared = read_object(path)
        name, prompts = declared.get("default_prompt_name"), declared.get("prompts") or {}
        if name:
            prompt = prompts.get(name, "") if isinstance(prompts, dict) and _is_text(name) else None
            if not _is_text(prompt):
                raise InputError(
                    f"{path}: default_prompt_name and prompts: expected a name and texts by name. "
                    "Set embedding.prompt to choose one."
                )
            return prompt, path.name
    return "", "default, nothing declares one"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _max_tokens(wanted: int, model_config: Any, folder: Path) -> int:
    """The configured limit, or less where the model has fewer positions or declares fewer."""
    limits = [wanted]
    positions = getattr(model_config.get_text_config(), "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # RoBERTa and its kin count positions from pad_token_id + 1 on.
        roberta = any(kin in model_config.model_type for kin in ("roberta", "camembert"))
        limits.append(positions - (int(model_config.pad_token_id or 0) + 1 if roberta else 0))
    declared = folder / "sentence_bert_config.json"
    if declared.is_file():
        limit = read_object(declared).get("max_seq_length")
        if limit is not None and (not isinstance(limit, int) or limit is True):
            raise InputError(f"{declared}: max_seq_length = {limit!r}: expected a whole number.")
        limits.append(limit or wanted)
    if min(limits) < FEWEST_TOKENS:
        raise InputError(
            f"{folder}: leaves room for {min(limits)} tokens of a text, {FEWEST_TOKENS} are the "
            "least (max_position_embeddings, pad_token_id, max_seq_length)."
        )
    if min(limits) < wanted:
        log.info("texts are cut at %d tokens, the model's own limit", min(limits))
    return min(limits)


def quiet_transformers() -> None:
    """No bars and no advice on the terminal: what matters is checked and said here."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def load_tokenizer(spec: ModelSpec) -> Any:
    """The tokenizer of the folder, exactly as its tokenizer.json has it.

    `AutoTokenizer` rebuilds the tokenizer of known families from their vocabulary alone: a Qwen2
    folder with splitting rules or an end token of its own would be read as plain Qwen2. So it is
    left to folders without that file. Raises `InputError` where the tokenizer can't be built.
    """
    quiet_transformers()
    check_tokenizer_settings(spec.folder)
    whole = (spec.folder / "tokenizer.json").is_file()
    kind = transformers.PreTrainedTokenizerFast if whole else transformers.AutoTokenizer
    try:
        return kind.from_pretrained(
            spec.folder, local_files_only=True, trust_remote_code=spec.trust_remote_code
        )
    except Exception as error:  # the Rust library raises bare Exception for a damaged file
        raise InputError(
            f"The tokenizer in {spec.folder} can't be loaded ({first_line(error)}). Copy or "
            "download the model again."
        ) from error


def load_weights(spec: ModelSpec, lane: Lane) -> torch.nn.Module:
    """The model in eval mode on the lane, every attention module set to the declared causality.

    Raises `InputError` for damaged or incomplete weights: a layer that the files lack would be
    random, and its vectors would look like vectors. `CapabilityError` where memory does not suffice
    for them.
    """
    quiet_transformers()
    check_weights_fit(spec.folder)
    config = read_model_config(spec.folder, spec.trust_remote_code)
    config.is_causal = spec.causal  # transformers builds its own masks by this
    try:
        model, info = transformers.AutoModel.from_pretrained(
            spec.folder,
            config=config,
            dtype=getattr(torch, spec.dtype),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=spec.trust_remote_code,
            output_loading_info=True,
        )
    except Exception as error:  # safetensors raises its own kind, shape mismatches RuntimeError
        if is_out_of_memory(error):
            raise CapabilityError(
                f"Main memory does not suffice to load {spec.name} ({_weight_bytes(spec.folder)} "
                "bytes of weights); free some or choose a smaller model."
            ) from error
        raise InputError(
            f"The weights in {spec.folder} can't be loaded ({first_line(error)}). Copy or "
            "download the model again."
        ) from error
    # A pooler on top is not read here, so a folder without one is complete.
    missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise InputError(
            f"The weights in {spec.folder} lack {len(missing)} tensors of this architecture, for "
            f"example {missing[0]}; they would be random. Copy or download the model again."
        )
    for module in model.modules():
        if hasattr(module, "is_causal"):
            module.is_causal = spec.causal
    return lane.place(model.eval(), spec.name)


def rows_of_words(model: Any) -> int:
    """For how many tokens a loaded model has vectors."""
    return int(model.get_input_embeddings().weight.shape[0])


def _weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
