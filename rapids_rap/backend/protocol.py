"""What a backend is: the members that a stage may ask for, and what they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from rapids_rap.arrays import Int64s
from rapids_rap.errors import CapabilityError

Array = Any  # an array of the backend's own library: numpy.ndarray, cupy.ndarray, ...
Frame = Any  # a table of the backend's own library: pandas.DataFrame, cudf.DataFrame


Result = TypeVar("Result")
Metric = Literal["cosine", "euclidean"]


Engine = Literal["auto", "exact", "ivf", "cuvs"]


@dataclass(frozen=True)
class Sizes:
    """What decides a run's memory beside its lines: the defaults are the configuration's.

    layouts: that vote on the clusters. model: bytes of weights and activations while embedding.
    copies: matrices of vectors, 2 where they are centred or whitened beside the originals.
    """

    k: int = 30
    n_neighbors: int = 15
    dimensions: int = 5
    min_samples: int = 5
    tokens_each: int = 8
    width: int = 2400
    height: int = 1800
    engine: Engine = "auto"
    copies: int = 1
    layouts: int = 20
    model: int = 6 * 2**30  # 1.5 billion parameters in half precision, and a batch


DEFAULT_SIZES = Sizes()


@dataclass(frozen=True)
class Knn:
    """Nearest neighbours of rows, nearest first.

    indices: (n, k) int64. distances: (n, k) float32, 1 - cosine or Euclidean by metric.
    Ties are broken by the lower index. `engine` says what ran; `recall` is 1.0 for exact search,
    else measured against exact search on a sample.
    """

    indices: Array
    distances: Array
    engine: str
    recall: float


@dataclass(frozen=True)
class UmapSpec:
    """One UMAP layout of a neighbour graph (McInnes, Healy & Melville 2018, arXiv:1802.03426).

    start: (n, n_components) float32 coordinates, finite and in the scale of a finished layout, from
    which the descent goes on in place of `init`. learning_rate: of its first epoch then. draw: is
    added to the seed, so that layouts of one call can be other draws of the same.
    """

    n_components: int
    n_neighbors: int
    min_dist: float
    n_epochs: int | None
    init: Literal["pca", "spectral", "random"]
    start: Array | None = field(default=None, compare=False)
    learning_rate: float = 1.0
    draw: int = 0

    def seeded(self, seed: int | None) -> int | None:
        """The seed of this draw; None without one."""
        return None if seed is None else seed + self.draw

    @property
    def needs_axes(self) -> bool:
        """Whether the principal axes have to be known."""
        return self.init == "pca" and self.start is None


SMALLEST_IN_TREE = 2  # points of a cluster


@dataclass(frozen=True)
class ClusterTree:
    """The clusters of HDBSCAN's condensed tree, without its points, m of them, on the host.

    parents: (m,) int64, the cluster that each split off from; cluster 0 is the root and has -1, and
    a parent comes before its children. sizes: (m,) int64, points when it split off. Children come
    in pairs, one behind the other.
    """

    parents: Int64s
    sizes: Int64s


@dataclass(frozen=True)
class DensityClusters:
    """HDBSCAN's answer (Campello, Moulavi & Sander 2013).

    labels: (n,) int64, -1 is noise. probabilities: (n,) float32 in [0, 1].
    persistence: (n_clusters,) float32, each cluster's stability. tree: None where it was not asked
    for, or the library would not tell.
    """

    labels: Array
    probabilities: Array
    persistence: Array
    tree: ClusterTree | None = None


@dataclass(frozen=True)
class Pca:
    """Principal axes. mean: (d,), components: (k, d), explained_variance: (k,), all float32."""

    mean: Array
    components: Array
    explained_variance: Array


@dataclass(frozen=True)
class Memory:
    """Bytes of the memory the arrays live in: free now, in all, and the process's peak so far."""

    free: int
    total: int
    peak: int


@dataclass(frozen=True)
class Usage:
    """What of the device was really used, for the manifest.

    device, compute_capability, driver: as the driver names them, "cpu" and "" on the CPU.
    allocated: bytes allocated through the array libraries in all; peak: the most at one time.
    kernels: launches of the project's own kernels by name. algorithms: by stage, what ran and why.
    host_copies: bytes that a batched algorithm kept in, or moved to, host memory, by stage.
    """

    device: str
    compute_capability: str = ""
    driver: str = ""
    allocated: int = 0
    peak: int = 0
    kernels: dict[str, int] = field(default_factory=dict)
    algorithms: dict[str, str] = field(default_factory=dict)
    host_copies: dict[str, int] = field(default_factory=dict)


