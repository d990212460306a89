"""What the kernels' benchmarks share: a GPU or a clear end, times, ceilings, one table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

Timer = Callable[[Callable[[], object]], float]


@dataclass(frozen=True)
class Timing:
    """One shape: seconds of the kernel and of its reference, and what the cost model counts."""

    shape: str
    kernel: float
    reference: float
    flops: int
    moved: int


@dataclass(frozen=True)
class Ceiling:
    """What this GPU can reach: bytes/s of a large copy, measured; float32 FLOP/s by its clock."""

    memory: float
    vector: float


def gpu_or_exit(command: str) -> Ceiling:
    """The ceilings of this machine's GPU; without one, a sentence and exit code 3."""
    if not torch.cuda.is_available():
        print(f"{command} times a kernel on a CUDA GPU, and there is none here.", file=sys.stderr)
        raise SystemExit(3)
    from triton.runtime import driver

    source = torch.ones(2**28, device="cuda")
    target = torch.empty_like(source)
    memory = 2 * source.nbytes / median_seconds(lambda: target.copy_(source))
    device = torch.cuda.current_device()
    facts = driver.active.utils.get_device_properties(device)
    # Float32 lanes of a multiprocessor: 64 on GA100, 128 on GA10x and everything since.
    lanes = 64 if torch.cuda.get_device_capability(device) == (8, 0) else 128
    vector = 2.0 * lanes * facts["multiprocessor_count"] * facts["sm_clock_rate"] * 1e3
    return Ceiling(memory, vector)


def median_seconds(function: Callable[[], object]) -> float:
    """Median of many runs by the GPU's clock, warmed up, its L2 cache emptied before each."""
    from triton.testing import do_bench

    return float(do_bench(function, return_mode="median")) / 1e3


def table(timings: Iterable[Timing], ceiling: Ceiling) -> str:
    """A Markdown table of what was reached, with the GPU it was reached on."""
    lines = [
        f"{torch.cuda.get_device_name()}: copies {ceiling.memory / 1e9:,.0f} GB/s (measured), "
        f"float32 {ceiling.vector / 1e12:.1f} TFLOP/s (by its clock)",
        "",
        "| shape | kernel ms | reference ms | GB/s | of copying | TFLOP/s | of peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for t in timings:
        bandwidth, rate = t.moved / t.kernel, t.flops / t.kernel
        lines.append(
            f"| {t.shape} | {t.kernel * 1e3:.3f} | {t.reference * 1e3:.3f} | "
            f"{bandwidth / 1e9:,.0f} | {bandwidth / ceiling.memory:.0%} | "
            f"{rate / 1e12:.2f} | {rate / ceiling.vector:.0%} |"
        )
    return "\n".join(lines) + "\n"
