"""People's answers put together, and into the run: `quality.people`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from rapids_rap.annotate import TASKS, Answers, Item
from rapids_rap.annotate.agreement import FIRM, Agreement, confusion, item_table, measure
from rapids_rap.annotate.answers import read_answers
from rapids_rap.annotate.forms import KEY, fingerprint, read_key
from rapids_rap.errors import InputError
from rapids_rap.machine.versions import shaping_versions
from rapids_rap.quality.figures import Figure, interval_text
from rapids_rap.reading.run_space import run_config
from rapids_rap.report.page import render_report
from rapids_rap.runs.changing import whole_run
from rapids_rap.runs.files import explain_os_errors, json_bytes, label_of, write_bytes
from rapids_rap.runs.folder import csv_bytes
from rapids_rap.runs.outputs import check_output_folder
from rapids_rap.runs.replacing import replace_files
from rapids_rap.runs.run import open_run

log = logging.getLogger(__name__)

MEANINGS = {
    "fit": "Do people agree on which lines belong to a cluster?",
    "intruder": "Do people agree on which of five lines is not of the cluster?",
    "names": "Do people agree on which of four names suits a cluster?",
    "emotion": "Do people agree on the emotion of a line?",
}
TABLES = ("items.csv", "confusion.csv")


@dataclass(frozen=True)
class Agreed:
    """What is printed: a row a task, and sentences."""

    table: pd.DataFrame
    sentences: tuple[str, ...]


def agree(
    path: Path,
    forms: Sequence[Path],
    key: Path | None = None,
    out: Path | None = None,
    command: str = "",
) -> Agreed:
    """How far people agree on the run at `path`, written into it.

    forms: what the coders saved. key: of the forms; None: the `key.json` beside the first of them
    that has one. out: a folder for every answer and the confusions. Raises `InputError` for files
    that are no answers to it, a single coder, or a form of another run.
    """
    run = open_run(path)
    key = key or _key_beside(forms)
    if out is not None:
        check_output_folder(out, [path, *forms, key], TABLES)
    form, own, items = read_key(key)
    if own != fingerprint(run):
        raise InputError(
            f"{label_of(key)}: its forms were written of another run than {path}, or of this one "
            "before its clusters changed; give the run that they are of."
        )
    answers = read_answers(forms, form, items)
    if len(answers) < 2:
        who = answers[0].coder if answers else "nobody"
        raise InputError(
            f"Only {who} answered: agreement is between two coders or more. Give their files too."
        )
    found = [one for task in TASKS if (one := measure(task, answers, items))]
    if not found:
        raise InputError("No question was answered by two coders, so there is nothing to compare.")
    if out is not None:  # before the run is changed: what is told below is then done
        _write_tables(out, answers, items)
    with whole_run(path) as run:
        figures = {one.task: _figure(one) for one in found}
        quality = {**run.quality, "people": figures}
        page = render_report(run.revised(quality=quality), run_config(run).report)
        files = {
            "quality.json": json_bytes(quality),
            "report.html": page.encode(errors="replace"),
        }
        record = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "form": form,
            "coders": [one.coder for one in answers],
            "versions": shaping_versions(),
        }
        replace_files(path, files, {"people": record})
    wrote = [f"Wrote people's agreement into {path / 'quality.json'} and report.html."]
    if out is not None:
        wrote.append(f"Wrote {', '.join(str(out / name) for name in TABLES)}.")
    return Agreed(_printed(found), (*_said(found, answers, items), *wrote))


def _key_beside(forms: Sequence[Path]) -> Path:
    for form in forms:
        if (form.parent / KEY).is_file():
            return form.parent / KEY
    raise InputError(f"No {KEY} lies beside the forms; name the one of `annotate` with --key FILE.")


def _figure(one: Agreement) -> dict[str, Any]:
    """As quality.json holds it: alpha, and beside it how often people answer as the run does."""
    facts = {
        "coders": one.coders,
        "items": one.items,
        "interval_over": one.over or None,
        "right": one.right,
        "right_interval": one.right_interval,
        "right_items": one.decided,
        "right_by_chance": one.chance,
        "strata": {name: {"right": r, "items": n} for name, (r, n) in one.strata.items()} or None,
    }
    if one.note:
        facts["note"] = one.note
    return Figure(
        value=one.alpha,
        baseline=None if one.alpha is None else 0.0,
        baseline_name="" if one.alpha is None else "chance",
        meaning=MEANINGS[one.task],
        interval=one.interval,
        facts=facts,
    ).with_interval()


def _printed(found: Sequence[Agreement]) -> pd.DataFrame:
    rows = [
        {
            "task": one.task,
            "coders": one.coders,
            "items": one.items,
            "alpha": "" if one.alpha is None else f"{one.alpha:.3f}",
            "95 %": interval_text(one.interval) or one.note or "too few songs",
            "as the run": "" if one.right is None else f"{one.right:.2f}",
            "95 % ": interval_text(one.right_interval),
            "by chance": "" if one.chance is None else f"{one.chance:.2f}",
        }
        for one in found
    ]
    return pd.DataFrame(rows)


def _said(
    found: Sequence[Agreement], answers: Sequence[Answers], items: dict[str, Item]
) -> list[str]:
    """What a reader should know before the figures are believed."""
    said = [
        f"{one.coder} answered {len(one.given)} of {len(items)} questions ({one.source}); the "
        "others are left out."
        for one in answers
        if len(one.given) < len(items)
    ]
    for task in found:
        if task.alpha is not None and task.alpha < FIRM:
            said.append(
                f"{task.task}: alpha below {FIRM}, under which nothing should be concluded from "
                "people's answers (Krippendorff)."
            )
        if task.strata:
            parts = ", ".join(f"{name} {r:.2f} of {n}" for name, (r, n) in task.strata.items())
            said.append(f"{task.task}: people answer as the run does: {parts}.")
    table = item_table(answers, items)
    worst = table.loc[(table["parted"] == "yes") & (table["task"] == "fit"), "cluster"]
    counts = worst.value_counts().head(5)
    if len(counts):
        parts = ", ".join(f"{cluster} ({n})" for cluster, n in counts.items())
        said.append(f"Clusters whose lines people judged otherwise most often: {parts}.")
    return said


def _write_tables(out: Path, answers: Sequence[Answers], items: dict[str, Item]) -> None:
    with explain_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    tables = (item_table(answers, items), confusion(answers, items))
    for name, table in zip(TABLES, tables, strict=True):
        write_bytes(out / name, csv_bytes(table))
