"""A run of a model that was trained on its own lyrics: what of its figures still counts.

Training on neighbouring lines and then asking whether they find each other measures memory. So
figures made of neighbours, songs and artists that training saw are shown and decide nothing;
next-line retrieval on the songs that were held out from training stands in for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rapids_rap.compare.verdict import Contrast, Winner
from rapids_rap.errors import InputError
from rapids_rap.quality.figures import DECLARATIONS, Figure, declared, interval_of
from rapids_rap.runs.files import read_plain
from rapids_rap.runs.run import Run
from rapids_rap.training.record import sentences

RECORD = "training.json"
HELD_OUT = "held_out_next_line"
SEEN = tuple(one.key for one in DECLARATIONS if one.memorised)


def read_record(model: Path) -> Mapping[str, Any]:
    """The training.json of a model folder. Raises `InputError` where it can't be read."""
    path = model / RECORD
    try:
        record = json.loads(read_plain(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}); train the model again.") from None
    return dict(record)


def record_of(run: Run) -> Mapping[str, Any] | None:
    """The training.json that `train` left in the model a run read; None where there is none."""
    model = Path(str(run.manifest["config"].get("embedding", {}).get("model", "")))
    record = read_record(model) if (model / RECORD).is_file() else {}
    return record if {"dev_mrr_before", "view_cosine"} <= record.keys() else None


def memory_warning(name: str, record: Mapping[str, Any]) -> str:
    """What to say of a run whose model was trained, perhaps on the lyrics it is compared on."""
    return (
        f"{name}'s model was trained: {' '.join(list(sentences(dict(record)))[1:])} Where these "
        f"are the lyrics it was trained on, {', '.join(SEEN)} measure memory; compare runs on "
        "songs that were held out."
    )


def judge_held_out(rows: Sequence[Contrast], record: Mapping[str, Any]) -> list[Contrast]:
    """Contrasts in which figures of seen songs decide nothing and the held-out figure does."""
    return [
        _held_out(record),
        *(replace(row, decides=row.decides and not row.key.startswith(SEEN)) for row in rows),
    ]


def training_sentence(record: Mapping[str, Any]) -> str:
    """What training gave on held-out songs, and which figures it flatters."""
    return (
        f"{' '.join(sentences(dict(record)))} Of songs that training saw are, and hence do not "
        f"decide: {', '.join(SEEN)}."
    )


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
