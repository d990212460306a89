"""Dense linear algebra on the GPU: principal axes and the exact silhouette.

The axes come from an eigendecomposition in CuPy rather than cuML's PCA, which centres a float32
copy of all rows: this needs a block of rows instead, takes rows that live in host memory, sums in
float64 as the CPU does, and runs where RAPIDS is not installed.
"""

from __future__ import annotations

from typing import Any

from rapids_rap.backend._gpu_memory import GpuMemory
from rapids_rap.backend.lanes import release_cache
from rapids_rap.backend.protocol import Array, Pca
from rapids_rap.backend.rows import row_blocks


def principal_axes(points: Array, n_components: int, xp: Any) -> Pca:
    """See `Backend.pca`: the eigenvectors of the covariance, summed in float64 by blocks of rows.

    Raises ValueError unless 1 <= n_components <= d.
    """
    n, d = (int(size) for size in points.shape)
    if not 1 <= n_components <= d:
        raise ValueError(f"n_components must lie between 1 and {d}, got {n_components}")
    blocks = list(row_blocks(n, 8 * d))
    total = xp.zeros((d,), dtype=xp.float64)
    for block in blocks:
        total += xp.sum(points[block, :], axis=0, dtype=xp.float64)
    mean = total / n
    if not bool(xp.all(xp.isfinite(mean))):
        raise ValueError("the points hold a value that is not finite")
    covariance = xp.zeros((d, d), dtype=xp.float64)
    for block in blocks:
        centered = xp.astype(points[block, :], xp.float64) - mean
        covariance += xp.matrix_transpose(centered) @ centered
    variance, axes = xp.linalg.eigh(covariance / max(1, n - 1))
    variance = xp.flip(variance)[:n_components]
    axes = xp.flip(xp.matrix_transpose(axes), axis=0)[:n_components, :]
    # An eigenvector's sign is arbitrary; its largest loading is made positive (first of equals).
    largest = xp.argmax(xp.abs(axes), axis=1)[:, None]
    signs = xp.where(xp.take_along_axis(axes, largest, axis=1) < 0.0, -1.0, 1.0)
    return Pca(
        mean=xp.astype(mean, xp.float32),
        components=xp.ascontiguousarray(xp.astype(axes * signs, xp.float32)),
        explained_variance=xp.astype(xp.clip(variance, 0.0, None), xp.float32),
    )


def euclidean_silhouette(points: Array, labels: Array, memory: GpuMemory) -> Array:
    """See `Backend.silhouette`: the Triton kernel, on torch's views of the arrays."""
    from rapids_rap.kernels.silhouette import silhouette

    cupy = memory.cupy
    rows = cupy.ascontiguousarray(points, dtype=cupy.float32)
    names = cupy.ascontiguousarray(labels, dtype=cupy.int64)
    values = memory.from_torch(silhouette(memory.as_torch(rows), memory.as_torch(names)))
    release_cache()
    return values
