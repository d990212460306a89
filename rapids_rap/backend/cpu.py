"""The CPU backend: NumPy, pandas and SciPy; FAISS, umap-learn and fast_hdbscan when first needed.

Everything is repeatable on a machine: the same rows and seed give the same bits. The libraries of
the `[cpu]` extra are imported by the method that needs them, so importing this file is cheap.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pandas as pd
import scipy.sparse

from rapids_rap.arrays import HostArray
from rapids_rap.backend._cpu_dense import euclidean_silhouette, principal_axes
from rapids_rap.backend._cpu_hdbscan import density_clusters
from rapids_rap.backend._cpu_knn import nearest
from rapids_rap.backend._cpu_threads import begin, one_core_products, side_by_side
from rapids_rap.backend._cpu_umap import layouts, pulled
from rapids_rap.backend.host import host_memory
from rapids_rap.backend.protocol import (
    DEFAULT_SIZES,
    Array,
    Knn,
    Memory,
    Pca,
    Result,
    Sizes,
    UmapSpec,
    Usage,
)
from rapids_rap.errors import CapabilityError


class CpuBackend:
    """`Backend` on the machine's own memory; its arrays are NumPy arrays."""

    name: str = "cpu"
    xp: ModuleType = xp
    frames: ModuleType = pd
    sparse: ModuleType = scipy.sparse
    torch_device: str = "cpu"
    cache_bytes: int = 4 * 2**20

    knn = staticmethod(nearest)
    hdbscan = staticmethod(density_clusters)
    silhouette = staticmethod(euclidean_silhouette)

    def from_host(self, array: HostArray) -> Array:
        """The array itself."""
        return array

    def to_host(self, array: Array) -> HostArray:
        """The array itself."""
        return np.asarray(array)

    def allocate_rows(self, n: int, d: int, sizes: Sizes = DEFAULT_SIZES) -> Array:
        """See `Backend.allocate_rows`; of main memory."""
        try:
            return np.empty((n, d), dtype=np.float32)
        except MemoryError as error:
            raise CapabilityError(
                f"The vectors of {n:,} texts take {n * d * 4 / 2**30:.1f} GiB of memory, "
                "which this machine does not give; use --limit, or a machine with more."
            ) from error

    def as_torch(self, array: Array) -> Any:
        """See `Backend.as_torch`."""
        import torch

        return torch.from_numpy(array)

    def umap(
        self, points: Array, graph: Knn, specs: Sequence[UmapSpec], seed: int | None
    ) -> list[Array]:
        """See `Backend.umap`; umap-learn, a thread a layout."""
        widths = [spec.n_components for spec in specs if spec.needs_axes]
        axes = self.pca(points, min(max(widths), points.shape[1])) if widths else None
        return list(layouts(points, graph, specs, seed, axes))

    def pull(
        self,
        points: Array,
        heads: Array,
        tails: Array,
        min_dist: float,
        rate: float,
        seed: int | None,
    ) -> Array:
        """See `Backend.pull`; the epoch of `umap`."""
        return pulled(points, heads, tails, min_dist, rate, seed)

    def pca(self, points: Array, n_components: int, *, seed: int | None = 42) -> Pca:
        """See `Backend.pca`; exact, so the seed has nothing to decide, and on one core.

        Eigenvectors differ in their last digits with the number of cores that share a product.
        """
        with one_core_products():
            return principal_axes(points, n_components)

    def smooth(self, image: Array, sigma: float) -> Array:
        """See `Backend.smooth`."""
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(np.asarray(image, dtype=np.float64), sigma, mode="constant")

    def together(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """See `Backend.together`; a core each, matrix products included."""
        with one_core_products():
            return side_by_side(calls, os.cpu_count() or 1)

    def beside(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """See `Backend.beside`; in a thread, on one core.

        Products of whoever calls stay on one core too until the result is asked for, not until it
        is there: their bits would else depend on which of the two is done first.
        """
        alone = contextlib.ExitStack()
        alone.enter_context(one_core_products())
        wait = begin(call)

        def end() -> Result:
            with alone:
                return wait()

        weakref.finalize(end, alone.close)  # a run that fails meanwhile never asks
        return end

    def aside(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """See `Backend.aside`; when it is asked for."""
        return call

    def memory(self) -> Memory:
        """Main memory, within the container's limit."""
        return host_memory()

    def usage(self) -> Usage:
        """No device was used."""
        return Usage("cpu")
