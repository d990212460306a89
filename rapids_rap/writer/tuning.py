"""LoRA on a causal model by transformers' trainer, resumable after a kill.

What example a step sees, and which of its conditions are dropped, is a function of the seed and the
example's number alone; transformers keeps the state of its random numbers beside the optimiser. So
a training that was killed ends as one that was not.
"""

from __future__ import annotations

import math
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    DataCollatorForSeq2Seq,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback

from rapids_rap import stopping
from rapids_rap.errors import InputError
from rapids_rap.progress import StageProgress
from rapids_rap.runs.files import json_bytes
from rapids_rap.runs.run import read_json
from rapids_rap.training.writing import explain_memory, explain_tensor_errors
from rapids_rap.writer.plan import TuningPlan
from rapids_rap.writer.text import encode

STATE = "trainer_state.json"  # which transformers writes last into a checkpoint
UNSCORED = -100  # the label of a token that is not learnt from


@dataclass(frozen=True)
class TuningSettings:
    """What a tuning depends on beside its songs and its base.

    epochs: how often each example is seen. batch: examples a step. rate: of AdamW, falling as a
    cosine. rank: of the adapters, whose alpha is twice that. longest: tokens of an example, header
    included. drop: the share of each condition that is left out of a header. held_out: the share of
    the songs, in whole leakage groups, that is not trained on. every: steps between checkpoints.
    from_end: each line is read and written from its end, so that its rhyme comes first.
    """

    epochs: float = 3.0
    batch: int = 16
    rate: float = 2e-4
    rank: int = 16
    longest: int = 512
    drop: float = 0.3
    held_out: float = 0.1
    every: int = 50
    seed: int = 42
    from_end: bool = False


@dataclass(frozen=True)
class Encoded:
    """An example as tokens: the first `header` of `ids` are given, the others are learnt.

    lines: how many of its lines are in it.
    """

    ids: Sequence[int]
    header: int
    lines: int = 1

    def features(self) -> dict[str, list[int]]:
        """As transformers' collator pads them; the header is not learnt."""
        ids = list(self.ids)
        return {
            "input_ids": ids,
            "attention_mask": [1] * len(ids),
            "labels": [UNSCORED] * self.header + ids[self.header :],
        }


Draw = Callable[[int, np.random.Generator], Encoded]


@dataclass(frozen=True)
class DrawnExamples:
    """The examples of a whole training, by number, as transformers' trainer asks for them.

    Each of `examples` comes equally often; `draw` drops its conditions by the seed and the number.
    """

    draw: Draw
    examples: int
    count: int
    seed: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, list[int]]:
        """The features of one."""
        random = np.random.default_rng([self.seed, 20, number])
        return self.draw(number % self.examples, random).features()


class _Told(TrainerCallback):
    """Shows how far a training is, and stops it where a signal came."""

    def __init__(self, progress: StageProgress) -> None:
        self.progress = progress
        self.loss = math.nan

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **others: Any) -> None:
        """Transformers reports a loss. Raises `InputError` where it is no number."""
        if "loss" in (logs or {}):
            self.loss = float(logs["loss"])
            _check_finite(math.isfinite(self.loss))

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """A step is done."""
        stopping.raise_again()
        loss = "" if math.isnan(self.loss) else f", loss {self.loss:.3f}"
        self.progress.describe(f"step {state.global_step:,} of {state.max_steps:,}{loss}")
        self.progress.advance(state.global_step, state.max_steps)


def _check_finite(finite: bool) -> None:
    """Raise `InputError` for a training that left all numbers behind."""
    if not finite:
        raise InputError(
            "The training diverged: loss or weights are no numbers any more. Lower --rate, and "
            "start anew with --overwrite."
        )


def step_count(examples: int, settings: TuningSettings) -> int:
    """Steps in all."""
    return max(1, math.ceil(examples * settings.epochs / settings.batch))


