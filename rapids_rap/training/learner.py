"""What learns: the encoder with a low-rank adapter or as a whole, read exactly as a run reads it.

Pooling, causality, prompt and end token come from `embedding.model.resolve_model`, so a text's
vector in evaluation mode is the one the embedding stage would store.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.lanes import Lane
from rapids_rap.config import TrainConfig
from rapids_rap.embedding.forward import Runner
from rapids_rap.embedding.model import ModelSpec, load_tokenizer, load_weights
from rapids_rap.embedding.packing import make_batch, plan_batches
from rapids_rap.embedding.tokenizing import TextTokenizer
from rapids_rap.errors import CapabilityError
from rapids_rap.training.folder import save_encoder

log = logging.getLogger(__name__)

CPU_CHUNK = 2_048  # tokens: more leaves the cache, and mixes more lengths
CPU_ROOM = 2 * 2**30  # bytes of activations


@dataclass(frozen=True, slots=True)
class Prepared:
    """Texts ready to be embedded.

    rows[i]: the places of chunk i's texts; data: the learner's own; fits: whether the activations
    of all chunks can be held at once.
    """

    rows: list[Int64s]
    data: Any
    fits: bool


class Learner(Protocol):
    """What the loop trains. `module.training` decides whether dropout (or noise) is drawn."""

    module: nn.Module
    device: torch.device

    def prepare(self, texts: Sequence[str]) -> Prepared:
        """Tokenize (or encode with what is frozen) and cut into chunks."""

    def embed(self, prepared: Prepared, chunk: int) -> Tensor:
        """Unit vectors of one chunk, (rows, d) float32, with their graph."""

    def save(self, folder: Path) -> None:
        """Write a model folder. The learner can't be trained further after this."""


class EncoderLearner:
    """The encoder itself: all of it (`full`), or adapters of low rank beside it (`lora`).

    LoRA: arXiv 2106.09685. Qwen2 has no dropout of its own and its `attention_dropout` is 0, so it
    is set here; in the saved folder it is what it was.
    """

    def __init__(self, spec: ModelSpec, lane: Lane, config: TrainConfig) -> None:
        self.spec, self.lane, self.device = spec, lane, lane.device
        self.tokenize = TextTokenizer(load_tokenizer(spec), spec)
        model: Any = load_weights(spec, lane)
        self.held = config.chunk_tokens or held_tokens(model, lane)
        self.chunk = min(self.held, CPU_CHUNK) if lane.device.type == "cpu" else self.held
        set_attention_dropout(model, config.dropout)
        if checkpoints(config, lane):
            if not model.supports_gradient_checkpointing:
                raise CapabilityError(f"{spec.name} has no gradient checkpointing; switch it off.")
            model.gradient_checkpointing_enable({"use_reentrant": False})
        self._runner = Runner(model, lane)
        self.module: nn.Module = _adapted(model, config) if config.mode == "lora" else model
        self._half = half_precision(config, lane)

    def prepare(self, texts: Sequence[str]) -> Prepared:
        """Texts of similar length share a chunk; padding counts as tokens."""
        tokens = self.tokenize(texts)
        order = np.argsort(tokens.lengths, kind="stable")
        plan = plan_batches(tokens.lengths[order], self.chunk, "padded")
        rows = [order[part] for part in plan]
        total = sum(len(places) * int(tokens.lengths[places[-1]]) for places in rows)
        return Prepared(rows, tokens, total <= self.held)

    def embed(self, prepared: Prepared, chunk: int) -> Tensor:
        """See `Learner.embed`."""
        batch = make_batch(prepared.data, prepared.rows[chunk]).moved(self.lane.upload)
        with self._precision():
            states, mask = self._runner.padded(batch)
        return functional.normalize(self._pooled(states.float(), mask), dim=-1)

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        if not self._half:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        """`kernels.pool` with a graph. states: (texts, longest, d); mask: (texts, longest)."""
        lengths = mask.sum(1)
        if self.spec.pooling == "mean":
            return (states * mask[:, :, None]).sum(1) / lengths[:, None]
        if self.spec.pooling == "last":
            return states[torch.arange(len(states), device=states.device), lengths - 1]
        return states[:, 0]

    def save(self, folder: Path) -> None:
        """The whole encoder, adapters merged into float32 weights: rounding would lose them."""
        model: Any = self.module.cpu().float()
        merged = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
        save_encoder(merged, self.spec, folder)


def _adapted(model: Any, config: TrainConfig) -> nn.Module:
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
    )
    with warnings.catch_warnings():  # peft asks transformers by a name that will go
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, settings)


def held_tokens(model: Any, lane: Lane) -> int:
    """Tokens whose activations are held at once: for about 2 GiB on the CPU.

    An estimate: a dozen vectors of the hidden size a layer, and four of the inner one, in float32.
    On a GPU, where activations are computed again, 16,384 tokens take a few GiB of any encoder.
    """
    if lane.device.type != "cpu":
        return 16_384
    sizes = model.config.get_text_config()
    inner = getattr(sizes, "intermediate_size", None) or 4 * sizes.hidden_size
    layer = 4 * (12 * sizes.hidden_size + 4 * inner)
    return max(64, int(CPU_ROOM // (layer * sizes.num_hidden_layers)))


def set_attention_dropout(model: nn.Module, rate: float) -> None:
    """Give every attention module that takes one this rate; models with their own keep theirs."""
    for module in model.modules():
        if isinstance(getattr(module, "attention_dropout", None), float | int):
            setattr(module, "attention_dropout", rate)  # noqa: B010 - any module may have it


def checkpoints(config: TrainConfig, lane: Lane) -> bool:
    """Whether activations are computed again rather than kept; auto: on a GPU."""
    if config.gradient_checkpointing == "auto":
        return lane.device.type != "cpu"
    return config.gradient_checkpointing == "yes"


def half_precision(config: TrainConfig, lane: Lane) -> bool:
    """Whether matrix products are in bfloat16; auto: on a GPU."""
    return config.dtype == "bfloat16" or (config.dtype == "auto" and lane.device.type != "cpu")


def encode(learner: Learner, texts: Sequence[str]) -> Float32s:
    """The vectors of texts in evaluation mode, (len(texts), d) float32 on the host."""
    was = learner.module.training
    learner.module.eval()
    try:
        with torch.no_grad():
            prepared = learner.prepare(texts)
            parts = [learner.embed(prepared, chunk) for chunk in range(len(prepared.rows))]
    finally:
        learner.module.train(was)
    vectors = torch.cat(parts).cpu().numpy()
    out = np.empty_like(vectors)
    out[np.concatenate(prepared.rows)] = vectors
    return out


def refuse_random_evaluation(learner: Learner, texts: Sequence[str]) -> None:
    """Raise `CapabilityError` unless texts get the same vectors twice in evaluation mode."""
    if not np.array_equal(encode(learner, texts), encode(learner, texts)):
        raise CapabilityError(
            "In evaluation this model gives one text two different vectors, so no figure about it "
            "would mean anything; it draws random numbers where it should not."
        )
