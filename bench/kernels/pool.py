"""Time the pooling kernel over batches of texts as the encoder makes them.

    python -m rapids_rap.bench.kernels.pool

Bandwidth is the roof: look at the share of copying. Not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from rapids_rap.bench.kernels.timing import Timer, Timing, gpu_or_exit, median_seconds, table
from rapids_rap.kernels import pool_reference
from rapids_rap.kernels.pool import cost, pool


@dataclass(frozen=True)
class PoolCase:
    """A batch: texts of about `length` tokens, d bfloat16 values each, written as float32."""

    texts: int
    length: int
    d: int
    pooling: Literal["mean", "last", "cls"] = "mean"


SHAPES = (
    PoolCase(4096, 8, 384),
    PoolCase(4096, 8, 1024),
    PoolCase(4096, 8, 1536),
    PoolCase(4096, 8, 1536, "last"),
    PoolCase(4096, 8, 3584),
    PoolCase(1024, 32, 1536),
    PoolCase(64, 512, 1536),
    PoolCase(4096, 8, 1023),
)


def measure(shape: PoolCase, device: str = "cuda", seconds: Timer = median_seconds) -> Timing:
    """Check the kernel against its reference on fresh data, then time both."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 2 * shape.length, (shape.texts,), generator=generator)
    borders = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).int().to(device)
    rows = torch.randperm(2 * shape.texts, generator=generator)[: shape.texts].to(device)
    tokens = int(lengths.sum())
    hidden = torch.randn(tokens, shape.d, generator=generator).bfloat16().to(device)
    out, expected = (torch.zeros(2 * shape.texts, shape.d, device=device) for _ in range(2))

    pool(hidden, borders, rows, out, shape.pooling)
    pool_reference.pool(hidden, borders, rows, expected, shape.pooling)
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=1e-5)
    flops, moved = cost(tokens, shape.texts, shape.d, shape.pooling, 2, 4)
    return Timing(
        f"{shape.texts} x {shape.length} tokens, d={shape.d}, {shape.pooling}",
        seconds(lambda: pool(hidden, borders, rows, out, shape.pooling)),
        seconds(lambda: pool_reference.pool(hidden, borders, rows, out, shape.pooling)),
        flops,
        moved,
    )


def main() -> None:
    """Print the table."""
    ceiling = gpu_or_exit("rapids_rap.bench.kernels.pool")
    print(table(map(measure, SHAPES), ceiling))


if __name__ == "__main__":
    main()
