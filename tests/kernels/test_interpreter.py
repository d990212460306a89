"""Tests of how the tests run the kernels, and of the choice between a kernel and its reference."""

import importlib
import sys
from types import SimpleNamespace

import pytest
import torch

from rapids_rap import kernels
from rapids_rap.errors import CapabilityError
from rapids_rap.kernels import launches, uses_triton
from rapids_rap.kernels.pool import pool
from rapids_rap.kernels.silhouette import silhouette
from tests.kernels.interpreter import KERNELS, interpreted

ON_A_GPU = SimpleNamespace(is_cuda=True)
POINTS, LABELS = torch.tensor([[0.0], [1.0], [5.0], [6.0]]), torch.tensor([0, 0, 1, 1])


def test_the_interpreter_holds_whoever_imported_triton_before(monkeypatch):
    """With compiled kernels imported first the interpreter still runs; then they come back."""
    monkeypatch.delenv("TRITON_INTERPRET")
    for name in [name for name in sys.modules if name in KERNELS or name == "triton"]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("triton.") and "._C" not in name]:
        monkeypatch.delitem(sys.modules, name)
    compiled = importlib.import_module(KERNELS[1])
    assert type(compiled.silhouette_kernel).__name__ == "JITFunction"
    before = launches["silhouette"]
    with interpreted():
        values = silhouette(POINTS, LABELS)
    assert launches["silhouette"] == before + 1
    assert float(values[0]) == pytest.approx(4.5 / 5.5)
    assert sys.modules[KERNELS[1]] is compiled


def test_an_address_beyond_a_tensor_fails():
    """What a GPU would overwrite without a word: a row that the matrix does not have."""
    hidden, borders, row = torch.ones(2, 8), torch.tensor([0, 2]).int(), torch.tensor([1])
    pool(hidden, borders, row, torch.zeros(2, 8), "mean")
    with pytest.raises(Exception, match="beyond the kernel's tensors"):
        pool(hidden, borders, row, torch.zeros(1, 8), "mean")


def test_the_reference_runs_on_the_cpu_unless_the_interpreter_is_asked_for(monkeypatch):
    """Nobody who runs on the CPU waits for an interpreter, and no launch is counted."""
    assert uses_triton(POINTS)
    monkeypatch.delenv("TRITON_INTERPRET")
    assert not uses_triton(POINTS)
    before = launches.copy()
    assert float(silhouette(POINTS, LABELS)[0]) == pytest.approx(4.5 / 5.5)
    assert launches == before


def test_a_gpu_without_triton_is_an_error_rather_than_slow(monkeypatch):
    """Data on a GPU is never handed to the reference behind the user's back."""
    monkeypatch.delenv("TRITON_INTERPRET")
    assert uses_triton(ON_A_GPU)
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    with pytest.raises(CapabilityError, match="need Triton"):
        uses_triton(ON_A_GPU)


def test_the_interpreter_is_refused_on_a_gpu():
    """It would copy every tensor to the host and back."""
    with pytest.raises(CapabilityError, match="TRITON_INTERPRET"):
        uses_triton(ON_A_GPU)
