"""Nearest neighbours over shards: all with all, or in cells, merged by distance.

A shard is some texts that ask among some others, by exact search. Where all ask among all, the
merged graph has the bytes of one process. In cells (`neighbors.engine = "cells"`) a text asks in
the few cells of k-means whose centers are nearest to it, and is found there: cuVS'
`all_neighbors`, over workers. In how many follows from the measured recall, as a neighbour is found
if and only if the two share a cell.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rapids_rap.arrays import Float32s, HostArray, Int64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.nearest import drop_self, nearest_of, sampled_rows
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph, warn_of_recall
from rapids_rap.clustering.sample import Near, Sample, near_columns, nearest_fitted
from rapids_rap.config import NeighborsConfig
from rapids_rap.runs.files import write_array
from rapids_rap.runs.received import load_array
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.texts import Task, about, shared_folder, write_texts
from rapids_rap.scale.vectors import forget_encoder
from rapids_rap.scale.workers import check_here, own_facts

log = logging.getLogger(__name__)

# Rows of a shard: multiples of the blocks that `backend._cpu_knn` names, so that bits are the same.
ASKING, ASKED = 16_384, 131_072
TRAINING_TEXTS, TRAINING_ROUNDS = 64, 10  # texts a cell that k-means sees, and its rounds
MOST_CELLS = 16  # that a text is in; where the recall wants more, each is compared with each


@dataclass(frozen=True)
class Pairs:
    """Which rows ask among which.

    lists: row numbers, in pieces that ascend. shards: (s, 4) where in `lists` the asking rows of a
    shard begin and end, and those that they ask among.
    """

    lists: Int64s
    shards: Int64s


@dataclass(frozen=True)
class Cells:
    """order: (n, m) int32 the m cells whose centers are nearest to each row, nearest first."""

    order: HostArray
    count: int


@dataclass(frozen=True)
class Search:
    """Exact searches of the rows of a matrix on the host by an executor's workers."""

    folder: Path
    executor: Executor
    backend: str
    k: int

    def find(self, pairs: Pairs, asking: Int64s) -> tuple[Float32s, Int64s]:
        """(q, k) distances and row numbers of the nearest of what each of `asking` (q,) asks among.

        Where that is fewer than k, infinite distances follow.
        """
        distances = np.full((len(asking), self.k), np.inf, dtype=np.float32)
        indices = np.full((len(asking), self.k), -1, dtype=np.int64)
        with shared_folder(self.folder) as folder:
            write_array(folder / "lists.npy", pairs.lists)
            write_array(folder / "shards.npy", pairs.shards)
            wanted = {
                "points": str(self.folder.absolute()),
                "backend": self.backend,
                "k": self.k,
                "facts": own_facts(),
            }
            write_texts(folder, [], [], wanted)
            tasks = [Task(str(folder.absolute()), shard) for shard in range(len(pairs.shards))]

            def merge(shard: int) -> None:
                first, last = pairs.shards[shard, :2]
                rows = np.searchsorted(asking, pairs.lists[first:last])
                near, ids = (load_array(path) for path in _results(tasks[shard]))
                both = [(distances[rows], indices[rows]), (near, ids)]
                distances[rows], indices[rows] = nearest_of(both, self.k)
                for path in _results(tasks[shard]):
                    path.unlink()

            self.executor.map(find_shard, tasks, merge)
        return distances, indices


def shard_neighbors(
    vectors: Array,
    config: NeighborsConfig,
    backend: Backend,
    seed: int | None,
    executor: Executor,
    beside: Path,
) -> NeighborGraph:
    """`neighbor_graph` by the executor's workers, where `exact` or `cells` was asked for.

    Any other engine, and texts that are too few to have neighbours, is that function's own work.
    """
    n = int(vectors.shape[0])
    if config.engine not in ("exact", "cells") or n < 2:
        return neighbor_graph(vectors, config, backend, seed)
    rows, k = np.arange(n), min(config.k, n - 1)
    with shared_folder(beside) as folder:
        write_array(folder / "points.npy", backend.to_host(vectors))
        search = Search(folder, executor, backend.name, k + 1)
        engine, recall, pairs = "exact", 1.0, all_pairs(rows, rows)
        cells = find_cells(vectors, seed, backend) if config.engine == "cells" else None
        if cells is not None:
            sample = sampled_rows(n, seed)
            truth = drop_self(*search.find(all_pairs(sample, rows), sample), sample)[1]
            overlap, recall = needed_overlap(cells, sample, truth, config.min_recall)
            if overlap:
                pairs = cell_pairs(cells, overlap)
                engine = f"cells ({cells.count}, {overlap} a text)"
        distances, indices = search.find(pairs, rows)
        short = np.flatnonzero(np.isinf(distances[:, -1]))
        if len(short):  # cells that hold few texts
            distances[short], indices[short] = search.find(all_pairs(short, rows), short)
    distances, indices = drop_self(distances, indices, rows)
    if engine != "exact":
        recall = _found(indices[sample], truth)
        warn_of_recall(recall, config)
    log.info("neighbours by shards (%s): %s, recall %.4f", executor.kind, engine, recall)
    return NeighborGraph(backend.from_host(indices), backend.from_host(distances), engine, recall)


def shard_nearest_fitted(
    vectors: Array,
    sample: Sample,
    config: NeighborsConfig,
    backend: Backend,
    seed: int | None,
    executor: Executor,
    beside: Path,
) -> Near:
    """`nearest_fitted` by the executor's workers, exactly, where `exact` or `cells` was asked for.

    Those that ask are compared with those that are fitted, which is linear in all texts.
    """
    fitted, others = (backend.to_host(part) for part in (sample.rows, sample.others))
    if config.engine not in ("exact", "cells") or not len(others):
        return nearest_fitted(vectors, sample, config, backend, seed)
    with shared_folder(beside) as folder:
        write_array(folder / "points.npy", backend.to_host(vectors))
        search = Search(folder, executor, backend.name, near_columns(sample))
        distances, indices = search.find(all_pairs(others, fitted), others)
    places = np.searchsorted(fitted, indices)
    return Near(backend.from_host(places), backend.from_host(distances))


