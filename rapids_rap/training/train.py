"""`rapids-rap train`: from lyrics and a model to a model that reads such lyrics better.

The one public function. The work lies in `training/`; here is the order, and what is refused or
said on the way. The model folder appears whole, by one rename, when training is over; until then a
folder beside it (`.NAME.training`) holds the checkpoints from which the same command goes on.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from rapids_rap.arrays import UInt64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import Lane, open_lane
from rapids_rap.backend.protocol import Backend
from rapids_rap.config import Config, EmbeddingConfig
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.files import find_files
from rapids_rap.corpus.ingest import ingest
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.folder import DECIDING_FILES, DECLARING_FILES
from rapids_rap.embedding.model import ModelSpec, resolve_model
from rapids_rap.embedding.trained_on import FILE as TRAINED_ON
from rapids_rap.embedding.trained_on import (
    RECORD,
    hash_lines,
    hash_pairs,
    is_long,
    read_trained_on,
    write_trained_on,
)
from rapids_rap.errors import CapabilityError, ConfigError, InputError
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.progress import StageProgress
from rapids_rap.runs.files import (
    digest,
    write_json,
)
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.outputs import check_output_folder, named_files
from rapids_rap.training.checkpoint import Checkpoints, TrainingState, as_plain
from rapids_rap.training.dev import DevFigures, dev_baselines, dev_figures, dev_traits
from rapids_rap.training.head import HeadLearner
from rapids_rap.training.learner import EncoderLearner, Learner, refuse_random_evaluation
from rapids_rap.training.lines import (
    DevPairs,
    HeldOutSplit,
    TrainingLines,
    held_out_songs,
    make_lines,
    split_lines,
    unseen_pairs,
)
from rapids_rap.training.loop import TrainingRun, train_steps
from rapids_rap.training.record import Evaluation, make_record, sentences
from rapids_rap.training.sampler import PairSampler
from rapids_rap.training.views import find_anchors, view_sources
from rapids_rap.training.writing import (
    LEFT_BY_DOWNLOADS,
    empty_work,
    explain_memory,
    put_in_place,
    refuse_foreign,
    refuse_unmovable,
    whole_folder,
)

log = logging.getLogger(__name__)

VERSION = 1  # part of a checkpoint's identity: raise it when the same settings train otherwise
# These change memory and how much a kill costs, not what is trained: a training may go on with
# others. (With another `chunk_tokens` dropout is drawn in other chunks.)
FREE_SETTINGS = {"chunk_tokens", "gradient_checkpointing", "checkpoint_every"}
FEWEST_PAIRS = 10
# What else a model has. No other name with a dot: it may be a repository of somebody's.
BESIDE = ("[0-9]_*", "generation_config.json", "chat_template*", *LEFT_BY_DOWNLOADS)


@dataclass(frozen=True)
class Trained:
    """A finished model folder, what its training.json says, and sentences to print."""

    folder: Path
    record: dict[str, Any]
    sentences: tuple[str, ...]

    @property
    def history(self) -> pd.DataFrame:
        """One row an evaluation: step, loss since the last one, and the development figures."""
        return pd.DataFrame(self.record["history"])


def train(
    config: Config,
    out: Path,
    resolution: DeviceResolution,
    progress: StageProgress,
    *,
    overwrite: bool = False,
) -> Trained:
    """Fine-tune `config.embedding.model` on the lyrics of `config.input`, into the folder `out`.

    Goes on from the checkpoints beside `out` that an earlier call left. Raises `InputError` for
    lyrics that nothing can be learnt from and an `out` that is in use, `CapabilityError` for a
    model or library that can't be had, for views without a difference and where memory runs out.
    """
    _refuse_used(out, overwrite)
    files, _ = find_files([Path(path) for path in config.input.paths])
    base = Path(config.embedding.model).expanduser()
    read = [base / "config.json"] if config.embedding.model != "demo" and base.is_dir() else []
    check_output_folder(out, [*files, *named_files(config), *read])
    require_trainable(config)
    backend = load_backend(resolution.backend)
    lane = open_lane(backend.torch_device)
    spec = _spec(config, lane)
    progress.stage("corpus")
    plan = _plan(config, spec, _read(config))
    for sentence in (*plan.warnings, *plan.not_possible):
        log.warning("%s", sentence)
    place = out.resolve()
    work = place.with_name(f".{place.name}.training")
    with exclusive(work):
        model = work / "model"
        state, judgement = _train_into(
            model, config, spec, backend, lane, plan, progress, overwrite
        )
        record = make_record(config, spec, resolution, state, judgement, plan.views)
        record["not_possible"] = list(plan.not_possible)
        write_json(model / RECORD, as_plain(record))
        trained_on = _trained_on(spec, plan.split.train)
        if trained_on is not None:
            write_trained_on(model, trained_on)
        put_in_place(model, place)
        empty_work(work)
    shutil.rmtree(work, ignore_errors=True)
    return Trained(out, record, tuple(sentences(record)))


@dataclass(frozen=True)
class _TrainingPlan:
    """What is trained on and how batches are drawn; dev: None where too little is held out."""

    split: HeldOutSplit
    dev: DevPairs | None
    sampler: PairSampler
    views: tuple[str, ...]
    warnings: tuple[str, ...]
    not_possible: tuple[str, ...]
    identity: str


def _plan(config: Config, spec: ModelSpec, corpus: Corpus) -> _TrainingPlan:
    settings, seed = config.train, training_seed(config)
    split = _split(corpus, config)
    material = view_sources(split.train, settings.objective)
    anchors, left_out = find_anchors(material, chosen_views(config))
    read = read_trained_on(spec.folder)
    dev = unseen_pairs(split.dev, read)
    return _TrainingPlan(
        split,
        dev if len(dev.queries) >= FEWEST_PAIRS else None,
        PairSampler(material, anchors, settings.batch, settings.near_duplicate, seed),
        tuple(one.name for one in anchors),
        corpus.warnings,
        (*_missing_figures(split, dev, known=read is not None), *left_out),
        _identity(config, spec, corpus, split),
    )


def _train_into(
    model: Path,
    config: Config,
    spec: ModelSpec,
    backend: Backend,
    lane: Lane,
    plan: _TrainingPlan,
    progress: StageProgress,
    overwrite: bool,
) -> tuple[TrainingState, Evaluation]:
    """Train, write the model folder, and measure the base and that folder as a run reads them."""

    def tell(done: int, steps: int, words: str) -> None:
        progress.describe(words)
        progress.advance(done, steps)

    before = _measured(plan.dev, config.embedding, lane, progress)
    learner = _learner(config, spec, lane)
    refuse_random_evaluation(learner, plan.split.train.text[:8])
    checkpoints = Checkpoints(model.parent, plan.identity, overwrite)
    seed = training_seed(config)
    training = TrainingRun(learner, plan.sampler, plan.dev, config.train, seed, checkpoints, tell)
    progress.stage("training")
    advice = (
        "Lower train.chunk_tokens (the gradients stay exact) or set "
        "train.gradient_checkpointing=yes; the same command then goes on from the last checkpoint "
        f"in {model.parent}."
    )
    with explain_memory(advice):
        state = train_steps(training)
    with whole_folder(model):
        learner.save(model)
    del training, learner
    lane.release()
    said_by_folder = {"model": str(model), "pooling": "auto", "causal": "auto", "prompt": "auto"}
    trained = config.embedding.model_copy(update=said_by_folder)
    after = _measured(plan.dev, trained, lane, progress)
    baselines = dev_baselines(plan.dev, backend) if plan.dev else None
    traits = (
        dev_traits(plan.dev, before, after, backend, seed) if plan.dev and before and after else {}
    )
    return state, Evaluation(plan.split, plan.dev, before, after, baselines, traits)


def _trained_on(spec: ModelSpec, lines: TrainingLines) -> UInt64s | None:
    """What the new model was trained on: what its base was (None: unknown), and these lines."""
    base = read_trained_on(spec.folder)
    if base is None:
        return None
    ends = zip(lines.text, lines.following.tolist(), strict=True)
    pairs = hash_pairs((text, lines.text[after]) for text, after in ends if after >= 0)
    long = hash_lines(text for text in lines.text if is_long(text))
    return np.concatenate([base, pairs, long])


def chosen_views(config: Config) -> tuple[str, ...]:
    """The views of the configured objective."""
    return ("homophone",) if config.train.objective == "rhyme" else config.train.views


def training_seed(config: Config) -> int:
    """Training is always seeded: a seed of "none" counts as 0."""
    return 0 if config.seed == "none" else config.seed


def _refuse_used(out: Path, overwrite: bool) -> None:
    refuse_unmovable(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / RECORD).is_file():
        raise InputError(
            f"{out} is in use and no trained model; choose another --out. Nothing was changed."
        )
    if not overwrite:
        raise InputError(
            f"{out} holds a model that was trained already. Choose another --out, or --overwrite."
        )
    refuse_foreign(out, (*DECIDING_FILES, *DECLARING_FILES, RECORD, TRAINED_ON, *BESIDE), "model")


def require_trainable(config: Config) -> None:
    """Raise `ConfigError` for a pooling that no model folder can say that it needs.

    Raises `CapabilityError` where what trains is not installed.
    """
    if config.embedding.pooling == "echo":
        raise ConfigError(
            "embedding.pooling = echo can't be trained: sentence-transformers knows no such "
            "pooling, so the model folder could not say how it is read. Train with mean, and set "
            "echo for runs of the trained model."
        )
    if config.train.mode == "lora" and importlib.util.find_spec("peft") is None:
        raise CapabilityError(
            "Training adapters needs peft; install it with `pip install rapids-rap[train]`, or "
            "train the whole encoder with --full."
        )


def _spec(config: Config, lane: Lane) -> ModelSpec:
    """The base as it is read; in float32 where all of it learns, for AdamW's small steps."""
    spec = resolve_model(config.embedding, lane.dtype)
    if config.train.mode != "head" and spec.projection:
        raise InputError(
            f"{config.embedding.model} ends with a projection that was trained on frozen vectors; "
            "fine-tune the model below it instead."
        )
    return replace(spec, dtype="float32") if config.train.mode == "full" else spec


