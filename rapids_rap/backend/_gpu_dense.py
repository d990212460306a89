"""Dense linear algebra on the GPU: principal axes and the exact silhouette.

The axes come from an eigendecomposition in CuPy rather than cuML's PCA, which centres a float32
copy of all rows: this needs a block of rows instead, takes rows that live in host memory, sums in
float64 as the CPU does, and runs where RAPIDS is not installed.
"""

from __future__ import annotations

from typing import Any

from rapids_rap.backend import axes
from rapids_rap.backend._gpu_memory import GpuMemory
from rapids_rap.backend.lanes import release_cache
from rapids_rap.backend.protocol import Array, Pca
from rapids_rap.backend.rows import row_blocks


def principal_axes(points: Array, n_components: int, xp: Any) -> Pca:
    """`axes.principal_axes` about a mean that is summed by blocks too."""
    n, d = (int(size) for size in points.shape)
    total = xp.zeros((d,), dtype=xp.float64)
    for block in row_blocks(n, 8 * d):
        total += xp.sum(points[block, :], axis=0, dtype=xp.float64)
    return axes.principal_axes(points, total / n, n_components, xp.linalg.eigh)


def euclidean_silhouette(points: Array, labels: Array, memory: GpuMemory) -> Array:
    """See `Backend.silhouette`: the Triton kernel, on torch's views of the arrays."""
    from rapids_rap.kernels.silhouette import silhouette

    cupy = memory.cupy
    rows = cupy.ascontiguousarray(points, dtype=cupy.float32)
    names = cupy.ascontiguousarray(labels, dtype=cupy.int64)
    values = memory.from_torch(silhouette(memory.as_torch(rows), memory.as_torch(names)))
    release_cache()
    return values
