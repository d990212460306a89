"""Our Triton kernels, compiled and on a GPU: right, and how near to what the card can do."""

from __future__ import annotations

import subprocess

import pytest
import torch

from rapids_rap.kernels import pool_reference, silhouette_reference
from rapids_rap.kernels.pool import cost as pool_cost
from rapids_rap.kernels.pool import pool
from rapids_rap.kernels.silhouette import cost as silhouette_cost
from rapids_rap.kernels.silhouette import silhouette
from tests.parity.checks import at_least, at_most, noted

pytestmark = pytest.mark.gpu

TOLERANCE = {torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def test_pool(compare):
    """Ragged and empty texts of every type land in their rows as the reference has them."""
    compare("kernels", _pool_errors)


def test_silhouette(compare):
    """Noise, duplicates, a lone member and many clusters give the reference's figures."""
    compare("kernels", _silhouette_errors)


def test_speed(compare):
    """Share of the card's copy bandwidth, and of its float32 rate, on a size that fills it."""
    compare("kernels", _speeds)


def _batch(lengths, d, dtype, seed=0):
    generator = torch.Generator(device="cuda").manual_seed(seed)
    borders = torch.nn.functional.pad(torch.cumsum(lengths, 0), (1, 0)).int()
    hidden = torch.randn(int(borders[-1]), d, device="cuda", generator=generator)
    rows = torch.randperm(2 * len(lengths), device="cuda", generator=generator)[: len(lengths)]
    return hidden.to(dtype), borders, rows


def _lengths(texts, longest, seed=0):
    generator = torch.Generator(device="cuda").manual_seed(seed)
    return torch.randint(0, longest + 1, (texts,), device="cuda", generator=generator)


def _pool_errors():
    for dtype, tolerance in TOLERANCE.items():
        worst = 0.0
        for d, pooling in ((63, "mean"), (256, "last"), (1536, "mean"), (3584, "cls")):
            hidden, borders, rows = _batch(_lengths(999, 40), d, dtype)
            found, wanted = (torch.full((2 * 999, d), 7.0, device="cuda") for _ in range(2))
            norms = pool(hidden, borders, rows, found, pooling)
            expected = pool_reference.pool(hidden, borders, rows, wanted, pooling)
            worst = max(worst, float((found - wanted).abs().max()))
            worst = max(worst, float(((norms - expected) / expected.clamp(min=1)).abs().max()))
        yield at_most("kernels", f"pool, largest error, {dtype}", worst, tolerance)


def _silhouette_errors():
    generator = torch.Generator(device="cuda").manual_seed(0)
    for n, d, clusters in ((5000, 2, 40), (3000, 64, 7), (2000, 3, 900)):
        points = torch.randn(n, d, device="cuda", generator=generator)
        points[1::50] = points[0]
        labels = torch.randint(-1, clusters, (n,), device="cuda", generator=generator)
        labels[5] = clusters
        found, wanted = silhouette(points, labels), silhouette_reference.silhouette(points, labels)
        error = torch.where(labels < 0, torch.isnan(found).double() - 1, found - wanted)
        yield at_most(
            "kernels", f"silhouette, largest error, {n} x {d}", float(error.abs().max()), 1e-4
        )


def _speeds():
    copied = _copy_bandwidth()
    yield noted("kernels", "copy bandwidth, GB/s", copied / 1e9)
    hidden, borders, rows = _batch(_lengths(2**17, 16), 1536, torch.bfloat16)
    out = torch.empty(2 * len(rows), 1536, device="cuda")
    ours, plain = (
        _seconds(lambda run=run: run(hidden, borders, rows, out, "mean"))
        for run in (pool, pool_reference.pool)
    )
    _, size = pool_cost(len(hidden), len(rows), 1536, "mean", 2, 4)
    yield at_least("kernels", "pool, share of the copy bandwidth", size / ours / copied, 0.3)
    yield at_least("kernels", "pool, times faster than plain torch", plain / ours, 1)
    points = torch.randn(200_000, 2, device="cuda")
    labels = torch.randint(0, 400, (200_000,), device="cuda")
    flops, _ = silhouette_cost(200_000, 2)
    rate = flops / _seconds(lambda: silhouette(points, labels))
    yield noted("kernels", "silhouette of 200,000 x 2, TFLOP/s", rate / 1e12)
    peak, note = _float32_peak()
    yield at_least("kernels", "silhouette, share of the float32 peak", rate / peak, 0.1, note)


def _float32_peak():
    """Operations a second if every float32 lane finished a multiply-add a clock, and from what."""
    card = torch.cuda.get_device_properties(0)
    capability = (card.major, card.minor)
    lanes = 64 if capability in ((7, 0), (7, 5), (8, 0)) else 128  # of a multiprocessor
    kilohertz = getattr(card, "clock_rate", None) or 1e3 * _largest_clock(card)
    note = f"{card.multi_processor_count} x {lanes} lanes at {kilohertz / 1e3:.0f} MHz, derived"
    return card.multi_processor_count * lanes * 2 * kilohertz * 1e3, note


def _largest_clock(card):
    """Megahertz, from nvidia-smi, for a torch that does not tell."""
    command = ["nvidia-smi", f"--id=GPU-{card.uuid}", "--query-gpu=clocks.max.sm"]
    command += ["--format=csv,noheader,nounits"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _copy_bandwidth():
    """Bytes read and written in a second, of an array far beyond any cache."""
    source = torch.randn(2**29, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.nbytes / _seconds(lambda: target.copy_(source))


def _seconds(call):
    from triton.testing import do_bench

    return do_bench(call, return_mode="median") / 1e3
