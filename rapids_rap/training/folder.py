"""The model folder: what `--model DIR` and plain `SentenceTransformer(DIR)` read alike.

Weights in safetensors, the base's own tokenizer files, and sentence-transformers' description of
pooling, prompt and limits. An end token that the preset of a named model adds becomes part of the
tokenizer, because a folder has no preset.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from rapids_rap.embedding import Pooling
from rapids_rap.embedding.folder import DECIDING_FILES, matching_files, read_json
from rapids_rap.embedding.model import ModelSpec, load_tokenizer
from rapids_rap.embedding.projection import DENSE_KIND, dense_description
from rapids_rap.runs.files import write_bytes, write_json

log = logging.getLogger(__name__)

PROBES = ("今晚 yeah, don't 1234", "YEAH 城市", "a", "水火山")
PACKAGE = "sentence_transformers.models"
POOLING_KEYS = {"mean": "mean_tokens", "last": "lasttoken", "cls": "cls_token"}
WEIGHT_FILES = ("*.safetensors", "*.safetensors.index.json")


def write_modules(
    folder: Path, dim: int, pooling: Pooling, max_tokens: int, extra: Sequence[str] = ()
) -> None:
    """What plain ``SentenceTransformer(folder)`` reads: pooling, `extra`, unit length."""
    kinds = ["Transformer", "Pooling", *extra, "Normalize"]
    modules = [
        {
            "idx": index,
            "name": str(index),
            "path": f"{index}_{kind}" if index else "",
            "type": f"{PACKAGE}.{kind}",
        }
        for index, kind in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)
    modes = {f"pooling_mode_{key}": mode == pooling for mode, key in POOLING_KEYS.items()}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": dim} | modes)
    limits = {"max_seq_length": max_tokens, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", limits)


def save_encoder(model: Any, spec: ModelSpec, folder: Path) -> None:
    """A trained encoder. The configuration says how it attends, whatever said so before."""
    model.config.is_causal = spec.causal
    model.save_pretrained(folder)
    _copy(spec.folder, folder, [name for name in DECIDING_FILES if name not in WEIGHT_FILES])
    _describe(spec, folder)


def save_head(weight: torch.Tensor, spec: ModelSpec, folder: Path) -> None:
    """The encoder's own files, and a projection (d, d) after its pooling."""
    _copy(spec.folder, folder, [*WEIGHT_FILES, *DECIDING_FILES])
    config = read_json(folder / "config.json") | {"is_causal": spec.causal}
    write_json(folder / "config.json", config)
    _describe(spec, folder, [DENSE_KIND])
    inner = folder / f"2_{DENSE_KIND}"
    inner.mkdir()
    write_json(inner / "config.json", dense_description(spec.dim))
    save_file({"linear.weight": weight.contiguous()}, inner / "model.safetensors")


def _copy(source: Path, folder: Path, patterns: Sequence[str]) -> None:
    """The files of the base that fit the patterns and that the folder doesn't have yet."""
    for path in matching_files(source, tuple(patterns)):
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)


def _describe(spec: ModelSpec, folder: Path, extra: Sequence[str] = ()) -> None:
    write_modules(folder, spec.dim, spec.pooling, spec.max_tokens, extra)
    if spec.prompt:
        prompts = {"prompts": {"line": spec.prompt}, "default_prompt_name": "line"}
        write_json(folder / "config_sentence_transformers.json", prompts)
    if spec.end_token:
        _append_end_token(spec, folder)
    _let_auto_tokenizer_agree(folder)


def _append_end_token(spec: ModelSpec, folder: Path) -> None:
    """Make the tokenizer itself close every text with the end token, unless it already does."""
    from tokenizers import processors

    tokenizer = load_tokenizer(spec)
    end = int(tokenizer.convert_tokens_to_ids(spec.end_token))
    if tokenizer("a")["input_ids"][-1:] == [end]:
        return
    core = tokenizer.backend_tokenizer
    closing = processors.TemplateProcessing(
        single=f"$A {spec.end_token}", special_tokens=[(spec.end_token, end)]
    )
    old = core.post_processor
    core.post_processor = processors.Sequence([old, closing]) if old else closing
    core.no_padding()
    core.no_truncation()
    write_bytes(folder / "tokenizer.json", core.to_str(pretty=True).encode())


def _let_auto_tokenizer_agree(folder: Path) -> None:
    """Make sentence-transformers read tokenizer.json as it is.

    It asks `AutoTokenizer`, which builds the tokenizer of known families (Qwen2) from their
    vocabulary and forgets splitting rules and end tokens of the file. Where that gives other ids,
    its settings name a tokenizer type that is nothing but the file.
    """
    if not (folder / "tokenizer.json").is_file():
        return
    plain = transformers.PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    expected = [plain(text)["input_ids"] for text in PROBES]

    def agrees(**settings: str) -> bool:
        auto = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, **settings)
        return [auto(text)["input_ids"] for text in PROBES] == expected

    if agrees():
        return
    whole = next((k for k, v in TOKENIZER_MAPPING_NAMES.items() if v == "TokenizersBackend"), "")
    if not whole or not agrees(tokenizer_type=whole):
        log.warning(
            "%s: this transformers reads the tokenizer otherwise, so SentenceTransformer "
            "would give other vectors than --model does.",
            folder.name,
        )
        return
    path = folder / "sentence_bert_config.json"
    write_json(path, read_json(path) | {"processor_kwargs": {"tokenizer_type": whole}})
