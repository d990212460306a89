"""Runs a scenario: every side in turn (A B A B), each time in a process of its own.

The machine's speed drifts, so a ratio is taken round by round, and its median is what is quoted.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rapids_rap.bench import corpora, synthetic
from rapids_rap.bench.extras import require_extra
from rapids_rap.bench.measure import Inputs, SideJob, resolve
from rapids_rap.bench.scenario import Scenario, SideSpec
from rapids_rap.errors import CapabilityError, InputError, RapError
from rapids_rap.runs.files import write_json

log = logging.getLogger(__name__)
Say = Callable[[str], None]


class BenchError(RapError):
    """A side of a benchmark broke off. Exit code 1."""


@dataclass(frozen=True)
class SideRun:
    """One side in one round.

    seconds: as the scenario measures. stages: seconds by name; stage_peaks, device_peaks: bytes of
    main and of device memory by stage, where the side tells.
    """

    side: str
    round: int
    seconds: float
    process_seconds: float
    cold: float
    warm: tuple[float, ...]
    cpu_seconds: float
    peak_bytes: int
    lines: int
    counts: dict[str, int]
    stages: dict[str, float]
    stage_peaks: dict[str, int]
    device_peaks: dict[str, int]


@dataclass(frozen=True)
class Session:
    """Everything a scenario's run gave: a row a side and round, and the scorer's figures."""

    scenario: Scenario
    corpus: str
    runs: tuple[SideRun, ...]
    figures: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def of(self, side: str) -> list[SideRun]:
        """The side's runs by round."""
        return [run for run in self.runs if run.side == side]

    def median(self, side: str, value: Callable[[SideRun], float]) -> float:
        """Of a side's rounds."""
        return statistics.median(value(run) for run in self.of(side))

    def ratios(self, above: str, below: str, value: Callable[[SideRun], float]) -> list[float]:
        """`value` of one side / that of another, round by round."""
        pairs = zip(self.of(above), self.of(below), strict=True)
        return [value(a) / value(b) for a, b in pairs if value(b)]


def run_scenario(
    scenario: Scenario, *, lyrics: Path | None, rounds: int | None, work: Path | None, say: Say
) -> Session:
    """Measure and score. `say` gets a line when a side begins and ends.

    lyrics: a file of lyrics for scenarios on them; work: where to keep what the sides found (else
    a temporary folder). Raises `CapabilityError` for libraries that are not there, `BenchError`
    for a side that fails, with the end of what it printed.
    """
    require_extra(scenario.needs, f"the scenario {scenario.name}")
    with tempfile.TemporaryDirectory(prefix="rapids-rap-bench-") as temporary:
        folder = work or Path(temporary)
        shared = folder / "shared"
        shared.mkdir(parents=True, exist_ok=True)
        name, corpus_of = _corpora(scenario, lyrics, shared)
        corpora_of_sides = {
            side: corpus_of(spec.lines if spec.lines is not None else scenario.corpus.lines)
            for side, spec in scenario.sides.items()
        }
        first = next(iter(corpora_of_sides.values()))
        if scenario.prepare:
            say(f"{scenario.name}: preparing")
            _child(
                SideJob(scenario.prepare, str(first), _rows(first), str(shared), str(shared), 0),
                prepare=True,
            )
        runs = []
        count = rounds or scenario.rounds
        for number in range(count):
            for side, spec in scenario.sides.items():
                say(f"{scenario.name}: round {number + 1} of {count}, {side}")
                runs.append(_run_side(scenario, side, spec, number, corpora_of_sides[side], folder))
                say(f"{scenario.name}: {side} took {runs[-1].seconds:.2f} s")
        figures = {}
        if scenario.score:
            say(f"{scenario.name}: scoring")
            found = {side: folder / _place(side) for side in scenario.sides}
            inputs = Inputs(first, _rows(first), shared, folder)
            figures = resolve(scenario.score)(inputs, found)
        return Session(scenario, name, tuple(runs), figures)


def _place(side: str) -> str:
    return side.replace(" ", "-").replace(",", "")


