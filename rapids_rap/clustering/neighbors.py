"""The nearest-neighbour graph of the distinct texts, computed once.

Both layouts and the assignment of noise read this one graph, so they agree on who is near.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from array_api_compat import array_namespace, device

from rapids_rap.backend.kept import require_array, require_between
from rapids_rap.backend.protocol import Array, Backend, Engine
from rapids_rap.config import NeighborsConfig
from rapids_rap.errors import CapabilityError

VERSION = 3  # raise it when the same arguments give another result
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NeighborGraph:
    """The k nearest other texts of each text, nearest first; ties go to the lower text_id.

    indices: (n, k) int64 text ids. distances: (n, k) float32, 1 - cosine.
    engine: what ran, `exact`, `ivf`, cuVS and its algorithm, or `cells` and how many. recall: 1.0
    for exact search, else measured on a sample.
    """

    indices: Array
    distances: Array
    engine: str
    recall: float

    @property
    def k(self) -> int:
        """Neighbours of each text: `NeighborsConfig.k`, or n - 1 where there are fewer texts."""
        return int(self.indices.shape[1])


def neighbor_graph(
    vectors: Array, config: NeighborsConfig, backend: Backend, seed: int | None
) -> NeighborGraph:
    """The graph of `vectors` (n, d) float32, a row a distinct text, by cosine.

    n = 0 and n = 1 give a graph without edges. A recall below `config.min_recall` is logged as a
    warning. Raises ValueError for vectors that aren't finite.
    """
    n, k = _size(vectors, config)
    if k == 0:
        xp, where = backend.xp, device(vectors)
        return NeighborGraph(
            indices=xp.zeros((n, 0), dtype=xp.int64, device=where),
            distances=xp.zeros((n, 0), dtype=xp.float32, device=where),
            engine="exact",
            recall=1.0,
        )
    engine = backend_engine(config)
    found = backend.knn(
        vectors, k, metric="cosine", engine=engine, min_recall=config.min_recall, seed=seed
    )
    warn_of_recall(found.recall, config)
    return NeighborGraph(found.indices, found.distances, found.engine, found.recall)


def backend_engine(config: NeighborsConfig) -> Engine:
    """The engine that a backend is asked for. Raises `CapabilityError` for that of an executor."""
    if config.engine == "cells":
        raise CapabilityError(
            "neighbors.engine=cells is searched by the workers of [scale]: ask for --scale process "
            "or --scale dask (docs/scale.md), or set neighbors.engine=auto."
        )
    return config.engine


def warn_of_recall(recall: float, config: NeighborsConfig) -> None:
    """Say where a search found less than was asked for."""
    if recall < config.min_recall:
        log.warning(
            "The neighbour search reached a recall of %.3f, below neighbors.min_recall = %.3f.",
            recall,
            config.min_recall,
        )


def check_kept(kept: NeighborGraph, vectors: Array, config: NeighborsConfig, *_: object) -> None:
    """Raises ValueError for a graph that these arguments can't have given."""
    shape = _size(vectors, config)
    require_array("indices", kept.indices, "i", shape)
    require_between("indices", kept.indices, 0, shape[0] - 1)
    require_array("distances", kept.distances, "f", shape)


def _size(vectors: Array, config: NeighborsConfig) -> tuple[int, int]:
    """Texts, and neighbours of each."""
    n = int(vectors.shape[0])
    return n, max(0, min(config.k, n - 1))


def count_votes(names: Array, votes: Array) -> tuple[Array, Array]:
    """(m,) the name with most of the votes in each row, (m,) its votes; of equals the first.

    names: (m, k) labels, k > 0; votes: (m, k) what each weighs, 0 or more.
    """
    xp = array_namespace(names, votes)
    same = xp.astype(names[:, :, None] == names[:, None, :], votes.dtype)
    score = xp.sum(same * votes[:, None, :], axis=2)
    best = xp.argmax(score, axis=1)[:, None]
    return xp.take_along_axis(names, best, axis=1)[:, 0], xp.max(score, axis=1)
