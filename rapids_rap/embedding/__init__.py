"""From distinct texts to vectors: presets, tokenizing, packing, the encoder, the vector store.

`embed.embed` is the stage; `embed.load_encoder` gives the same encoder for a few query texts. A
text is embedded alone: what stands beside it in a batch never changes its vector beyond rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rapids_rap.arrays import UInt64s
from rapids_rap.backend.protocol import Array

Pooling = Literal["mean", "last", "cls", "echo"]
BatchLayout = Literal["dense", "packed", "padded", "trie"]


@dataclass(frozen=True)
class EmbeddingReport:
    """How the vectors were made; every field can go into a manifest as it is.

    origin: where the model's files are from. texts = embedded + reused. `tokens` and `truncated`
    count all texts, `embedded_tokens` and `tokens_per_second` only those embedded now, and
    `computed_tokens` what the model computed of these: less where texts share beginnings.
    `attention` is the layout of the batches (dense: texts of equal length; packed: end to end;
    padded; trie: every beginning once) and `attention_reason` a sentence. The `*_source` fields say
    who declared a setting. `token_budget` is what a batch held in the end, after any memory
    shortage; it is 0 where every text was reused and no model was loaded.
    """

    model: str
    origin: str
    fingerprint: str
    space: str
    device: str
    dtype: str
    attention: str
    attention_reason: str
    pooling: str
    pooling_source: str
    causal: bool
    causal_source: str
    prompt: str
    prompt_source: str
    end_token: str
    max_tokens: int
    texts: int
    embedded: int
    reused: int
    damaged_shards: int
    tokens: int
    embedded_tokens: int
    computed_tokens: int
    truncated: int
    token_budget: int
    seconds: float
    tokens_per_second: float


@dataclass(frozen=True)
class Vectors:
    """One vector a distinct text.

    matrix: (n, dim) float32, rows of length 1, in `text_id` order, in the backend's memory.
    fingerprint: SHA-256 of the model's files. trained_on: (m,) what the model says that it was
    trained on (`trained_on.read_trained_on`), on the host; None where that can't be known.
    """

    matrix: Array
    fingerprint: str
    dim: int
    report: EmbeddingReport
    trained_on: UInt64s | None
