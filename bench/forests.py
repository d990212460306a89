"""Whether the tree that HDBSCAN cuts can be had exactly in pieces, and what that costs.

    python -m rapids_rap.bench.forests REDUCED.npy [TEXTS...]

REDUCED: the space that is clustered, `vectors/reduced.npy` of a run; TEXTS: how many of its rows.
The minimum spanning tree of the mutual reachability distances of all points lies within the union
of the trees of every two of p cells together: an edge that such a tree leaves out closes a cycle in
which it is the longest, also in the whole. So p (p - 1) / 2 trees of 2 n / p points each, beside
each other, and one of their p n edges. Printed: processor seconds of both ways.
"""

from __future__ import annotations

import argparse
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import scipy.sparse
from scipy.cluster.vq import kmeans2
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from rapids_rap.arrays import Float64s, Int64s

MIN_SAMPLES = 5
CELL = 1_000  # points of a cell; a tree of two takes 8 (2 CELL)² bytes, several times
SHIFT = 1.0  # SciPy reads 0 as "no edge", and duplicates are 0 apart


def core_distances(points: Float64s, samples: int) -> Float64s:
    """(n,) the distance of each point to its `samples`-th other."""
    return cKDTree(points).query(points, k=[min(samples + 1, len(points))])[0][:, 0]


def spanning_tree(points: Float64s, core: Float64s) -> scipy.sparse.coo_array:
    """The minimum spanning tree of the mutual reachability of points (n, m), shifted by `SHIFT`."""
    apart = np.maximum(cdist(points, points), np.maximum(core[:, None], core[None, :])) + SHIFT
    np.fill_diagonal(apart, 0.0)
    return scipy.sparse.coo_array(minimum_spanning_tree(apart))


def tree_of_cells(points: Float64s, core: Float64s, cells: Int64s) -> scipy.sparse.coo_array:
    """The same tree out of trees of every two cells; cells: (n,) of each point."""
    members = [np.flatnonzero(cells == cell) for cell in np.unique(cells)]
    pairs = [np.concatenate(two) for two in combinations(members, 2)] or members
    kept: dict[tuple[int, int], float] = {}
    for rows in pairs:
        tree = spanning_tree(points[rows], core[rows])
        for a, b, weight in zip(rows[tree.row], rows[tree.col], tree.data, strict=True):
            kept[min(a, b), max(a, b)] = weight
    ends = np.array(list(kept), dtype=np.int64).reshape(-1, 2)
    n = len(points)
    edges = scipy.sparse.coo_array((list(kept.values()), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return scipy.sparse.coo_array(minimum_spanning_tree(edges.tocsr()))


def main() -> None:
    """Time both ways on the first rows of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reduced", type=Path)
    parser.add_argument("texts", type=int, nargs="*", default=[2_000, 4_000, 8_000])
    asked = parser.parse_args()
    every = np.load(asked.reduced).astype(np.float64)
    for n in asked.texts:
        points = every[np.random.default_rng(0).choice(len(every), n, replace=False)]
        core = core_distances(points, MIN_SAMPLES)
        begin = time.process_time()
        cells = kmeans2(points, max(1, n // CELL), minit="points", seed=0)[1]
        pieces = tree_of_cells(points, core, cells)
        middle = time.process_time()
        whole = spanning_tree(points, core)
        equal = np.allclose(np.sort(pieces.data), np.sort(whole.data), rtol=0, atol=1e-12)
        print(
            f"{n} points, {cells.max() + 1} cells: {middle - begin:.1f} s in pieces, "
            f"{time.process_time() - middle:.1f} s undivided, equal edges: {equal}",
            flush=True,
        )


if __name__ == "__main__":
    main()
