"""Whole pipelines with a model of a real size: ours and the poster's, lyrics to results.

e5-small is a real encoder. No model of 1.5 billion weights can be bundled, and what its weights are
says nothing of its speed: `prepare` writes one of Qwen2-1.5B's shape with random weights and the
demo model's tokenizer. Its clusters mean nothing, so only time and memory are judged.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rapids_rap.bench.measure import Call, Inputs
from rapids_rap.bench.tasks.pipelines import PLAIN, run_ours, run_poster
from rapids_rap.data import data_path
from rapids_rap.runs.files import write_json

E5 = "e5-small"
FOLDER = "random_model"
# https://huggingface.co/Qwen/Qwen2-1.5B/blob/main/config.json
SHAPE: dict[str, Any] = {
    "vocab_size": 151_936,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
}
EXTRAPOLATED = 600_000  # lines


def prepare(inputs: Inputs) -> None:
    """Write the random model, in half precision (3 GB); every side computes in float32."""
    import torch
    from transformers import Qwen2Config, Qwen2Model

    folder = inputs.shared / FOLDER
    shutil.copytree(data_path("demo_model"), folder, dirs_exist_ok=True)
    for name in ("trained_on.npy", "training.json"):
        (folder / name).unlink(missing_ok=True)
    config = Qwen2Config(**SHAPE, tie_word_embeddings=True, use_cache=False)
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        Qwen2Model(config).save_pretrained(folder)
    finally:
        torch.set_default_dtype(before)
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    pooling["word_embedding_dimension"] = config.hidden_size
    write_json(folder / "1_Pooling" / "config.json", pooling)


def ours_e5(inputs: Inputs) -> Call:
    """`rapids-rap run CORPUS --model e5-small`, one layout, on the CPU."""
    return run_ours(inputs, "cpu", E5, *PLAIN)


def poster_e5(inputs: Inputs) -> Call:
    """The researchers' pipeline with e5-small."""
    return run_poster(inputs, E5)


def ours_large(inputs: Inputs) -> Call:
    """`rapids-rap run` with the random model, one layout, on the CPU, in float32."""
    return run_ours(inputs, "cpu", _large(inputs), *PLAIN, "embedding.dtype=float32")


def poster_large(inputs: Inputs) -> Call:
    """The researchers' pipeline with the random model."""
    return run_poster(inputs, _large(inputs))


def _large(inputs: Inputs) -> str:
    return str(inputs.shared / FOLDER)


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """embedding_hours_600k: the last round's embedding, loading the model included, times lines.

    Extrapolated, not measured: as if 600,000 lines were as long and as often repeated as these.
    """
    figures = {}
    for side, folder in found.items():
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        seconds = sum(s["seconds"] for s in record["stages"] if s["stage"] == "embedding")
        figures[side] = {"embedding_hours_600k": seconds / inputs.lines * EXTRAPOLATED / 3600}
    return figures
