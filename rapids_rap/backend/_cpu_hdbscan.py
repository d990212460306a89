"""HDBSCAN on the CPU: fast_hdbscan, and the persistence of each cluster from its condensed tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from rapids_rap.arrays import Float32s, HostArray, Int64s
from rapids_rap.backend.compiled import fast_hdbscan
from rapids_rap.backend.extras import Extra, require
from rapids_rap.backend.protocol import SMALLEST_IN_TREE, ClusterTree, DensityClusters


def density_clusters(
    points: HostArray,
    *,
    min_cluster_size: int,
    min_samples: int,
    selection: Literal["eom", "leaf"] = "eom",
    epsilon: float = 0.0,
    with_tree: bool = False,
) -> DensityClusters:
    """See `Backend.hdbscan`. Raises ValueError for sizes out of range and rows not finite.

    fast_hdbscan measures the core distance to the `min_samples`-th neighbour, the point itself not
    counted, as `Backend.hdbscan` wants it.
    """
    n = points.shape[0]
    if min_cluster_size < 2 or min_samples < 1:
        raise ValueError(
            "min_cluster_size must be at least 2 and min_samples at least 1, got "
            f"{min_cluster_size} and {min_samples}"
        )
    # fast_hdbscan never returns on NaN: its spanning tree waits for an edge that can't exist.
    if not np.all(np.isfinite(points)):
        raise ValueError("the points hold a value that is not finite")
    if n <= min_cluster_size:  # nothing can split, so nothing can be a cluster
        return _all_noise(n, with_tree=with_tree)
    labels, probabilities, linkage, tree = fit(
        points, min_cluster_size, min(min_samples, n - 1), selection, epsilon
    )
    return DensityClusters(
        labels=labels,
        probabilities=probabilities,
        persistence=_persistence(labels, tree, n),
        tree=cluster_tree(linkage) if with_tree else None,
    )


def fit(
    points: HostArray, smallest: int, samples: int, selection: str, epsilon: float
) -> tuple[Int64s, Float32s, HostArray, Any]:
    """fast_hdbscan's labels and probabilities (n,), single linkage (n - 1, 4), condensed tree."""
    library = fast_hdbscan("The clustering")
    with _one_thread():
        labels, probabilities, linkage, tree, *_ = library.fast_hdbscan(
            np.ascontiguousarray(points, dtype=np.float32),
            min_cluster_size=smallest,
            min_samples=samples,
            cluster_selection_method=selection,
            cluster_selection_epsilon=float(epsilon),
            return_trees=True,
        )
    strengths = np.asarray(probabilities, dtype=np.float32)
    return np.asarray(labels, dtype=np.int64), strengths, np.asarray(linkage), tree


def cluster_tree(linkage: HostArray, extra: Extra = "cpu") -> ClusterTree:
    """The condensed tree of a single linkage (n - 1, 4), as SciPy writes it, without its points.

    Of clusters from `SMALLEST_IN_TREE` points on; fast_hdbscan's, on either backend.
    """
    trees = fast_hdbscan("The tree of the clusters", extra, "fast_hdbscan.cluster_trees")
    n = len(linkage) + 1
    found = trees.condense_tree(np.ascontiguousarray(linkage, dtype=np.float64), SMALLEST_IN_TREE)
    clusters = np.asarray(found.child) >= n
    parents = np.asarray(found.parent, dtype=np.int64)[clusters] - n
    sizes = np.asarray(found.child_size)[clusters].astype(np.int64)
    return ClusterTree(np.append(-1, parents), np.append(n, sizes))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Numba with one thread, which breaks ties in the spanning tree always the same way.

    With two threads, 1 % of 200,000 labels differed from run to run. The library's own
    `reproducible` mode waits for all threads after every few points: 60,000 points in 5 dimensions
    took 60 s with it, 3 s with one thread, 3 s with two racing ones.
    """
    numba = require("numba", "The clustering")
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def _all_noise(n: int, *, with_tree: bool) -> DensityClusters:
    return DensityClusters(
        labels=np.full(n, -1, dtype=np.int64),
        probabilities=np.zeros(n, dtype=np.float32),
        persistence=np.zeros(0, dtype=np.float32),
        tree=lone_root(n) if with_tree else None,
    )


def lone_root(n: int) -> ClusterTree:
    """The tree of n points that nothing splits."""
    return ClusterTree(np.full(1, -1, dtype=np.int64), np.full(1, n, dtype=np.int64))


def _persistence(labels: Int64s, tree: Any, n: int) -> Float32s:
    """Relative excess of mass of each cluster, as `cluster_persistence_` of the hdbscan library.

    The stability of Campello, Moulavi & Sander (2013), the sum over the members p of
    lambda(p leaves C) - lambda(C is born), divided by |C| times the largest lambda of the tree, so
    that it lies in [0, 1]. 1.0 where that is infinite (duplicates) and so says nothing.
    """
    parent, child = np.asarray(tree.parent), np.asarray(tree.child)
    value = np.asarray(tree.lambda_val, dtype=np.float64)
    size = np.asarray(tree.child_size, dtype=np.float64)
    clusters = int(labels.max(initial=-1)) + 1
    result = np.ones(clusters, dtype=np.float32)
    largest = value.max(initial=0.0)
    if clusters == 0 or not np.isfinite(largest) or largest == 0.0:
        return result

    nodes = int(max(parent.max(), child.max())) + 1
    birth, members, above = np.zeros(nodes), np.zeros(nodes), np.full(nodes, -1, dtype=np.int64)
    birth[child], members[child], above[child] = value, size, parent
    members[n] = n  # the root, which is nobody's child
    mass = np.bincount(parent, weights=value * size, minlength=nodes)
    stability = mass - birth * np.bincount(parent, weights=size, minlength=nodes)

    counts = np.bincount(labels[labels >= 0], minlength=clusters)
    _, first = np.unique(np.where(labels < 0, clusters, labels), return_index=True)
    for cluster in range(clusters):
        node = int(first[cluster])
        # Sizes grow strictly on the way up, so the ancestor of that size is the selected one.
        while node != -1 and members[node] < counts[cluster]:
            node = int(above[node])
        if node != -1:
            result[cluster] = stability[node] / (counts[cluster] * largest)
    return np.clip(result, 0.0, 1.0)
