"""Which parts can run here, and the certificate that collects what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rapids_rap.machine.versions import used_versions
from rapids_rap.runs.certificate import NAMES, Certificate, ParityFigure, write_certificate
from tests.conftest import LYRICS
from tests.gpu.findings import Findings, device_facts
from tests.parity.checks import Sample, load_sample

FOLDER = Path(__file__).parent
COLLECTED = pytest.StashKey[Findings]()
DESELECTED = pytest.StashKey[int]()
NOTHING_RAN = 3


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count tests of this folder that were not wanted: without them a certificate is incomplete."""
    for item in items:
        if FOLDER in item.path.parents:
            item.config.stash[DESELECTED] = item.config.stash.get(DESELECTED, 0) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where a certificate was asked for and nothing ran, exit with 3 and leave no old one."""
    config = session.config
    collected = config.stash.get(COLLECTED, None)
    if not _asked_for(config) or (collected is not None and collected.any_ran):
        return
    for name in NAMES:
        (Path(config.getoption("--certificate")) / name).unlink(missing_ok=True)
    if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = NOTHING_RAN


def _asked_for(config: pytest.Config) -> bool:
    """Whether pytest was given nothing but this folder, and --certificate, to run."""
    given = [
        Path(config.invocation_params.dir, arg.split("::")[0]).resolve() for arg in config.args
    ]
    here = all(path == FOLDER or FOLDER in path.parents for path in given)
    named = any(str(a).startswith("--certificate") for a in config.invocation_params.args)
    return here and named and not config.option.collectonly


@pytest.fixture(scope="session")
def findings(request: pytest.FixtureRequest) -> Iterable[Findings]:
    """Collects the session's figures; the certificate is written when the session ends."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    collected = request.config.stash[COLLECTED] = Findings()
    yield collected
    device, capability, driver = device_facts()
    certificate = Certificate(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        device=device,
        compute_capability=capability,
        driver=driver,
        versions=used_versions(),
        parts=collected.parts | {"every test": _every_test(request.session)},
        figures=tuple(collected.figures),
    )
    write_certificate(Path(request.config.getoption("--certificate")), certificate)


def _every_test(session: pytest.Session) -> str:
    """A state like that of a part: a test may also fail before its comparison begins."""
    deselected = session.config.stash.get(DESELECTED, 0)
    if session.testsfailed or deselected:
        return f"not run: {session.testsfailed} failed, {deselected} deselected"
    return "ran"


@pytest.fixture
def compare(findings: Findings) -> Callable[..., None]:
    """`compare(part, measure)`: run one part's comparison, record it, fail on a missed demand.

    A part whose libraries are missing, or that has an `obstacle`, is skipped.
    """

    def run(part: str, measure: Callable[[], Iterable[ParityFigure]], obstacle: str = "") -> None:
        why = findings.obstacle(part) or obstacle
        if why:
            findings.leave_out(part, why)
            pytest.skip(f"not run: {why}")
        missed = findings.measure(part, measure)
        assert not missed, f"{part}: {'; '.join(missed)}"

    return run


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The bundled lyrics as the CPU backend sees them."""
    return load_sample(LYRICS, tmp_path_factory.mktemp("store"))
