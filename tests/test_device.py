"""Which backend runs, and why; what memory is planned."""

import pytest

from rapids_rap import device
from rapids_rap.errors import CapabilityError


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(device, "describe_gpu", lambda: "")


def test_auto_says_why_it_runs_on_the_cpu(no_gpu):
    """`auto` without a GPU is the CPU, with a reason an administrator can act on."""
    resolution = device.resolve("auto")
    assert resolution.backend == "cpu"
    assert "driver" in resolution.reason


@pytest.mark.parametrize(("wanted", "require"), [("gpu", False), ("auto", True), ("cpu", True)])
def test_a_gpu_that_was_demanded_is_never_replaced(no_gpu, wanted, require):
    """Asking for a GPU where there is none is exit code 3, never a silent CPU run."""
    with pytest.raises(CapabilityError, match="driver") as caught:
        device.resolve(wanted, require_gpu=require)
    assert caught.value.exit_code == 3


def test_a_gpu_without_rapids_is_named(monkeypatch):
    """A card that is there but can't be used is named together with what is missing."""
    monkeypatch.setattr(device, "describe_gpu", lambda: "NVIDIA H100, 81559 MiB, 580.65")
    resolution = device.resolve("auto")
    assert resolution.backend == "cpu"
    assert "H100" in resolution.reason


def test_broken_nvidia_smi_is_no_gpu(monkeypatch, tmp_path):
    """A driver tool that fails is treated as no GPU, not as a crash."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device.describe_gpu() == ""


def test_memory_plan_grows_with_lines_and_is_compared_with_what_is_free():
    """Ten times the lines plan at least five times the memory beyond the base, and may not fit."""
    small = device.plan_memory(60_000, 1536, 30, 8, free=4 * 2**30)
    large = device.plan_memory(600_000, 1536, 30, 8, free=4 * 2**30)
    assert small.fits
    assert not large.fits
    assert large.peak - device.BASE > 5 * (small.peak - device.BASE)
