"""Whole runs: against the CPU on the same clusters, twice with one seed, resumed, and asked."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from rapids_rap.runs.certificate import ParityFigure
from tests.conftest import LYRICS, ROOT
from tests.parity.checks import at_least, at_most, rows_that_differ

PART = "whole run"
REAL = (sys.executable, "-c", "from rapids_rap.cli import main; main()")
CHEAP = ("retrieval", "terms", "theme_terms", "lexicon", "follows", "quality")
"""Stages after the clusters, which the CPU computes anew."""
FIGURE, PIXELS, CELLS, ASSIGNED = 1e-3, 1e-3, 1e-4, 0.9


def whole_runs(
    folder: Path,
    run: Sequence[str] = REAL,
    where: str = "cuda",
    more: Sequence[str] = ("--set", "embedding.dtype=bfloat16"),
) -> Iterator[ParityFigure]:
    """Figures of four runs under `folder`, and of two of `assign`.

    run: the command that runs rapids-rap on the backend; where: its torch device; more: arguments,
    which must name the encoder's dtype, for it is another on the CPU.
    """
    made = folder / "made"
    job = ("run", str(LYRICS), "--model", "demo", "--backend", "gpu", *more)
    _command([*run, *job, "--out", str(made)])
    yield from _resumed(made, [*run, *job])
    _command([*run, *job, "--out", str(folder / "twice")])
    yield from _twice(made, folder / "twice")
    shutil.copytree(made, folder / "cpu")
    for stage in CHEAP:
        shutil.rmtree(folder / "cpu" / ".stages" / stage)
    again = [sys.executable, "-m", "tests.parity.again", where]
    _command([*again, *job, "--out", str(folder / "cpu")])
    stages = _json(folder / "cpu" / "manifest.json")["stages"]
    anew = [s["name"] for s in stages if s["name"] in CHEAP and not s["cached"]]
    yield at_least(PART, "stages that the CPU computed anew", len(anew), len(CHEAP))
    yield from against_the_cpu(made, folder / "cpu")
    yield from _assigned(made, folder, run)


def against_the_cpu(ours: Path, cpus: Path) -> Iterator[ParityFigure]:
    """Figures, tables and pictures of two run folders of the same clusters."""
    found, expected = (dict(_numbers(_json(path / "quality.json"))) for path in (ours, cpus))
    names = sorted({name.partition(".")[0] for name in found | expected})
    for name in names:
        keys = [key for key in found | expected if key.partition(".")[0] == name]
        worst = max(_apart(found.get(key, math.inf), expected.get(key, math.inf)) for key in keys)
        yield at_most(PART, f"figures of {name}, largest difference from the CPU's", worst, FIGURE)
    for table in sorted(path.name for path in cpus.glob("*.csv")):
        both = [pd.read_csv(path / table, keep_default_na=False) for path in (ours, cpus)]
        differing = float(rows_that_differ(*both, rtol=CELLS))
        yield at_most(PART, f"rows of {table} that differ from the CPU's", differing, 0)
    for picture in sorted(path.name for path in (cpus / "maps").glob("*.png")):
        share = pixels_that_differ(ours / "maps" / picture, cpus / "maps" / picture)
        yield at_most(PART, f"pixels of {picture} that differ from the CPU's", share, PIXELS)


def pixels_that_differ(ours: Path, theirs: Path) -> float:
    """The share of pixels of another colour; 1 where a picture is missing or of another size."""
    if not ours.exists():
        return 1.0
    a, b = (np.asarray(Image.open(path).convert("RGB")) for path in (ours, theirs))
    return float((a != b).any(axis=2).mean()) if a.shape == b.shape else 1.0


def _twice(one: Path, other: Path) -> Iterator[ParityFigure]:
    """The same lyrics, seed and machine, embedded anew."""
    vectors = [np.load(path / "vectors" / "vectors.npy") for path in (one, other)]
    wrong = float((vectors[0] != vectors[1]).any(axis=1).sum())
    yield at_most(PART, "the same seed twice: vectors that differ", wrong, 0)
    lines = [pd.read_parquet(path / "lines.parquet") for path in (one, other)]
    differing = float(rows_that_differ(*lines, rtol=0.0))
    yield at_most(PART, "the same seed twice: lines that differ", differing, 0)


def _resumed(made: Path, job: Sequence[str]) -> Iterator[ParityFigure]:
    """Run into the folder again after a stage was lost: the others are kept, the files the same."""
    before = (made / "lines.parquet").read_bytes()
    shutil.rmtree(made / ".stages" / "terms")
    _command([*job, "--out", str(made)])
    stages = {s["name"]: s["cached"] for s in _json(made / "manifest.json")["stages"]}
    kept = [name for name in ("embedding", "neighbors", "layout", "votes") if stages.get(name)]
    yield at_least(PART, "stages kept of a run that goes on", len(kept), 4, ", ".join(kept))
    changed = float((made / "lines.parquet").read_bytes() != before)
    yield at_most(PART, "lines that differ when a run goes on", changed, 0)


def _assigned(made: Path, folder: Path, run: Sequence[str]) -> Iterator[ParityFigure]:
    """New lines placed by the backend and by the CPU, each with an encoder of its own."""
    new = str(ROOT / "examples" / "heldout.txt")
    found = []
    for name, command in (("gpu", run), ("cpu", REAL)):
        out = folder / f"{name}.parquet"
        _command([*command, "assign", str(made), new, "--backend", name, "--out", str(out)])
        found.append(pd.read_parquet(out))
    same = float((found[0]["cluster"] == found[1]["cluster"]).mean())
    yield at_least(PART, "new lines assigned as on the CPU", same, ASSIGNED)
    near = float((found[0]["nearest_text"] == found[1]["nearest_text"]).mean())
    yield at_least(PART, "new lines whose nearest text is the CPU's", near, ASSIGNED)


def _command(command: Sequence[str]) -> None:
    ended = subprocess.run(list(command), cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _numbers(value: Any, at: str = "") -> Iterator[tuple[str, float | None]]:
    """Every number of a JSON document by its path; null is None."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _numbers(part, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _numbers(part, f"{at}[{place}]")
    elif value is None or isinstance(value, int | float):
        yield at, None if value is None else float(value)


def _apart(ours: float | None, theirs: float | None) -> float:
    """Relative above 1; infinite where only one is there or null, and 0 where both are null."""
    if ours is None or theirs is None:
        return 0.0 if ours is theirs is None else math.inf
    return abs(ours - theirs) / max(1.0, abs(theirs))
