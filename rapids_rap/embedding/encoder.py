"""The encoder: a model, its tokenizer and a token budget, turning texts into rows of a matrix."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from rapids_rap.embedding.forward import Plan, Runner, choose_plan
from rapids_rap.embedding.model import ModelSpec, load_tokenizer, load_weights
from rapids_rap.embedding.packing import Int64, Tokens, make_batch, plan_batches
from rapids_rap.embedding.pooling import normalize_rows, pool_into
from rapids_rap.embedding.tokenizing import TextTokenizer
from rapids_rap.errors import CapabilityError, InputError

log = logging.getLogger(__name__)

# Tokens a batch. On a CPU larger batches are no faster (docs/performance.md) and leave the cache.
CPU_BUDGET = 2048
GPU_BUDGET = 32_768
OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "alloc_failed")


class Encoder:
    """Turns texts into vectors of length 1. `plan` and `token_budget` say how; the budget may fall.

    Made by `embed.load_encoder`. Holds the model's memory until it is dropped.
    """

    def __init__(
        self, spec: ModelSpec, device: torch.device, attention: str, token_budget: int
    ) -> None:
        self.spec = spec
        self.device = device
        self.tokenize = TextTokenizer(load_tokenizer(spec), spec)
        self._runner = Runner(load_weights(spec, device), device)
        with torch.inference_mode():
            self.plan: Plan = choose_plan(self._runner, spec, attention)
        self.token_budget = token_budget or (CPU_BUDGET if device.type == "cpu" else GPU_BUDGET)
        log.info("%s on %s, %s: %s", spec.name, device, spec.dtype, self.plan.reason)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The stage's vectors of a few texts, (len(texts), dim) float32, on the host."""
        tokens = self.tokenize(texts)
        out = torch.empty((len(texts), self.spec.dim), device=self.device)
        order = np.argsort(tokens.lengths, kind="stable")
        self.encode_into(tokens, order, order, out)
        vectors: npt.NDArray[np.float32] = out.cpu().numpy()
        return vectors

    @torch.inference_mode()
    def encode_into(
        self,
        tokens: Tokens,
        selection: Int64,
        rows: Int64,
        out: torch.Tensor,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Write the vectors of the selected texts, ascending in length, into `out[rows]`.

        selection, rows: (m,) int64; out: (n, dim) float32 on the encoder's device. `progress` gets
        the number of texts done. A batch that finds no memory is halved, and all after it. Raises
        `CapabilityError` if one text alone is too much, `InputError` for vectors of no direction
        (NaN, infinite, zero).
        """
        targets = torch.from_numpy(rows).to(self.device)
        done = 0
        while done < len(selection):
            for part in plan_batches(
                tokens.lengths[selection[done:]], self.token_budget, self.plan.layout
            ):
                start, stop = done, done + (part.stop - part.start)
                if not self._fits(tokens, selection[start:stop], targets[start:stop], out):
                    break  # plan the rest anew, with the smaller budget
                done = stop
                if progress:
                    progress(done)
        self._check(normalize_rows(out, targets), len(rows))

    def _fits(
        self, tokens: Tokens, selection: Int64, targets: torch.Tensor, out: torch.Tensor
    ) -> bool:
        """Run one batch; False, and a smaller budget, where memory did not suffice."""
        try:
            batch = make_batch(tokens, selection)
            hidden = self._runner.run(batch, self.plan.layout)
            borders = torch.from_numpy(batch.borders).to(self.device)
            pool_into(hidden, borders, targets, out, self.spec.pooling)
            return True
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if not _is_out_of_memory(error):
                raise
        # Outside the handler, whose traceback keeps the batch's tensors alive.
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._halve(len(selection), int(tokens.lengths[selection].sum()))
        return False

    def _halve(self, texts: int, tokens: int) -> None:
        if texts == 1:
            raise CapabilityError(
                f"Memory does not suffice for a single text of {tokens} tokens with "
                f"{self.spec.name} on {self.device}; lower embedding.max_tokens or use a smaller "
                "model."
            )
        self.token_budget = max(1, min(self.token_budget, tokens) // 2)
        log.warning("out of memory: going on with %d tokens a batch", self.token_budget)

    def _check(self, broken: torch.Tensor, texts: int) -> None:
        if len(broken):
            raise InputError(
                f"{self.spec.name} gives no usable vector (NaN, infinite or zero) for "
                f"{len(broken)} of {texts} texts, for example text_id {int(broken[0])}; nothing of "
                f"them was stored. The weights are damaged, or {self.spec.dtype} is too narrow "
                "(try embedding.dtype=float32)."
            )


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    message = str(error).lower()
    return any(sign in message for sign in OUT_OF_MEMORY)


def release(device: torch.device) -> None:
    """Give torch's cached memory back, for the array libraries that work after the encoder."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
