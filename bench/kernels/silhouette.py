"""Time the silhouette kernel over maps of points in clusters.

    python -m rapids_rap.bench.kernels.silhouette

Arithmetic is the roof: look at the share of the float32 peak, of which the kernel can reach 1/2 in
the plane (square roots) and 3/4 in many dimensions (see `cost`). Not run on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from rapids_rap.bench.kernels.timing import Timer, Timing, gpu_or_exit, median_seconds, table
from rapids_rap.kernels import silhouette_reference
from rapids_rap.kernels.silhouette import cost, silhouette


@dataclass(frozen=True)
class SilhouetteCase:
    """n points of d dimensions, a third of them noise, in clusters of about equal size."""

    n: int
    d: int
    clusters: int


SHAPES = (
    SilhouetteCase(10_000, 2, 50),
    SilhouetteCase(60_000, 2, 200),
    SilhouetteCase(60_000, 2, 3000),
    SilhouetteCase(60_000, 10, 200),
    SilhouetteCase(20_000, 1024, 50),
    SilhouetteCase(200_000, 2, 400),
)


def measure(shape: SilhouetteCase, device: str = "cuda", seconds: Timer = median_seconds) -> Timing:
    """Check the kernel against its reference on fresh data, then time both."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(-shape.clusters // 2, shape.clusters, (shape.n,), generator=generator)
    labels = labels.clamp(min=-1)
    points = torch.randn(shape.n, shape.d, generator=generator) + labels[:, None] % 7
    points, labels = points.to(device), labels.to(device)

    values, expected = silhouette(points, labels), silhouette_reference.silhouette(points, labels)
    torch.testing.assert_close(values, expected, atol=1e-5, rtol=0, equal_nan=True)
    flops, moved = cost(int((labels >= 0).sum()), shape.d)
    return Timing(
        f"n={shape.n}, d={shape.d}, {shape.clusters} clusters",
        seconds(lambda: silhouette(points, labels)),
        seconds(lambda: silhouette_reference.silhouette(points, labels)),
        flops,
        moved,
    )


def main() -> None:
    """Print the table."""
    ceiling = gpu_or_exit("rapids_rap.bench.kernels.silhouette")
    print(table(map(measure, SHAPES), ceiling))


if __name__ == "__main__":
    main()