class Backend(Protocol):
    """What a stage may ask of the machine. Shapes are (rows, columns); labels of noise are -1."""

    name: str
    xp: Any
    frames: Any
    sparse: Any
    torch_device: str
    cache_bytes: int
    """Of a block that is worked on again and again: a processor's cache, or what fills a device."""

    def from_host(self, array: Any) -> Any:
        """A NumPy array in this backend's memory (no copy on the CPU)."""

    def to_host(self, array: Any) -> Any:
        """An array as NumPy. Explicit on purpose: nothing else may leave the device."""

    def allocate_rows(self, n: int, d: int, sizes: Sizes = DEFAULT_SIZES) -> Array:
        """An uninitialised (n, d) float32 matrix for vectors, in the memory the plan gives it.

        `sizes`: of what else the run will hold. Raises CapabilityError where there is not enough.
        """

    def as_torch(self, array: Array) -> Any:
        """The array as a torch tensor that shares its memory."""

    def knn(
        self,
        points: Array,
        k: int,
        *,
        queries: Array | None = None,
        metric: Metric = "cosine",
        engine: Engine = "auto",
        min_recall: float = 0.95,
        seed: int | None = 42,
    ) -> Knn:
        """The k nearest `points` (n, d) of each query.

        Without queries: of each point, itself left out (1 <= k <= n - 1, else ValueError). Equal
        points are neighbours at distance 0. ValueError for points that aren't finite.
        """

    def umap(
        self, points: Array, graph: Knn, specs: Sequence[UmapSpec], seed: int | None
    ) -> list[Array]:
        """A float32 layout (n, n_components) for each spec, on the given graph of `points`.

        A layout depends on its own spec only, not on what is laid out beside it.
        """

    def pull(
        self,
        points: Array,
        heads: Array,
        tails: Array,
        min_dist: float,
        rate: float,
        seed: int | None,
    ) -> Array:
        """The layout `points` (n, m) float32 after one step along each of some edges of its graph.

        heads: (e,) int32, ascending, and tails: (e,) int32, the rows that an edge joins, none
        twice; e > 0. Both ends move, and the head away from random rows of all, as in UMAP's
        descent at the learning rate `rate`. Needs memory for these edges, not for a whole graph.
        """

    def hdbscan(
        self,
        points: Array,
        *,
        min_cluster_size: int,
        min_samples: int,
        selection: Literal["eom", "leaf"] = "eom",
        epsilon: float = 0.0,
        with_tree: bool = False,
    ) -> DensityClusters:
        """Density clusters of Euclidean points; `min_samples` does not count the point itself.

        with_tree: return the tree too, of clusters from 2 points on. Repeatable without a seed.
        ValueError for points that aren't finite.
        """

    def pca(self, points: Array, n_components: int, *, seed: int | None = 42) -> Pca:
        """Principal axes of float32 points; each axis' largest loading is positive."""

    def silhouette(self, points: Array, labels: Array) -> Array:
        """Exact Euclidean silhouette (Rousseeuw 1987) of every row, (n,) float32, noise left out.

        Rows labelled -1 get NaN and count in no cluster.
        """

    def smooth(self, image: Array, sigma: float) -> Array:
        """An image (h, w) under a Gaussian of `sigma` pixels, float64; outside of it is nothing."""

    def together(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """What each of some independent calls returns, in their order; the longest come first.

        On the CPU they share its cores; a device that one call fills takes them in turn.
        """

    def beside(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """Begin a call beside what comes next; what is returned is asked once, and waits for it.

        On the CPU on one core; a device that one call fills makes it when it is asked.
        """

    def aside(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """Begin a call that works on the host alone; what is returned is asked once, and waits.

        Where a device works it runs in a thread meanwhile; on the CPU, whose cores have their own
        calls (`together`), it is made when it is asked.
        """

    def memory(self) -> Memory:
        """What is free now and the most that was used."""

    def usage(self) -> Usage:
        """What of the device was really used so far."""


def check_engine(backend: str, engine: Engine) -> None:
    """Raises CapabilityError, before any work, for an engine that only the GPU backend has."""
    if engine == "cuvs" and backend != "gpu":
        raise CapabilityError(
            "neighbors.engine=cuvs needs the GPU backend; set neighbors.engine=auto, or run where "
            "`rapids-rap doctor --require-gpu` finds a GPU."
        )
