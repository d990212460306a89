"""Vectors without structure: what recurs among them recurs by the method alone."""

from __future__ import annotations

from typing import Literal

import numpy as np

from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import row_blocks, unit_rows

Null = Literal["shuffled", "gaussian"]
NULLS: dict[Null, str] = {
    "shuffled": "shuffled vectors, each column permuted",
    "gaussian": "Gaussian vectors of the same covariance",
}
_COLUMNS = 32  # permuted together, so that a table of some columns is taken and not a number


def null_vectors(kind: Null, vectors: Array, backend: Backend, seed: int) -> Array:
    """(n, d) float32 unit rows like `vectors` (n, d), without their clusters; n > 1.

    Drawn on the host, with a seed that every backend shares; the covariance (d, d) is copied there.
    """
    random = np.random.default_rng([seed, *kind.encode()])
    if kind == "shuffled":
        return _shuffled(vectors, backend, random)
    return _gaussian(vectors, backend, random)


def _shuffled(vectors: Array, backend: Backend, random: np.random.Generator) -> Array:
    xp = backend.xp
    n, d = (int(size) for size in vectors.shape)
    parts = []
    for start in range(0, d, _COLUMNS):
        columns = vectors[:, start : min(d, start + _COLUMNS)]
        width = int(columns.shape[1])
        order = np.stack([random.permutation(n) for _ in range(width)], axis=1)
        parts.append(xp.take_along_axis(columns, backend.from_host(order), axis=0))
    return xp.astype(unit_rows(xp.concat(parts, axis=1)), xp.float32)


def _gaussian(vectors: Array, backend: Backend, random: np.random.Generator) -> Array:
    xp = backend.xp
    n, d = (int(size) for size in vectors.shape)
    mean = xp.mean(vectors, axis=0)
    centred = vectors - mean[None, :]
    covariance = backend.to_host(xp.matrix_transpose(centred) @ centred).astype(np.float64) / n
    values, axes = np.linalg.eigh(covariance)
    spread = backend.from_host(
        (np.sqrt(np.maximum(values, 0.0))[:, None] * axes.T).astype(np.float32)
    )
    parts = []
    for block in row_blocks(n, 16 * d):
        drawn = random.standard_normal((block.stop - block.start, d), dtype=np.float32)
        parts.append(unit_rows(backend.from_host(drawn) @ spread + mean[None, :]))
    return xp.astype(xp.concat(parts), xp.float32)
