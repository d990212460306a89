"""Runs fuzz cases in a sandbox and holds each to the same: a result, or an error of one sentence.

Within seconds, and nothing written outside the output folder. Where a case is read, every line is
kept or dropped by a rule; where its lines are known, each comes out under its artist.
`python -m tests.fuzzing SEED NUMBER` runs one case again.
"""

import contextlib
import faulthandler
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pandas as pd

from rapids_rap.corpus import alone
from rapids_rap.errors import RapError
from rapids_rap.settings import load_config, render_config
from tests.conftest import ROOT, rap
from tests.fuzz.case import Case
from tests.fuzz.held import hold_to, read_back
from tests.fuzz_cases import make_case

CPU_SECONDS = 5  # of this process: another's load must not fail a case
WALL_SECONDS = 60  # for what waits instead of working: a pipe that nobody writes to
FAILURES = ROOT / "runs" / "fuzz"


@dataclass
class Tally:
    """How cases of one kind ended."""

    read: int = 0
    refused: int = 0
    lines: int = 0
    slowest: float = 0.0


class Hang(BaseException):
    """No `except Exception` may swallow that a case takes too long."""


@dataclass
class Sandbox:
    """A folder several levels down, so that `../../x` has somewhere to land and is seen there."""

    root: Path
    tally: dict[str, Tally] = field(default_factory=dict)

    def run(self, case: Case, number: int) -> None:
        """Run one case; raises AssertionError, `Hang` or whatever the code let through."""
        inner = self.root / "a" / "b" / "c"
        shutil.rmtree(self.root / "a", ignore_errors=True)
        source, out, here = (inner / name for name in ("in", "out", "here"))
        for folder in (source, out, here):
            folder.mkdir(parents=True)
        for name, data in case.files.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_bytes(data)
        if case.toml is not None:
            (inner / "rap.toml").write_bytes(case.toml)
        before = _tree(self.root)
        start = time.process_time()
        with contextlib.chdir(here), watched():
            kept = _ingest(case, source, out / "corpus.parquet", by_command=number % 7 == 0)
        tally = self.tally.setdefault(case.kind, Tally())
        tally.slowest = max(tally.slowest, time.process_time() - start)
        after = _tree(self.root)
        written = {str(path.relative_to(out)) for path in after.keys() - before.keys()}
        assert written <= {"corpus.parquet", "dropped.parquet"}, written
        assert {path: after.get(path) for path in before} == before, "an input was changed"
        if case.truth is not None:
            assert kept is not None, "what can be read was refused"
            hold_to(case.truth, out / "corpus.parquet", out / "dropped.parquet")
            read_back(out / "corpus.parquet", here)
        tally.read += kept is not None
        tally.refused += kept is None
        tally.lines += kept or 0


def _ingest(case: Case, source: Path, out: Path, *, by_command: bool) -> int | None:
    """Lines read, or None where the case was refused."""
    file = source.parent / "rap.toml" if case.toml is not None else None
    paths = json.dumps([str(source)], ensure_ascii=True)
    if by_command and not any("\x00" in s or "\ud800" in s for s in case.settings):
        given = [part for setting in case.settings for part in ("--set", setting)]
        extra = ["--config", file] if file else []
        outcome = rap("ingest", source, "--out", out, *extra, *given)
        assert outcome.code in (0, 2, 3), (outcome.code, outcome.err[-2000:])
        assert "Traceback" not in outcome.err + outcome.out
        assert not set(map(chr, (*range(9), *range(11, 32), 127))) & set(outcome.out + outcome.err)
        if outcome.code:
            assert outcome.err.strip()
            return None
        return len(pd.read_parquet(out))
    try:
        config = load_config(file, (f"input.paths={paths}", *case.settings))
        render_config(config)
        counts, dropped = alone.ingest_only(config, out)
    except RapError as error:
        if not str(error).strip():
            raise AssertionError("an error without a sentence") from error
        return None
    rules = counts.drop(columns=["file", "read", "kept"]).fillna(0).sum(axis=1)
    assert (counts["read"] == counts["kept"] + rules).all(), counts.to_string()
    assert int(rules.iloc[-1]) == len(pd.read_parquet(dropped))
    lines = pd.read_parquet(out)
    kept = int(lines["lines"].sum()) if "lines" in lines else len(lines)
    assert int(counts["kept"].iloc[-1]) == kept
    return int(counts["read"].iloc[-1])


@contextlib.contextmanager
def watched():
    """`Hang` where what is within takes too long, of CPU or of waiting."""

    def stop(number, frame):
        raise Hang(f"took more than {CPU_SECONDS} s of work or {WALL_SECONDS} s of waiting")

    old = [signal.signal(number, stop) for number in (signal.SIGPROF, signal.SIGALRM)]
    faulthandler.dump_traceback_later(3 * WALL_SECONDS, exit=True, file=sys.__stderr__)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), old, strict=True):
            signal.signal(number, handler)


def _tree(root: Path) -> dict[Path, tuple[int, int]]:
    return {
        Path(folder) / name: (
            (Path(folder) / name).lstat().st_size,
            (Path(folder) / name).lstat().st_mtime_ns,
        )
        for folder, _, names in os.walk(root)
        for name in names
    }


def run_cases(seed: int, numbers: range, root: Path) -> dict[str, Tally]:
    """Run them all; the first that fails is written below `FAILURES` and named."""
    box = Sandbox(root)
    for number in numbers:
        case = make_case(seed, number)
        try:
            with mock.patch("os.fsync"):  # durability is asked about elsewhere
                box.run(case, number)
        except (Exception, Hang) as error:
            folder = _keep(case, seed, number)
            raise AssertionError(
                f"case {number} of seed {seed} ({case.kind}): {type(error).__name__}: "
                f"{str(error)[:500]}; its files are in {folder}, and "
                f"`python -m tests.fuzzing {seed} {number}` runs it again"
            ) from error
    return box.tally


def _keep(case: Case, seed: int, number: int) -> Path:
    folder = FAILURES / f"{seed}-{number}"
    for name, data in {**case.files, "rap.toml": case.toml or b""}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "settings.json").write_text(json.dumps(case.settings))
    return folder


def table(tally: dict[str, Tally]) -> str:
    """A row a kind, in Markdown."""
    rows = [
        f"| {kind} | {t.read + t.refused:,} | {t.read:,} | {t.refused:,} | {t.lines:,} | "
        f"{t.slowest:.2f} |"
        for kind, t in sorted(tally.items())
    ]
    head = (
        "| kind | cases | read | refused | lines | slowest, s of CPU |\n|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        first, second = int(sys.argv[1]), int(sys.argv[2])
        until = int(sys.argv[3]) if len(sys.argv) > 3 else second + 1
        print(table(run_cases(first, range(second, until), Path(temporary))))  # noqa: T201
