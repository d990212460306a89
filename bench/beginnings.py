"""What computing shared beginnings once gives: an encoder with and without, in turn, on one core.

    python -m rapids_rap.bench.beginnings LINES.txt
    python -m rapids_rap.bench.beginnings VERSE.parquet --random 896 --layers 6 --lines 6000

LINES: a text file of lines, or a Parquet with a column `text`; distinct lines are taken. `--random`
makes a Qwen2 of that width with random weights and the demo model's tokenizer: speed does not ask
what weights mean. Both ways embed the same shards as the embedding stage would plan them; nothing
is stored. Processor seconds, so that other work on the machine weighs less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.lanes import CpuLane
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import plan_shards
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.folder import locate_model
from rapids_rap.embedding.model import load_tokenizer, resolve_model
from rapids_rap.embedding.store import hash_texts

SHARD = 2048


class PlainLane(CpuLane):
    """A CPU that computes each text on its own."""

    walks = 0


def read_lines(path: Path, limit: int) -> list[str]:
    """Distinct lines, the first `limit`; 0: all."""
    if path.suffix == ".parquet":
        texts = pd.read_parquet(path, columns=["text"])["text"].astype(str).tolist()
    else:
        texts = path.read_text(encoding="utf-8").splitlines()
    distinct = [text for text in dict.fromkeys(texts) if text.strip()]
    return distinct[: limit or None]


def random_model(folder: Path, width: int, layers: int) -> None:
    """A Qwen2 of random weights, shaped as its family is: heads of 64, a sixth of them for keys."""
    spec = resolve_model(EmbeddingConfig(model="demo"), "float32")
    tokenizer = load_tokenizer(spec)
    heads = max(2, width // 64)
    torch.manual_seed(0)
    config = transformers.Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 5,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=2 if heads % 2 == 0 else 1,
        pad_token_id=0,
    )
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def shards_of(texts: Sequence[str], alphabetic: bool) -> list[Int64s]:
    """The shards of the embedding stage."""
    sizes = np.array([len(text.encode()) for text in texts], dtype=np.int64)
    order = np.array(sorted(range(len(texts)), key=texts.__getitem__)) if alphabetic else None
    return plan_shards(hash_texts(texts), sizes, [], SHARD, 0, order)


def timed(encoder: Encoder, texts: Sequence[str]) -> tuple[float, int, int, Float32s]:
    """Processor seconds, tokens, tokens computed, and the vectors."""
    out = torch.zeros(len(texts), encoder.spec.dim)
    start, tokens, computed = time.process_time(), 0, 0
    for shard in shards_of(texts, encoder.plan.layout == "trie"):
        batch = encoder.tokenize([texts[i] for i in shard])
        computed += encoder.encode_into(batch, shard, out).computed
        tokens += len(batch.ids)
    return time.process_time() - start, tokens, computed, out.numpy()


def measure(texts: Sequence[str], model: str, rounds: int) -> str:
    """A line of a Markdown table."""
    config = EmbeddingConfig(model=model, causal="yes")
    spec = resolve_model(config, "float32")
    plain, shared = (Encoder(spec, lane, "auto", 0) for lane in (PlainLane(), CpuLane()))
    for encoder in (plain, shared):  # what is compiled is compiled before
        timed(encoder, texts[:64])
    pairs = []
    for number in range(rounds):
        order = (plain, shared) if number % 2 == 0 else (shared, plain)
        results = {id(encoder): timed(encoder, texts) for encoder in order}
        pairs.append((results[id(plain)], results[id(shared)]))
    ratios = [a[0] / b[0] for a, b in pairs]
    (_, tokens, _, left), (_, _, computed, right) = pairs[0]
    middle = [float(np.median([pair[i][0] for pair in pairs])) for i in (0, 1)]
    return (
        f"| {len(texts):,} | {tokens:,} | {1 - computed / tokens:.1%} | {middle[0]:.2f} | "
        f"{middle[1]:.2f} | {np.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) | "
        f"{float(np.abs(left - right).max()):.1e} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("texts", type=Path)
    parser.add_argument("--lines", type=int, default=0, help="the first so many distinct lines")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--random", type=int, default=0, help="width of a model of random weights")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--unshared", action="store_true", help="lines of different first letters")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    texts = read_lines(options.texts, 0 if options.unshared else options.lines)
    if options.unshared:
        texts = list({text[0]: text for text in reversed(texts)}.values())[: options.lines or None]
    with tempfile.TemporaryDirectory() as folder:
        if options.random:
            random_model(Path(folder), options.random, options.layers)
        model = folder if options.random else str(locate_model(options.model))
        line = measure(texts, model, options.rounds)
    print("| texts | tokens | shared | plain, s | once, s | ratio | largest difference |")
    print("|---|---|---|---|---|---|---|")
    print(line)


if __name__ == "__main__":
    main()
