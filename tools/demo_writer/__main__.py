"""``python -m tools.demo_writer --out rapids_rap/data/demo_writer``."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import (
    AutoTokenizer,
    Qwen2Config,
    Qwen2ForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from rapids_rap.bench.corpora import cache_folder
from rapids_rap.writer.tuning import newest_checkpoint
from tools.demo_model.__main__ import read_texts
from tools.demo_model.checkpoint import load_json, save_json
from tools.demo_model.phases import vocabulary_phase
from tools.demo_writer.export import export_writer
from tools.demo_writer.text import Windows, encode, shuffled, whole_songs
from tools.demo_writer.tokenizer import build_writer_tokenizer

BODY = Path("rapids_rap/data/demo_model")
COUNTS = "counts.json"  # written last into the work folder
TEXTS = ("verse", "songs", "held_out_verse", "held_out_songs")
WINDOWS = 2**20  # that steps draw from, however many steps there are
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriterConfig:
    """Everything a training depends on besides its texts.

    The rate rises, stays and falls over the last `fall` steps; what is drawn does not hang on how
    many steps there are. So a training that takes too long can be resumed with fewer, and is then
    the one that was asked for so many from the start.
    """

    steps: int = 550
    batch: int = 6
    window: int = 96
    rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 50
    fall: int = 150
    songs_share: float = 0.06
    verse_lines: int = 900_000
    held_out_windows: int = 128
    seed: int = 42


class StopAfter(TrainerCallback):
    """Ends a call after so many seconds with a checkpoint; the same command goes on from there."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Ask transformers to save and stop once the time is over."""
        if time.monotonic() > self.end and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True


def start_model(body: Path, vocabulary: int) -> Qwen2ForCausalLM:
    """The body in ``body`` with the first ``vocabulary`` token vectors, its head tied to them."""
    config = Qwen2Config.from_pretrained(body)
    config.vocab_size, config.dtype = vocabulary, "float32"
    config.architectures = ["Qwen2ForCausalLM"]
    model = Qwen2ForCausalLM(config)
    weights = {
        name: tensor.float() for name, tensor in load_file(body / "model.safetensors").items()
    }
    weights["embed_tokens.weight"] = weights["embed_tokens.weight"][:vocabulary]
    model.model.load_state_dict(weights)
    model.tie_weights()
    return model


def arguments_of(config: WriterConfig, work: Path) -> TrainingArguments:
    """What transformers' trainer is told."""
    return TrainingArguments(
        output_dir=str(work / "checkpoints"),
        max_steps=config.steps,
        per_device_train_batch_size=config.batch,
        per_device_eval_batch_size=config.batch,
        learning_rate=config.rate,
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={"num_decay_steps": config.fall, "min_lr_ratio": 0.05},
        bf16=True,
        use_cpu=True,
        seed=config.seed,
        save_steps=100,
        save_total_limit=1,
        logging_steps=20,
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and export from the command line, run in the repository's root."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo_writer", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--work", type=Path, default=cache_folder() / "demo_writer")
    parser.add_argument("--steps", type=int, default=WriterConfig().steps)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after, to go on later")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    config = WriterConfig(steps=options.steps)
    options.work.mkdir(parents=True, exist_ok=True)
    if not (options.work / COUNTS).exists():
        prepare(config, options.work)
    tokenizer = AutoTokenizer.from_pretrained(options.work / "tokenizer")
    tokens = {name: np.load(options.work / f"{name}.npy") for name in TEXTS}
    train_windows = Windows(
        tokens["verse"],
        tokens["songs"],
        config.songs_share,
        config.window,
        WINDOWS,
        config.seed,
    )
    held_out = {
        name: Windows(tokens[name], tokens[name], 0.0, config.window, config.held_out_windows, 1)
        for name in ("held_out_verse", "held_out_songs")
    }
    set_seed(config.seed)
    trainer = Trainer(
        model=start_model(BODY, len(tokenizer)),
        args=arguments_of(config, options.work),
        train_dataset=train_windows,
        callbacks=[StopAfter(options.seconds)],
    )
    begun = time.monotonic()
    trainer.train(resume_from_checkpoint=newest_checkpoint(options.work / "checkpoints"))
    logger.info("step %d, %.0f s", trainer.state.global_step, time.monotonic() - begun)
    if trainer.state.global_step < config.steps:
        return
    figures = {name: trainer.evaluate(windows)["eval_loss"] for name, windows in held_out.items()}
    export_writer(
        trainer.model, tokenizer, record(config, options.work, tokens, figures), options.out
    )


def record(
    config: WriterConfig, work: Path, tokens: dict[str, np.ndarray], figures: dict[str, float]
) -> dict[str, Any]:
    """What training.json says; read: how often the sample songs were, on average."""
    drawn = config.steps * config.batch * config.window
    return {
        "config": asdict(config),
        "data": load_json(work / COUNTS) | {f"{name}_tokens": len(t) for name, t in tokens.items()},
        "tokens_drawn": drawn,
        "songs_read": round(drawn * config.songs_share / len(tokens["songs"]), 2),
        "loss": {name: round(loss, 4) for name, loss in figures.items()},
    }


def prepare(config: WriterConfig, work: Path) -> None:
    """The tokenizer, the tokens of every text and how much it is, into the work folder."""
    texts = read_texts()
    tokenizer = build_writer_tokenizer(BODY, vocabulary_phase(texts, work))
    tokenizer.save_pretrained(work / "tokenizer")
    running = {
        "verse": shuffled(texts.poems, config.verse_lines, config.seed),
        "songs": whole_songs(texts.lyrics),
        "held_out_verse": shuffled(texts.held_out_poems, 20_000, config.seed),
        "held_out_songs": whole_songs(texts.held_out_lyrics),
    }
    for name in TEXTS:
        np.save(work / f"{name}.npy", encode(running[name], tokenizer))
    counts = {
        "poems": len(running["verse"]),
        "poem_lines": sum(len(poem.lines) for poem in running["verse"]),
        "sample_songs": len(running["songs"]),
        "sample_lines": sum(len(song.lines) for song in running["songs"]),
    }
    save_json(counts, work / COUNTS)


if __name__ == "__main__":
    main()
