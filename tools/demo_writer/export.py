"""The demo writer's folder: float16 weights, tokenizer, what it has read, a card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from rapids_rap.bench.corpora import LICENSE_NOTE
from tools.demo_model.checkpoint import save_json, write_safely

CARD = Path(__file__).with_name("card.md").read_text("utf-8")


def export_writer(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    training: Mapping[str, Any],
    out: Path,
) -> None:
    """Write the whole folder.

    What it has read is what the demo model has read: the same split of the same text.
    """
    out.mkdir(parents=True, exist_ok=True)
    config = model.config.to_dict() | {
        "architectures": ["Qwen2ForCausalLM"],
        "dtype": "float32",  # the file is float16; half precision on a CPU is slow and coarse
    }
    save_json(config, out / "config.json")
    weights = {
        name: tensor.detach().half().contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the token vectors
    }
    target = out / "model.safetensors"
    write_safely(target, lambda beside: save_file(weights, beside, metadata={"format": "pt"}))
    target.chmod(0o644)  # safetensors makes its files private
    tokenizer.save_pretrained(out)
    path = out / "tokenizer.json"
    compact = json.dumps(
        json.loads(path.read_text("utf-8")), ensure_ascii=False, separators=(",", ":")
    )
    write_safely(path, lambda beside: beside.write_text(compact, "utf-8"))
    save_json(dict(training), out / "training.json")
    size = sum(part.stat().st_size for part in out.iterdir() if part.name != "README.md")
    values = {
        "parameters": sum(tensor.numel() for tensor in weights.values()) / 1e6,
        "size": size / 1e6,
        "tokens": len(tokenizer),
        "license_note": LICENSE_NOTE,
        "tokens_drawn": training["tokens_drawn"],
        "songs_read": training["songs_read"],
        **training["data"],
        **training["config"],
        **{f"loss_{name}": value for name, value in training["loss"].items()},
    }
    write_safely(
        out / "README.md", lambda beside: beside.write_text(CARD.format(**values), "utf-8")
    )