def _read(config: Config) -> Corpus:
    lines = config.corpus.model_copy(update={"unit": "line"})
    return ingest([Path(path) for path in config.input.paths], config.input, lines)


def _split(corpus: Corpus, config: Config) -> HeldOutSplit:
    held_out = held_out_songs(corpus.lines, config.train.heldout, config.train.heldout_share)
    lines = make_lines(corpus.lines)
    split = split_lines(lines, held_out, config.train.dev_pairs, training_seed(config))
    if len(lines) < 2:
        raise InputError("Training needs at least two lines of lyrics; there is one.")
    if len(split.train) < 2:
        raise InputError(
            "No line is left to train on: every song is held out, or repeats one that is. Lower "
            "train.heldout_share, or list fewer songs in train.heldout."
        )
    return split


def _missing_figures(split: HeldOutSplit, dev: DevPairs, *, known: bool) -> list[str]:
    """Why nothing can be judged by.

    dev: the held-out pairs that the base model has not read; known: whether it says what it has.
    """
    if len(dev.queries) >= FEWEST_PAIRS:
        return []
    seen = len(split.dev.queries) - len(dev.queries)
    trained = "was trained on itself" if known else "may have been trained on"
    read = f", {seen} of which the base model {trained}" if seen else ""
    why = (
        f"{split.dev_songs} of {split.songs} songs are held out, with {len(split.dev.queries)} "
        f"pairs of neighbouring lines{read}, and {FEWEST_PAIRS} are the least"
        if split.songs
        else "the lyrics have no songs (plain text has none)"
    )
    return [
        f"next-line retrieval on held-out songs can't be measured: {why}; training runs to its "
        "last step, and every dev figure is null"
    ]


