"""Names of clusters and themes by a language model, tested before they are believed.

A person's name wins. A name that is there stays: another is proposed in its note. A name by which
its lines are not found falls back to the first terms and a medoid line, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.annotate.naming_cache import Answers
from rapids_rap.annotate.naming_judging import (
    Asker,
    Judged,
    Key,
    Offered,
    judge,
    propose,
    tell_apart,
)
from rapids_rap.annotate.naming_prompts import VERSION, NoAnswerError, read_choice
from rapids_rap.annotate.naming_subjects import Question, find_subjects
from rapids_rap.annotate.naming_trial import CHANCE
from rapids_rap.backend import load_backend
from rapids_rap.backend.protocol import Backend
from rapids_rap.config import MapsConfig
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.versions import shaping_versions
from rapids_rap.progress import StageProgress
from rapids_rap.quality.bootstrap import draw_units, interval, unit_means
from rapids_rap.reading.run_maps import redraw_maps
from rapids_rap.reading.run_space import run_config, stored_vectors
from rapids_rap.report.page import render_report
from rapids_rap.runs.changing import whole_run
from rapids_rap.runs.folder import csv_bytes
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.names import KEPT_ANSWERS
from rapids_rap.runs.replacing import replace_files
from rapids_rap.runs.run import Run, open_run
from rapids_rap.tables.names import KINDS, Row, first_names, name_said, name_table, rows_of
from rapids_rap.tables.names import names_said as told

CALLED = ("clusters", "themes", "density", "artists")  # maps on which names stand
DRAWS = 1000  # of groups, for the interval of what a model adds


@dataclass(frozen=True)
class Named:
    """What is printed: a row a group, and sentences."""

    table: pd.DataFrame
    sentences: tuple[str, ...]


def name_run(
    path: Path,
    open_asker: Callable[[Backend], Asker],
    resolution: DeviceResolution,
    progress: StageProgress,
    *,
    tests: int = 12,
    accept: bool = False,
    cache: Path | None = None,
    command: str = "",
    maps: MapsConfig | None = None,
) -> Named:
    """Name the clusters and themes of the run at `path`, and write the names into it.

    tests: lines by which a name is tested, at most. accept: take what is proposed for a name that
    is there. cache: where answers are kept; None: in the run, or beside a night's store. Raises
    `InputError` where it is no whole run, `LockHeldError` where it is being written,
    `CapabilityError` where the model can't be asked: what it answered before is kept.
    """
    open_run(path)
    backend = load_backend(resolution.backend)
    asker = open_asker(backend)
    with whole_run(path) as run:
        place = cache or _place(run)
        with exclusive(place):
            answers = Answers(place, asker.identity)
            judged = _judge_all(run, asker, answers, tests, accept, backend, progress)
        record = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "model": asker.described,
            "wording": VERSION,
            "versions": shaping_versions(),
            **_compared(judged, run_config(run).random_seed or 0),
        }
        progress.stage("report")
        table = _write(run, [one.row for one in judged], record, maps, backend)
    said = (
        *told({"names": record})[1:],
        f"Asked {answers.asked} questions; {answers.found} had been answered before "
        f"({answers.path}).",
        f"Wrote {path / 'names.csv'}, and the names into themes.csv, the maps and report.html.",
    )
    return Named(_printed(table), said)


def _place(run: Run) -> Path:
    """Beside the store of the nights, which outlives a run; else in the run."""
    own = run.path.resolve()
    if run.night is not None and own.parent.name == "runs":
        return own.parent.parent / KEPT_ANSWERS
    return run.path / KEPT_ANSWERS


def _judge_all(
    run: Run,
    asker: Asker,
    answers: Answers,
    tests: int,
    accept: bool,
    backend: Backend,
    progress: StageProgress,
) -> list[Judged]:
    progress.stage("naming")
    seed = run_config(run).random_seed or 0
    subjects = find_subjects(run, stored_vectors(run, backend), tests, seed, backend)
    present = _present(run)
    proposals: dict[Key, Offered] = {}
    for done, one in enumerate(subjects, 1):
        if present[one.kind, one.id]["source"] != "person":
            proposals[one.kind, one.id] = propose(one, asker, answers)
        progress.advance(done, 2 * len(subjects))
    tell_apart(subjects, proposals, present, asker, answers)

    def choose(name: str, question: Question, wording: int) -> int:
        asked = ["choose", VERSION, name, question.lines, wording]
        try:
            return read_choice(answers.get(asked, lambda: asker.choose(name, question, wording)))
        except NoAnswerError:
            return -1

    judged = []
    for done, one in enumerate(subjects, 1):
        key: Key = one.kind, one.id
        judged.append(judge(one, present[key], proposals.get(key), choose, accept=accept))
        progress.advance(len(subjects) + done, 2 * len(subjects))
    return judged


def _present(run: Run) -> dict[Key, Row]:
    """What everything is called so far."""
    people = {kind: run.labels_of(kind) for kind in KINDS}
    table = first_names(run.clusters, run.themes, people, {}, None)
    known: dict[Key, Row] = {(row["kind"], row["id"]): row for row in rows_of(table)}
    if run.names is not None:
        rows: dict[Key, Row] = {(row["kind"], row["id"]): row for row in rows_of(run.names)}
        known |= {key: row for key, row in rows.items() if key in known}
    return known


def _compared(judged: Sequence[Judged], seed: int) -> dict[str, Any]:
    """What the model adds to the terms, on the same lines, before any name was thrown out."""
    pairs = [(one.model, one.terms) for one in judged if one.model and one.terms]
    sources = [one.row["source"] for one in judged]
    found: dict[str, Any] = {
        "groups": len(judged),
        **{f"by_{source}": sources.count(source) for source in ("person", "model", "terms")},
        "tested": len(pairs),
        "chance": CHANCE,
        "right": None,
        "right_terms": None,
        "adds": None,
        "adds_interval": None,
    }
    if not pairs:
        return found
    own = np.array([model.share for model, _ in pairs])
    terms = np.array([tested.share for _, tested in pairs])
    found |= {"right": float(own.mean()), "right_terms": float(terms.mean())}
    found["adds"] = float((own - terms).mean())
    if len(pairs) >= 3:
        drawn = draw_units(len(pairs), DRAWS, seed)
        found["adds_interval"] = interval(unit_means(drawn, own - terms, np.ones(len(pairs))))
    return found


def _write(
    run: Run, rows: list[Row], record: dict[str, Any], font: MapsConfig | None, backend: Backend
) -> pd.DataFrame:
    """names.csv, the themes' labels, maps and report into the run."""
    config = run_config(run)
    table = name_table(rows)
    called = {row["id"]: row["name"] for row in rows if row["kind"] == "theme"}
    labels = [
        called.get(own, label)
        for own, label in zip(run.themes["theme"], run.themes["label"], strict=True)
    ]
    themes = run.themes.assign(label=pd.array(labels, dtype="str"))
    revised = run.revised(names=table, themes=themes)
    maps = config.maps.model_copy(update={"font": font.font if font else ""})
    drawn = redraw_maps(revised, config, maps, backend, CALLED)
    files = {"names.csv": csv_bytes(table), "themes.csv": csv_bytes(themes)}
    files |= {f"maps/{name}": png for name, png in drawn.pages.items()}
    revised = revised.revised(maps={**run.maps, **drawn.pages})
    manifest = {**run.manifest, "names": record}
    page = render_report(revised.revised(manifest), config.report)
    files["report.html"] = page.encode(errors="replace")
    replace_files(run.path, files, {"names": record})
    return table


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": table["kind"],
            "id": table["id"],
            "name": table["name"],
            "gloss": table["gloss"].fillna(""),
            "by": [name_said(row) for row in table.to_dict("records")],
            "note": table["note"].fillna("").where(table["source"] == "terms", ""),
        }
    )
