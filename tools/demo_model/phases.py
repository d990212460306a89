"""The phases in order, each with its file in the work folder, so that a killed run goes on."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Qwen2Model

from rapids_rap.arrays import UInt64s
from rapids_rap.bench.corpora import PACKAGE, SHA256, Poem
from rapids_rap.embedding.trained_on import hash_pairs, write_trained_on
from tools.demo_model.checkpoint import load_json, load_state, save_json, save_state, write_safely
from tools.demo_model.contrastive import ContrastiveConfig, train_contrastive
from tools.demo_model.data import Lines, PairSampler, Recipe, tokenize
from tools.demo_model.evaluate import baseline_figures, lyric_pairs, model_figures, poem_pairs
from tools.demo_model.export import export_folder
from tools.demo_model.model import Shape, build_model, company_vectors, neighbour_counts, start_from
from tools.demo_model.tokenizer import Vocabulary, build_vocabulary
from tools.demo_model.warmup import WarmupConfig, warm_up

logger = logging.getLogger(__name__)
STAGES = ("random", "start", "warmup", "contrastive")


@dataclass(frozen=True, slots=True)
class Texts:
    """The four texts: what is trained on, and what never is."""

    poems: list[Poem]
    lyrics: list[Poem]
    held_out_poems: list[Poem]
    held_out_lyrics: list[Poem]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a run depends on besides its texts."""

    shape: Shape = field(default_factory=Shape)
    warmup: WarmupConfig = field(default_factory=WarmupConfig)
    contrastive: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 42
    evaluated_pairs: int = 3_000


def vocabulary_phase(texts: Texts, work: Path) -> Vocabulary:
    """The vocabulary, from the training poems; ``vocabulary.json``."""
    path = work / "vocabulary.json"
    if not path.exists():
        built = build_vocabulary(line for poem in texts.poems for line in poem.lines)
        save_json(asdict(built), path)
    kept = load_json(path)
    alias = {int(token): plain for token, plain in kept["alias"].items()}
    merges = [(left, right) for left, right in kept["merges"]]
    return Vocabulary(kept["tokens"], merges, kept["trained"], alias)


def lines_phase(poems: list[Poem], vocabulary: Vocabulary, path: Path) -> Lines:
    """The tokens of ``poems``; one ``.npz``."""
    if not path.exists():
        lines = tokenize(poems, vocabulary)

        def write(beside: Path) -> None:
            with beside.open("wb") as file:
                np.savez(file, **asdict(lines))

        write_safely(path, write)
    with np.load(path) as kept:
        return Lines(**kept)


def start_phase(poetry: Lines, vocabulary: Vocabulary, config: Config, work: Path) -> Qwen2Model:
    """The untrained model with its company vectors; ``start.pt``."""
    torch.manual_seed(config.seed)
    model = build_model(config.shape, vocabulary.trained)
    path = work / "start.pt"
    if state := load_state(path):
        model.load_state_dict(state["model"])
        return model
    counts = neighbour_counts(poetry, vocabulary.trained)
    start_from(model, company_vectors(counts, config.shape.hidden, config.seed))
    save_state({"model": model.state_dict()}, path)
    return model


def _loaded(path: Path | None, vocabulary: Vocabulary, config: Config) -> Qwen2Model:
    torch.manual_seed(config.seed)
    model = build_model(config.shape, vocabulary.trained, config.contrastive.dropout)
    state = load_state(path) if path else None
    if state:
        model.load_state_dict(state["model"])
    return model


def figures_phase(
    texts: Texts, vocabulary: Vocabulary, config: Config, work: Path, stages: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Every stage and both baselines on held-out poems and on held-out songs."""
    poems = lines_phase(texts.held_out_poems, vocabulary, work / "held_out_poems.npz")
    songs = lines_phase(texts.held_out_lyrics, vocabulary, work / "held_out_lyrics.npz")
    sets = {
        "held_out_poems": (
            poems,
            poem_pairs(texts.held_out_poems, poems, config.evaluated_pairs, config.seed),
        ),
        "held_out_songs": (songs, lyric_pairs(texts.held_out_lyrics, songs)),
    }
    figures: dict[str, dict[str, Any]] = {}
    for name, (lines, pairs) in sets.items():
        figures[name] = dict(baseline_figures(pairs))
        for stage in stages:
            path = None if stage == "random" else work / f"{stage}.pt"
            model = _loaded(path, vocabulary, config)
            figures[name][stage] = model_figures(model, lines, pairs)
            logger.info("%s, %s: %s", name, stage, figures[name][stage])
    return figures


def what_is_read(texts: Texts) -> UInt64s:
    """Hashes of what is trained on: of a poem its opening, of the sample lyrics every two lines.

    Corpora of verse hold whole poems, so that the opening tells them.
    """
    openings = ((poem.lines[0], poem.lines[1]) for poem in texts.poems if len(poem.lines) > 1)
    stanzas = (pair for stanza in texts.lyrics for pair in pairwise(stanza.lines))
    return hash_pairs(chain(openings, stanzas))


def run_phases(
    texts: Texts, config: Config, work: Path, out: Path, stop_after: str = "contrastive"
) -> dict[str, Any]:
    """Train whatever is not in ``work`` yet and export the model folder; returns its record.

    ``stop_after`` is ``warmup`` for the model before it compares lines, else ``contrastive``.
    """
    vocabulary = vocabulary_phase(texts, work)
    poetry = lines_phase(texts.poems, vocabulary, work / "poems.npz")
    model = start_phase(poetry, vocabulary, config, work)
    seconds = {"warmup": warm_up(model, poetry, config.warmup, work / "warmup.pt")}
    if stop_after != "warmup":
        lyrics = lines_phase(texts.lyrics, vocabulary, work / "lyrics.npz")
        sampler = PairSampler(poetry, lyrics, config.recipe, config.seed)
        model = _loaded(work / "warmup.pt", vocabulary, config)
        path = work / "contrastive.pt"
        seconds["contrastive"] = train_contrastive(model, sampler, config.contrastive, path)
    stages = STAGES[: STAGES.index(stop_after) + 1]
    training = {
        "data": {
            "poetry": PACKAGE,
            "poetry_sha256": SHA256,
            "poems": len(texts.poems),
            "poem_lines": sum(len(poem.lines) for poem in texts.poems),
            "sample_stanzas": len(texts.lyrics),
            "sample_lines": sum(len(poem.lines) for poem in texts.lyrics),
        },
        "config": asdict(config),
        "stopped_after": stop_after,
        "seconds": {name: round(value) for name, value in seconds.items()},
        "figures": _rounded(figures_phase(texts, vocabulary, config, work, stages)),
    }
    export_folder(model, vocabulary, training, out)
    write_trained_on(out, what_is_read(texts))
    return training


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value
