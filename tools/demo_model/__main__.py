"""``python -m tools.demo_model --out rapids_rap/data/demo_model``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from rapids_rap.bench.corpora import cache_folder, held_out_split, load_poems
from rapids_rap.embedding.trained_on import write_trained_on
from tools.demo_model.lyrics import read_lyrics
from tools.demo_model.phases import Config, Texts, run_phases, what_is_read

EXAMPLES = Path("examples")


def read_texts(examples: Path = EXAMPLES) -> Texts:
    """The public poems and the sample lyrics, each split."""
    poems, held_out_poems = held_out_split(load_poems())
    lyrics, held_out_lyrics = read_lyrics(examples / "lyrics", examples / "heldout.txt")
    return Texts(poems, lyrics, held_out_poems, held_out_lyrics)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, evaluate and export from the command line, run in the repository's root."""
    default = Config()
    parser = argparse.ArgumentParser(prog="python -m tools.demo_model", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--work", type=Path, default=cache_folder() / "demo_model")
    parser.add_argument("--stop-after", choices=("warmup", "contrastive"), default="contrastive")
    parser.add_argument("--warmup-steps", type=int, default=default.warmup.steps)
    parser.add_argument("--contrastive-steps", type=int, default=default.contrastive.steps)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only-trained-on", action="store_true", help="write what it has read")
    options = parser.parse_args(arguments)
    if options.only_trained_on:
        write_trained_on(options.out, what_is_read(read_texts()))
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    config = replace(
        default,
        warmup=replace(default.warmup, steps=options.warmup_steps),
        contrastive=replace(default.contrastive, steps=options.contrastive_steps),
    )
    run_phases(read_texts(), config, options.work, options.out, options.stop_after)


if __name__ == "__main__":
    main()
