"""Several layouts of one graph, each clustered: the votes of which `consensus` makes clusters.

UMAP's descent is chaotic. Another seed, or one text less, changes which texts are clustered in two
of five cases, though the graph and the rule are the same; what most draws agree on stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Int64s
from rapids_rap.backend.kept import require_array, require_between
from rapids_rap.backend.protocol import Array, Backend, ClusterTree, DensityClusters, Knn
from rapids_rap.clustering.layout import Layout, space_spec
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.config import LayoutConfig, VotingSettings

VERSION = 2  # raise it when the same arguments give another result

# Layouts of so many texts in all: what a backend spends on votes in about the time of the rest of a
# run with a real encoder. Between the two numbers of layouts agreement rises from good to what more
# of them hardly improve (docs/quality.md).
BUDGET = {"cpu": 500_000, "gpu": 5_000_000}
FEWEST, MOST = 6, 20
AT_ONCE = 8  # layouts that are in memory together
RENEWED = 4  # of a night's layouts one in so many is cast anew; the others are the night before's
DRAW = 10_007  # between the seeds of two layouts, so that those of neighbouring runs don't meet


NOT_HELD = -2  # the label of a text that a layout of an earlier night did not have


@dataclass(frozen=True)
class Votes:
    """What V layouts say of n texts, with M clusters in all.

    labels: (V, n) int64, noise -1, `NOT_HELD` -2, each layout's clusters from 0. probabilities:
    (V, n) float32, strength of membership. counts: (V,) int64, clusters of each layout.
    persistence: (M,) float32 of each cluster, layout after layout. tree_counts: (V,) int64, or
    fewer, the clusters of each tree that is known: a library tells it or not, and of earlier
    layouts none is kept. tree_parents, tree_sizes: (their sum,) int64, as of `ClusterTree`, tree
    after tree. These small tables lie on the host.
    """

    labels: Array
    probabilities: Array
    counts: Array
    persistence: Array
    tree_counts: Int64s
    tree_parents: Int64s
    tree_sizes: Int64s

    @property
    def layouts(self) -> int:
        """V."""
        return int(self.labels.shape[0])

    @property
    def trees(self) -> list[ClusterTree]:
        """The trees that are known, at most one of each layout."""
        ends = np.cumsum(self.tree_counts)[:-1]
        parts = zip(np.split(self.tree_parents, ends), np.split(self.tree_sizes, ends), strict=True)
        return [ClusterTree(*part) for part in parts] if len(self.tree_counts) else []


@dataclass(frozen=True)
class EarlierVotes:
    """What an earlier run's layouts said, of tonight's n texts; the newest layout first.

    stage_key: a hash of it. unchanged: whether texts and settings are that run's.
    """

    votes: Votes
    stage_key: str
    unchanged: bool


def cast_votes(
    layout: Layout,
    vectors: Array,
    graph: NeighborGraph,
    layouts: LayoutConfig,
    clusters: VotingSettings,
    backend: Backend,
    seed: int | None,
    earlier: EarlierVotes | None = None,
) -> Votes:
    """Clusters of `layout.reduced`, and of further layouts of the same graph with other seeds.

    vectors: (n, d) float32 that the graph is of. As many as `clusters.layouts` says; 0 chooses by
    the number of texts and the backend. Texts that are too few for UMAP are clustered once.

    earlier: layouts that go on voting. So that clusters last from night to night, `RENEWED` of the
    votes are new and the others the newest of the earlier ones; with nothing changed all are.
    """
    if earlier is not None and earlier.unchanged:
        return earlier.votes
    new, kept = new_and_kept(int(vectors.shape[0]), clusters, backend, earlier)
    cast = _cast(layout, vectors, graph, layouts, clusters, backend, seed, new)
    return cast if earlier is None or not kept else joined(cast, earlier.votes, kept)


def new_and_kept(
    n: int, clusters: VotingSettings, backend: Backend, earlier: EarlierVotes | None
) -> tuple[int, int]:
    """How many layouts of n texts are made, and how many of the earlier ones go on voting."""
    count = vote_count(n, clusters.layouts, backend.name)
    kept = 0 if earlier is None else min(earlier.votes.layouts, count - -(-count // RENEWED))
    return count - kept, kept


def _cast(
    layout: Layout,
    vectors: Array,
    graph: NeighborGraph,
    layouts: LayoutConfig,
    clusters: VotingSettings,
    backend: Backend,
    seed: int | None,
    count: int,
) -> Votes:
    """`count` layouts, the given one first."""
    n = int(vectors.shape[0])
    spec = space_spec(n, graph, layouts)
    edges = Knn(graph.indices, graph.distances, graph.engine, graph.recall)

    found = [dense_clusters(layout.reduced, clusters, backend, with_tree=True)]
    draws = [] if spec is None else [replace(spec, draw=DRAW * v) for v in range(1, count)]
    # Layouts side by side, then clusters in turn: two threads may not enter numba's own at once.
    for first in range(0, len(draws), AT_ONCE):
        places = backend.umap(vectors, edges, draws[first : first + AT_ONCE], seed)
        found += [dense_clusters(points, clusters, backend, with_tree=True) for points in places]
    return as_votes(found)


def as_votes(found: Sequence[DensityClusters]) -> Votes:
    """What some layouts of the same texts say, one at least."""
    xp, where = array_namespace(found[0].labels), device(found[0].labels)
    return Votes(
        xp.stack([one.labels for one in found]),
        xp.stack([one.probabilities for one in found]),
        xp.asarray([int(one.persistence.shape[0]) for one in found], dtype=xp.int64, device=where),
        xp.concat([one.persistence for one in found]),
        *_trees_of([one.tree for one in found]),
    )


def _trees_of(trees: list[ClusterTree | None]) -> tuple[Int64s, Int64s, Int64s]:
    """Clusters of each tree that is known, their parents and their sizes, tree after tree."""
    known = [tree for tree in trees if tree is not None]
    none = [np.zeros(0, dtype=np.int64)]
    return (
        np.array([len(tree.sizes) for tree in known], dtype=np.int64),
        np.concatenate(none + [tree.parents for tree in known]),
        np.concatenate(none + [tree.sizes for tree in known]),
    )


def joined(cast: Votes, earlier: Votes, kept: int) -> Votes:
    """Tonight's votes, and the first `kept` of the earlier ones behind them."""
    xp = array_namespace(cast.labels)
    lasting = int(xp.sum(earlier.counts[:kept]))
    return Votes(
        xp.concat([cast.labels, earlier.labels[:kept, :]]),
        xp.concat([cast.probabilities, earlier.probabilities[:kept, :]]),
        xp.concat([cast.counts, earlier.counts[:kept]]),
        xp.concat([cast.persistence, earlier.persistence[:lasting]]),
        cast.tree_counts,
        cast.tree_parents,
        cast.tree_sizes,
    )


