"""Which parts can run here, and the certificate that collects what they found."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rapids_rap.backend import load_backend
from rapids_rap.certificate import Certificate, ParityFigure, write_certificate
from rapids_rap.doctor import used_versions
from tests.conftest import LYRICS
from tests.parity.checks import Sample, load_sample

# part: the modules it needs beside torch
PARTS = {
    "kernels": ("triton",),
    "embedding": ("cupy", "triton"),
    "dense": ("cupy", "triton"),
    "neighbors": ("cupy", "faiss"),
    "neighbors (cuvs)": ("cupy", "cuvs"),
    "layout": ("cupy", "cuml", "umap"),
    "clusters": ("cupy", "cuml", "umap", "fast_hdbscan"),
    "tables": ("cupy", "cudf", "rjieba"),
    "memory": ("cupy", "cuml", "faiss"),
    "whole run": ("cupy", "cudf", "cuml", "faiss"),
}


class Findings:
    """What the parts of this session compared."""

    def __init__(self) -> None:
        self.parts = dict.fromkeys(PARTS, "not run: not selected")
        self.figures: list[ParityFigure] = []

    def begin(self, part: str) -> None:
        """Skip the part, and say why, where this machine lacks what it needs."""
        missing = [name for name in PARTS[part] if importlib.util.find_spec(name) is None]
        if missing:
            self.parts[part] = f"not run: {', '.join(missing)} not installed"
            pytest.skip(self.parts[part])
        self.parts[part] = "not run: it broke off"

    def end(self, part: str, figures: Iterable[ParityFigure]) -> None:
        """Record a part's figures, all of them, and fail if one misses its demand."""
        found = list(figures)
        self.figures += found
        self.parts[part] = "ran"
        missed = [f"{f.name} = {f.value:g}, needed {f.needed}" for f in found if f.passed is False]
        assert not missed, f"{part}: {'; '.join(missed)}"


@pytest.fixture(scope="session")
def findings(request: pytest.FixtureRequest) -> Iterable[Findings]:
    """Collects the session's figures; the certificate is written when the session ends."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    collected = Findings()
    yield collected
    used = load_backend("gpu").usage()
    certificate = Certificate(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        device=used.device,
        compute_capability=used.compute_capability,
        driver=used.driver,
        versions=used_versions(),
        parts=collected.parts,
        figures=tuple(collected.figures),
    )
    write_certificate(Path(request.config.getoption("--certificate")), certificate)


@pytest.fixture
def compare(findings: Findings) -> Callable[..., None]:
    """`compare(part, measure)`: run one part's comparison and record it."""

    def run(part: str, measure: Callable[[], Iterable[ParityFigure]]) -> None:
        findings.begin(part)
        findings.end(part, measure())

    return run


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The bundled lyrics as the CPU backend sees them."""
    return load_sample(LYRICS, tmp_path_factory.mktemp("store"))
