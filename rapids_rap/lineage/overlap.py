"""Clusters of two runs matched one to one by what they share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rapids_rap.arrays import Int64s

LEAST = 0.25  # a match shares at least so much of the smaller of its two clusters


def best_matches(score: npt.NDArray[np.number]) -> Int64s:
    """For each column the row it is matched to, (columns,) int64, -1 for none.

    One to one, with the greatest sum of `score` (rows, columns) in all (the assignment problem,
    Kuhn 1955); a score of 0 is no match.
    """
    from scipy.optimize import linear_sum_assignment

    matches = np.full(score.shape[1], -1, dtype=np.int64)
    rows, columns = linear_sum_assignment(score, maximize=True)
    real = score[rows, columns] > 0
    matches[columns[real]] = rows[real]
    return matches


def match_clusters(
    overlap: npt.NDArray[np.number],
    sizes: tuple[npt.NDArray[np.number], npt.NDArray[np.number]],
    least: float = LEAST,
) -> Int64s:
    """For each column's cluster the row's cluster it is matched to, (columns,) int64, -1 for none.

    overlap: (rows, columns) what two clusterings have in common, noise left out. sizes: of the
    rows' and of the columns' clusters, what is noise in the other clustering included. A pair that
    shares less than `least` of the smaller of its clusters is no match, however the sums work out.
    """
    smaller = np.minimum(sizes[0][:, None], sizes[1][None, :])
    return best_matches(np.where(overlap >= least * np.maximum(smaller, 1), overlap, 0))


def match_flow(table: npt.NDArray[np.number]) -> Int64s:
    """`match_clusters` of a flow table (rows + 1, columns + 1), whose position 0 is noise."""
    return match_clusters(table[1:, 1:], (table.sum(axis=1)[1:], table.sum(axis=0)[1:]))
