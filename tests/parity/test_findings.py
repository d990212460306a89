"""What stands in a certificate about parts that broke off, were left out, or never began."""

import os
import subprocess
import sys

import pytest
import torch

from rapids_rap.errors import CapabilityError
from rapids_rap.runs.certificate import NAMES, Certificate
from tests.conftest import ROOT
from tests.gpu import findings as module
from tests.gpu.findings import BROKEN, Findings, device_facts
from tests.parity.checks import at_least, at_most

NEEDS = {"one": (), "two": ("something",)}


@pytest.fixture
def findings():
    return Findings(NEEDS, installed=lambda name: False)


def good():
    yield at_least("one", "a figure", 1.0, 1)


def broken():
    yield at_least("one", "a first figure", 1.0, 1)
    raise RuntimeError("it broke")


def verdict(findings):
    return Certificate(
        created="",
        device="",
        compute_capability="",
        driver="",
        versions={},
        parts={"one": findings.parts["one"]},
        figures=tuple(findings.figures),
    ).verdict


def test_a_part_that_ran(findings):
    """All its tests ended, and no demand was missed."""
    assert findings.measure("one", good) == []
    assert findings.measure("one", good) == []
    assert findings.parts["one"] == "ran"
    assert verdict(findings) == "passed"


@pytest.mark.parametrize("order", [(broken, good), (good, broken), (good, broken, good)])
def test_a_part_that_broke_off_stays_broken(findings, order):
    """Whatever other tests of the part do; the figures found until then are kept."""
    for measure in order:
        if measure is broken:
            with pytest.raises(RuntimeError):
                findings.measure("one", measure)
        else:
            findings.measure("one", measure)
    assert findings.parts["one"] == BROKEN
    assert verdict(findings) == "incomplete"
    assert len(findings.figures) == len(order)


def test_every_missed_demand_is_told(findings):
    """The figures after a missed one are recorded too."""
    figures = [at_most("one", "errors", 3, 0), at_least("one", "recall", 0.5, 0.95)]
    missed = findings.measure("one", lambda: figures)
    assert missed == ["errors = 3, needed <= 0", "recall = 0.5, needed >= 0.95"]
    assert verdict(findings) == "failed"


def test_parts_that_never_began(findings):
    """A missing library is named; a test left out is not made good by another."""
    assert findings.obstacle("one") == ""
    assert findings.obstacle("two") == "something not installed"
    assert findings.parts == dict.fromkeys(NEEDS, "not run: not selected")
    assert not findings.any_ran
    findings.leave_out("one", "an old card")
    findings.measure("one", good)
    assert findings.parts["one"] == "not run: an old card"
    assert verdict(findings) == "incomplete"


def test_a_machine_without_the_libraries_collects_every_part():
    """Torch, Triton and CuPy suffice for what needs no more; a missing library stops no other."""
    code = (
        "import sys; "
        "lacking = ('numba', 'pypinyin', 'datashader', 'umap', 'fast_hdbscan', 'faiss'); "
        "sys.modules.update(dict.fromkeys(lacking)); "
        "import tests.gpu.conftest, tests.gpu.test_kernels, tests.gpu.test_memory; "
        "import tests.gpu.test_parity"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_device_is_known_without_cupy(monkeypatch):
    """Torch and Triton alone suffice for a certificate."""

    def refuse(name):
        raise CapabilityError("no CuPy")

    monkeypatch.setattr(module, "load_backend", refuse)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    monkeypatch.setattr(torch._C, "_cuda_getDriverVersion", lambda: 13010, raising=False)
    assert device_facts() == ("a card", "9.0", "CUDA 13.1")


@pytest.mark.parametrize(
    ("more", "code", "kept"),
    [
        ((), 3, False),
        pytest.param(("--collect-only",), 0, True, marks=pytest.mark.slow),
        pytest.param(("tests/runs/test_certificate.py",), 0, True, marks=pytest.mark.slow),
    ],
    ids=["this folder", "only listed", "among others"],
)
def test_without_a_gpu_no_old_certificate_stays(tmp_path, more, code, kept):
    """Skipping everything is no success where a certificate was asked for."""
    old = [tmp_path / name for name in NAMES]
    for path in old:
        path.write_text("old")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["tests/gpu/test_memory.py", "--certificate", str(tmp_path), *more]
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=hidden
    )
    assert ended.returncode == code, ended.stdout
    assert [path.exists() for path in old] == [kept] * 2
