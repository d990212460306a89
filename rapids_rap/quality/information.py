"""How much clusters tell of a fact that was not used to make them: adjusted mutual information.

Vinh, Epps & Bailey (2010), arithmetic mean of the entropies, as scikit-learn has it; but the null
is drawn rather than computed, for then it can be drawn within strata (clusters that are shuffled
among lines of one length still know all that length knows) and may hold several observations of a
text (the words of a line). Everything is in host memory: m observations of u units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.quality.bootstrap import LEVEL, Interval

FOLDS = 20  # sets of songs of which each is left out once
_NO_ROOM = 1e-9  # nats between what chance tells and all that can be told
FEWEST_FOLDS = 10  # that hold an observation: with fewer no interval could be trusted


@dataclass(frozen=True)
class Told:
    """What clusters tell of a fact; 0 is what shuffled clusters do, 1 is everything.

    value: the adjusted mutual information; None where it is not defined: a single cluster, or a
    fact with a single value. within: of clusters that are shuffled within their strata. shuffled:
    the largest of the shuffled clusters. replicates: (g,) float64, the value without each fold.
    filled: folds with an observation. observations: how many.
    """

    value: float | None
    within: float | None
    shuffled: float | None
    replicates: Float64s
    filled: int
    observations: int

    @property
    def interval(self) -> Interval:
        """The 95 % interval of `value`; None with fewer than `FEWEST_FOLDS` folds."""
        if self.value is None or self.filled < FEWEST_FOLDS:
            return None
        return jackknife_interval(self.value, self.replicates)


NOTHING_TOLD = Told(None, None, None, np.zeros(0), 0, 0)


@dataclass(frozen=True)
class Labelings:
    """The clusters of u units, and what chance makes of them.

    labels: (u,) int64, 0..`clusters` - 1. shuffled, within: (shuffles, u) of the same, the latter
    among units of one stratum. fold: (u,) int64, 0..`folds` - 1, what a unit is left out with.
    """

    labels: Int64s
    clusters: int
    shuffled: Int64s
    within: Int64s
    fold: Int64s
    folds: int


def label_shuffles(
    labels: Int64s, strata: Int64s, groups: Int64s, shuffles: int, seed: int
) -> Labelings:
    """The labels (u,) as they are, and shuffled so many times: freely, and within `strata` (u,).

    groups: (u,) int64, units that go together (a song's texts): a fold holds whole groups.
    """
    random = np.random.default_rng(seed)
    kinds, group = np.unique(groups, return_inverse=True)
    folds = max(1, min(FOLDS, len(kinds)))
    place = np.argsort(strata, kind="stable")
    free, within = (np.empty((shuffles, len(labels)), np.int64) for _ in range(2))
    for row in range(shuffles):
        free[row] = random.permutation(labels)
        within[row, place] = labels[np.lexsort((random.random(len(labels)), strata))]
    return Labelings(
        labels=labels,
        clusters=int(labels.max(initial=-1)) + 1,
        shuffled=free,
        within=within,
        fold=(random.permutation(len(kinds)) % folds)[group].astype(np.int64),
        folds=folds,
    )


def told(of: Labelings, units: Int64s, values: Int64s) -> Told:
    """What the clusters tell of `values` (m,) int64, each an observation of a unit (m,).

    Null, baseline and replicates share their shuffles, so that chance in them cancels out.
    """
    if not len(values):
        return NOTHING_TOLD
    value = np.unique(values, return_inverse=True)[1].astype(np.int64)
    size, fold = int(value.max()) + 1, of.fold[units]

    def measure(labels: Int64s, folds: int) -> tuple[Float64s, Float64s]:
        return _information((labels[units], value, fold), (of.clusters, size), folds)

    own, entropy = measure(of.labels, of.folds)
    free = np.array([measure(row, of.folds)[0] for row in of.shuffled])
    within = np.array([measure(row, 0)[0] for row in of.within])
    chance = free.mean(axis=0)
    room = entropy - chance
    filled = len(np.unique(fold))
    if room[0] < _NO_ROOM or size == 1 or np.ptp(of.labels[units]) == 0:
        return replace(NOTHING_TOLD, observations=len(values))
    adjusted = (own - chance) / np.where(room < _NO_ROOM, np.nan, room)
    return Told(
        value=float(adjusted[0]),
        within=float((within.mean() - chance[0]) / room[0]),
        shuffled=float((free[:, 0].max() - chance[0]) / room[0]),
        replicates=adjusted[1:],
        filled=filled,
        observations=len(values),
    )


def _information(
    observed: tuple[Int64s, Int64s, Int64s], shape: tuple[int, int], folds: int
) -> tuple[Float64s, Float64s]:
    """Mutual information and mean entropy in nats, (1 + folds,) float64 each.

    First of all observations, then without those of each fold. observed: (m,) clusters, values and
    folds.
    """
    labels, values, fold = observed
    size, g = shape[1], max(1, folds)
    keys, counts = np.unique((labels * size + values) * g + fold % g, return_counts=True)
    cell, part = keys // g, keys % g
    n = float(len(labels)) - np.concatenate(
        ([0.0], np.bincount(part, weights=counts, minlength=g)[:folds])
    )
    n = np.maximum(n, 1.0)
    by_cluster, by_value, both = (
        np.log(n) - _left_out(kind, part, counts, folds) / n
        for kind in (cell // size, cell % size, cell)
    )
    return by_cluster + by_value - both, (by_cluster + by_value) / 2


def _left_out(cells: Int64s, part: Int64s, counts: Int64s, folds: int) -> Float64s:
    """(1 + folds,) float64: the sum of x log x over totals of `cells`, of all and without a fold.

    counts: (c,) of each cell and fold, any number of rows for each.
    """
    g = max(1, folds)
    pairs, at = np.unique(cells * g + part, return_inverse=True)
    own: Float64s = np.bincount(at, weights=counts).astype(np.float64)
    place = np.unique(pairs // g, return_inverse=True)[1]
    total: Float64s = np.bincount(place, weights=own).astype(np.float64)
    every = _xlogx(total)
    change = _xlogx(total[place] - own) - every[place]
    by_fold = np.bincount(pairs % g, weights=change, minlength=g)[:folds]
    return np.asarray(every.sum() + np.concatenate(([0.0], by_fold)))


def _xlogx(counts: Float64s) -> Float64s:
    return counts * np.log(np.maximum(counts, 1))


def jackknife_interval(value: float, replicates: Float64s) -> Interval:
    """The 95 % interval by the delete-a-group jackknife, with Student's t.

    Kott (2001); Shao & Tu (1995). A bootstrap would draw songs twice, and twice the same lines look
    like information. None where a replicate is not defined.
    """
    g = len(replicates)
    if g < 2 or not np.isfinite(replicates).all():
        return None
    error = float(np.sqrt((g - 1) / g * ((replicates - replicates.mean()) ** 2).sum()))
    reach = float(student.ppf((1 + LEVEL) / 2, g - 1)) * error
    return [value - reach, value + reach]


def difference(one: Told, other: Told) -> tuple[float, Interval] | None:
    """How much more is told of one fact than of another, with its interval on the same folds."""
    if one.value is None or other.value is None:
        return None
    value = one.value - other.value
    if one.interval is None or other.interval is None:
        return value, None
    return value, jackknife_interval(value, one.replicates - other.replicates)


def strongest(parts: Sequence[Told]) -> int | None:
    """The position of the largest value; None where there is none."""
    known = [(part.value, -i) for i, part in enumerate(parts) if part.value is not None]
    return -max(known)[1] if known else None