def _run_side(
    scenario: Scenario, side: str, spec: SideSpec, number: int, corpus: Path, folder: Path
) -> SideRun:
    """One side once; what it finds replaces what it found in the round before."""
    own = folder / _place(side)
    job = SideJob(
        spec.call, str(corpus), _rows(corpus), str(folder / "shared"), str(own), scenario.warm
    )
    process, peak = _child(job)
    record: dict[str, Any] = json.loads((own / "record.json").read_text(encoding="utf-8"))
    warm = tuple(record["warm"])
    seconds = {
        "process": process,
        "cold": record["cold"],
        "warm": statistics.median(warm) if warm else record["cold"],
    }[scenario.measure]
    return SideRun(
        side=side,
        round=number,
        seconds=seconds,
        process_seconds=process,
        cold=record["cold"],
        warm=warm,
        cpu_seconds=record["cpu_seconds"],
        peak_bytes=_peak(scenario, peak, record),
        lines=record["counts"].get("lines", record["counts"].get("texts", job.lines)),
        counts=record["counts"],
        stages={stage["stage"]: stage["seconds"] for stage in record["stages"]},
        stage_peaks={s["stage"]: s["peak_bytes"] for s in record["stages"] if "peak_bytes" in s},
        device_peaks={
            s["stage"]: s["device_bytes"] for s in record["stages"] if s.get("device_bytes")
        },
    )


def _peak(scenario: Scenario, process: int, record: dict[str, Any]) -> int:
    """Of a whole process, or of its calls alone.

    Watching a stage's peak resets the kernel's mark, so the process' own is the last stage's.
    """
    if scenario.measure != "process":
        return int(record["peak_bytes"])
    return max(process, *(int(stage.get("peak_bytes", 0)) for stage in record["stages"]), 0)


def _child(job: SideJob, *, prepare: bool = False) -> tuple[float, int]:
    """Run a job in a process of its own; its seconds from outside and its largest resident size."""
    own = Path(job.own)
    own.mkdir(parents=True, exist_ok=True)
    path, output = own / "job.json", own / "output.txt"
    write_json(path, asdict(job))
    entry = ["-m", "rapids_rap.bench.measure", str(path), *(["--prepare"] if prepare else [])]
    # Sides that start many threads would else spin on each other's cores while they wait.
    environment = {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ
    start = time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *entry], stdout=file, stderr=subprocess.STDOUT, env=environment
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
        reason = "\n".join(tail)
        error = CapabilityError if process.returncode == 3 else BenchError
        raise error(f"{job.call} ended with exit code {process.returncode}:\n{reason}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _rows(corpus: Path) -> int:
    return int(pq.ParquetFile(corpus).metadata.num_rows)


def _corpora(
    scenario: Scenario, lyrics: Path | None, shared: Path
) -> tuple[str, Callable[[int], Path]]:
    """The corpus' name, and a function from a number of lines (0: all) to its Parquet file."""
    source = scenario.corpus.source
    if source == "verse":
        return "verse", lambda lines: corpora.cached_corpus(lines or None)
    if source == "synthetic":
        return "synthetic", lambda lines: _synthetic(lines, shared)
    name = "lyrics given by --lyrics" if lyrics else "the bundled sample lyrics"
    return name, lambda lines: _lyrics(lyrics, lines, shared)


def _synthetic(lines: int, shared: Path) -> Path:
    path = shared / f"synthetic-{lines}.parquet"
    if not path.exists():
        synthetic.write_corpus(path, lines or 1_000_000)
    return path


def _samples() -> Path:
    folder = Path(__file__).resolve().parent.parent / "examples" / "lyrics"
    if not folder.exists():
        raise InputError(
            "The sample lyrics are not part of an installation: name a file of lyrics "
            "with --lyrics."
        )
    return folder


def _lyrics(lyrics: Path | None, lines: int, shared: Path) -> Path:
    """The normalised lines of a file of lyrics as our own reader cleans it."""
    from rapids_rap.config import CorpusConfig, InputConfig
    from rapids_rap.corpus.ingest import ingest

    path = shared / f"lyrics-{lines}.parquet"
    if not path.exists():
        read = ingest([lyrics or _samples()], InputConfig(limit=lines), CorpusConfig()).lines
        columns = {name: read[name] for name in ("artist", "song")} | {"text": read["text_norm"]}
        table = {
            name: pa.array(cells.astype(object).where(cells.notna(), None), pa.string())
            for name, cells in columns.items()
        }
        corpora.write_whole(pa.table(table), path)
    return path
