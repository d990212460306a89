"""UMAP on the GPU: the functions of cuML, on a neighbour graph that is already there.

`fuzzy_simplicial_set` and `simplicial_set_embedding` rather than the class `UMAP`, which copies the
weighted graph to the host at the end of every fit and would weigh it anew for each layout. Given
neighbours, neither reads the vectors: both get one column of zeros for its length.

Epochs are serial: cuML's parallel ones let several updates of a vertex meet, which throws points
far out on GPUs of many cores (cuML issues 6454, 7939). A seed makes the serial epochs repeatable;
without one the updates of different vertices race.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rapids_rap.backend._gpu_memory import GpuMemory
from rapids_rap.backend.axes import starting_layout
from rapids_rap.backend.extras import require
from rapids_rap.backend.protocol import Array, Knn, Pca, UmapSpec

SPREAD = 1.0
SMALL = 10_000  # rows up to which a layout takes 500 epochs rather than 200
PULLED = 2  # epochs in which every edge of the largest weight is drawn once


def layouts(
    points: Array,
    graph: Knn,
    specs: Sequence[UmapSpec],
    seed: int | None,
    axes: Pca | None,
    xp: Any,
    memory: GpuMemory,
) -> list[Array]:
    """A layout for each spec; `axes` are the principal axes where a spec starts from them.

    The weighted graph of equal `n_neighbors` is computed once and shared. Raises ValueError when a
    layout isn't finite.
    """
    library = require("cuml.manifold.umap", "The layout", "gpu")
    n = int(points.shape[0])
    weighted = {
        k: _weighted_graph(library, graph, k, n, xp, memory) for k in {s.n_neighbors for s in specs}
    }
    found = []
    for spec in specs:
        own = spec.seeded(seed)
        start = starting_layout(points, spec, own, axes)
        layout = _optimise(library, weighted[spec.n_neighbors], spec, start, own, n, xp)
        memory.synchronize()
        if not bool(xp.all(xp.isfinite(layout))):
            raise ValueError("UMAP returned a coordinate that is not finite")
        found.append(layout)
    return found


def pulled(
    points: Array,
    heads: Array,
    tails: Array,
    min_dist: float,
    rate: float,
    seed: int | None,
    sparse: Any,
    xp: Any,
    memory: GpuMemory,
) -> Array:
    """See `Backend.pull`: a descent of these edges alone; sparse: of CuPy."""
    library = require("cuml.manifold.umap", "The layout", "gpu")
    n, components = (int(size) for size in points.shape)
    ones = xp.ones(heads.shape, dtype=xp.float32)
    once = sparse.coo_matrix((ones, (heads, tails)), shape=(n, n))
    once.has_canonical_format = True  # sorted by row, and no edge twice
    spec = UmapSpec(components, 0, min_dist, PULLED, "random", start=points, learning_rate=rate)
    found = _optimise(library, once, spec, points, seed, n, xp)
    memory.synchronize()
    return found


def _weighted_graph(
    library: Any, graph: Knn, n_neighbors: int, n: int, xp: Any, memory: GpuMemory
) -> Any:
    """The fuzzy simplicial set, sparse (n, n), of the first `n_neighbors` - 1 neighbours.

    cuML counts a point as its own first neighbour.
    """
    others = min(n_neighbors - 1, int(graph.indices.shape[1]))
    own = xp.arange(n, dtype=xp.int64)[:, None]
    indices = xp.concat([own, graph.indices[:, :others]], axis=1)
    zeros = xp.zeros((n, 1), dtype=xp.float32)
    distances = xp.concat([zeros, graph.distances[:, :others]], axis=1)
    weighted = library.fuzzy_simplicial_set(
        zeros, others + 1, knn_indices=indices, knn_dists=distances
    )
    memory.synchronize()  # cuML may return before its stream has read the neighbours
    # Without duplicates, for no row has a neighbour twice, and sorted by row as far as is known.
    # Left unsaid, every layout would sort it anew, in twice its memory.
    if bool(xp.all(weighted.row[1:] >= weighted.row[:-1])):
        weighted.has_canonical_format = True
    return weighted


def _optimise(
    library: Any,
    weighted: Any,
    spec: UmapSpec,
    start: Array | None,
    seed: int | None,
    n: int,
    xp: Any,
) -> Array:
    """The layout after the stochastic descent; cuML works on a copy of the weighted graph."""
    a, b = library.find_ab_params(SPREAD, spec.min_dist)
    layout = library.simplicial_set_embedding(
        xp.zeros((n, 1), dtype=xp.float32),
        weighted,
        n_components=spec.n_components,
        initial_alpha=1.0 if spec.start is None else spec.learning_rate,
        a=float(a),
        b=float(b),
        n_epochs=spec.n_epochs or (500 if n <= SMALL else 200),
        init="spectral" if start is None else start,
        random_state=seed,
        force_serial_epochs=True,
    )
    return xp.astype(layout, xp.float32, copy=False)
