"""UMAP: a plane to look at, and a space of a few dimensions to cluster in.

Both are made from the one neighbour graph. The map keeps points `min_dist` apart so that they can
be seen; the space that is clustered packs them (`min_dist` 0), which is what density clustering
wants (McInnes, Healy & Melville 2018, arXiv:1802.03426).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from array_api_compat import device

from rapids_rap.backend.axes import on_axes
from rapids_rap.backend.kept import require_array
from rapids_rap.backend.protocol import Array, Backend, Knn, UmapSpec
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.clustering.warm_start import Earlier, starting_points, turn_back
from rapids_rap.config import LayoutConfig

VERSION = 3  # raise it when the same arguments give another result

# Learning rate of a layout that goes on from an earlier one, in place of 1. Full steps shake a
# finished map more than new texts change it; smaller ones keep it and its clusters, and neighbours
# still lie as near each other (measured in docs/stable-ids.md).
WARM_RATE = 0.1


@dataclass(frozen=True)
class Layout:
    """Coordinates of each distinct text: xy (n, 2) for maps, reduced (n, dimensions) float32."""

    xy: Array
    reduced: Array


def lay_out(
    vectors: Array,
    graph: NeighborGraph,
    config: LayoutConfig,
    backend: Backend,
    seed: int | None,
    earlier: Earlier | None = None,
) -> Layout:
    """Both layouts of `vectors` (n, d) float32 on their neighbour graph.

    `n_neighbors` is cut to what the graph holds. So few texts that UMAP has no manifold to find
    (n <= dimensions + 2) are placed on their principal axes. The same rows and seed give the same
    layout on the same machine; seed None is faster and differs from run to run.

    earlier: where texts lay in an earlier run. Both layouts go on from there, with smaller steps,
    and the map is turned back onto the earlier one; with nothing changed they are the earlier ones.
    """
    if earlier is not None and earlier.unchanged and earlier.reduced is not None:
        return Layout(xy=earlier.xy, reduced=earlier.reduced)
    n = int(vectors.shape[0])
    if _too_few(n, config):
        xy = _principal_plane(vectors, 2, backend)
        reduced = _principal_plane(vectors, config.dimensions, backend)
    else:
        specs = [
            _spec(2, config.min_dist, graph, config),
            _spec(config.dimensions, 0.0, graph, config),
        ]
        if earlier is not None:
            specs = _continued(specs, earlier, vectors, graph, backend)
        edges = Knn(graph.indices, graph.distances, graph.engine, graph.recall)
        xy, reduced = backend.umap(vectors, edges, specs, seed)
    if earlier is not None:
        xy = turn_back(xy, earlier.xy, earlier.placed, backend)
    return Layout(xy=xy, reduced=reduced)


def space_spec(n: int, graph: NeighborGraph, config: LayoutConfig) -> UmapSpec | None:
    """How the space that is clustered is laid out anew; None for texts too few for UMAP."""
    return None if _too_few(n, config) else _spec(config.dimensions, 0.0, graph, config)


def _too_few(n: int, config: LayoutConfig) -> bool:
    return n <= config.dimensions + 2


def _spec(dimensions: int, min_dist: float, graph: NeighborGraph, config: LayoutConfig) -> UmapSpec:
    neighbors = min(config.n_neighbors, graph.k + 1)  # UMAP counts a point as its own neighbour
    return UmapSpec(dimensions, neighbors, min_dist, config.epochs or None, config.init)


def check_kept(kept: Layout, vectors: Array, *_: object) -> None:
    """Raises ValueError for layouts that these arguments can't have given."""
    n = int(vectors.shape[0])
    require_array("xy", kept.xy, "f", (n, 2))
    require_array("reduced", kept.reduced, "f", (n, None))


def _continued(
    specs: Sequence[UmapSpec],
    earlier: Earlier,
    vectors: Array,
    graph: NeighborGraph,
    backend: Backend,
) -> list[UmapSpec]:
    """The specs of map and space with the places of the earlier ones to go on from."""
    every = []
    for spec, known in zip(specs, (earlier.xy, earlier.reduced), strict=True):
        if known is None:
            every.append(spec)
            continue
        start = starting_points(known, earlier.placed, vectors, graph, backend)
        every.append(replace(spec, start=start, learning_rate=WARM_RATE))
    return every


def _principal_plane(vectors: Array, dimensions: int, backend: Backend) -> Array:
    """Coordinates on the first principal axes, (n, dimensions) float32, zeros past the rank."""
    xp, where = backend.xp, device(vectors)
    n, d = (int(size) for size in vectors.shape)
    known = min(dimensions, d)
    if n < 2 or known == 0:
        return xp.zeros((n, dimensions), dtype=xp.float32, device=where)
    return on_axes(vectors, backend.pca(vectors, known), dimensions)
