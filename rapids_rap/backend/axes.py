"""Principal axes, where rows lie on them, and layouts that begin there: on either backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.backend.protocol import Array, Pca, UmapSpec
from rapids_rap.backend.rows import project, row_blocks

EXTENT = 10.0  # largest coordinate of a starting layout, as in umap-learn
JITTER = 1e-4  # separates duplicates at the start, as in umap-learn


def principal_axes(
    points: Array, mean: Array, k: int, eigh: Callable[[Array], Any], budget: int | None = None
) -> Pca:
    """See `Backend.pca`: the eigenvectors of the covariance, summed in float64 by blocks of rows.

    points: (n, d); mean: (d,) float64. eigh: eigenvalues, ascending, and eigenvectors, as columns,
    of a symmetric matrix (d, d); the k greatest suffice. budget: bytes of a block.
    Raises ValueError unless 1 <= k <= d and the mean is finite.
    """
    xp = array_namespace(points, mean)
    n, d = (int(size) for size in points.shape)
    if not 1 <= k <= d:
        raise ValueError(f"n_components must lie between 1 and {d}, got {k}")
    if not bool(xp.all(xp.isfinite(mean))):
        raise ValueError("the points hold a value that is not finite")
    covariance = xp.zeros((d, d), dtype=xp.float64, device=device(mean))
    for block in row_blocks(n, 8 * d, budget):
        centered = xp.astype(points[block, :], xp.float64) - mean
        covariance += xp.matrix_transpose(centered) @ centered
    variance, axes = eigh(covariance / max(1, n - 1))
    variance = xp.flip(variance)[:k]
    axes = xp.flip(xp.matrix_transpose(axes), axis=0)[:k, :]
    # An eigenvector's sign is arbitrary; its largest loading is made positive (first of equals).
    largest = xp.argmax(xp.abs(axes), axis=1)[:, None]
    signs = xp.where(xp.take_along_axis(axes, largest, axis=1) < 0.0, -1.0, 1.0)
    return Pca(
        mean=xp.astype(mean, xp.float32),
        components=xp.ascontiguousarray(xp.astype(axes * signs, xp.float32)),
        explained_variance=xp.astype(xp.maximum(variance, 0.0), xp.float32),
    )


def on_axes(points: Array, axes: Pca, dimensions: int) -> Array:
    """(n, dimensions) float32: coordinates of `points` (n, d) on the axes, zeros past the last."""
    xp = array_namespace(points)
    known = min(dimensions, int(axes.components.shape[0]))
    found = xp.astype(project(points, axes.mean, axes.components[:known, :]), xp.float32)
    missing = (int(points.shape[0]), dimensions - known)
    return xp.concat([found, xp.zeros(missing, dtype=xp.float32, device=device(found))], axis=1)


def starting_layout(
    points: Array,
    spec: UmapSpec,
    seed: int | None,
    axes: Pca | None,
    spectral: Callable[[np.random.RandomState], Array] | None = None,
) -> Array | None:
    """Starting coordinates (n, n_components) float32 with a little seeded noise, all by NumPy.

    They reach `EXTENT`, unless the spec gives its own, which have the scale of a finished layout.
    axes: where the spec starts from them. spectral: makes a spectral start, None leaves that to the
    library.
    """
    xp = array_namespace(points)
    random = np.random.RandomState(seed)
    shape = (int(points.shape[0]), spec.n_components)
    if spec.start is None and spec.init == "random":
        return xp.asarray(random.uniform(-EXTENT, EXTENT, shape).astype(np.float32))
    if spec.start is not None:
        coordinates = spec.start
    elif spec.init == "spectral":
        if spectral is None:
            return None
        coordinates = _stretched(spectral(random))
    else:
        assert axes is not None
        coordinates = _stretched(on_axes(points, axes, spec.n_components))
    noise = xp.asarray(random.normal(scale=JITTER, size=shape))
    return xp.astype(coordinates + noise, xp.float32)


def _stretched(coordinates: Array) -> Array:
    xp = array_namespace(coordinates)
    largest = float(xp.max(xp.abs(coordinates)))
    return coordinates * (EXTENT / largest) if largest > 0.0 else coordinates