def find_shard(task: Task) -> int:
    """Leave the neighbours of a shard's rows; how many rows asked."""
    wanted = about(task)
    check_here(wanted["facts"])
    forget_encoder()
    folder = Path(task.folder)
    lists = load_array(folder / "lists.npy", mapped=True)
    begin, end, first, last = load_array(folder / "shards.npy", mapped=True)[task.number].tolist()
    asking, among = np.asarray(lists[begin:end]), np.asarray(lists[first:last])
    points = load_array(Path(wanted["points"]) / "points.npy", mapped=True)
    backend = load_backend(wanted["backend"])
    found = backend.knn(
        backend.from_host(_rows(points, among)),
        min(wanted["k"], len(among)),
        queries=backend.from_host(_rows(points, asking)),
        engine="exact",
    )
    distances, ids = _results(task)
    write_array(distances, backend.to_host(found.distances))
    write_array(ids, among[backend.to_host(found.indices)])
    return len(asking)


def all_pairs(asking: Int64s, among: Int64s) -> Pairs:
    """Every one of some rows asks among all of some others; both ascend."""
    lists = np.concatenate([asking, among])
    return Pairs(lists, _grid(0, len(asking), len(asking), len(lists)))


def cell_pairs(cells: Cells, overlap: int) -> Pairs:
    """In each cell its rows ask among its rows; a row is in its `overlap` nearest cells."""
    n = len(cells.order)
    named = cells.order[:, :overlap].ravel()
    by_cell = np.argsort(named, kind="stable")  # rows ascend within a cell
    lists = np.repeat(np.arange(n), overlap)[by_cell]
    ends = np.cumsum(np.bincount(named, minlength=cells.count))
    grids = [
        _grid(first, last, first, last)
        for first, last in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]
    return Pairs(lists, np.concatenate(grids))


def find_cells(vectors: Array, seed: int | None, backend: Backend) -> Cells | None:
    """`cell_count` cells, by k-means of a sample; None for rows too few for two.

    vectors: (n, d). SciPy's k-means, on a sample copied to the host.
    """
    from scipy.cluster.vq import kmeans2

    n = int(vectors.shape[0])
    count = cell_count(n)
    if count < 2:
        return None
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(n, min(n, TRAINING_TEXTS * count), replace=False))
    sample = np.asarray(
        backend.to_host(backend.xp.take(vectors, backend.from_host(rows), axis=0)), np.float64
    )
    norms = np.linalg.norm(sample, axis=1, keepdims=True)
    sample /= np.where(norms > 0, norms, 1.0)
    start = sample[np.sort(random.choice(len(sample), count, replace=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty cell, whose center stays where it was
        centers, _ = kmeans2(sample, start, iter=TRAINING_ROUNDS, minit="matrix", missing="warn")
    near = backend.knn(
        backend.from_host(centers.astype(np.float32)),
        min(count, MOST_CELLS),
        queries=vectors,
        engine="exact",
    )
    return Cells(backend.to_host(near.indices).astype(np.int32), count)


def cell_count(n: int) -> int:
    """Half of the square root of the rows: of 60,000 rows 122 cells, of 60,000,000 3,872.

    Fewer cells save less work, more of them take longer to find.
    """
    return round(n**0.5 / 2)


def needed_overlap(
    cells: Cells, sample: Int64s, truth: Int64s, min_recall: float
) -> tuple[int, float]:
    """In how many cells each row must be to find `min_recall` of the true neighbours; the recall.

    sample: (q,) rows; truth: (q, k) their nearest. 0 where comparing all with all is no more work,
    with the recall 1.
    """
    most = cells.order.shape[1]
    own, others = cells.order[sample][:, None, :, None], cells.order[truth][:, :, None, :]
    places = np.maximum(np.arange(most)[:, None], np.arange(most)[None, :])
    shared = np.where(own == others, places, most).min(axis=(2, 3))
    found = np.cumsum(np.bincount(shared.ravel(), minlength=most + 1))[:most] / truth.size
    overlap = int(np.searchsorted(found, min_recall - 1e-9)) + 1
    if overlap > most or overlap**2 >= cells.count:
        log.info("cells would find %.4f at most where they save work: all are compared", found[-1])
        return 0, 1.0
    return overlap, float(found[overlap - 1])


def _found(indices: Int64s, truth: Int64s) -> float:
    """The share of the true neighbours (q, k) that are among those found (q, k)."""
    return float((truth[:, :, None] == indices[:, None, :]).any(axis=2).mean())


def _grid(begin: int, end: int, first: int, last: int) -> Int64s:
    """(s, 4): a range of asking rows with a range of others, cut into shards."""
    each: Sequence[tuple[int, int, int, int]] = [
        (a, min(a + ASKING, end), b, min(b + ASKED, last))
        for a in range(begin, end, ASKING)
        for b in range(first, last, ASKED)
    ]
    return np.array(each, dtype=np.int64).reshape(-1, 4)


def _rows(points: HostArray, rows: Int64s) -> HostArray:
    """Ascending rows of a matrix in a file; those in a row are not copied before they are read."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return np.asarray(points[int(rows[0]) : int(rows[-1]) + 1])
    return np.asarray(points[rows])


def _results(task: Task) -> tuple[Path, Path]:
    folder = Path(task.folder)
    return folder / f"distances-{task.number}.npy", folder / f"rows-{task.number}.npy"
