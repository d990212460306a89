"""The peak of a stretch of work, not of the process's whole life."""

import subprocess
import sys

import numpy as np
import pytest

from rapids_rap.runs import peak_memory as memory
from rapids_rap.runs.peak_memory import PeakMemory

MIB = 2**20


@pytest.mark.skipif(not memory._RESET.exists(), reason="needs Linux's /proc")
def test_peak_is_of_this_stretch_only():
    """Memory that was freed before does not count; memory that is freed within does."""
    before = np.ones(400 * MIB, dtype=np.uint8)
    base = PeakMemory().bytes()
    del before
    quiet = PeakMemory().bytes()
    assert quiet < base - 300 * MIB
    watch = PeakMemory()
    within = np.ones(200 * MIB, dtype=np.uint8)
    del within
    assert watch.bytes() > quiet + 150 * MIB


@pytest.mark.skipif(not memory._RESET.exists(), reason="needs Linux's /proc")
def test_children_count():
    """A child's resident memory is added to the parent's."""
    alone = PeakMemory().bytes()
    watch = PeakMemory()
    code = "x = bytearray(b'x') * (300 << 20); import time; time.sleep(2)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert watch.bytes() > alone + 200 * MIB


def test_without_proc_there_is_still_a_figure(monkeypatch, tmp_path):
    """Where the kernel offers no reset, the process's peak is reported."""
    monkeypatch.setattr(memory, "_RESET", tmp_path / "none" / "clear_refs")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert PeakMemory().bytes() > 10 * MIB
