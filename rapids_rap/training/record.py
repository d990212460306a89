"""What a training says about itself: training.json, and a few sentences for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rapids_rap.config import Config
from rapids_rap.embedding.model import ModelSpec
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.quality.bootstrap import Interval, mean_interval
from rapids_rap.quality.figures import TOO_FEW_SONGS
from rapids_rap.quality.neighbour_traits import LEXICON
from rapids_rap.training.checkpoint import TrainingState
from rapids_rap.training.dev import RESAMPLES, Baselines, DevFigures
from rapids_rap.training.lines import DevPairs, HeldOutSplit

PACKAGES = ("torch", "transformers", "peft", "rapids-rap")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The songs that were held out and what they say; None where there are too few.

    traits: as of `dev_traits`, empty then.
    """

    split: HeldOutSplit
    dev: DevPairs | None
    before: DevFigures | None
    after: DevFigures | None
    baselines: Baselines | None
    traits: Mapping[str, Mapping[str, Any]]


def make_record(
    config: Config,
    spec: ModelSpec,
    resolution: DeviceResolution,
    state: TrainingState,
    judgement: Evaluation,
    views: Sequence[str],
) -> dict[str, Any]:
    """The content of training.json. A figure that was not computed is null."""
    seed = config.seed if config.seed != "none" else 0
    kept = state.steps if state.best_step is None else state.best_step
    return {
        "schema_version": 1,
        "config": {
            "train": config.train.model_dump(mode="json"),
            "embedding": config.embedding.model_dump(mode="json"),
            "corpus": config.corpus.model_dump(mode="json"),
        },
        "seed": seed,
        "base": {"model": spec.name, "fingerprint": spec.fingerprint},
        "backend": resolution.backend,
        "steps": state.steps,
        "best_step": kept,
        "stopped_early": state.steps < config.train.steps,
        "views": list(views),
        "view_cosine": state.view_cosine,
        "seconds": round(state.seconds, 1),
        **_lines(judgement.split),
        **_figures(judgement, seed),
        "neighbours_share": judgement.traits,
        "history": state.history,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _lines(split: HeldOutSplit) -> dict[str, Any]:
    return {
        "train_lines": len(split.train),
        "songs": split.songs,
        "dev_songs": split.dev_songs,
        "leaking_songs_left_out": split.leaking_songs,
        "leaking_pairs_left_out": split.leaking_pairs,
    }


def _figures(judgement: Evaluation, seed: int) -> dict[str, Any]:
    dev, before, after = judgement.dev, judgement.before, judgement.after
    baselines = judgement.baselines
    if dev is None or before is None or after is None or baselines is None:
        names = ("dev_mrr_before", "dev_mrr_after", "tfidf_mrr", "chance_mrr")
        geometry = ("alignment", "uniformity", "random_cosine")
        empty = {key: None for name in geometry for key in (name, f"{name}_before")}
        return {"dev_pairs": 0, **dict.fromkeys(names), **empty, "intervals": {}}

    def interval(values: Any) -> Interval:
        return mean_interval(values, dev.song, RESAMPLES, seed)

    return {
        "dev_pairs": len(dev.queries),
        "dev_mrr_before": before.mrr,
        "dev_mrr_after": after.mrr,
        "tfidf_mrr": baselines.tfidf_mrr,
        "chance_mrr": baselines.chance_mrr,
        "alignment": after.alignment,
        "alignment_before": before.alignment,
        "uniformity": after.uniformity,
        "uniformity_before": before.uniformity,
        "random_cosine": after.random_cosine,
        "random_cosine_before": before.random_cosine,
        "intervals": {
            "dev_mrr_before": interval(before.reciprocals),
            "dev_mrr_after": interval(after.reciprocals),
            "tfidf_mrr": interval(baselines.tfidf),
            "dev_mrr_gain": interval(after.reciprocals - before.reciprocals),
            "dev_mrr_over_tfidf": interval(after.reciprocals - baselines.tfidf),
        },
    }


def sentences(record: dict[str, Any]) -> Iterator[str]:
    """What to print when a training is over; the worse news is said as plainly as the better."""
    cosine = record["view_cosine"]
    yield (
        f"{record['train_lines']:,} lines, {record['steps']:,} steps, views "
        f"{', '.join(record['views'])}; the two of a pair began with a cosine of {cosine:.3f}."
    )
    if record["dev_mrr_after"] is None:
        yield "Next-line retrieval on held-out songs: not computed."
        return
    before, after = record["dev_mrr_before"], record["dev_mrr_after"]
    gain = record["intervals"].get("dev_mrr_gain")  # null with too few songs
    span = f"{gain[0]:+.4f} to {gain[1]:+.4f}" if gain else f"not given, {TOO_FEW_SONGS}"
    yield (
        f"Next-line retrieval on {record['dev_pairs']:,} pairs of {record['dev_songs']:,} held-out "
        f"songs: MRR {before:.4f} before, {after:.4f} after (change {after - before:+.4f}, 95 % "
        f"interval {span}); character TF-IDF {record['tfidf_mrr']:.4f}, chance "
        f"{record['chance_mrr']:.4f}."
    )
    yield _verdict(record, gain[0] if gain else 0.0)
    if said := _taught(record.get("neighbours_share") or {}):
        yield said


def _taught(traits: Mapping[str, Mapping[str, Any]]) -> str:
    """What nearest lines share more than before, and whether that is form or meaning."""
    known = {name: one for name, one in traits.items() if one["change_interval"] is not None}
    if not known:
        return ""
    changes = ", ".join(
        f"{name.replace('_', ' ')} {one['before']:.3f} to {one['after']:.3f}"
        for name, one in known.items()
    )
    more = [name for name, one in known.items() if one["change_interval"][0] > 0]
    less = [name for name, one in known.items() if one["change_interval"][1] < 0]
    form = [name.replace("_", " ") for name in more if name != LEXICON]
    meaning = "more" if LEXICON in more else "less" if LEXICON in less else "no surely other"
    taught = f"it taught form ({', '.join(form)})" if form else "it taught no form"
    return (
        f"What a held-out line shares with its nearest line of another song (Cohen's kappa): "
        f"{changes}; beyond chance {taught} and {meaning} meaning (the lexicon's categories)."
    )


def _verdict(record: dict[str, Any], low: float) -> str:
    after = record["dev_mrr_after"]
    over = "above" if after > record["tfidf_mrr"] else "not above"
    over = over if after > record["chance_mrr"] else "not above chance, and " + over
    if record["best_step"] == 0:
        return (
            "No step was better than the start, so the folder holds the base's own weights: this "
            f"training did not help. The base is {over} character TF-IDF."
        )
    sure = "a gain beyond chance" if low > 0 else "a difference that chance alone can explain"
    return f"The folder holds step {record['best_step']:,}: {sure}, and {over} character TF-IDF."
