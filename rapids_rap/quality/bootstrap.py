"""How far a figure could have moved with other songs: paired percentile bootstrap over units.

Lines of a song, and songs that share text, are not independent, so whole units (songs, leakage
groups) are drawn with replacement (Efron 1979; the percentile interval of Efron & Tibshirani 1993,
chapter 13). The same draws serve every figure that is compared, so that a difference has an
interval of its own. All in host memory: tables of as many rows as there are units.

Of one or two songs the percentiles are those of three or four different means, and no song that was
not asked is among them: below `FEWEST` units with a value no interval is given (`trusted`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from rapids_rap.arrays import Float64s, HostArray, Int64s

Interval = list[float] | None  # [low, high], as quality.json holds it

LEVEL = 0.95
FEWEST = 3  # units with a value, which an interval must rest on


@dataclass(frozen=True)
class Estimate:
    """A figure and what it is in each bootstrap draw, `draws` (b,)."""

    value: float
    draws: Float64s

    @property
    def interval(self) -> Interval:
        """See `interval`."""
        return interval(self.draws)

    def above(self, other: Estimate) -> dict[str, float | Interval]:
        """The difference to another one on the same draws, and its paired interval."""
        return {
            "difference": self.value - other.value,
            "difference_interval": interval(self.draws - other.draws),
        }


def draw_units(units: int, draws: int, seed: int) -> Float64s:
    """(draws, units) float64: how often each unit was drawn; every row sums to `units`.

    A unit's draws lie together, as products with sparse tables of units want them.
    """
    random = np.random.default_rng([seed, units])
    counts = np.zeros((draws, units))
    for row in counts if units else ():
        row += np.bincount(random.integers(0, units, units), minlength=units)
    return np.asfortranarray(counts)


def grouped_sums(values: Any, units: Int64s, classes: Int64s, shape: tuple[int, int]) -> csr_matrix:
    """Sparse (units, classes) float64: the sum of `values` (m,) of each unit in each class."""
    return csr_matrix((np.asarray(values, dtype=np.float64), (units, classes)), shape=shape)


def macro_means(weights: Float64s, sums: csr_matrix, counts: csr_matrix) -> Float64s:
    """(draws,) float64: the mean over classes of their mean, in each draw of `weights`.

    weights: (draws, units), as of `draw_units`; sums, counts: sparse (units, classes), the sum of a
    class's values in a unit and how many they are. A class that a draw lacks is left out of that
    draw; a draw without any is NaN. With a single class this is the plain mean.
    """
    sizes = np.asarray(weights @ counts)
    means = np.asarray(weights @ sums) / np.where(sizes > 0, sizes, 1.0)
    present = np.count_nonzero(sizes > 0, axis=1)
    total = np.where(sizes > 0, means, 0.0).sum(axis=1)
    return np.where(present > 0, total / np.maximum(present, 1), np.nan)


def unit_means(weights: Float64s, sums: HostArray, counts: HostArray) -> Float64s:
    """(draws,) float64: the mean over all values in each draw of `weights`; NaN without any.

    sums, counts: (units,), of each unit's values and how many they are.
    """
    return _means(weights @ sums, weights @ counts)


def _means(totals: Float64s, numbers: Float64s) -> Float64s:
    return np.where(numbers > 0, totals / np.where(numbers > 0, numbers, 1.0), np.nan)


def trusted(draws: Float64s, counts: Any) -> Float64s:
    """The draws of a figure; NaN, hence no interval, where fewer than `FEWEST` units have a value.

    counts: (units,), or sparse (units, classes): how many values each unit has.
    """
    held = np.asarray(counts.sum(axis=1) if counts.ndim == 2 else counts).ravel()
    return draws if np.count_nonzero(held) >= FEWEST else np.full_like(draws, np.nan)


def pair_means(weights: Float64s, sums: Float64s, counts: Float64s) -> Float64s:
    """(draws,) float64: the mean over pairs of different units, in each draw of `weights`.

    sums, counts: (units, units), of each pair's values and how many they are; the diagonal, the
    pairs within a unit, counts nowhere, however often the unit was drawn.
    """
    off = ~np.eye(len(sums), dtype=bool)
    return _means(*(((weights @ (off * part)) * weights).sum(axis=1) for part in (sums, counts)))


def interval(values: Float64s) -> Interval:
    """The central 95% of the draws; None where there are fewer than two that say anything."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    return [float(low), float(high)]


def mean_interval(values: Float64s, units: Int64s, draws: int, seed: int) -> Interval:
    """The `interval` of the mean of `values` (m,), resampling their `units` (m,), any numbers.

    None below `FEWEST` units.
    """
    _, unit = np.unique(units, return_inverse=True)
    one_class, shape = np.zeros_like(unit), (int(unit.max(initial=-1)) + 1, 1)
    sums = grouped_sums(values, unit, one_class, shape)
    counts = grouped_sums(np.ones(len(unit)), unit, one_class, shape)
    return interval(trusted(macro_means(draw_units(shape[0], draws, seed), sums, counts), counts))
