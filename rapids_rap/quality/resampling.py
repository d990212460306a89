"""The clusters that a run would have had of other songs: drawn, laid out and clustered again.

Subsets and not bootstraps: duplicates of a text would make a density of their own. A song's lines,
and songs that share text, are drawn together; the neighbour graph is the whole one without those
that are not held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.backend.nearest import drop_self
from rapids_rap.backend.protocol import Array, Backend, Knn
from rapids_rap.backend.rows import row_blocks
from rapids_rap.clustering.consensus import find_consensus
from rapids_rap.clustering.layout import Layout, space_spec
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.clustering.votes import cast_votes, min_cluster_size
from rapids_rap.config import LayoutConfig, VotingSettings
from rapids_rap.quality.follows import BLOCKS, song_blocks
from rapids_rap.quality.leakage import leakage_groups, song_entries
from rapids_rap.quality.recurrence import HELD_OUT

SHARE = 0.8  # of the units, in each subsample
SONGS = "songs"
# Layouts of a subsample. With six in place of one a cluster's mean recurrence over ten subsamples
# changes by 0.03 and that of all clusters by 0.006 (docs/quality.md): songs decide, not votes.
LAYOUTS = 1


@dataclass(frozen=True)
class Units:
    """What is drawn whole. of: (m,) int64, the unit of each line; over: what they are, in words."""

    of: Int64s
    over: str

    @property
    def count(self) -> int:
        """How many."""
        return int(self.of.max(initial=-1)) + 1


@dataclass(frozen=True)
class Subject:
    """What is clustered again: n texts by their vectors (n, d) and graph.

    lines: (m,) int64, the text of each line, and the unit that line is drawn with. clusters: as of
    the run, its smallest cluster and its number of votes spelled out.
    """

    vectors: Array
    graph: NeighborGraph
    lines: Int64s
    units: Units
    layouts: LayoutConfig
    clusters: VotingSettings
    seed: int


def song_units(lines: pd.DataFrame, texts: Sequence[str], backend: Backend) -> Units:
    """The leakage group of each line's song; where no song is known, its block of lines."""
    known = lines["song_id"].notna().to_numpy()
    unit = song_blocks(lines)
    songs = np.unique(lines["song_id"].dropna().to_numpy(dtype=np.int64))
    if len(songs):
        groups = leakage_groups(song_entries(lines, songs), texts, backend)
        at = np.searchsorted(songs, lines["song_id"].dropna().to_numpy(dtype=np.int64))
        unit[known] = groups[at] + int(unit.max(initial=-1)) + 1
    over = [SONGS] * bool(known.any()) + [BLOCKS] * bool((~known).any())
    return Units(np.unique(unit, return_inverse=True)[1].astype(np.int64), " and ".join(over))


def draw_texts(subject: Subject, number: int) -> Bools:
    """(n,) the texts of subsample `number`: those with a line in one of the units drawn."""
    n, count = int(subject.vectors.shape[0]), subject.units.count
    wanted = max(1, min(count - 1, round(SHARE * count)))
    drawn = np.zeros(count, dtype=bool)
    drawn[np.random.default_rng([subject.seed, number]).permutation(count)[:wanted]] = True
    held = np.zeros(n, dtype=bool)
    held[subject.lines[drawn[subject.units.of]]] = True
    return held


def cluster_subsample(subject: Subject, number: int, backend: Backend) -> Int64s:
    """(n,) the clusters of subsample `number`, noise -1, -2 for texts that it lacks.

    The smallest cluster shrinks with the texts: one of just that size would be lost to any draw.
    """
    held = draw_texts(subject, number)
    rows = np.flatnonzero(held)
    again = np.full(len(held), HELD_OUT, dtype=np.int64)
    if not len(rows):
        return again
    graph, vectors = held_graph(subject, rows, backend)
    smallest = max(2, round(subject.clusters.min_cluster_size * len(rows) / len(held)))
    clusters = replace(subject.clusters, min_cluster_size=smallest, layouts=LAYOUTS)
    part = replace(subject, vectors=vectors, graph=graph, clusters=clusters)
    again[rows] = cluster_whole(part, subject.seed + 1 + number, backend)
    return again


def cluster_whole(subject: Subject, seed: int, backend: Backend) -> Int64s:
    """(n,) the clusters of all texts, by as many votes as the subject says, with this seed."""
    vectors, graph = subject.vectors, subject.graph
    n = int(vectors.shape[0])
    spec = space_spec(n, graph, subject.layouts)
    if spec is None:
        return np.full(n, -1, dtype=np.int64)
    edges = Knn(graph.indices, graph.distances, graph.engine, graph.recall)
    (points,) = backend.umap(vectors, edges, [spec], seed)
    layout = Layout(xy=points[:, :2], reduced=points)
    votes = cast_votes(layout, vectors, graph, subject.layouts, subject.clusters, backend, seed)
    smallest = min_cluster_size(n, subject.clusters.min_cluster_size)
    return backend.to_host(find_consensus(votes, smallest, backend).labels).astype(np.int64)


def held_graph(subject: Subject, rows: Int64s, backend: Backend) -> tuple[NeighborGraph, Array]:
    """The graph among the texts `rows` (h,), ascending, and their vectors.

    Each keeps its nearest neighbours that are held, as many as a layout reads. A text that has lost
    too many of them asks the texts that are held once more.
    """
    xp, graph = backend.xp, subject.graph
    n, h = int(subject.vectors.shape[0]), len(rows)
    k = max(0, min(subject.layouts.n_neighbors - 1, graph.k, h - 1))
    number = np.full(n, -1, dtype=np.int64)
    number[rows] = np.arange(h)
    at, names = backend.from_host(rows), backend.from_host(number)
    vectors = xp.take(subject.vectors, at, axis=0)
    parts = []
    for block in row_blocks(h, 40 * max(1, graph.k)):
        near, far = (xp.take(x, at[block], axis=0) for x in (graph.indices, graph.distances))
        new = xp.reshape(xp.take(names, xp.reshape(near, (-1,))), near.shape)
        order = xp.argsort(xp.astype(new < 0, xp.int64), axis=1, stable=True)[:, :k]
        parts.append([xp.take_along_axis(x, order, axis=1) for x in (new, far)])
    indices, distances = (xp.concat(part) for part in zip(*parts, strict=True))
    short = np.flatnonzero(backend.to_host(xp.any(indices < 0, axis=1))) if k else rows[:0]
    if len(short):
        own = backend.from_host(short.astype(np.int64))
        asked = xp.take(vectors, own, axis=0)
        found = backend.knn(vectors, k + 1, queries=asked, engine="exact", seed=subject.seed)
        nearest = drop_self(found.distances, found.indices, own)
        place = np.arange(h, dtype=np.int64)
        place[short] = h + np.arange(len(short))
        chosen = backend.from_host(place)
        distances, indices = (
            xp.take(xp.concat([old, new]), chosen, axis=0)
            for old, new in zip((distances, indices), nearest, strict=True)
        )
    return NeighborGraph(indices, distances, graph.engine, graph.recall), vectors
