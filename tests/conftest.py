"""What several rooms' tests share: the command line in this process, and one finished run."""

import contextlib
import io
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from rapids_rap import cli
from tests.tiny_nights import tiny_night, write_songs

# The same examples on every machine and night: a suite that must pass before work is published
# can't fail by a new draw. `HYPOTHESIS_PROFILE=search` draws new ones.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

ROOT = Path(__file__).parents[1]
LYRICS = ROOT / "examples" / "lyrics"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where `make test-gpu` leaves the parity certificate."""
    parser.addoption("--certificate", default="runs/parity", help="folder of the GPU certificate")


LONGEST_FIRST = (
    "test_nightly_kills.py",
    "test_fuzz_folders.py",
    "test_runner.py",
    "test_command.py",
    "test_end_to_end.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of a minute or more come first, so that processes sharing the suite end together."""
    items.sort(key=lambda item: item.path.name not in LONGEST_FIRST)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


def rap(*arguments: object, stdout: io.StringIO | None = None) -> Outcome:
    """Run `rapids-rap` with these arguments in this process, as its entry point would."""
    out, err = stdout or io.StringIO(), io.StringIO()
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)}
    argv = sys.argv
    sys.argv = ["rapids-rap", *map(str, arguments)]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
    finally:
        sys.argv = argv
        for number, handler in handlers.items():
            signal.signal(number, handler)
    code = ended.value.code
    return Outcome(code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled lyrics through the whole job with the demo model, once a session."""
    folder = tmp_path_factory.mktemp("sample") / "run"
    outcome = rap(
        "run",
        LYRICS,
        "--model",
        "demo",
        "--backend",
        "cpu",
        "--out",
        folder,
        "--set",
        f"input.regions={ROOT / 'examples' / 'regions.csv'}",
        "--set",
        "maps.width=1200",
        "--set",
        "maps.height=900",
    )
    assert outcome.code == 0, outcome.err
    return folder


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `lyrics/` and `root/`, in which two nights were published; for copies only."""
    folder = tmp_path_factory.mktemp("nights")
    with contextlib.chdir(folder):
        for stop in (9, 11):
            write_songs(Path("lyrics"), 0, stop)
            outcome = rap("nightly", *tiny_night())
            assert outcome.code == 0, outcome.err
    return folder


@pytest.fixture
def nights(two_nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `two_nights` to work in: the current folder; returns `root`."""
    shutil.copytree(two_nights, tmp_path / "nights", symlinks=True)
    monkeypatch.chdir(tmp_path / "nights")
    return Path("root")
