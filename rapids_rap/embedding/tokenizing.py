"""Texts to token ids, in parallel batches outside the interpreter lock where the tokenizer can."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rapids_rap.embedding.model import ModelSpec
from rapids_rap.embedding.packing import TokenBatchIds
from rapids_rap.errors import InputError

log = logging.getLogger(__name__)

TEXTS_AT_ONCE = 50_000  # bounds the memory of the tokenizer's own objects
# The library would print a warning, and turn parallelism off, in a process that forks later.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


class TextTokenizer:
    """The model's tokenizer with the prompt before every text and the end token after it.

    A text that becomes no token at all (an empty one) stands as the model's end or padding token.
    With `echo` pooling the text stands twice, a line break between, each copy in half the limit.
    """

    def __init__(self, tokenizer: Any, spec: ModelSpec) -> None:
        self._tokenizer = tokenizer
        self._prompt = spec.prompt
        self._end = self._end_token_to_append(spec)
        self._limit = spec.max_tokens - len(self._end)
        self._echo = spec.pooling == "echo"
        if self._echo:
            self._limit //= 2
        self._alone = self._stand_in()

    def __call__(self, texts: Sequence[str]) -> TokenBatchIds:
        """Tokenize texts; ids of all in one array."""
        parts: list[np.ndarray] = []
        lengths: list[int] = []
        read: list[int] = []
        truncated: list[bool] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            rows: list[int] = []
            for first, ids, cut in self._copies(texts[start : start + TEXTS_AT_ONCE]):
                last = (ids + self._end) or self._alone
                rows.extend(first + last)
                lengths.append(len(first) + len(last))
                read.append(len(last))
                truncated.append(cut)
            parts.append(np.asarray(rows, dtype=np.int32))
        starts = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        ids_of_all = np.concatenate([np.zeros(0, dtype=np.int32), *parts])
        pooled = np.asarray(read, dtype=np.int64) if self._echo else None
        return TokenBatchIds(ids_of_all, starts, np.asarray(truncated, dtype=bool), pooled)

    def _copies(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[int], bool]]:
        """What stands before the tokens that are pooled, those tokens, and whether they were cut.

        Echo (Springer et al. 2024, arXiv:2402.15449): a model that looks back only has seen the
        whole text by the time it reads the second copy.
        """
        if not self._echo:
            for ids, cut in self._encode([self._prompt + text for text in texts]):
                yield [], ids, cut
            return
        firsts = self._encode([f"{self._prompt}{text}\n" for text in texts])
        for (first, _), (ids, cut) in zip(firsts, self._encode(list(texts)), strict=True):
            yield first, ids, cut

    def _encode(self, texts: list[str]) -> Iterator[tuple[list[int], bool]]:
        if self._tokenizer.is_fast:
            backend = self._tokenizer.backend_tokenizer
            backend.no_padding()
            backend.enable_truncation(max_length=self._limit)
            for encoding in backend.encode_batch_fast(texts):
                ids = encoding.ids
                yield ids, len(ids) == self._limit and bool(encoding.overflowing)
            return
        for text in texts:
            whole = self._tokenizer(text)["input_ids"]
            cut = self._tokenizer(text, truncation=True, max_length=self._limit)["input_ids"]
            yield cut, len(cut) < len(whole)

    def _end_token_to_append(self, spec: ModelSpec) -> list[int]:
        """The declared end token, unless the tokenizer appends it by itself."""
        if not spec.end_token:
            return []
        token = self._tokenizer.convert_tokens_to_ids(spec.end_token)
        if token is None or token == self._tokenizer.unk_token_id:
            raise InputError(
                f"The tokenizer in {spec.folder} has no {spec.end_token}, which {spec.name} needs "
                "at the end of every text. Copy or download the model again."
            )
        return [] if self._tokenizer("a")["input_ids"][-1:] == [token] else [int(token)]

    def _stand_in(self) -> list[int]:
        for token in (self._tokenizer.eos_token_id, self._tokenizer.pad_token_id):
            if token is not None:
                return [int(token)]
        return [0]
