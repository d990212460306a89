"""What the model cards of well-known encoders say about pooling, causality, prompt and end token.

A folder often does not say it itself: gte-Qwen2 is a Qwen2 that looks both ways, Qwen2-1.5B is a
language model without any pooling. Instructions that some cards put before *queries* are left out:
lines are compared with lines here, so both sides are encoded as documents.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapids_rap.embedding import Pooling


@dataclass(frozen=True)
class Preset:
    """A model card in four fields. `end_token` closes every text, whatever the tokenizer does."""

    pooling: Pooling
    causal: bool
    prompt: str = ""
    end_token: str = ""


PRESETS = {
    # A base language model: nothing was trained to be read off one token, so all are averaged.
    "Qwen/Qwen2-1.5B": Preset("mean", causal=True),
    "Qwen/Qwen3-Embedding-0.6B": Preset("last", causal=True, end_token="<|endoftext|>"),
    "Alibaba-NLP/gte-Qwen2-1.5B-instruct": Preset("last", causal=False, end_token="<|endoftext|>"),
    # Its card puts `query: ` before texts; lines compared with lines do as well without it.
    "e5-small": Preset("mean", causal=False),
    "BAAI/bge-m3": Preset("cls", causal=False),
    "BAAI/bge-small-zh-v1.5": Preset("cls", causal=False),
}
