"""One side of a scenario in a process of its own: timed, its memory watched, its findings kept.

    python -m rapids_rap.bench.measure JOB.json [--prepare]

A side is a function that gets `Inputs`, does in advance what isn't to be timed, and returns the
function that is. Neither sides nor calls share a process or an allocator with another side, so that
cold times are cold and a peak is the side's own.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import HostArray
from rapids_rap.errors import RapError
from rapids_rap.runs.files import write_array, write_bytes, write_json
from rapids_rap.runs.peak_memory import PeakMemory


@dataclass(frozen=True)
class Inputs:
    """What every side of a scenario gets.

    corpus: Parquet with artist, song, text. lines: its rows. shared: what `prepare` left. own: a
    folder of this side's and round's own.
    """

    corpus: Path
    lines: int
    shared: Path
    own: Path


@dataclass(frozen=True)
class SideFindings:
    """What a call found, for the scorer and the tables.

    counts: texts, tokens and the like. stages: seconds and peak_bytes by stage, where the call
    measures them itself. arrays and tables: kept as NPY and CSV.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    stages: Sequence[Mapping[str, Any]] = ()
    arrays: Mapping[str, HostArray] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


Call = Callable[[], SideFindings]


class Stages:
    """Seconds of each stage of a call, in order."""

    def __init__(self) -> None:
        self.stages: list[dict[str, Any]] = []

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what is inside the `with`."""
        start = time.perf_counter()
        yield
        self.stages.append({"stage": stage, "seconds": time.perf_counter() - start})


@dataclass(frozen=True)
class SideJob:
    """What the runner asks of a child: `call` (`module:function`), its inputs, calls when warm."""

    call: str
    corpus: str
    lines: int
    shared: str
    own: str
    warm: int


def resolve(call: str) -> Callable[..., Any]:
    """The function that `module:function` names below `bench.tasks`."""
    module, _, name = call.partition(":")
    function: Callable[..., Any] = getattr(
        importlib.import_module(f"rapids_rap.bench.tasks.{module}"), name
    )
    return function


def run_job(job: SideJob) -> None:
    """Do it; leave arrays, tables and last `record.json` in the job's own folder."""
    inputs = _inputs(job)
    inputs.own.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    call: Call = resolve(job.call)(inputs)
    prepared = time.perf_counter() - start
    peak, cpu = PeakMemory(), time.process_time()
    seconds = []
    for _ in range(1 + job.warm):
        begin = time.perf_counter()
        found = call()
        seconds.append(time.perf_counter() - begin)
    record = {
        "prepared_seconds": prepared,
        "cold": seconds[0],
        "warm": seconds[1:],
        "cpu_seconds": (time.process_time() - cpu) / len(seconds),
        "peak_bytes": peak.bytes(),
        "counts": dict(found.counts),
        "stages": [dict(stage) for stage in found.stages],
    }
    keep(found, inputs.own)
    write_json(inputs.own / "record.json", record)


def keep(found: SideFindings, folder: Path) -> None:
    """Write a side's arrays and tables for the scorer."""
    for name, array in found.arrays.items():
        write_array(folder / f"{name}.npy", np.asarray(array))
    for name, table in found.tables.items():
        write_bytes(folder / f"{name}.csv", table.to_csv(index=False).encode())


def prepare_job(job: SideJob) -> None:
    """Make what the sides share."""
    resolve(job.call)(_inputs(job))


def _inputs(job: SideJob) -> Inputs:
    return Inputs(Path(job.corpus), job.lines, Path(job.shared), Path(job.own))


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the child process; what a user could mend ends it as it ends the command."""
    path, *flags = arguments if arguments is not None else sys.argv[1:]
    job = SideJob(**json.loads(Path(path).read_text(encoding="utf-8")))
    try:
        (prepare_job if flags == ["--prepare"] else run_job)(job)
    except RapError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
