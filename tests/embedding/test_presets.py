"""Tests of the presets: what the model cards say, not what a folder happens to imply."""

import pytest

from rapids_rap.embedding.presets import PRESETS


@pytest.mark.parametrize(
    ("name", "pooling", "causal", "end"),
    [
        ("Qwen/Qwen2-1.5B", "mean", True, ""),
        ("Qwen/Qwen3-Embedding-0.6B", "last", True, "<|endoftext|>"),
        ("Alibaba-NLP/gte-Qwen2-1.5B-instruct", "last", False, "<|endoftext|>"),
        ("BAAI/bge-m3", "cls", False, ""),
        ("BAAI/bge-small-zh-v1.5", "cls", False, ""),
    ],
)
def test_presets_say_what_the_model_cards_say(name, pooling, causal, end):
    """Protects the one flag that ruins a model silently: gte-Qwen2 is a Qwen2 that looks ahead."""
    preset = PRESETS[name]
    assert (preset.pooling, preset.causal, preset.end_token) == (pooling, causal, end)
    assert preset.prompt == ""  # lines are compared with lines: nobody is the query
