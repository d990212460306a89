"""What is kept of a session: a CSV and the environment for each scenario, a table, a picture.

`SCENARIO.csv` has a row a side and stage (`all`: the whole). Seconds are there for whoever
compares on the same machine; on a shared one only the ratios of a session mean anything, and only
they reach the table and the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from rapids_rap.bench.runner import Session
from rapids_rap.bench.verdicts import GIB, Checked, check
from rapids_rap.errors import InputError
from rapids_rap.runs.files import write_bytes, write_json
from rapids_rap.runs.outputs import check_output_folder, head_of, header_of, is_run
from rapids_rap.runs.run import read_json
from rapids_rap.runs.shape import check_document

TITLE = "# Benchmarks"
_FIRST = f"{TITLE}\n".encode()
COLUMNS = (
    "scenario",
    "corpus",
    "lines",
    "side",
    "stage",
    "rounds",
    "seconds",
    "seconds_min",
    "seconds_max",
    "cold_seconds",
    "cpu_seconds",
    "peak_gib",
    "device_gib",
    "lines_per_second",
    "tokens_per_second",
    "times_ours",
)


def check_folder(folder: Path, names: Sequence[str]) -> None:
    """Raise `InputError` where a table of somebody else's, or a README, would be replaced."""
    check_output_folder(folder, ())
    if is_run(folder):
        raise InputError(
            f"{folder}: is a run; --out of a benchmark names a folder for its results."
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; --out names a folder.")
    readme = folder / "README.md"
    if readme.exists() and not (readme.is_file() and head_of(readme).startswith(_FIRST)):
        raise InputError(f"{readme}: is no table of benchmarks and would be lost; choose --out.")
    for name in names:
        table = folder / f"{name}.csv"
        if table.exists() and not (table.is_file() and header_of(table)[:2] == list(COLUMNS[:2])):
            raise InputError(f"{table}: is no result of a benchmark and would be lost.")
        record = folder / f"{name}.json"
        if record.exists():
            _read_record(record)


def save_session(session: Session, environment: dict[str, Any], folder: Path) -> list[Checked]:
    """Write `NAME.csv` and `NAME.json`; return the checked requirements."""
    folder.mkdir(parents=True, exist_ok=True)
    name, checked = session.scenario.name, check(session)
    table = measurements(session)
    write_bytes(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g").encode())
    write_json(
        folder / f"{name}.json",
        {
            "scenario": name,
            "question": session.scenario.question,
            "note": session.scenario.note,
            "corpus": session.corpus,
            "measure": session.scenario.measure,
            "environment": environment,
            "requirements": [requirement_row(c) for c in checked],
        },
    )
    return checked


def measurements(session: Session) -> pd.DataFrame:
    """A row a side and stage: `COLUMNS`, then the scorer's figures of the side.

    times_ours: seconds of the side / seconds of `ours` in the same round, the median of the rounds.
    """
    names = list(dict.fromkeys(name for own in session.figures.values() for name in own))
    rows = []
    for side in session.scenario.sides:
        figures = session.figures.get(side, {})
        rows += [row | {n: figures.get(n) for n in names} for row in _rows(session, side)]
    return pd.DataFrame(rows, columns=[*COLUMNS, *names])


def _rows(session: Session, side: str) -> list[dict[str, Any]]:
    runs = session.of(side)
    whole = [run.seconds for run in runs]
    tokens = runs[0].counts.get("tokens")
    median = session.median(side, lambda run: run.seconds)
    times = (
        pd.Series(session.ratios(side, "ours", lambda run: run.seconds)).median()
        if "ours" in session.scenario.sides
        else None
    )
    common = {
        "scenario": session.scenario.name,
        "corpus": session.corpus,
        "lines": runs[0].lines,
        "side": side,
        "rounds": len(runs),
    }
    every = common | {
        "stage": "all",
        "seconds": median,
        "seconds_min": min(whole),
        "seconds_max": max(whole),
        "cold_seconds": session.median(side, lambda run: run.cold),
        "cpu_seconds": session.median(side, lambda run: run.cpu_seconds),
        "peak_gib": session.median(side, lambda run: run.peak_bytes / GIB),
        "device_gib": max(
            (max(r.device_peaks.values()) / GIB for r in runs if r.device_peaks), default=None
        ),
        "lines_per_second": runs[0].lines / median,
        "tokens_per_second": tokens / median if tokens else None,
        "times_ours": times,
    }
    stages = []
    for stage in runs[0].stages:
        seconds = [run.stages.get(stage, 0.0) for run in runs]
        peaks = [run.stage_peaks[stage] / GIB for run in runs if stage in run.stage_peaks]
        devices = [r.device_peaks[stage] / GIB for r in runs if stage in r.device_peaks]
        stages.append(
            common
            | {
                "stage": stage,
                "seconds": pd.Series(seconds).median(),
                "seconds_min": min(seconds),
                "seconds_max": max(seconds),
                "peak_gib": max(peaks) if peaks else None,
                "device_gib": max(devices) if devices else None,
            }
        )
    return [every, *stages]


def requirement_row(checked: Checked) -> dict[str, Any]:
    """A requirement and what was measured, for JSON and the table."""
    r = checked.requirement
    against = r.against or ""
    return {
        "figure": r.figure,
        "side": r.side,
        "against": against,
        "value": checked.value,
        "low": checked.low,
        "high": checked.high,
        "floor": next((b for b in (r.at_least, r.at_most) if b is not None), None),
        "direction": "at most" if r.at_most is not None else "at least",
        "margin": r.margin,
        "reach": r.reach,
        "verdict": checked.verdict,
        "note": checked.note,
    }


def describe(scenario: str, checked: Checked) -> str:
    """A requirement and its outcome in a line."""
    row = requirement_row(checked)
    against = f" against {row['against']}" if row["against"] else ""
    measured = "not measured" if row["value"] is None else _number(row["value"])
    note = f" ({row['note']})" if row["note"] else ""
    return (
        f"{scenario}: {row['figure']} of {row['side']}{against}: {measured}{note}, "
        f"wanted {_bound(row)}: {row['verdict']}"
    )


def load_results(folder: Path) -> list[dict[str, Any]]:
    """The records of every scenario kept in a folder, by name."""
    return [_read_record(path) for path in sorted(folder.glob("*.json"))]


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Requirement(_Loose):
    figure: str
    side: str
    against: str
    value: float | None
    low: float | None
    high: float | None
    floor: float | None
    direction: str
    margin: float | None
    reach: float | None
    verdict: str
    note: str


class _Environment(_Loose):
    date: str
    commit: str | None
    cores: int | None
    cpu: str | None
    gpu: str
    memory_gib: float | None
    python: str


class _Record(_Loose):
    scenario: str
    question: str
    note: str
    corpus: str
    environment: _Environment
    requirements: list[_Requirement]


def _read_record(path: Path) -> dict[str, Any]:
    mend = "a benchmark has written no such file; move it away, or choose another --out"
    try:
        record: dict[str, Any] = read_json(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: can't be read ({reason}): {mend}.") from None
    check_document(path, record, _Record, mend)
    return record


def render_table(records: Iterable[dict[str, Any]]) -> str:
    """A Markdown table of all requirements, a section a scenario, and where they were measured."""
    lines = [
        TITLE,
        "",
        "Generated by `rapids-rap bench --table` from the records beside this file. Ratios of",
        "one interleaved session each, medians over rounds with their range; above 1 ours is",
        "faster. Absolute seconds are in the CSV files and mean nothing on another machine.",
    ]
    for record in records:
        lines += ["", *_section(record)]
    return "\n".join(lines) + "\n"


def _section(record: dict[str, Any]) -> Sequence[str]:
    e = record["environment"]
    lines = [
        f"## {record['scenario']}",
        "",
        record["question"],
        "",
        "| what | against | measured | range | floor | reach for | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in record["requirements"]:
        note = f" ({row['note']})" if row["note"] else ""
        cells = (
            f"{row['figure']} of {row['side']}",
            row["against"] or "–",
            _number(row["value"]) + note,
            f"{_number(row['low'])} to {_number(row['high'])}",
            _bound(row),
            _number(row["reach"]),
            row["verdict"],
        )
        lines.append(f"| {' | '.join(cells)} |")
    gpu = "" if e["gpu"] == "none" else f", {e['gpu']}"
    lines += [
        "",
        f"{record['corpus']}; {e['date']}, commit {e['commit'] or 'unknown'}, {e['cores']} cores "
        f"of {e['cpu']}{gpu}, {e['memory_gib']} GiB, Python {e['python']}.",
    ]
    if record["note"]:
        lines += ["", record["note"]]
    return lines


def _bound(row: dict[str, Any]) -> str:
    if row["margin"] is not None:
        return f"−{row['margin']:g}"
    return f"{'≤' if row['direction'] == 'at most' else '≥'} {_number(row['floor'])}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
