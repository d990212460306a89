"""Centring, whitening and removal of top components, fitted without labels on distinct texts.

Vectors of language models lie in a narrow cone: a few directions are shared by all texts and drown
the rest in every cosine. `center` takes the common mean away; `remove` the first principal axes
too, by default a hundredth of the dimensions (Mu & Viswanath 2018, arXiv:1702.01417); `whiten`
gives every principal axis the same variance instead (Su et al. 2021, arXiv:2103.15316). Whitening
helps similarity and retrieval and can hurt other uses (arXiv:2407.12886), so these are options and
their parameters are returned.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from array_api_compat import array_namespace, device

from rapids_rap.backend.protocol import DEFAULT_SIZES, Array, Backend, Sizes
from rapids_rap.backend.rows import row_blocks

log = logging.getLogger(__name__)

Mode = Literal["none", "center", "remove", "whiten"]
VERSION = 2  # raise it when the same mode gives other vectors: it is part of the stages' keys
# Axes with less than this share of the mean variance are noise: they are scaled as if they had it.
FLOOR = 1e-4
# The mean cosine of two texts above which an encoder is said to have a common direction: between
# the 0.87 of one that has and the 0.37 to 0.57 of one that hardly has (docs/models.md).
COMMON_DIRECTION = 0.7


@dataclass(frozen=True)
class Transform:
    """Fitted parameters. mean: (d,); axes: (k, d), the rows of "whiten" divided by their deviation.

    mode "none": both arrays are empty; "center": `axes` is. float32, in the backend's memory.
    """

    mode: Mode
    mean: Array
    axes: Array


@dataclass(frozen=True)
class Postprocessed:
    """matrix: (n, k) float32, rows of length 1; `transform` does the same to query vectors.

    mean_cosine: of two of the texts before any of it, see `mean_cosine`.
    """

    matrix: Array
    transform: Transform
    mean_cosine: float | None


def postprocess(
    matrix: Array,
    mode: Mode,
    backend: Backend,
    *,
    whiten_dims: int = 0,
    remove_dims: int = 0,
    seed: int | None = 42,
    sizes: Sizes = DEFAULT_SIZES,
) -> Postprocessed:
    """Fit on the vectors of distinct texts (n, d), and apply.

    `whiten_dims` keeps the first principal axes (0: all that n and d allow), `remove_dims` takes
    so many away (0: a hundredth of d, one at least; never all). Fewer than two rows have no
    spread: they come back as they are, with mode "none". `sizes` is what else the run will hold.
    """
    common = mean_cosine(matrix)
    transform = fit_transform(
        matrix, mode, backend, whiten_dims=whiten_dims, remove_dims=remove_dims, seed=seed
    )
    return Postprocessed(apply_transform(matrix, transform, backend, sizes), transform, common)


def mean_cosine(matrix: Array) -> float | None:
    """The mean cosine of two different rows of `matrix` (n, d), unit vectors: their anisotropy.

    Over all pairs (Ethayarajh 2019), without making them: the squared length of the rows' sum is
    the sum over all pairs. 0: no direction in common, 1: one point. None of fewer than two rows.
    """
    xp, n = array_namespace(matrix), int(matrix.shape[0])
    if n < 2:
        return None
    own = 0.0
    for rows in row_blocks(n, 16 * matrix.shape[1]):
        own += float(xp.sum(xp.astype(matrix[rows, :], xp.float64) ** 2))
    total = _sum(matrix)
    return (float(xp.sum(total**2)) - own) / (n * (n - 1))


def fit_transform(
    matrix: Array,
    mode: Mode,
    backend: Backend,
    *,
    whiten_dims: int = 0,
    remove_dims: int = 0,
    seed: int | None = 42,
) -> Transform:
    """The parameters of `mode`, of the rows of `matrix` (n, d) float32; see `postprocess`."""
    xp = array_namespace(matrix)
    n, d = (int(size) for size in matrix.shape)
    empty = xp.empty((0,), dtype=xp.float32, device=device(matrix))
    if mode != "none" and n < 2:
        log.warning("%s needs at least two distinct texts; the vectors stay as they are", mode)
        mode = "none"
    if mode == "none":
        return Transform("none", empty, empty)
    if mode == "center":
        return Transform("center", _mean(matrix), empty)
    if mode == "remove":
        top = max(1, min(remove_dims or d // 100, d - 1, n - 1))
        pca = backend.pca(matrix, top, seed=seed)
        return Transform("remove", pca.mean, pca.components)
    most = min(d, n - 1)
    kept = min(whiten_dims, most) if whiten_dims else most
    if whiten_dims > most:
        log.warning("whiten_dims=%d: %d texts of %d dimensions have %d", whiten_dims, n, d, most)
    pca = backend.pca(matrix, kept, seed=seed)
    variance = pca.explained_variance
    floor = FLOOR * xp.mean(variance)
    deviation = xp.sqrt(xp.where(variance > floor, variance, floor))
    deviation = xp.where(deviation > 0, deviation, xp.ones_like(deviation))  # all rows were equal
    return Transform("whiten", pca.mean, pca.components / deviation[:, None])


def apply_transform(
    matrix: Array, transform: Transform, backend: Backend, sizes: Sizes = DEFAULT_SIZES
) -> Array:
    """Vectors (n, d) in the fitted space: (n, k), rows of length 1, or zero for one at the mean.

    Needs the result and a few blocks of memory beside the vectors.
    """
    if transform.mode == "none":
        return matrix
    columns = transform.axes.shape[0] if transform.mode == "whiten" else matrix.shape[1]
    out = backend.allocate_rows(matrix.shape[0], columns, sizes)
    for rows in row_blocks(matrix.shape[0], 16 * matrix.shape[1]):
        out[rows, :] = transform_rows(matrix[rows, :], transform)
    return out


def transform_rows(block: Array, transform: Transform) -> Array:
    """A few rows (r, d) in the fitted space, (r, k), as `apply_transform`; not for mode "none"."""
    xp = array_namespace(block)
    block = block - transform.mean
    if transform.mode == "whiten":
        block = block @ transform.axes.T
    elif transform.mode == "remove":
        block = block - (block @ transform.axes.T) @ transform.axes
    norms = xp.linalg.vector_norm(block, axis=1, keepdims=True)
    return block / xp.where(norms > 0, norms, xp.ones_like(norms))


def _mean(matrix: Array) -> Array:
    """(d,) float32 column means."""
    xp = array_namespace(matrix)
    return xp.astype(_sum(matrix) / matrix.shape[0], xp.float32)


def _sum(matrix: Array) -> Array:
    """Column sums in float64 by blocks: 600,000 float32 additions lose digits."""
    xp = array_namespace(matrix)
    total = xp.zeros((matrix.shape[1],), dtype=xp.float64, device=device(matrix))
    for rows in row_blocks(matrix.shape[0], 16 * matrix.shape[1]):
        total = total + xp.sum(matrix[rows, :], axis=0, dtype=xp.float64)
    return total
