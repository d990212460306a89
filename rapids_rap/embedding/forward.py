"""Running a model on a batch, and deciding, by trying, which layout of batches it is exact in.

No list of model families says who can run packed: when a model is loaded, a few short sequences go
through the registered attention function together and through the model's own attention one by one.
Equal states mean that nothing leaks between texts and that no variant of attention was lost.
"""

from __future__ import annotations

import inspect
import itertools
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rapids_rap.backend.failures import is_device_error
from rapids_rap.backend.lanes import Lane
from rapids_rap.embedding import BatchLayout
from rapids_rap.embedding.attention import BY_KERNEL, BY_PATH, BY_TEXT
from rapids_rap.embedding.model import ModelSpec
from rapids_rap.embedding.packing import TokenBatch, TokenBatchIds, make_batch
from rapids_rap.embedding.trie import Trie, make_trie
from rapids_rap.embedding.varlen import varlen_kernel
from rapids_rap.errors import CapabilityError

log = logging.getLogger(__name__)

PROBE_TOKENS = 1024  # the longest probe; a sliding window beyond it is read from the configuration
TOLERANCE = {torch.float32: 1e-3}  # of the largest state; a leak moves states by their own size
HALF_TOLERANCE = 0.1


@dataclass(frozen=True)
class BatchPlan:
    """How batches are laid out and why; `registered` says whether our attention function runs.

    longest: tokens of a text that goes into a trie; longer ones run in batches of equal length. A
    text's length alone decides, so that its vector has the same bits in any company.
    """

    layout: BatchLayout
    registered: bool
    reason: str
    longest: int = 0


