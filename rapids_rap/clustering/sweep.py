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

from rapids_rap.arrays import Bools, Float64s, Int64s
from rapids_rap.backend.protocol import ClusterTree
from rapids_rap.clustering.votes import Votes, min_cluster_size, smallest_in_tree

log = logging.getLogger(__name__)

LARGEST = 8  # times the size that is used, the end of the sweep; its begin is the tree's
STEPS = 4  # sizes for each doubling
READABLE = (10, 150)  # clusters that a reader can take in: a plateau lies where there are as many
SURE = 2.0  # standard errors from which a difference over layouts is no chance
COLUMNS = (
    "min_cluster_size",
    "clusters",
    "clusters_sd",
    "coverage",
    "coverage_sd",
    "persistence",
    "persistence_sd",
)


@dataclass(frozen=True)
class Sweep:
    """The clusters of a layout by their smallest size, over V layouts of n texts.

    table: a row a size, `COLUMNS`: means over the layouts, and their standard deviations (NaN of
    one layout). persistence: the sum, over the clusters that are there, of the range of sizes over
    which each is, in texts for each of n. used: the size of the run. plateau: the size to try
    instead, None without any. why: a sentence. The table is empty where no layout told its tree.
    """

    table: pd.DataFrame
    layouts: int
    used: int
    plateau: int | None
    why: str


def sweep_sizes(votes: Votes, configured: int) -> Sweep:
    """The sweep around the size that is used: from a quarter of it to eight times as much.

    configured: `clusters.min_cluster_size`. The plateau is the highest peak of the mean
    persistence among sizes with a readable number of clusters, if it stands above the used size by
    more than two standard errors over the layouts. These are HDBSCAN's leaves, whatever
    `clusters.selection` takes.
    """
    n = int(votes.labels.shape[1])
    used = min_cluster_size(n, configured)
    trees = votes.trees
    if not trees or n < 2 * used:
        reason = "the texts are too few" if trees else "the library did not tell the trees"
        none = pd.DataFrame(columns=list(COLUMNS))
        return Sweep(none, len(trees), used, None, f"No sweep over sizes: {reason}.")
    sizes = size_grid(n, used)
    each = np.array([leaf_figures(tree, n, sizes, smallest_in_tree(used)) for tree in trees])
    mean, spread = each.mean(axis=0), _spread(each)
    columns = [sizes, *(part[:, i] for i in range(3) for part in (mean, spread))]
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    plateau = _plateau(each, sizes, used)
    found = Sweep(
        table, len(trees), used, plateau, _sentence(table, used, plateau, len(trees), configured)
    )
    log.info("%s", found.why)
    return found


def size_grid(n: int, used: int) -> Int64s:
    """Ascending sizes in steps of a fourth of a doubling, `used` among them."""
    low = smallest_in_tree(used)
    steps = np.arange(-2 * STEPS, round(np.log2(LARGEST)) * STEPS + 1) / STEPS
    grid = np.unique(np.rint(used * 2.0**steps).astype(np.int64))
    return grid[(grid >= low) & (grid <= max(n // 2, used))]


def lifetimes(tree: ClusterTree, smallest: int) -> tuple[Int64s, Int64s]:
    """(m,) the sizes after which and up to which each cluster of the tree is a leaf.

    It ends with the smaller of itself and its sibling, below which neither is split off; it begins
    with the largest of those ends below it, and what nothing splits with `smallest` - 1. Where the
    second is not above the first it never is a leaf. The root never is: everything is no cluster.
    """
    count = len(tree.sizes)
    ends = np.zeros(count, dtype=np.int64)
    begins = np.full(count, smallest - 1, dtype=np.int64)
    ends[1:] = np.repeat(tree.sizes[1:].reshape(-1, 2).min(axis=1), 2)
    for cluster in range(count - 1, 0, -1):
        above = tree.parents[cluster]
        begins[above] = max(begins[above], begins[cluster], ends[cluster])
    return begins, ends


def leaf_figures(tree: ClusterTree, n: int, sizes: Int64s, smallest: int) -> Float64s:
    """(sizes, 3): number of leaves, share of n texts in them, persistence over n."""
    begins, ends = lifetimes(tree, smallest)
    alive = (begins[None, :] < sizes[:, None]) & (sizes[:, None] <= ends[None, :])
    lives = np.maximum(ends - begins, 0)
    return np.stack([alive.sum(axis=1), alive @ tree.sizes / n, alive @ lives / n], axis=1)


def _plateau(each: Float64s, sizes: Int64s, used: int) -> int | None:
    """each: (layouts, sizes, 3). The size of the highest peak that is sure, None without any."""
    layouts, mean = len(each), each.mean(axis=0)
    readable = (mean[:, 0] >= READABLE[0]) & (mean[:, 0] <= READABLE[1])
    peaks = np.flatnonzero(readable & _peaks(mean[:, 2]))
    if layouts < 2 or not len(peaks):
        return None
    best = peaks[mean[peaks, 2].argmax()]
    gain = each[:, best, 2] - each[:, int(np.searchsorted(sizes, used)), 2]
    error = float(gain.std(ddof=1)) / np.sqrt(layouts)
    sure = gain.mean() > SURE * error and int(sizes[best]) != used
    return int(sizes[best]) if sure else None


def _peaks(values: Float64s) -> Bools:
    """Where a value is above both neighbours; the ends are no peaks, for nobody saw beyond."""
    inner = (values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])
    return np.concatenate(([False], inner, [False]))[: len(values)]


def _spread(each: Float64s) -> Float64s:
    if len(each) < 2:
        return np.full(each.shape[1:], np.nan)
    return each.std(axis=0, ddof=1)


def _sentence(
    table: pd.DataFrame, used: int, plateau: int | None, layouts: int, configured: int
) -> str:
    """What was used and why, and where a plateau lies."""
    clusters = table.set_index("min_cluster_size")["clusters"]
    chosen = "as configured" if configured else "chosen by the number of texts"
    first = f"Clusters have at least {used} texts, {chosen}: {clusters[used]:.0f} in a layout."
    if plateau is None:
        rest = "more layouts would tell" if layouts < 2 else "none stands out beyond chance"
        return f"{first} No plateau of other sizes was found: {rest}."
    return (
        f"{first} A plateau, where clusters outlive most sizes, lies at {plateau}: "
        f"{clusters[plateau]:.0f} in a layout; set clusters.min_cluster_size={plateau} to try it."
    )
