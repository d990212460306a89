"""The encoder: a model, its tokenizer and a token budget, turning texts into rows of a matrix."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rapids_rap.arrays import Float32s, Int32s, Int64s
from rapids_rap.backend.failures import is_device_error, is_out_of_memory
from rapids_rap.backend.lanes import Lane
from rapids_rap.embedding import BatchLayout
from rapids_rap.embedding.folder import first_line
from rapids_rap.embedding.forward import BatchPlan, Runner, choose_plan, lay_out_weights
from rapids_rap.embedding.model import ModelSpec, load_tokenizer, load_weights, rows_of_words
from rapids_rap.embedding.packing import TokenBatchIds, make_batch, plan_batches
from rapids_rap.embedding.projection import load_projection
from rapids_rap.embedding.tokenizing import TextTokenizer
from rapids_rap.embedding.trie import make_trie, plan_tries, shared_tokens, sort_texts
from rapids_rap.errors import CapabilityError, InputError, RapError
from rapids_rap.kernels.pool import pool

log = logging.getLogger(__name__)


@contextlib.contextmanager
def _explained(spec: ModelSpec) -> Iterator[None]:
    """Turn what a model says that was put together wrongly, when it first runs, into a sentence."""
    try:
        yield
    except RapError:
        raise
    except Exception as error:  # whatever the values of config.json do in the family's code
        if is_device_error(error):
            raise
        raise InputError(
            f"The model in {spec.folder} can't be run ({first_line(error)}): its config.json is "
            "not that of its weights. Copy or download it again."
        ) from error


@dataclass(frozen=True)
class Norms:
    """Lengths of pooled vectors before scaling. rows: (m,) int64 of the matrix; values: (m,).

    computed: tokens that the model computed for them, a beginning that texts share once.
    """

    rows: Int64s
    values: torch.Tensor
    computed: int


@dataclass(frozen=True)
class Batch:
    """Texts that run together. texts: (m,) int64, of a `TokenBatchIds`; tokens: to compute."""

    layout: BatchLayout
    texts: Int64s
    tokens: int


class Encoder:
    """Turns texts into vectors of length 1. `plan` and `token_budget` say how; the budget may fall.

    Made by `embed.load_encoder`. Holds the model's memory until it is dropped.
    """

    def __init__(self, spec: ModelSpec, lane: Lane, attention: str, token_budget: int) -> None:
        self.spec = spec
        self.lane = lane
        self.tokenize = TextTokenizer(load_tokenizer(spec), spec)
        model = load_weights(spec, lane)
        with torch.inference_mode(), _explained(spec):
            self._words = rows_of_words(model)
            self._runner = Runner(model, lane)
            self.plan: BatchPlan = choose_plan(self._runner, spec, attention)
            lay_out_weights(self._runner, spec)
        self._projection = (
            load_projection(spec.projection, spec.dim).to(lane.device) if spec.projection else None
        )
        self.token_budget = token_budget or lane.token_budget
        log.info("%s on %s, %s: %s", spec.name, lane.device, spec.dtype, self.plan.reason)

    def encode(self, texts: Sequence[str]) -> Float32s:
        """The stage's vectors of a few texts, (len(texts), dim) float32, on the host.

        Raises as `encode_into` and `check` do.
        """
        out = torch.empty((len(texts), self.spec.dim), device=self.lane.device)
        norms = self.encode_into(self.tokenize(texts), np.arange(len(texts)), out)
        self.check(norms.rows, self.lane.download(norms.values)())
        return self.lane.download(out)()

    @torch.inference_mode()
    def encode_into(
        self,
        tokens: TokenBatchIds,
        rows: Int64s,
        out: torch.Tensor,
        progress: Callable[[int], None] | None = None,
    ) -> Norms:
        """Write the vector of each text into its row: ``out[rows[i]] = vector(text i)``.

        rows: (texts,) int64; out: (n, dim) float32 on the lane. `progress` gets the number of texts
        done. Doesn't wait for the device, so the norms are to be checked (`check`) when they come.
        Batches that find no memory are planned again with half the budget; raises `CapabilityError`
        if one text alone is too much.
        """
        highest = int(tokens.ids.max(initial=0))
        if highest >= self._words:  # on a GPU nothing could be run any more after such a look-up
            raise InputError(
                f"The tokenizer in {self.spec.folder} gives the token {highest}, but the model has "
                f"vectors for {self._words}: the two are not of one model. Copy or download it "
                "again."
            )
        waiting, done, nodes = np.arange(len(rows)), 0, 0
        computed: list[tuple[Int64s, torch.Tensor]] = []

        def run(batch: Batch) -> torch.Tensor | None:
            return self._fitting(tokens, batch, rows[batch.texts], out)

        while len(waiting):
            batches = self._planned(tokens, waiting)
            too_large: list[Batch] = []
            with self.lane.workers() as each:
                for batch, norms in zip(batches, each(run, batches), strict=True):
                    if norms is None:
                        too_large.append(batch)
                        continue
                    computed.append((rows[batch.texts], norms))
                    nodes += batch.tokens
                    done += len(batch.texts)
                    if progress:
                        progress(done)
            if too_large:
                self._halve(too_large[-1])
            waiting = np.concatenate([waiting[:0], *(batch.texts for batch in too_large)])
        nothing = (rows[:0], torch.empty(0, device=out.device))
        where, norms = zip(nothing, *computed, strict=True)
        return Norms(np.concatenate(where), torch.cat(norms), nodes)

    def _planned(self, tokens: TokenBatchIds, texts: Int64s) -> list[Batch]:
        """The texts in batches, the largest first.

        So a shortage shows at once, and cores that take batches end together.
        """
        lengths, batches = tokens.lengths, []
        layout = self.plan.layout
        if layout == "trie":
            short = sort_texts(tokens, texts[lengths[texts] <= self.plan.longest])
            shared = shared_tokens(tokens, short)
            for part in plan_tries(lengths[short], shared, self.token_budget):
                size = int((lengths[short[part]] - shared[part]).sum() + shared[part.start])
                batches.append(Batch("trie", short[part], size))
            texts, layout = texts[lengths[texts] > self.plan.longest], "dense"
        texts = texts[np.argsort(lengths[texts], kind="stable")]
        batches += [
            Batch(layout, texts[part], int(lengths[texts[part]].sum()))
            for part in plan_batches(lengths[texts], self.token_budget, layout)
        ]
        return sorted(batches, key=lambda batch: -batch.tokens)

    @torch.inference_mode()
    def _fitting(
        self, tokens: TokenBatchIds, batch: Batch, rows: Int64s, out: torch.Tensor
    ) -> torch.Tensor | None:
        """Run one batch and return its norms, or nothing where memory did not suffice."""
        try:
            (targets,) = self.lane.upload(rows)
            hidden, borders = self._pooled_states(tokens, batch)
            pooling = "mean" if self.spec.pooling == "echo" else self.spec.pooling
            norms = pool(hidden, borders, targets, out, pooling)
            if self._projection is not None:
                projected = out[targets] @ self._projection.T
                out[targets] = torch.nn.functional.normalize(projected, dim=1)
            return norms
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if not is_out_of_memory(error):
                raise
        return None

    def _pooled_states(
        self, tokens: TokenBatchIds, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The states that are pooled, end to end, and the texts' (texts + 1,) borders in them."""
        upload, places = self.lane.upload, None
        if batch.layout == "trie":
            trie = make_trie(tokens, batch.texts)
            moved = trie.moved(upload)
            hidden, borders = self._runner.run_trie(moved), moved.texts.borders
            places = trie.texts.places
        else:
            flat = make_batch(tokens, batch.texts).moved(upload)
            hidden, borders = self._runner.run(flat, batch.layout), flat.borders
        if self.spec.pooling == "echo":
            last, ends = _second_copies(tokens, batch.texts)
            places = last if places is None else places[last]
            (borders,) = upload(ends)
        if places is None:
            return hidden, borders
        (where,) = upload(places)
        return hidden.index_select(0, where), borders

    def _halve(self, smallest: Batch) -> None:
        """Lower the budget below what the smallest batch that failed took."""
        size = smallest.tokens
        if len(smallest.texts) == 1:
            raise CapabilityError(
                f"Memory does not suffice for a single text of {size} tokens with "
                f"{self.spec.name} on {self.lane.device}; lower embedding.max_tokens or use a "
                "smaller model."
            )
        self.lane.release()
        self.token_budget = max(1, min(self.token_budget, size) // 2)
        log.warning("out of memory: going on with %d tokens a batch", self.token_budget)

    def check(self, rows: Int64s, norms: Float32s) -> None:
        """Raise `InputError` for vectors of no direction: NaN, infinite or zero."""
        broken = rows[~(np.isfinite(norms) & (norms > 0))]
        if len(broken):
            raise InputError(
                f"{self.spec.name} gives no usable vector (NaN, infinite or zero) for "
                f"{len(broken)} of {len(rows)} texts, for example text_id {int(broken.min())}; "
                f"nothing of them was stored. The weights are damaged, or {self.spec.dtype} is too "
                "narrow (try embedding.dtype=float32)."
            )


def _second_copies(tokens: TokenBatchIds, texts: Int64s) -> tuple[Int64s, Int32s]:
    """Where the tokens that are pooled stand in the texts end to end, and the texts' borders."""
    lengths = tokens.lengths[texts]
    read = lengths if tokens.read is None else tokens.read[texts]
    borders = np.concatenate(([0], np.cumsum(read))).astype(np.int32)
    steps = np.arange(int(borders[-1])) - np.repeat(borders[:-1], read)
    return np.repeat(np.cumsum(lengths) - read, read) + steps, borders
