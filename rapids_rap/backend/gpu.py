"""The GPU backend: CuPy, cuDF, cuML, FAISS-GPU and cuVS, one allocator, and our Triton kernels.

Arrays stay in device memory (or in host memory that the device reads, where `gpu_plan` says so).
What copies anything to the host by itself is named in `usage().host_copies`: the k-means of FAISS'
inverted file, NN-descent, and cuML's dendrogram. The libraries of the `[gpu]` extra are imported by
the method that needs them: with torch, CuPy and Triton alone, embedding, principal axes and the
silhouette run.

Search, axes, layout (with a seed) and clusters are repeatable on one machine where the plan chooses
exact search, which it does while that is affordable. Not what cuSPARSE multiplies: its default
algorithms promise no equal bits, so with `embedding.lexical` a second run may differ until
`make test-gpu` has shown that it does not. None of this has run on a GPU yet.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from rapids_rap.arrays import HostArray
from rapids_rap.backend._cpu_threads import begin
from rapids_rap.backend._gpu_dense import euclidean_silhouette, principal_axes
from rapids_rap.backend._gpu_hdbscan import density_clusters
from rapids_rap.backend._gpu_knn import nearest
from rapids_rap.backend._gpu_memory import exhausted, gpu_memory, is_out_of_memory
from rapids_rap.backend._gpu_umap import layouts, pulled
from rapids_rap.backend.extras import require
from rapids_rap.backend.gpu_plan import BLOCK, BLOCKS, Choice, plan_layout, pull_bytes
from rapids_rap.backend.protocol import (
    DEFAULT_SIZES,
    Array,
    DensityClusters,
    Knn,
    Memory,
    Metric,
    Pca,
    Result,
    Sizes,
    UmapSpec,
    Usage,
)
from rapids_rap.backend.rows import row_blocks

log = logging.getLogger(__name__)

SMALL_GRID = "Grid size"  # numba-cuda: "Grid size 4 will likely result in GPU under-utilization"
LAZY = {"frames": ("cudf", "A table"), "sparse": ("cupyx.scipy.sparse", "A sparse matrix")}


@dataclass(frozen=True)
class Aside:
    """A call that a thread works on."""

    wait: Callable[[], Any]

    def __call__(self) -> Any:
        """What it returns or raises, when it is through."""
        return self.wait()


class GpuBackend:
    """`Backend` on the current CUDA device; its arrays are CuPy arrays.

    Raises CapabilityError where CuPy is missing or finds no device.
    """

    name: str = "gpu"
    frames: ModuleType
    sparse: ModuleType
    torch_device: str = "cuda"
    cache_bytes: int = BLOCK

    def __init__(self) -> None:
        self._memory = gpu_memory()
        self.xp: ModuleType = require("array_api_compat.cupy", "The run", "gpu")
        self._algorithms: dict[str, str] = {"memory": self._memory.allocator}
        self._host_copies: dict[str, int] = {}

    def __getattr__(self, name: str) -> ModuleType:
        """`frames` and `sparse`, imported when first asked for."""
        if name not in LAZY:
            raise AttributeError(f"GpuBackend has no attribute {name!r}")
        if name == "frames":  # maps of few points launch small grids, which numba-cuda warns of
            warnings.filterwarnings("ignore", message=SMALL_GRID)
        module = require(*LAZY[name], "gpu")
        setattr(self, name, module)
        return module

    def from_host(self, array: HostArray) -> Array:
        """A copy in device memory. Raises CapabilityError where there is no room for it.

        By blocks: CuPy sends an array through pinned memory of the next power of two of its size,
        and keeps that.
        """
        try:
            return self._copied(array)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            free = self._memory.memory().free
            raise exhausted("A copy to the GPU", int(array.nbytes), free) from error

    def _copied(self, array: HostArray) -> Array:
        if array.nbytes <= BLOCK or len(array) < 2:
            return self.xp.asarray(array)
        copy = self.xp.empty(array.shape, dtype=array.dtype)
        for block in row_blocks(len(array), array.nbytes // len(array), BLOCK):
            copy[block] = self.xp.asarray(array[block])
        return copy

    def to_host(self, array: Array) -> HostArray:
        """A copy in main memory; of mapped rows, the rows themselves."""
        view = self._memory.host_view(array)
        return self._memory.cupy.asnumpy(array) if view is None else view

    def allocate_rows(self, n: int, d: int, sizes: Sizes = DEFAULT_SIZES) -> Array:
        """See `Backend.allocate_rows`; device memory, or mapped host memory by the plan."""
        rows, where = self._memory.allocate_rows(n, d, sizes)
        # A second matrix is that of the vectors after centring or whitening.
        name = "processed vectors" if "vectors" in self._algorithms else "vectors"
        self._algorithms[name] = where
        if self._memory.is_mapped(rows):
            self._host_copies[name] = int(rows.nbytes)
        return rows

    def as_torch(self, array: Array) -> Any:
        """See `Backend.as_torch`; through DLPack."""
        return self._memory.as_torch(array)

    def knn(
        self,
        points: Array,
        k: int,
        *,
        queries: Array | None = None,
        metric: Metric = "cosine",
        **options: Any,
    ) -> Knn:
        """See `Backend.knn`; FAISS, or cuVS. k is at most 2047."""
        found, choice = nearest(
            points,
            k,
            queries=queries,
            metric=metric,
            xp=self.xp,
            memory=self._memory,
            **options,
        )
        # The graph of the run, not a look at a layout or a query, is what the manifest names.
        if queries is None and metric == "cosine":
            self._note(choice)
        return found

    def umap(
        self, points: Array, graph: Knn, specs: Sequence[UmapSpec], seed: int | None
    ) -> list[Array]:
        """See `Backend.umap`; cuML, one layout after the other."""
        widths = [spec.n_components for spec in specs if spec.needs_axes]
        axes = self.pca(points, min(max(widths), int(points.shape[1]))) if widths else None
        choice = plan_layout(
            int(points.shape[0]),
            max((spec.n_neighbors for spec in specs), default=1),
            [spec.n_components for spec in specs],
            self._memory.memory().free,
        )
        self._note(choice)
        with self._memory.explain("The layout", choice.peak):
            return layouts(points, graph, specs, seed, axes, self.xp, self._memory)

    def pull(
        self,
        points: Array,
        heads: Array,
        tails: Array,
        min_dist: float,
        rate: float,
        seed: int | None,
    ) -> Array:
        """See `Backend.pull`; cuML."""
        n, components = (int(size) for size in points.shape)
        need = pull_bytes(n, components, int(heads.shape[0]))
        with self._memory.explain("The layout", need):
            return pulled(
                points, heads, tails, min_dist, rate, seed, self.sparse, self.xp, self._memory
            )

    def hdbscan(self, points: Array, **options: Any) -> DensityClusters:
        """See `Backend.hdbscan`; cuML. min_samples is at most 1023."""
        found, choice = density_clusters(points, xp=self.xp, memory=self._memory, **options)
        if choice is not None:
            self._note(choice)
        return found

    def pca(self, points: Array, n_components: int, *, seed: int | None = 42) -> Pca:
        """See `Backend.pca`; exact, so the seed has nothing to decide."""
        with self._memory.explain("The principal axes", BLOCKS):
            return principal_axes(points, n_components, self.xp)

    def silhouette(self, points: Array, labels: Array) -> Array:
        """See `Backend.silhouette`; our kernel, float32, without the n x n matrix."""
        with self._memory.explain("The silhouette", BLOCKS + 2 * int(points.nbytes)):
            return euclidean_silhouette(points, labels, self._memory)

    def smooth(self, image: Array, sigma: float) -> Array:
        """See `Backend.smooth`."""
        ndimage = require("cupyx.scipy.ndimage", "The map of density", "gpu")
        return ndimage.gaussian_filter(self.xp.astype(image, "float64"), sigma, mode="constant")

    def together(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """See `Backend.together`; in turn, each with the whole device and its memory.

        What works on the host meanwhile (`aside`) is waited for last.
        """
        order = sorted(range(len(calls)), key=lambda place: isinstance(calls[place], Aside))
        found = {place: calls[place]() for place in order}
        return [found[place] for place in range(len(calls))]

    def beside(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """See `Backend.beside`; when it is asked for."""
        return call

    def aside(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """See `Backend.aside`; in a thread, which leaves the interpreter to the one that launches.

        What is launched goes on by itself, so the device has work while the host computes.
        """
        return Aside(begin(call))

    def memory(self) -> Memory:
        """Device memory: free now, in all, and the most the array libraries held."""
        return self._memory.memory()

    def usage(self) -> Usage:
        """The device, what was allocated on it, our kernels' launches and the chosen algorithms."""
        from rapids_rap.kernels import launches

        runtime = self._memory.cupy.cuda.runtime
        properties = runtime.getDeviceProperties(runtime.getDevice())
        name = properties["name"]
        version = int(runtime.driverGetVersion())  # 1000 x major + 10 x minor
        return Usage(
            device=name.decode() if isinstance(name, bytes) else str(name),
            compute_capability=f"{properties['major']}.{properties['minor']}",
            driver=f"CUDA {version // 1000}.{version % 1000 // 10}",
            allocated=self._memory.allocated(),
            peak=self._memory.memory().peak,
            kernels=dict(launches),
            algorithms=dict(self._algorithms),
            host_copies=dict(self._host_copies),
        )

    def _note(self, choice: Choice) -> None:
        """Keep what a stage ran for the manifest, and warn where it may not fit."""
        self._algorithms[choice.stage] = f"{choice.algorithm}: {choice.because}"
        if choice.host:
            self._host_copies[choice.stage] = choice.host
        if not choice.fits:
            log.warning("%s: %s", choice.stage, choice.because)
