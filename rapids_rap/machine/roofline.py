"""The least a stage must spend, and so the shortest time a GPU could take for it.

For N distinct lines of T tokens in all, vectors of d dimensions and a model M, each stage has a
fewest number of floating-point operations and of bytes moved through device memory (each input read
once, each output written once). A GPU needs at least the larger of the two times (the roofline of
Williams, Waterman & Patterson 2009). Nothing here is measured: a floor is what no version can beat,
and a measured time over its floor is the room that is left (`python -m rapids_rap.bench.roofline`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rapids_rap.errors import InputError
from rapids_rap.kernels import pool as pool_kernel
from rapids_rap.kernels import silhouette as silhouette_kernel
from rapids_rap.machine.memory_plan import QWEN2_1_5B, ModelSize

Unit = Literal["matrix", "vector", "copy", "host"]


@dataclass(frozen=True)
class Gpu:
    """Peak rates by the makers' data sheets, dense.

    matrix: half-precision matrix units with float32 sums; vector: float32 units; both in FLOP/s.
    memory: bytes/s of device memory. link: bytes/s to the host, one way. size: bytes.
    """

    name: str
    matrix: float
    vector: float
    memory: float
    link: float
    size: float


GPUS = (
    Gpu("A100 80GB SXM", 312e12, 19.5e12, 2039e9, 32e9, 80e9),
    Gpu("H100 SXM", 989e12, 67e12, 3352e9, 64e9, 80e9),
    Gpu("H200 SXM", 989e12, 67e12, 4800e9, 64e9, 141e9),
    Gpu("L40S", 362e12, 91.6e12, 864e9, 32e9, 48e9),
    Gpu("T4", 65e12, 8.1e12, 320e9, 16e9, 16e9),
    Gpu("RTX 4090", 165e12, 82.6e12, 1008e9, 32e9, 24e9),
)


@dataclass(frozen=True)
class Workload:
    """What is computed. lengths are summed up by `tokens` and `squares`, the sum of their squares.

    lines: distinct texts. clustered: texts in clusters; budget: tokens a batch; neg: UMAP's
    negative samples for each positive one. shared: share of the tokens whose states a text before
    has computed, where a model looks back only and beginnings are computed once.
    """

    lines: int
    tokens: int
    squares: int
    model: ModelSize
    k: int = 30
    umap_neighbors: int = 15
    dimensions: int = 5
    epochs: int = 200
    neg: int = 5
    clusters: int = 400
    clustered: int = 0
    budget: int = 32_768
    causal: bool = True
    shared: float = 0.0

    @property
    def nodes(self) -> int:
        """Tokens that a model computes: every distinct beginning once."""
        return round(self.tokens * (1 - self.shared))


@dataclass(frozen=True)
class Floor:
    """A stage's least cost. `because` says what was counted."""

    stage: str
    flops: float
    bytes: float
    unit: Unit
    because: str

    def seconds(self, gpu: Gpu) -> float:
        """The larger of arithmetic and traffic."""
        if self.unit == "copy":
            return self.bytes / gpu.link
        rate = gpu.matrix if self.unit == "matrix" else gpu.vector
        return max(self.flops / rate, self.bytes / gpu.memory)

    def bound(self, gpu: Gpu) -> str:
        """What decides: memory, arithmetic, or the link to the host."""
        if self.unit == "copy":
            return "link"
        rate = gpu.matrix if self.unit == "matrix" else gpu.vector
        return "arithmetic" if self.flops / rate >= self.bytes / gpu.memory else "memory"


# Of the tokens of 22,921 distinct rap lines; 600,000 lines of verse share 0.31 (performance.md).
RAP_SHARED = 0.15


def typical_job(
    lines: int,
    model: ModelSize = QWEN2_1_5B,
    tokens_each: float = 8.0,
    shared: float = RAP_SHARED,
) -> Workload:
    """A corpus of lyric lines: `tokens_each` tokens a line, their squares as if Poisson."""
    squares = lines * (tokens_each**2 + tokens_each)
    tokens, clustered = round(lines * tokens_each), round(0.6 * lines)
    return Workload(lines, tokens, round(squares), model, clustered=clustered, shared=shared)


def floors(job: Workload) -> tuple[Floor, ...]:
    """Every stage that works on a GPU, in the order of the pipeline."""
    return (
        _encoder(job),
        *_beginnings(job),
        _pooling(job),
        _neighbors(job),
        *_layouts(job),
        _clusters(job),
        *_silhouettes(job),
        _terms(job),
        _map(job),
        _files(job),
    )