class Runner:
    """A loaded model that turns a batch into hidden states. Nothing is cached between batches."""

    def __init__(self, model: Any, lane: Lane) -> None:
        self.model = model
        self.lane = lane
        self.own_attention = str(model.config._attn_implementation)
        accepted = inspect.signature(model.forward).parameters
        self._common = {"return_dict": True} | (
            {"use_cache": False} if "use_cache" in accepted else {}
        )
        self._takes_positions = "position_ids" in accepted
        self._first_position = _first_position(model)

    def use(self, attention: str) -> None:
        """Switch the model to a registered attention function or back to its own."""
        self.model.set_attn_implementation(attention)

    def run(self, batch: TokenBatch, layout: BatchLayout) -> torch.Tensor:
        """Hidden states of a batch on the device: its tokens', (T, d), texts end to end."""
        if layout == "padded":
            states, mask = self.padded(batch)
            return states[mask]
        shape = (1, -1) if layout == "packed" else (batch.texts, batch.longest)
        inputs: dict[str, Any] = {"input_ids": batch.ids.view(shape)}
        if self._takes_positions:
            inputs["position_ids"] = (batch.positions + self._first_position).view(shape)
        if self.model.config._attn_implementation in (BY_TEXT, BY_KERNEL, BY_PATH):
            inputs |= {"cu_seq_lens_q": batch.borders, "cu_seq_lens_k": batch.borders}
            inputs |= {"max_length_q": batch.longest, "max_length_k": batch.longest}
        return self._states(inputs)

    def run_trie(self, trie: Trie) -> torch.Tensor:
        """Hidden states of a trie's nodes on the device, (nodes, d)."""
        nodes, keys = trie.nodes, trie.keys
        return self._states(
            {
                "input_ids": nodes.ids[None],
                "position_ids": (nodes.positions + self._first_position)[None],
                "cu_seq_lens_q": nodes.borders,
                "cu_seq_lens_k": keys.borders,
                "max_length_q": nodes.longest,
                "max_length_k": keys.longest,
                "key_places": keys.places,
            }
        )

    def _states(self, inputs: dict[str, Any]) -> torch.Tensor:
        # The place for torch.compile or a CUDA graph a batch size, should a profile ask for one:
        # nothing from here to the pooled rows waits for the device.
        states = self.model(**inputs, **self._common).last_hidden_state
        return states.reshape(-1, states.shape[-1])

    def padded(self, batch: TokenBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states (texts, longest, d) and which of them are tokens (texts, longest), bool.

        Texts stand on the left, padding on the right.
        """
        lengths = torch.diff(batch.borders)
        # The mask comes from the lengths: comparing ids with the padding id would also hide an end
        # token that the model uses for both.
        mask = torch.arange(batch.longest, device=lengths.device) < lengths[:, None]
        padding = self.model.config.pad_token_id or 0
        table = torch.full(mask.shape, padding, dtype=torch.int64, device=lengths.device)
        table[mask] = batch.ids
        states = self.model(input_ids=table, attention_mask=mask.long(), **self._common)
        return states.last_hidden_state, mask


def choose_plan(runner: Runner, spec: ModelSpec, wanted: str) -> BatchPlan:
    """Try the model and choose: packed where a kernel attends to packed texts, else equal lengths.

    `wanted` is the configuration's `attention`. A model that the registered function does not
    reproduce runs in batches of equal length with its own attention: exact, and nothing is padded
    either. Raises `CapabilityError` where the model does not attend as declared.
    """
    runner.use(runner.own_attention)
    _check_causality(runner, spec)
    if wanted == "padded":
        return BatchPlan("padded", False, "padding was asked for (embedding.attention)")
    fused = runner.lane.packs and spec.dtype != "float32"
    if shares_beginnings(spec, runner.lane, wanted):
        longest = spec.max_tokens if fused else min(spec.max_tokens, runner.lane.walks)
        obstacle = _obstacle(runner, spec, "trie", BY_KERNEL if fused else BY_PATH, longest)
        if not obstacle:
            how = f"{varlen_kernel().name} in {spec.dtype}" if fused else "attention along its path"
            reason = f"every beginning that texts share is computed once: {how}"
            return BatchPlan("trie", True, reason, longest)
        log.info("%s computes each text on its own: %s", spec.name, obstacle)
        runner.use(runner.own_attention)  # what the next probe compares with
    layout: BatchLayout = "packed" if fused or wanted == "packed" else "dense"
    obstacle = _obstacle(runner, spec, layout, BY_KERNEL if fused else BY_TEXT, spec.max_tokens)
    if obstacle:
        runner.use(runner.own_attention)
        reason = f"texts of equal length, the model's own attention: {obstacle}"
        log.warning("%s can't run in %s batches with our attention: %s", spec.name, layout, reason)
        return BatchPlan("dense", False, reason)
    if layout == "packed":
        why = f"{varlen_kernel().name} in {spec.dtype}" if fused else "packed was asked for"
        return BatchPlan("packed", True, f"texts end to end, nothing is padded: {why}")
    return BatchPlan("dense", True, "texts of equal length, nothing is padded or masked")


def shares_beginnings(spec: ModelSpec, lane: Lane, wanted: str) -> bool:
    """Whether a model is to compute the beginnings that texts share once, if it can.

    It must look back only, and the lane attend to a trie in its type of number.
    """
    able = lane.walks > 0 if spec.dtype == "float32" else lane.packs
    return able and spec.causal and wanted == "auto"


def lay_out_weights(runner: Runner, spec: ModelSpec) -> None:
    """Have the lane lay the weights out, and take it back where that moves a state.

    A family whose layers are no plain linear layers, or that reads their weights itself, keeps
    them. The model can't be trained any more.
    """
    length = min(8, spec.max_tokens)
    tokens = _probe_tokens(runner.model.config, [length, length])
    before = _probe(runner, tokens, [0, 1], "dense")
    take_back = runner.lane.lay_out(runner.model)
    if take_back is None:
        return
    try:
        moved = _difference(_probe(runner, tokens, [0, 1], "dense"), before)
    except (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError):
        moved = np.inf
    if moved > TOLERANCE.get(before.dtype, HALF_TOLERANCE):
        log.info("%s keeps its weights as they are: laid out they move its states", spec.name)
        take_back()


def _obstacle(
    runner: Runner, spec: ModelSpec, layout: BatchLayout, attention: str, longest: int
) -> str:
    """Why the registered attention must not be used, or an empty string."""
    model = runner.model
    if not getattr(model, "_supports_attention_backend", False):
        return f"{type(model).__name__} does not use transformers' attention interface"
    if layout != "dense" and not runner._takes_positions:
        return f"{type(model).__name__} takes no position_ids"
    window = getattr(model.config, "sliding_window", None)
    if getattr(model.config, "use_sliding_window", True) and window and window < spec.max_tokens:
        return f"its sliding window of {window} tokens is shorter than max_tokens"
    longest = min(longest, PROBE_TOKENS)
    lengths = [longest, longest] if layout == "dense" else [1, 3, 3, longest]
    tokens = _probe_tokens(model.config, lengths)
    if layout == "trie":
        _share_beginnings(tokens)
    alone = [_probe(runner, tokens, [i], "dense") for i in range(len(lengths))]
    try:
        runner.use(attention)
        together = _probe(runner, tokens, list(range(len(lengths))), layout)
    except CapabilityError as error:  # no kernel is installed; equal lengths need none
        return str(error)
    except (ValueError, TypeError, RuntimeError, NotImplementedError, AttributeError) as error:
        if is_device_error(error):  # says nothing of the model
            raise
        return (str(error).splitlines() or [type(error).__name__])[0]
    difference = _difference(together, torch.cat(alone))
    if difference > TOLERANCE.get(together.dtype, HALF_TOLERANCE):
        return f"its states differ from one-at-a-time by {difference:.2g}"
    return ""


def _probe(
    runner: Runner, tokens: TokenBatchIds, texts: list[int], layout: BatchLayout
) -> torch.Tensor:
    if layout == "trie":
        trie = make_trie(tokens, np.array(texts)).moved(runner.lane.upload)
        return runner.run_trie(trie)[trie.texts.places]
    batch = make_batch(tokens, np.array(texts))
    return runner.run(batch.moved(runner.lane.upload), layout)


def _share_beginnings(tokens: TokenBatchIds) -> None:
    """Let the second probe begin as the first, and the others as the one before them, in place."""
    for before, after in itertools.pairwise(range(len(tokens.lengths))):
        size = max(1, int(tokens.lengths[before]) - 1)
        begin, other = tokens.starts[[after, before]]
        tokens.ids[begin : begin + size] = tokens.ids[other : other + size]


def _check_causality(runner: Runner, spec: ModelSpec) -> None:
    """Change the last token: the first one's state moves exactly if the model looks ahead."""
    length = min(8, spec.max_tokens)
    tokens = _probe_tokens(runner.model.config, [length, length])
    tokens.ids[length : 2 * length - 1] = tokens.ids[: length - 1]
    first, second = (_probe(runner, tokens, [i], "dense")[0] for i in range(2))
    if not bool(torch.isfinite(first).all()):
        return  # a broken model is reported with the number of its broken vectors
    looks_ahead = _difference(first, second) > 1e-6
    if looks_ahead == spec.causal:
        declared, does = ("causal", "looks ahead") if spec.causal else ("bidirectional", "does not")
        raise CapabilityError(
            f"{spec.name} is declared {declared} ({spec.causal_source}), but its attention {does}. "
            "Set embedding.causal to what the model card says."
        )


def _probe_tokens(config: Any, lengths: list[int]) -> TokenBatchIds:
    """Repeatable sequences of tokens, the padding token left out."""
    vocabulary = int(config.get_text_config().vocab_size)
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    ids = np.random.default_rng(0).integers(0, vocabulary, int(starts[-1]))
    padding = -1 if config.pad_token_id is None else config.pad_token_id
    ids[ids == padding] = (padding + 1) % vocabulary
    return TokenBatchIds(ids.astype(np.int32), starts, np.zeros(len(lengths), dtype=bool))


def _difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest absolute difference relative to the largest value; 0 where values aren't finite."""
    largest = float(b.float().abs().max())
    return float((a.float() - b.float()).abs().max()) / largest if np.isfinite(largest) else 0.0


def _first_position(model: Any) -> int:
    """RoBERTa and its kin count positions from padding_idx + 1 on, everyone else from 0."""
    for module in model.modules():
        if hasattr(module, "create_position_ids_from_input_ids"):
            return int(module.padding_idx) + 1
    return 0
