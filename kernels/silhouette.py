"""The exact Euclidean silhouette of every point, in memory proportional to the points."""

from __future__ import annotations

import torch

from rapids_rap.kernels import silhouette_reference, uses_triton

MOST_POINTS = 2**31 - 2**16  # positions are int32, with room for the last tile


def silhouette(points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Silhouette (Rousseeuw 1987, J. Comput. Appl. Math. 20) by Euclidean distance, (n,) float32.

    points: (n, d) float32. labels: (n,) int64, any ids; below 0 is noise: NaN, and part of no
    cluster. The only member of a cluster gets 0, as does a point at distance 0 from everything.
    With fewer than two clusters all is NaN. A point that isn't finite makes NaN of every figure it
    enters, and of none that it does not.

    On a GPU squared distances are float32, so that they overflow where coordinates differ by more
    than 1e19. Raises ValueError for other shapes, types or devices and CapabilityError as
    `uses_triton`.
    """
    if points.ndim != 2 or points.dtype != torch.float32 or len(points) > MOST_POINTS:
        raise ValueError(
            f"points must be a float32 matrix of at most {MOST_POINTS} rows, "
            f"got {tuple(points.shape)} {points.dtype}"
        )
    if labels.shape != points.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"labels must be {len(points)} int64, got {tuple(labels.shape)} {labels.dtype}"
        )
    if labels.device != points.device:
        raise ValueError(f"points are on {points.device}, labels on {labels.device}")
    if not uses_triton(points):
        return silhouette_reference.silhouette(points, labels)
    from rapids_rap.kernels.silhouette_triton import silhouette as launch

    return launch(points, labels)


def cost(clustered: int, d: int) -> tuple[int, int]:
    """Floating-point operations and bytes of device memory for `clustered` points with a label.

    A pair takes a subtraction, a multiplication and an addition a dimension, a square root and an
    addition. Each point is read once and each figure written once, with 8 bytes of label and member
    beside it; tiles are read again from the caches, d / 32 values for d * 3 + 2 operations.

    What a GPU can reach is less than its peak, which counts a fused multiply-add as two: the
    subtraction can't be fused, so 3/4 of the peak for large d. For d = 2 the roof is the square
    root, 16 a clock and multiprocessor where there are 128 float32 lanes: 1/2 of the peak.
    """
    return clustered**2 * (3 * d + 2), clustered * (4 * d + 12)