def check_kept(kept: Votes, layout: Layout, vectors: Array, *_: object) -> None:
    """Raises ValueError for votes that these arguments can't have given."""
    n, layouts = int(vectors.shape[0]), kept.layouts
    require_array("labels", kept.labels, "i", (layouts, n))
    require_array("probabilities", kept.probabilities, "f", (layouts, n))
    require_array("counts", kept.counts, "i", (layouts,))
    require_between("counts", kept.counts, 0, n)
    xp = array_namespace(kept.counts)
    require_array("persistence", kept.persistence, "f", (int(xp.sum(kept.counts)),))
    for vote in range(layouts):
        require_between("labels", kept.labels[vote, :], NOT_HELD, int(kept.counts[vote]) - 1)
    require_array("tree_counts", kept.tree_counts, "i", (None,))
    require_between("trees", np.array([len(kept.tree_counts)]), 0, layouts)
    require_between("tree_counts", kept.tree_counts, 1, 2 * n + 1)
    held = (int(kept.tree_counts.sum()),)
    require_array("tree_parents", kept.tree_parents, "i", held)
    require_array("tree_sizes", kept.tree_sizes, "i", held)
    for tree in kept.trees:
        if len(tree.sizes) % 2 == 0 or (tree.parents >= np.arange(len(tree.sizes))).any():
            raise ValueError("tree_parents holds what is no tree")
        require_between("tree_parents", tree.parents[1:], 0, len(tree.sizes) - 1)
        require_between("tree_sizes", tree.sizes, 0, n)


def vote_count(n: int, configured: int, backend: str) -> int:
    """How many layouts vote on n texts: as configured, or 0: what `BUDGET` allows."""
    if configured:
        return configured
    return max(FEWEST, min(MOST, BUDGET[backend] // max(1, n)))


def dense_clusters(
    points: Array, config: VotingSettings, backend: Backend, *, with_tree: bool = False
) -> DensityClusters:
    """HDBSCAN of `points` (n, m) by the configuration."""
    n = int(points.shape[0])
    return backend.hdbscan(
        points,
        min_cluster_size=min_cluster_size(n, config.min_cluster_size),
        min_samples=max(1, min(config.min_samples, n - 1)),
        selection=config.selection,
        epsilon=config.epsilon,
        with_tree=with_tree,
    )


def min_cluster_size(n: int, configured: int) -> int:
    """HDBSCAN's smallest cluster for n texts.

    As configured (at least 2); 0 chooses n / 400, between 15 and 1000: a share rather than a number
    keeps the count of clusters near a hundred, a number to read, as the corpus grows. Under 60
    texts it is a quarter of them, so that a handful can still fall apart into groups.
    """
    if configured:
        return max(2, configured)
    return max(2, min(max(15, n // 400), 1000, n // 4))
