"""What several rooms' tests share: the command line in this process, and one finished run."""

import contextlib
import fcntl
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


LONGEST_FIRST = (  # by CPU seconds: 100 to 30
    "tests/test_end_to_end.py",
    "tests/test_nightly_kills.py",
    "tests/lineage/test_identity.py",
    "tests/bench/tasks/test_tasks.py",
    "tests/test_resumed_runs.py",
    "tests/test_linear.py",
    "tests/night/test_nightly.py",
    "tests/annotate/test_naming.py",
    "tests/night/test_unlucky_nights.py",
    "tests/double/test_run.py",
    "tests/test_repeat.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """By itself xdist hands out files by their number of tests, and the longest have few."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of half a minute or more come first, so that workers of a suite end together."""
    place = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def kept_signals() -> Iterator[None]:
    """Within, a command may answer signals in its own way; afterwards all is as before."""
    before = _answers()
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _answers() -> dict[signal.Signals, Any]:
    """How this process answers the signals that commands set."""
    return {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)}


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    """A test that leaves one changed fails, or a later one dies of it with its worker."""
    before = _answers()
    yield
    after = _answers()
    for number, answer in before.items():
        signal.signal(number, answer)
    assert after == before, "this test changes how its process answers signals; use kept_signals"


def rap(*arguments: object, stdout: io.StringIO | None = None) -> Outcome:
    """Run `rapids-rap` with these arguments in this process, as its entry point would."""
    out, err = stdout or io.StringIO(), io.StringIO()
    argv = sys.argv
    sys.argv = ["rapids-rap", *map(str, arguments)]
    try:
        with (
            kept_signals(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
    finally:
        sys.argv = argv
    code = ended.value.code
    return Outcome(code if isinstance(code, int) else 1, out.getvalue(), err.getvalue())


def made_once(
    request: pytest.FixtureRequest,
    factory: pytest.TempPathFactory,
    name: str,
    make: Callable[[Path], None],
) -> Path:
    """A folder of this process' own, filled once by the first of those that share the suite.

    The others wait for it and copy it, so that what one does to its folder no other sees.
    """
    if not hasattr(request.config, "workerinput"):  # xdist's mark of a worker
        make(alone := factory.mktemp(name))
        return alone
    first = factory.getbasetemp().parent / f"{name}-once"  # the workers' folders lie beside it
    with first.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not first.exists():
            making = first.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)  # of a worker that broke off
            making.mkdir()
            make(making)
            making.rename(first)
    own = factory.mktemp(name)
    shutil.copytree(first, own, symlinks=True, dirs_exist_ok=True)
    return own


@pytest.fixture(scope="session")
def sample_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled lyrics through the whole job with the demo model, once a session."""
    return made_once(request, tmp_path_factory, "sample", _make_sample) / "run"


def _make_sample(folder: Path) -> None:
    outcome = rap(
        "run",
        LYRICS,
        "--model",
        "demo",
        "--backend",
        "cpu",
        "--out",
        folder / "run",
        "--set",
        f"input.regions={ROOT / 'examples' / 'regions.csv'}",
        "--set",
        "maps.width=1200",
        "--set",
        "maps.height=900",
    )
    assert outcome.code == 0, outcome.err


@pytest.fixture(scope="session")
def two_nights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `lyrics/` and `root/`, in which two nights were published; for copies only."""
    return made_once(request, tmp_path_factory, "nights", _make_nights)


def _make_nights(folder: Path) -> None:
    with contextlib.chdir(folder):
        for stop in (9, 11):
            write_songs(Path("lyrics"), 0, stop)
            outcome = rap("nightly", *tiny_night())
            assert outcome.code == 0, outcome.err


@pytest.fixture
def nights(two_nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `two_nights` to work in: the current folder; returns `root`."""
    shutil.copytree(two_nights, tmp_path / "nights", symlinks=True)
    monkeypatch.chdir(tmp_path / "nights")
    return Path("root")
