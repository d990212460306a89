"""A run of a model that `train` made: what its training.json says on songs that were held out.

What its training saw is left out of the figures themselves (`memory`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rapids_rap.compare.verdict import Contrast, Winner
from rapids_rap.embedding.trained_on import RECORD, RECORDED
from rapids_rap.errors import InputError
from rapids_rap.quality.figures import Figure, declared, interval_of
from rapids_rap.runs.run import Run, read_json
from rapids_rap.runs.shape import Count, check_document
from rapids_rap.training.record import sentences

MEND = "train the model again"
HELD_OUT = "held_out_next_line"


Measured = float | None
Span = Annotated[list[float], Field(min_length=2, max_length=2)] | None


class _Intervals(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    dev_mrr_before: Span = None
    dev_mrr_after: Span = None
    dev_mrr_gain: Span = None


class _Trait(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    before: Measured
    after: Measured
    change_interval: Span

    @model_validator(mode="after")
    def _an_interval_has_its_ends(self) -> Self:
        if self.change_interval is not None and None in (self.before, self.after):
            raise ValueError("change_interval without before and after")
        return self


class _Record(BaseModel):
    """What of training.json is put into sentences, and what decides a comparison."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    train_lines: Count
    steps: Count
    views: list[str]
    view_cosine: float
    best_step: Count
    dev_songs: Count
    dev_pairs: Count
    dev_mrr_before: Measured
    dev_mrr_after: Measured
    tfidf_mrr: Measured
    chance_mrr: Measured
    intervals: _Intervals
    neighbours_share: dict[str, _Trait] = {}

    @model_validator(mode="after")
    def _figures_come_together(self) -> Self:
        own = (self.dev_mrr_before, self.dev_mrr_after, self.tfidf_mrr, self.chance_mrr)
        if self.dev_mrr_after is not None and None in own:
            raise ValueError("some of dev_mrr_before, tfidf_mrr and chance_mrr are missing")
        return self


def read_record(model: Path) -> Mapping[str, Any]:
    """The training.json of a model folder. Raises `InputError` where it can't be read."""
    path = model / RECORD
    try:
        record = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}); {MEND}.") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: holds no JSON object; {MEND}.")
    return record


def record_of(run: Run) -> Mapping[str, Any] | None:
    """The training.json that `train` left in the model a run read; None where there is none."""
    model = Path(str(run.manifest["config"].get("embedding", {}).get("model", "")))
    with contextlib.suppress(OSError):  # a name too long for any disk
        if (model / RECORD).is_file():
            record = read_record(model)
            if record.keys() >= RECORDED:
                check_document(model / RECORD, record, _Record, MEND)
                return record
    return None


def judge_held_out(rows: Sequence[Contrast], record: Mapping[str, Any]) -> list[Contrast]:
    """The contrasts, and before them what training gave on the songs held out from it."""
    return [_held_out(record), *rows]


def training_sentence(name: str, record: Mapping[str, Any]) -> str:
    """How a run's model was trained, and what that gave on held-out songs."""
    return f"{name}'s model was trained: {' '.join(sentences(dict(record)))}"


def _held_out(record: Mapping[str, Any]) -> Contrast:
    """The base (a) and the trained model (b) on the same pairs; the paired interval rules."""
    intervals = record["intervals"]
    before, after = (
        Figure(record[key], record["tfidf_mrr"], interval=interval_of(intervals.get(key)))
        for key in ("dev_mrr_before", "dev_mrr_after")
    )
    winner: Winner = "unknown"
    gain = interval_of(intervals.get("dev_mrr_gain"))
    if gain is not None:
        winner = "b" if gain[0] > 0 else "a" if gain[1] < 0 else "equal"
    return Contrast(
        HELD_OUT,
        declared(HELD_OUT).chinese,
        "next line on songs held out from training, MRR",
        "own",
        before,
        after,
        lower_is_better=False,
        decides=True,
        winner=winner,
    )