def _encoder(job: Workload) -> Floor:
    m = job.model
    linear = 2.0 * m.matrix_parameters * job.nodes
    # Scores and their product with the values; a model that looks back does half of it. What texts
    # share lies at their beginnings, where there is least to attend to: the share of tokens is the
    # most that it can save.
    attention = 4.0 * m.layers * m.hidden * job.squares * (0.5 if job.causal else 1.0)
    attention *= job.nodes / job.tokens if job.tokens else 1.0
    batches = -(-job.nodes // job.budget)
    weights = m.matrix_parameters * m.bytes_each * batches
    states = job.nodes * m.hidden * m.bytes_each
    return Floor(
        "encoder",
        linear + attention,
        weights + states,
        "matrix",
        "every weight once a token computed; weights read once a batch, last states written",
    )


def _beginnings(job: Workload) -> tuple[Floor, ...]:
    """Keys and values gathered along each text's path, in every layer, where any are shared."""
    if not job.shared:
        return ()
    m = job.model
    gathered = 2 * 2.0 * m.keys * m.layers * m.bytes_each  # keys and values, read and written
    states = 2.0 * m.hidden * m.bytes_each
    return (
        Floor(
            "beginnings",
            0.0,
            job.tokens * (gathered + states),
            "vector",
            "keys and values gathered for every layer, last states for pooling",
        ),
    )


def _pooling(job: Workload) -> Floor:
    flops, size = pool_kernel.cost(
        job.tokens, job.lines, job.model.hidden, "mean", job.model.bytes_each, 4
    )
    return Floor("pooling", flops, size, "vector", "states read once, vectors written once")


def _neighbors(job: Workload) -> Floor:
    n, d = float(job.lines), job.model.hidden
    return Floor(
        "neighbors, exact",
        n * n * d,
        n * (4 * d + 12 * job.k),
        "vector",
        "each pair once in float32 (libraries take it twice); vectors once",
    )


def _layouts(job: Workload) -> list[Floor]:
    # The union of both directions of a k-nearest-neighbour graph has about 1.5 nk / 2 edges; each
    # moves its two ends, and its head away from `neg` others, in every epoch at the most.
    edges = 1.5 * job.lines * job.umap_neighbors
    return [
        Floor(
            f"layout, {name}",
            job.epochs * edges * (1 + job.neg) * (6 * m + 10),
            job.epochs * (edges * 12.0 + job.lines * m * 8.0),
            "vector",
            "edges streamed and coordinates read and written once an epoch",
        )
        for name, m in (("map", 2), ("reduced", job.dimensions))
    ]


def _clusters(job: Workload) -> Floor:
    n, m = float(job.lines), job.dimensions
    return Floor(
        "clusters",
        n * n / 2 * (3 * m + 1),
        n * (4 * m + 40),
        "vector",
        "core distances by brute force, each pair once; tree of n edges",
    )


def _silhouettes(job: Workload) -> tuple[Floor, ...]:
    n, d = float(job.lines), job.model.hidden
    cosine = Floor(
        "silhouette, cosine",
        2 * n * d * job.clusters,
        n * (4 * d + 4),
        "vector",
        "closed form: each vector against every cluster's sum",
    )
    flops, size = silhouette_kernel.cost(job.clustered, 2)
    return cosine, Floor("silhouette, map", flops, size, "vector", "exact, every pair of the map")


def _terms(job: Workload) -> Floor:
    # Words and pairs: two tables of (cluster, key, count, text), sorted by key once: read, write.
    words = 0.7 * job.tokens
    return Floor(
        "terms and lexicon",
        0.0,
        2 * words * 32 * 2,
        "vector",
        "token tables written and read once; sorting reads them more often",
    )


def _map(job: Workload) -> Floor:
    return Floor("maps", 0.0, 5 * job.lines * 24.0, "vector", "points of five maps read once")


def _files(job: Workload) -> Floor:
    size = job.lines * (4.0 * job.model.hidden + 60)
    return Floor("copy to the host", 0.0, size, "copy", "vectors and per-line results over PCIe")


def find_gpu(name: str) -> Gpu:
    """The card whose short name is in the driver's name. Raises `InputError` for an unknown one."""
    # "NVIDIA H100 80GB HBM3", "NVIDIA GeForce RTX 4090", "Tesla T4"
    found = [gpu for gpu in GPUS if gpu.name.removeprefix("RTX ").split()[0] in name]
    if not found:
        known = ", ".join(gpu.name for gpu in GPUS)
        raise InputError(f"No data sheet of {name!r} here; known: {known}. Add it to GPUS.")
    return found[0]