def _measured(
    dev: DevPairs | None, embedding: EmbeddingConfig, lane: Lane, progress: StageProgress
) -> DevFigures | None:
    """The figures of a model folder, read exactly as a run reads it."""
    if dev is None:
        return None
    progress.stage("judging")
    encoder = Encoder(
        resolve_model(embedding, lane.dtype), lane, embedding.attention, embedding.token_budget
    )
    figures = dev_figures(dev, encoder.encode)
    del encoder
    lane.release()
    return figures


def _learner(config: Config, spec: ModelSpec, lane: Lane) -> Learner:
    torch.manual_seed(training_seed(config))  # the adapters' start
    if config.train.mode == "head":
        embedding = config.embedding
        return HeadLearner(
            Encoder(spec, lane, embedding.attention, embedding.token_budget), config.train
        )
    return EncoderLearner(spec, lane, config.train)


def _identity(config: Config, spec: ModelSpec, corpus: Corpus, split: HeldOutSplit) -> str:
    """What a checkpoint must have been trained with to be gone on with."""
    settings = config.train.model_dump(mode="json", exclude=FREE_SETTINGS)
    embedding = config.embedding.model_dump(mode="json", include={"pooling", "causal", "prompt"})
    columns = ["text_norm", "artist", "song", "song_id", "line_no", "stanza"]
    lines = digest(corpus.lines[columns].to_json(orient="values", force_ascii=False))
    held_out = digest("\n".join((*split.train.text, "", *split.dev.queries)))  # the list may change
    parts = [VERSION, settings, embedding, training_seed(config), spec.fingerprint, lines, held_out]
    return digest(json.dumps([*parts, spec.max_tokens, spec.dtype, torch.__version__]))
