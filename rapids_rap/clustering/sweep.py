"""Every smallest cluster size at once: how many clusters, how much is clustered, what lasts.

A size in place of a guess: HDBSCAN's leaves for each `min_cluster_size` follow from one condensed
tree, for a cluster is a leaf from the size at which what splits it is too small to the size at
which it is too small itself (PLSCAN: Bot, McInnes & Aerts 2025, arXiv:2512.16558). Cliffs, where
many clusters end together, and plateaus, where clusters outlive many sizes, can be seen.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.backend.protocol import SMALLEST_IN_TREE, ClusterTree
from rapids_rap.clustering.votes import Votes, min_cluster_size

log = logging.getLogger(__name__)

SMALLER, LARGER = 4, 8  # how far around the used size: a fourth of it to eight times as much
STEPS = 4  # sizes for each doubling
READABLE = (10, 150)  # clusters that a reader can take in: a plateau has as many
SURE = 2.0  # standard errors from which a difference over layouts is no chance
COLUMNS = (
    "min_cluster_size",
    "clusters_mean",
    "clusters_sd",
    "coverage_mean",
    "coverage_sd",
    "persistence_mean",
    "persistence_sd",
)


@dataclass(frozen=True)
class Sweep:
    """The clusters of a layout by their smallest size, over V layouts of n texts.

    table: a row a size, `COLUMNS`: means over the layouts, and their standard deviations (NaN of
    one layout). persistence: the sum, over the clusters that are there, of the range of sizes over
    which each is, in texts for each of n. used: the size of the run. layers: the sizes at which
    persistence surely peaks. plateau: the highest of those with a readable number of clusters, None
    without any. why: a sentence. The table is empty where no layout told its tree.
    """

    table: pd.DataFrame
    layouts: int
    used: int
    layers: tuple[int, ...]
    plateau: int | None
    why: str


def sweep_sizes(votes: Votes, configured: int) -> Sweep:
    """The sweep around the size that is used: from a quarter of it to eight times as much.

    configured: `clusters.min_cluster_size`. A peak is sure where, over the layouts, it stands above
    the valleys on both of its sides by more than two standard errors. These are HDBSCAN's leaves,
    whatever `clusters.selection` takes.
    """
    n = int(votes.labels.shape[1])
    trees, used = votes.trees, min_cluster_size(n, configured)
    if not trees or n < 2 * used:
        reason = "the texts are too few" if trees else "the library did not tell the trees"
        none = pd.DataFrame(columns=list(COLUMNS))
        return Sweep(none, len(trees), used, (), None, f"No sweep over sizes: {reason}.")
    sizes = size_grid(n, used)
    each = np.array([leaf_figures(tree, n, sizes) for tree in trees])
    mean, spread = each.mean(axis=0), _spread(each)
    columns = [sizes, *(part[:, i] for i in range(3) for part in (mean, spread))]
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    layers = sure_peaks(each[:, :, 2])
    readable = [p for p in layers if READABLE[0] <= mean[p, 0] <= READABLE[1]]
    best = max(readable, key=lambda p: float(mean[p, 2]), default=None)
    plateau = None if best is None else int(sizes[best])
    found = Sweep(
        table,
        len(trees),
        used,
        tuple(int(sizes[p]) for p in layers),
        plateau,
        _sentence(table, used, plateau, len(trees), configured),
    )
    log.info("%s", found.why)
    return found


def size_grid(n: int, used: int) -> Int64s:
    """Ascending sizes in steps of a fourth of a doubling, `used` among them, up to half of n."""
    below, above = (round(np.log2(times)) * STEPS for times in (SMALLER, LARGER))
    steps = np.arange(-below, above + 1) / STEPS
    grid = np.unique(np.rint(used * 2.0**steps).astype(np.int64))
    return grid[(grid >= SMALLEST_IN_TREE) & (grid <= max(n // 2, used))]


def lifetimes(tree: ClusterTree) -> tuple[Int64s, Int64s]:
    """(m,) the sizes after which and up to which each cluster of the tree is a leaf.

    It ends with the smaller of itself and its sibling, below which neither is split off; it begins
    with the largest of those ends below it, and what nothing splits at once. Where the second is
    not above the first it never is a leaf. The root never is: everything is no cluster.
    """
    count = len(tree.sizes)
    ends = np.zeros(count, dtype=np.int64)
    begins = np.full(count, SMALLEST_IN_TREE - 1, dtype=np.int64)
    ends[1:] = np.repeat(tree.sizes[1:].reshape(-1, 2).min(axis=1), 2)
    for cluster in range(count - 1, 0, -1):
        above = tree.parents[cluster]
        begins[above] = max(begins[above], begins[cluster], ends[cluster])
    return begins, ends


def leaf_figures(tree: ClusterTree, n: int, sizes: Int64s) -> Float64s:
    """(sizes, 3): number of leaves, share of n texts in them, persistence over n."""
    begins, ends = lifetimes(tree)
    alive = (begins[None, :] < sizes[:, None]) & (sizes[:, None] <= ends[None, :])
    lives = np.maximum(ends - begins, 0)
    return np.stack([alive.sum(axis=1), alive @ tree.sizes / n, alive @ lives / n], axis=1)


def sure_peaks(each: Float64s) -> list[int]:
    """Positions of the peaks of the mean of `each` (layouts, sizes) that are no chance."""
    from scipy.signal import find_peaks, peak_prominences

    layouts, mean = len(each), each.mean(axis=0)
    if layouts < 2:
        return []
    peaks = find_peaks(mean)[0]
    _, left, right = peak_prominences(mean, peaks)
    found = []
    for peak, *valleys in zip(peaks, left, right, strict=True):
        gains = each[:, [peak]] - each[:, valleys]
        errors = gains.std(axis=0, ddof=1) / np.sqrt(layouts)
        if (gains.mean(axis=0) > SURE * errors).all():
            found.append(int(peak))
    return found


def _spread(each: Float64s) -> Float64s:
    if len(each) < 2:
        return np.full(each.shape[1:], np.nan)
    return each.std(axis=0, ddof=1)


def _sentence(
    table: pd.DataFrame, used: int, plateau: int | None, layouts: int, configured: int
) -> str:
    """What was used and why, and where a plateau lies."""
    clusters = table.set_index("min_cluster_size")["clusters_mean"]
    chosen = "as configured" if configured else "chosen by the number of texts"
    first = f"Clusters have at least {used} texts, {chosen}: {clusters[used]:.0f} in a layout."
    if plateau == used:
        return f"{first} That is a plateau: there clusters outlive other sizes."
    if plateau is None:
        rest = "One layout can't tell whether another stands out."
        return f"{first} {rest if layouts < 2 else 'No other size stands out.'}"
    return (
        f"{first} A plateau, where clusters outlive other sizes, lies at {plateau}: "
        f"{clusters[plateau]:.0f} in a layout; set clusters.min_cluster_size={plateau} to try it."
    )
