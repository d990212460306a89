"""A causal model small enough to tune in seconds: random weights, the demo model's tokens."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from rapids_rap.data import data_path


def write_tiny_base(folder: Path, **changes: object) -> Path:
    """A model folder of 10,796 single characters and words, hidden size 32."""
    source = data_path("demo_model")
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, folder / name)
    torch.manual_seed(0)
    settings = {
        "vocab_size": 10_796,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "eos_token_id": 0,
        "pad_token_id": 0,
        "bos_token_id": None,
    }
    Qwen2ForCausalLM(Qwen2Config(**(settings | changes))).save_pretrained(folder)
    return folder
