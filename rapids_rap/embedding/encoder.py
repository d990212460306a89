"""The encoder: a model, its tokenizer and a token budget, turning texts into rows of a matrix."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

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
CPU_BUDGET = 1024
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
        the number of texts done. Batches that find no memory are planned again with half the
        budget. Raises `CapabilityError` if one text alone is too much, `InputError` for vectors of
        no direction (NaN, infinite, zero).
        """
        targets = torch.from_numpy(rows).to(self.device)

        def fits(part: Int64) -> bool:
            return self._fits(tokens, selection[part], targets[part], out)

        waiting, done = np.arange(len(selection)), 0
        while len(waiting):
            lengths = tokens.lengths[selection[waiting]]
            plan = plan_batches(lengths, self.token_budget, self.plan.layout)
            parts = [waiting[part] for part in plan]
            too_large: list[Int64] = []
            with _side_by_side(self.device) as run:
                for part, fitted in zip(parts, run(fits, parts), strict=True):
                    if fitted:
                        done += len(part)
                        if progress:
                            progress(done)
                    else:
                        too_large.append(part)
            if too_large:
                self._halve(tokens, selection[too_large[0]])
            waiting = np.concatenate(too_large) if too_large else waiting[:0]
        self._check(normalize_rows(out, targets), len(rows))

    @torch.inference_mode()
    def _fits(
        self, tokens: Tokens, selection: Int64, targets: torch.Tensor, out: torch.Tensor
    ) -> bool:
        """Run one batch; False where memory did not suffice."""
        try:
            batch = make_batch(tokens, selection)
            hidden = self._runner.run(batch, self.plan.layout)
            borders = torch.from_numpy(batch.borders).to(self.device)
            pool_into(hidden, borders, targets, out, self.spec.pooling)
            return True
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if not _is_out_of_memory(error):
                raise
        return False

    def _halve(self, tokens: Tokens, failed: Int64) -> None:
        """Lower the budget below what the smallest batch that failed took."""
        size = int(tokens.lengths[failed].sum())
        if len(failed) == 1:
            raise CapabilityError(
                f"Memory does not suffice for a single text of {size} tokens with "
                f"{self.spec.name} on {self.device}; lower embedding.max_tokens or use a smaller "
                "model."
            )
        release(self.device)
        self.token_budget = max(1, min(self.token_budget, size) // 2)
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


@contextlib.contextmanager
def _side_by_side(device: torch.device) -> Iterator[Callable[..., Iterable[bool]]]:
    """A `map` over batches: one after the other on a GPU, one a core, each on one core, on a CPU.

    Cores that share a batch wait for each other in every layer, and on a busy machine mostly wait
    (docs/performance.md). A batch on one core also gives the same bits on any number of cores.
    """
    cores = torch.get_num_threads()
    if device.type != "cpu" or cores == 1:
        yield map
        return
    pool = ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,))
    torch.set_num_threads(1)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)


def release(device: torch.device) -> None:
    """Give torch's cached memory back, for the array libraries that work after the encoder."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
