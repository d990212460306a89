"""The model folder: float16 weights, tokenizer, sentence-transformers modules, model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import Qwen2Model, Qwen2Tokenizer

from rapids_rap.bench.corpora import LICENSE_NOTE
from rapids_rap.training.folder import write_modules
from tools.demo_model.checkpoint import save_json, write_safely
from tools.demo_model.tokenizer import Vocabulary, build_tokenizer

CARD = Path(__file__).with_name("card.md").read_text("utf-8")


def full_weights(model: Qwen2Model, vocabulary: Vocabulary) -> dict[str, torch.Tensor]:
    """The body in float16, with a row for each token; other spellings repeat their plain one's."""
    state = model.state_dict()
    weights = {name: tensor.detach().half().contiguous() for name, tensor in state.items()}
    rows = [vocabulary.alias.get(token, token) for token in range(len(vocabulary.tokens))]
    weights["embed_tokens.weight"] = weights["embed_tokens.weight"][rows].contiguous()
    return weights


def write_tokenizer(tokenizer: Qwen2Tokenizer, out: Path) -> None:
    """``tokenizer.json`` (without indentation, half the size) and ``tokenizer_config.json``."""
    tokenizer.save_pretrained(out)
    path = out / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    compact = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    write_safely(path, lambda beside: beside.write_text(compact, "utf-8"))


ROWS = (
    ("chance", "chance"),
    ("char_tfidf_2_5", "TF-IDF of characters, 2- to 5-grams"),
    ("random", "this network, random"),
    ("start", "... with its starting token vectors"),
    ("warmup", "... after next-token training"),
    ("contrastive", "**... after contrastive training (this folder)**"),
)


def figures_table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown rows of one test set: MRR and recall at 10, and the geometry where it is known."""
    lines = [
        "| | MRR | recall@10 | alignment | uniformity | mean cosine |",
        "|---|---|---|---|---|---|",
    ]
    for name, label in ROWS:
        if row := figures.get(name):
            values = [f"{row['mrr']:.4f}", f"{row['recall_at_10']:.4f}"]
            geometry = ("alignment", "uniformity", "random_cosine")
            values += [f"{row[key]:.2f}" if key in row else "" for key in geometry]
            lines.append(f"| {label} | {' | '.join(values)} |")
    return "\n".join(lines)


def model_card(training: Mapping[str, Any], parameters: int, size: int) -> str:
    """The folder's README.md, with the figures of ``training``."""
    data, figures = training["data"], training["figures"]
    shape, seconds = training["config"]["shape"], training["seconds"]
    spent = ", ".join(f"{name} {value / 60:.0f} min" for name, value in seconds.items())
    front = "---\nlicense: apache-2.0\nlanguage: [zh, en]\nlibrary_name: sentence-transformers\n"
    front += "pipeline_tag: sentence-similarity\n---\n"
    return front + CARD.format(
        parameters=parameters / 1e6,
        size=size / 1e6,
        license_note=LICENSE_NOTE,
        poems_n=figures["held_out_poems"]["chance"]["n"],
        songs_n=figures["held_out_songs"]["chance"]["n"],
        poems_table=figures_table(figures["held_out_poems"]),
        songs_table=figures_table(figures["held_out_songs"]),
        stopped_after=training["stopped_after"],
        spent=spent,
        **data,
        **shape,
    )


def export_folder(
    model: Qwen2Model, vocabulary: Vocabulary, training: Mapping[str, Any], out: Path
) -> None:
    """Write the whole folder; the configuration says no dropout and float32 computation."""
    out.mkdir(parents=True, exist_ok=True)
    config = model.config.to_dict() | {
        "architectures": ["Qwen2Model"],
        "attention_dropout": 0.0,
        "dtype": "float32",  # the file is float16; half precision on a CPU is slow and coarse
        "vocab_size": len(vocabulary.tokens),
    }
    save_json(config, out / "config.json")
    weights = full_weights(model, vocabulary)
    target = out / "model.safetensors"
    write_safely(target, lambda beside: save_file(weights, beside, metadata={"format": "pt"}))
    target.chmod(0o644)  # safetensors makes its files private
    write_tokenizer(build_tokenizer(vocabulary), out)
    write_modules(out, model.config.hidden_size, "mean", max_tokens=512)
    save_json(dict(training), out / "training.json")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.name != "README.md")
    card = model_card(training, sum(tensor.numel() for tensor in weights.values()), size)
    write_safely(out / "README.md", lambda beside: beside.write_text(card, "utf-8"))