def tune(
    model: Any,
    tokenizer: Any,
    draw: Draw,
    examples: int,
    settings: TuningSettings,
    plan: TuningPlan,
    work: Path,
    progress: StageProgress,
    *,
    on_gpu: bool,
) -> tuple[Any, list[dict[str, float]]]:
    """The model with trained adapters merged into it, and the loss at each report.

    Goes on from the newest whole checkpoint in `work`. Raises `CapabilityError` where memory or
    the disk runs out, `InputError` where the training diverges.
    """
    from peft import LoraConfig, get_peft_model

    set_seed(settings.seed)  # the adapters' start
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        lora_dropout=0.05,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    model.config.use_cache = False
    steps = step_count(examples, settings)
    drawn = DrawnExamples(draw, examples, steps * settings.batch, settings.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # names that are about to change
        adapted = get_peft_model(model, lora)
        if plan.checkpointing:
            adapted.enable_input_require_grads()
        trainer = Trainer(
            model=adapted,
            args=_arguments(settings, plan, steps, work, on_gpu=on_gpu),
            train_dataset=drawn,
            data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=UNSCORED),
            callbacks=[_Told(progress)],
        )
    trainer.remove_callback(PrinterCallback)
    advice = (
        f"Lower --max-tokens or --batch; the work in {work} is of other settings then, and is "
        "started anew with --overwrite."
    )
    with explain_memory(advice), explain_tensor_errors(work):
        trainer.train(resume_from_checkpoint=newest_checkpoint(work))
        merged: Any = adapted.merge_and_unload()
    _check_finite(all(bool(own.isfinite().all()) for own in merged.parameters()))
    merged.config.use_cache = True
    return merged, [
        {"step": row["step"], "loss": round(float(row["loss"]), 4)}
        for row in trainer.state.log_history
        if "loss" in row
    ]


def _arguments(
    settings: TuningSettings, plan: TuningPlan, steps: int, work: Path, *, on_gpu: bool
) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        per_device_train_batch_size=plan.batch,
        gradient_accumulation_steps=plan.accumulate,
        learning_rate=settings.rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, steps // 20),
        bf16=on_gpu,
        use_cpu=not on_gpu,
        gradient_checkpointing=plan.checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if plan.checkpointing else None,
        seed=settings.seed,
        save_steps=settings.every,
        save_total_limit=2,  # the one before stays while the next is written
        logging_steps=max(1, steps // 100),
        logging_nan_inf_filter=False,  # or a loss that is no number is told as the one before it
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # as transformers itself says it: the plan is for one card
    return arguments


def newest_checkpoint(work: Path) -> str | None:
    """The newest checkpoint that was written to its end; those that were not are removed."""
    found = {}
    for path in work.glob("checkpoint-*"):
        number = path.name.removeprefix("checkpoint-")
        if number.isdecimal() and path.is_dir():
            found[int(number)] = path
    for step in sorted(found, reverse=True):
        try:
            whole = read_json(found[step] / STATE)["global_step"] == step
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if whole:
            return str(found[step])
        shutil.rmtree(found[step])
    return None


def encode_example(tokenizer: Any, header: str, lines: Sequence[str], longest: int) -> Encoded:
    """A header and lines as tokens, the end token last; lines that don't fit are left out.

    A first line that doesn't fit is cut. Raises `InputError` where the header leaves no room.
    """
    given = encode(tokenizer, header)
    if len(given) + 2 > longest:
        raise InputError(
            f"A header takes {len(given)} tokens, and a passage may have {longest} with it; raise "
            "--max-tokens, or take a model that has places for more."
        )
    learnt: list[int] = []
    held = 0
    for line in lines:
        own = encode(tokenizer, f"{line}\n")
        if learnt and len(given) + len(learnt) + len(own) >= longest:
            break
        learnt += own
        held += 1
    learnt = learnt[: longest - 1 - len(given)]
    return Encoded((*given, *learnt, tokenizer.eos_token_id), len(given), held)


def settings_key(settings: TuningSettings, *parts: str) -> str:
    """What a checkpoint must have been trained with to be gone on with."""
    free = {"every"}
    kept = {name: value for name, value in asdict(settings).items() if name not in free}
    return json_bytes([kept, *parts, torch.__version__]).decode()
