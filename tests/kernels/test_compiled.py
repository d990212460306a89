"""Tests that every kernel compiles for the GPUs it is meant for, ahead of time and without one.

Compiling needs Triton without its interpreter, hence processes of their own, one for each GPU.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURES = [80, 90, 100]  # A100, H100 and B200
SHARED = 48 * 1024  # bytes a block has on any GPU without asking for more
STARVED = "starved of registers"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """What `compile_all` reports, by GPU and variant."""
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton"))}
    del environment["TRITON_INTERPRET"]
    command = [sys.executable, "-m", "tests.kernels.compile_all"]
    processes = {
        arch: subprocess.Popen(
            [*command, str(arch)],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for arch in ARCHITECTURES
    }
    reports = {}
    for arch, process in processes.items():
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        reports[arch] = {line["variant"]: line for line in map(json.loads, out.splitlines())}
    return reports


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_variant_becomes_machine_code(compiled, arch):
    """Both kernels, each type and each width, as a launch would specialise them."""
    names = set(compiled[arch])
    assert all(line["arch"] == arch and line["cubin"] > 0 for line in compiled[arch].values())
    assert {f"silhouette d={d}" for d in (1, 2, 3, 4, 5, 1024)} <= names
    for pooling in ("mean", "last", "cls"):
        for hidden in ("fp32", "fp16", "bf16"):
            for out in ("fp32", "fp16", "bf16"):
                assert f"pool {pooling} {hidden} to {out}, d=1024" in names


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_registers_and_shared_memory_suffice(compiled, arch):
    """A spilled register is a trip to device memory in the innermost loop; none is spilled."""
    report = dict(compiled[arch])
    assert report.pop(STARVED)["spilled"] > 0
    assert {name: line["spilled"] for name, line in report.items() if line["spilled"]} == {}
    assert max(line["shared"] for line in report.values()) <= SHARED


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_states_are_read_16_bytes_at_a_time(compiled, arch):
    """Pooling moves bytes and does little else: narrow loads would halve what it reaches."""
    report = compiled[arch]
    for d in (384, 1024, 1536, 3584, 8192):
        assert report[f"pool mean bf16 to fp32, d={d}"]["widest_load"] == 16
    assert report["pool mean fp32 to fp32, d=3584"]["widest_load"] == 16
    assert report["pool mean bf16 to fp32, d=1023"]["widest_load"] < 16
