"""A backend whose arrays refuse everything outside the array API, NumPy conversion included.

Arrays live on array_api_strict's second device, where `np.asarray` raises, as it does on a GPU, and
tables take and give such arrays only. A stage that passes here makes no implicit trip to the host,
mixes no host array in, and calls no function of one library.
"""

import array_api_strict as xp
import numpy as np

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import DensityClusters, Knn, Memory, Pca, Usage
from tests.strict_frames import DEVICE, StrictFrames
from tests.strict_sparse import StrictSparse


class StrictBackend:
    """`Backend` over array_api_strict; computes with `CpuBackend`."""

    name = "strict"
    xp = xp
    frames = StrictFrames
    sparse = StrictSparse
    torch_device = "cpu"
    cache_bytes = CpuBackend.cache_bytes

    def __init__(self):
        self._cpu = CpuBackend()

    def from_host(self, array):
        return xp.asarray(np.asarray(array), device=DEVICE)

    def to_host(self, array):
        return np.asarray(array.to_device(xp.Device("CPU_DEVICE")))

    def allocate_rows(self, n, d, sizes=None):
        return xp.empty((n, d), dtype=xp.float32, device=DEVICE)

    def as_torch(self, array):
        return self._cpu.as_torch(array._array)

    def knn(self, points, k, *, queries=None, **options):
        asked = None if queries is None else self.to_host(queries)
        found = self._cpu.knn(self.to_host(points), k, queries=asked, **options)
        return Knn(
            self.from_host(found.indices),
            self.from_host(found.distances),
            found.engine,
            found.recall,
        )

    def umap(self, points, graph, specs, seed):
        edges = Knn(
            self.to_host(graph.indices), self.to_host(graph.distances), graph.engine, graph.recall
        )
        return [self.from_host(x) for x in self._cpu.umap(self.to_host(points), edges, specs, seed)]

    def pull(self, points, heads, tails, *how):
        arrays = (self.to_host(array) for array in (points, heads, tails))
        return self.from_host(self._cpu.pull(*arrays, *how))

    def hdbscan(self, points, **options):
        found = self._cpu.hdbscan(self.to_host(points), **options)
        arrays = (found.labels, found.probabilities, found.persistence)
        return DensityClusters(*map(self.from_host, arrays), found.tree)

    def pca(self, points, n_components, *, seed=42):
        found = self._cpu.pca(self.to_host(points), n_components)
        return Pca(*map(self.from_host, vars(found).values()))

    def silhouette(self, points, labels):
        return self.from_host(self._cpu.silhouette(self.to_host(points), self.to_host(labels)))

    def smooth(self, image, sigma):
        return self.from_host(self._cpu.smooth(self.to_host(image), sigma))

    def together(self, calls):
        return [call() for call in calls]

    def beside(self, call):
        return call

    def aside(self, call):
        return call

    def memory(self) -> Memory:
        return self._cpu.memory()

    def usage(self) -> Usage:
        return Usage(self.name)
