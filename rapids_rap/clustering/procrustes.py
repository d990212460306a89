"""Two runs in one frame: the map of one turned onto the other's, and its clusters matched.

Pure functions on small host arrays; nothing here knows about files or runs. The same matching
serves colours when two runs are compared and cluster ids from one night to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rapids_rap.arrays import Float64s


@dataclass(frozen=True)
class Similarity:
    """points · rotation · scale + shift, in a plane or any space.

    rotation: (d, d) orthogonal, a reflection where that fits better. shift: (d,). fit: share of the
    target's spread that the source explains at best (R², the Procrustes statistic), 1: alike but
    for rotation, reflection, scale and place, 0: not at all; None where there is nothing to fit.
    """

    scale: float
    rotation: Float64s
    shift: Float64s
    fit: float | None

    def apply(self, points: npt.NDArray[np.floating]) -> Float64s:
        """(n, d) points moved; what is not finite stays so."""
        return self.scale * (np.asarray(points, dtype=np.float64) @ self.rotation) + self.shift


def procrustes(source: npt.NDArray[np.floating], target: npt.NDArray[np.floating]) -> Similarity:
    """The similarity transform that brings `source` (n, d) onto `target` (n, d).

    Rotation, reflection and translation are those of least squares (Schönemann & Carroll 1970;
    Gower & Dijksterhuis 2004, section 4). The scale gives both clouds the same spread: that of
    least squares shrinks a map towards a point the worse it fits, which nobody could look at.
    Rows that are not finite in both are left out. Where the rows left have no spread there is no
    direction to fit: the answer only moves the centre.
    """
    a, b = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    known = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    a, b = a[known], b[known]
    if not len(a):
        return Similarity(1.0, np.eye(source.shape[1]), np.zeros(source.shape[1]), None)
    centres = a.mean(axis=0), b.mean(axis=0)
    a, b = a - centres[0], b - centres[1]
    spreads = float((a**2).sum()), float((b**2).sum())
    return fit_moments(len(a), centres, spreads, a.T @ b)


def fit_moments(
    n: int, centres: tuple[Float64s, Float64s], spreads: tuple[float, float], products: Float64s
) -> Similarity:
    """`procrustes` of n points known only by their sums, for points that lie on a device.

    centres: (d,) means of source and target. spreads: sums of squares about them. products: (d, d)
    sum of source (rows) times target (columns) about them.
    """
    (centre_a, centre_b), (spread_a, spread_b) = centres, spreads
    # Below this a spread is the rounding of points that coincide.
    rounding = n * np.finfo(np.float64).eps ** 2 * 1e4
    if spread_a <= rounding * float((centre_a**2).sum() + 1e-300) or spread_a == 0:
        return Similarity(1.0, np.eye(len(centre_a)), centre_b - centre_a, None)
    left, strengths, right = np.linalg.svd(products)
    rotation = left @ right
    if spread_b == 0:
        return Similarity(1.0, rotation, centre_b - centre_a @ rotation, None)
    scale = float(np.sqrt(spread_b / spread_a))
    fit = min(1.0, float(strengths.sum()) ** 2 / (spread_a * spread_b))
    return Similarity(scale, rotation, centre_b - scale * centre_a @ rotation, fit)
