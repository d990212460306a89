"""Tests that the benchmarks run: all of them but the clock, which is a GPU's."""

import time

import pytest
import torch

from rapids_rap.bench.kernels import pool, silhouette, timing


def once(function):
    """Seconds of one run."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@pytest.mark.parametrize(
    ("benchmark", "shape"),
    [
        (pool, pool.PoolCase(texts=5, length=3, d=20)),
        (pool, pool.PoolCase(texts=5, length=3, d=20, pooling="last")),
        (silhouette, silhouette.SilhouetteCase(n=50, d=2, clusters=3)),
    ],
)
def test_a_benchmark_measures_what_it_has_checked(benchmark, shape, monkeypatch):
    """Kernel and reference agree and are both timed; their figures become a line of the table."""
    timed = benchmark.measure(shape, "cpu", once)
    assert min(timed.kernel, timed.reference, timed.flops, timed.moved) > 0
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    page = timing.table([timed], timing.Ceiling(memory=1e12, vector=1e13))
    assert page.splitlines()[0].startswith("a GPU: copies 1,000 GB/s")
    assert page.splitlines()[-1].startswith(f"| {timed.shape} | {timed.kernel * 1e3:.3f} |")


def test_a_wrong_kernel_is_not_timed(monkeypatch):
    """A fast wrong answer is no answer."""
    monkeypatch.setattr(pool, "pool", lambda *arguments: None)
    with pytest.raises(AssertionError):
        pool.measure(pool.PoolCase(texts=5, length=3, d=20), "cpu", once)


@pytest.mark.parametrize("benchmark", [pool, silhouette])
def test_without_a_gpu_a_benchmark_says_so(benchmark, monkeypatch, capsys):
    """One sentence and exit code 3, rather than times of something else."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert ended.value.code == 3
    assert "there is none here" in capsys.readouterr().err
