"""Layouts of all texts that each begin with a sample, and their votes.

Every layout begins with another sample, so that what is chance in one is not in all (bagging:
Breiman 1996; of clusterings: Dudoit & Fridlyand 2003). In each all texts settle, and HDBSCAN reads
the places of all: with labels given by neighbours in place of that, other texts were clustered than
without a sample (docs/scale.md).
"""

from __future__ import annotations

from dataclasses import replace

from rapids_rap.backend.protocol import Array, Backend, Knn
from rapids_rap.clustering import votes as whole_votes
from rapids_rap.clustering.layout import Layout, space_spec
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph
from rapids_rap.clustering.sample import (
    Sample,
    choose_sample,
    fitted_rows,
    nearest_fitted,
    place_among,
    sample_layouts,
)
from rapids_rap.clustering.settle import part_rows, settle, weigh_edges
from rapids_rap.clustering.votes import (
    DRAW,
    EarlierVotes,
    Votes,
    as_votes,
    dense_clusters,
    joined,
    new_and_kept,
)
from rapids_rap.config import LayoutConfig, NeighborsConfig, VotingSettings

VERSION = 2  # raise it when the same arguments give another result

TURN = 0.6180339887498949  # between the samples of two layouts: the golden section meets none again


def cast_sampled_votes(
    layout: Layout,
    sample: Sample,
    vectors: Array,
    graph: NeighborGraph,
    draws: Array,
    neighbors: NeighborsConfig,
    layouts: LayoutConfig,
    clusters: VotingSettings,
    backend: Backend,
    seed: int | None,
    earlier: EarlierVotes | None = None,
) -> Votes:
    """Clusters of n texts by the given layout, and by others with other seeds and samples.

    layout, vectors, graph, draws: of all, as of `choose_sample`; the first begins with the
    `sample`. As many layouts as vote on so many texts; `earlier` as of `cast_votes`.
    """
    if earlier is not None and earlier.unchanged:
        return earlier.votes
    n, fit = int(vectors.shape[0]), int(sample.rows.shape[0])
    new, kept = new_and_kept(n, clusters, backend, earlier)
    if neighbors.engine == "cells":  # which is for more than a sample
        neighbors = neighbors.model_copy(update={"engine": "auto"})
    found = [dense_clusters(layout.reduced, clusters, backend, with_tree=True)]
    edges = weigh_edges(graph, layouts.n_neighbors, backend) if new > 1 else None
    for vote in range(1, new):
        assert edges is not None
        other = choose_sample(graph, draws, fit, backend, vote * TURN % 1.0)
        fitted = fitted_rows(vectors, other)
        around = neighbor_graph(fitted, neighbors, backend, seed)
        spec = space_spec(fit, around, sample_layouts(layouts))
        if spec is None:
            break
        known = Knn(around.indices, around.distances, around.engine, around.recall)
        points = backend.umap(fitted, known, [replace(spec, draw=DRAW * vote)], seed)[0]
        asked = nearest_fitted(vectors, other, neighbors, backend, seed)
        start = place_among(points, other, asked)
        own = None if seed is None else seed + DRAW * vote
        places = settle(start, edges, 0.0, backend, own, part_rows(other))
        found.append(dense_clusters(places, clusters, backend, with_tree=True))
    cast = as_votes(found)
    return cast if earlier is None or not kept else joined(cast, earlier.votes, kept)


def check_kept(kept: Votes, layout: Layout, sample: Sample, vectors: Array, *_: object) -> None:
    """Raises ValueError for votes that these arguments can't have given."""
    whole_votes.check_kept(kept, layout, vectors)
