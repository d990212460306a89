"""UMAP: a plane to look at, and a space of a few dimensions to cluster in.

Both are made from the one neighbour graph. The map keeps points `min_dist` apart so that they can
be seen; the space that is clustered packs them (`min_dist` 0), which is what density clustering
wants (McInnes, Healy & Melville 2018, arXiv:1802.03426).
"""

from __future__ import annotations

from dataclasses import dataclass

from array_api_compat import device

from rapids_rap.backend import Array, Backend, Knn, UmapSpec
from rapids_rap.config import LayoutConfig
from rapids_rap.grouped import project
from rapids_rap.neighbors import NeighborGraph


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
) -> Layout:
    """Both layouts of `vectors` (n, d) float32 on their neighbour graph.

    `n_neighbors` is cut to what the graph holds. So few texts that UMAP has no manifold to find
    (n <= dimensions + 2) are placed on their principal axes. The same rows and seed give the same
    layout on the same machine; seed None is faster and differs from run to run.
    """
    n = int(vectors.shape[0])
    if n <= config.dimensions + 2:
        return Layout(
            xy=_principal_plane(vectors, 2, backend),
            reduced=_principal_plane(vectors, config.dimensions, backend),
        )
    neighbors = min(config.n_neighbors, graph.k + 1)  # UMAP counts a point as its own neighbour
    epochs = config.epochs or None
    specs = [
        UmapSpec(2, neighbors, config.min_dist, epochs, config.init),
        UmapSpec(config.dimensions, neighbors, 0.0, epochs, config.init),
    ]
    edges = Knn(graph.indices, graph.distances, graph.engine, graph.recall)
    xy, reduced = backend.umap(vectors, edges, specs, seed)
    return Layout(xy=xy, reduced=reduced)


def _principal_plane(vectors: Array, dimensions: int, backend: Backend) -> Array:
    """Coordinates on the first principal axes, (n, dimensions) float32, zeros past the rank."""
    xp, where = backend.xp, device(vectors)
    n, d = (int(size) for size in vectors.shape)
    empty = xp.zeros((n, dimensions), dtype=xp.float32, device=where)
    known = min(dimensions, d)
    if n < 2 or known == 0:
        return empty
    axes = backend.pca(vectors, known)
    coordinates = project(vectors, axes.mean, axes.components)
    return xp.concat([xp.astype(coordinates, xp.float32), empty[:, known:]], axis=1)
