"""`rapids-rap writer train`: from a run and a causal model to a folder that writes.

The folder appears whole, by one rename, when training is over; until then a folder beside it
(`.NAME.writer`) holds the checkpoints from which the same command goes on. Weights tuned on lyrics
under copyright hold parts of them: they stay with whoever may use those lyrics (docs/writer.md).
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rapids_rap.arrays import UInt64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.protocol import Backend
from rapids_rap.data import data_path
from rapids_rap.embedding.declared import read_declared
from rapids_rap.embedding.folder import DECIDING_FILES
from rapids_rap.embedding.trained_on import FILE as TRAINED_ON
from rapids_rap.embedding.trained_on import (
    hash_lines,
    hash_pairs,
    is_long,
    read_trained_on,
    write_trained_on,
)
from rapids_rap.errors import CapabilityError, ConfigError, InputError, readable_bytes
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.memory_plan import model_size
from rapids_rap.progress import StageProgress
from rapids_rap.runs.files import (
    digest,
    label_of,
    read_plain,
    sha256_file,
    write_bytes,
    write_json,
)
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.outputs import check_output_folder
from rapids_rap.runs.run import Run, open_run
from rapids_rap.training.writing import (
    LEFT_BY_DOWNLOADS,
    empty_work,
    put_in_place,
    refuse_foreign,
    refuse_unmovable,
    whole_folder,
)
from rapids_rap.writer.base import DEMO, Base, find_base, load_causal, load_tokenizer
from rapids_rap.writer.copying import CopyIndex, write_index
from rapids_rap.writer.examples import Example, conditions_record, make_examples, with_header
from rapids_rap.writer.folder import read_index
from rapids_rap.writer.likelihood import nats
from rapids_rap.writer.measures import heard
from rapids_rap.writer.plan import TuningPlan, plan_tuning
from rapids_rap.writer.record import (
    INDEX,
    RECORD,
    SCHEMA_VERSION,
    read_record,
    training_sentences,
    versions,
)
from rapids_rap.writer.songs import Song, SongSplit, read_songs, split_songs
from rapids_rap.writer.tuning import Encoded, TuningSettings, settings_key, step_count, tune

log = logging.getLogger(__name__)

VERSION = 2  # part of a checkpoint's identity: raise it when the same settings train otherwise
IDENTITY = "identity.json"
TOKENIZER_PARTS = tuple(name for name in DECIDING_FILES if "safetensors" not in name)
# What else a model has. No other name with a dot: it may be a repository of somebody's.
BESIDE = ("generation_config.json", "chat_template*", *LEFT_BY_DOWNLOADS)


@dataclass(frozen=True)
class TrainedWriter:
    """A finished writer folder, its writer.json, and sentences to print."""

    folder: Path
    record: dict[str, Any]
    sentences: tuple[str, ...]


def train_writer(
    run_folder: Path,
    out: Path,
    base_name: str,
    settings: TuningSettings,
    resolution: DeviceResolution,
    progress: StageProgress,
    *,
    overwrite: bool = False,
    tell: Callable[[str], object] = log.info,
) -> TrainedWriter:
    """Tune a causal model on the songs of a run, into the folder `out`.

    tell: is given the plan of memory before the start. Goes on from the checkpoints beside `out`
    that an earlier call left. Raises `InputError` for a run that nothing can be learnt from and an
    `out` that is in use, `CapabilityError` for a model or library that can't be had and where
    memory does not suffice.
    """
    _refuse_used(out, overwrite)
    check_output_folder(out, [run_folder / "manifest.json"])
    _require_libraries()
    run = open_run(run_folder)
    base = find_base(base_name)
    check_output_folder(out, [base.folder / "config.json"])
    carried = _index_of(base)
    backend = load_backend(resolution.backend)
    progress.stage("corpus")
    trained_on = _read_by(base)
    split = split_songs(run, read_songs(run, backend, trained_on), settings.held_out)
    plan, longest = _plan(base, settings, backend)
    place = out.resolve()
    work = place.with_name(f".{place.name}.writer")
    with exclusive(work):
        job = _Job(run, base, split, settings, longest, work, backend.torch_device, carried)
        plan = _settle(job, plan, overwrite)
        tell(plan.sentence)
        model = work / "model"
        record = _train_into(model, job, plan, progress)
        record["backend"] = resolution.backend
        write_json(model / RECORD, record)
        known = _trained_on(trained_on, split.train)
        if known is not None:
            write_trained_on(model, known)
        put_in_place(model, place)
    shutil.rmtree(work, ignore_errors=True)
    return TrainedWriter(out, record, tuple(training_sentences(record)))


def _require_libraries() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("peft", "accelerate")):
        raise CapabilityError(
            "Training a writer needs peft and accelerate; install them with "
            "`pip install 'rapids-rap[train]'`."
        )


def _plan(base: Base, settings: TuningSettings, backend: Backend) -> tuple[TuningPlan, int]:
    """How a step is cut, and the tokens of an example: no more than the model has places for."""
    declared = read_declared(base.folder)
    on_gpu = backend.torch_device != "cpu"
    most = declared.get("max_position_embeddings")
    longest = min(settings.longest, most) if isinstance(most, int) else settings.longest
    size = model_size(base.name, declared, 2 if on_gpu else 4)
    free = backend.memory().free
    plan = plan_tuning(size, settings.rank, settings.batch, longest, free, on_gpu=on_gpu)
    return plan, longest


@dataclass(frozen=True)
class _Job:
    """What is trained on what, where the work lies, and the index of a base that has one."""

    run: Run
    base: Base
    split: SongSplit
    settings: TuningSettings
    longest: int
    work: Path
    device: str
    carried: CopyIndex | None

    @property
    def identity(self) -> str:
        """What a checkpoint must have been trained with to be gone on with."""
        songs = [
            digest("\n".join(f"{s.sha256} {s.theme} {s.region} {s.emotion}" for s in part))
            for part in (self.split.train, self.split.held_out)
        ]
        return settings_key(
            self.settings,
            str(VERSION),
            self.base.fingerprint,
            str(self.longest),
            json.dumps(list(self.split.themes.items())),
            *songs,
        )


def _settle(job: _Job, plan: TuningPlan, overwrite: bool) -> TuningPlan:
    """Go on with what lies in the work folder, cut as it was; or begin, with `overwrite` always.

    Raises `InputError` where it belongs to another training, `CapabilityError` where less memory
    is free now than it takes.
    """
    path = job.work / IDENTITY
    wanted = {"identity": job.identity, "plan": asdict(plan)}
    if path.is_file() and not overwrite:
        return _kept_plan(path, job, plan.free)
    if path.is_file():
        empty_work(job.work)
    write_json(path, wanted)
    return plan


def _kept_plan(path: Path, job: _Job, free: int) -> TuningPlan:
    """The plan that the training in the work folder began with, beside what is free now."""
    try:
        kept = json.loads(read_plain(path))
        before = TuningPlan(**kept["plan"])
        same = kept["identity"] == job.identity
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise InputError(
            f"{job.work} holds an unfinished training of another model, other songs or other "
            "settings. Give the same ones to go on, or --overwrite to start anew."
        )
    if before.expected > free:  # a step can't be cut otherwise half-way: the weights would differ
        raise CapabilityError(
            f"The unfinished training in {job.work} needs about "
            f"{readable_bytes(before.expected, free)}, and {readable_bytes(free, before.expected)} "
            "are free now. Free some memory and run the same command again, or start anew with "
            "--overwrite, cut to fit."
        )
    return replace(before, free=free)


def _train_into(
    folder: Path, job: _Job, plan: TuningPlan, progress: StageProgress
) -> dict[str, Any]:
    """Train, write the folder, and return what writer.json says."""
    tokenizer = load_tokenizer(job.base.folder)
    examples = make_examples(job.split.train, job.split.themes)
    unread = [song for song in job.split.held_out if not song.read]
    held_out = make_examples(unread, job.split.themes)
    model = load_causal(job.base.folder, job.device, half=job.device != "cpu")

    def encode(example: Example) -> Encoded:
        return with_header(example, tokenizer, job.longest, from_end=job.settings.from_end)

    def draw(number: int, random: np.random.Generator) -> Encoded:
        return encode(examples[number].with_some(job.settings.drop, random))

    judged = [encode(example) for example in held_out]
    progress.stage("judging")
    before = nats(model, judged, tokenizer.pad_token_id)
    progress.stage("training")
    model, history = tune(
        model,
        tokenizer,
        draw,
        len(examples),
        job.settings,
        plan,
        job.work,
        progress,
        on_gpu=job.device != "cpu",
    )
    progress.stage("judging")
    after = nats(model, judged, tokenizer.pad_token_id)
    _save(model, job.base, folder)
    progress.stage("report")
    known = [*job.split.train, *(song for song in job.split.held_out if song.read)]
    write_index(folder / INDEX, [(song.song_id, song.lines) for song in known], job.carried)
    characters = [
        len(heard("".join(one.lines[: own.lines])))
        for one, own in zip(held_out, judged, strict=True)
    ]
    return {
        **_record(job, plan, examples),
        "loss": _loss(before, after, characters),
        "history": history,
    }


def _loss(before: Any, after: Any, characters: Sequence[int]) -> dict[str, Any]:
    """Nats by character that can be heard, on held-out songs."""
    total = sum(characters)
    if not total:
        note = "no song is held out that the base has not read"
        return {"held_out_before": None, "held_out_after": None, "note": note}
    return {
        "held_out_before": round(float(before.sum()) / total, 4),
        "held_out_after": round(float(after.sum()) / total, 4),
        "note": "nats by character, header given",
    }


def _record(job: _Job, plan: TuningPlan, examples: Sequence[Example]) -> dict[str, Any]:
    split, run = job.split, job.run
    return {
        "schema_version": SCHEMA_VERSION,
        "base": {
            "model": job.base.name,
            "origin": job.base.origin,
            "fingerprint": job.base.fingerprint,
            "is_writer": job.carried is not None,
        },
        "run": {
            "path": str(run.path.resolve()),
            "created": run.manifest.get("created", ""),
            "lines_sha256": sha256_file(run.path / "lines.parquet"),
        },
        "songs": {
            "train": len(split.train),
            "held_out": len(split.held_out),
            "train_groups": len({song.group for song in split.train}),
            "held_out_groups": len({song.group for song in split.held_out}),
            "held_out_read_by_base": sum(song.read for song in split.held_out),
        },
        "examples": len(examples),
        "steps": step_count(len(examples), job.settings),
        "conditions": conditions_record(split, examples),
        "seen_songs": _songs(split.train),
        "held_out_songs": _songs(split.held_out),
        "settings": asdict(job.settings) | {"longest": job.longest},
        "seed": job.settings.seed,
        "from_end": job.settings.from_end,
        "plan": asdict(plan),
        "versions": versions(),
    }


def _songs(songs: Sequence[Song]) -> list[dict[str, Any]]:
    return [
        {
            "song_id": song.song_id,
            "artist": song.artist,
            "title": song.title,
            "sha256": song.sha256,
            "read_by_base": song.read,
        }
        for song in songs
    ]


def _read_by(base: Base) -> UInt64s | None:
    """What a base model says it has read; the demo writer read what the demo model did."""
    return read_trained_on(data_path("demo_model") if base.name == DEMO else base.folder)


def _index_of(base: Base) -> CopyIndex | None:
    """The index of a base that is a writer itself: what it read must not be copied either."""
    if not (base.folder / RECORD).is_file():
        return None
    return read_index(base.folder, read_record(base.folder))


def _trained_on(base: UInt64s | None, songs: Sequence[Song]) -> UInt64s | None:
    if base is None:
        return None
    pairs = hash_pairs(pair for song in songs for pair in pairwise(song.lines))
    long = hash_lines(line for song in songs for line in song.lines if is_long(line))
    return np.concatenate([base, pairs, long])


def _save(model: Any, base: Base, folder: Path) -> None:
    """The merged weights, the base's own tokenizer files, whole or not at all."""
    with whole_folder(folder):
        model.save_pretrained(folder)
        for path in sorted(base.folder.iterdir()):
            kept = any(fnmatch(path.name, name) for name in TOKENIZER_PARTS)
            if kept and not (folder / path.name).exists():
                write_bytes(folder / path.name, read_plain(path))


def _refuse_used(out: Path, overwrite: bool) -> None:
    refuse_unmovable(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / RECORD).is_file():
        raise InputError(
            f"{label_of(out)} is in use and no writer; choose another --out. Nothing was changed."
        )
    if not overwrite:
        raise InputError(
            f"{label_of(out)} holds a writer already. Choose another --out, or --overwrite."
        )
    refuse_foreign(out, (*DECIDING_FILES, RECORD, TRAINED_ON, INDEX, *BESIDE), "writer")


def check_settings(settings: TuningSettings) -> None:
    """Raise `ConfigError` for a share that is none and for numbers that train nothing."""
    for name, option in (("drop", "--drop"), ("held_out", "--heldout")):
        value = getattr(settings, name)
        if not 0 <= value < 1:
            raise ConfigError(f"{option} {value}: expected a share from 0 to below 1.")
    for name, option in (("epochs", "--epochs"), ("rate", "--rate")):
        if not 0 < getattr(settings, name) < math.inf:
            raise ConfigError(f"{option} {getattr(settings, name)}: expected a number above 0.")
