"""Which algorithm the GPU backend runs, and the bytes of device memory it holds at most.

Pure functions of sizes and of what is free; no GPU library is imported. The methods of `GpuBackend`
act on these choices and `doctor` and the memory plan print them, so that plan and deed agree.

Byte counts follow the allocations in the sources of cuML, cuVS 26.10 and FAISS 1.15 and are upper
bounds; none has been measured on a GPU. No algorithm here holds an n x n matrix. Everything that
can be is exact and deterministic; NN-descent, which is neither, is the last resort.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rapids_rap.backend.protocol import DEFAULT_SIZES, Engine, Sizes
from rapids_rap.backend.rows import BLOCK_BYTES
from rapids_rap.errors import readable_bytes

GIB = 2**30
RESERVE = GIB  # workspaces of cuBLAS and cuSOLVER, and what the RMM pool keeps of freed blocks
SCRATCH = 1536 * 2**20  # FAISS' temporary memory (its own most), or the tiles of cuVS
BLOCK = BLOCK_BYTES  # of one block of rows that this project's own array code works on
BLOCKS = 4 * BLOCK  # a block, and what is computed from it
TILE = 2 * GIB  # of vectors copied to the device at a time where they live in host memory
QUERIES = GIB  # of query rows that one pass over the tiles serves

EXACT_FLOPS = 3.6e16  # brute force up to an hour at 10 TFLOP/s
EXACT_PAIRS = 3.6e14  # of points in few dimensions: an hour at 1e11 a second, the sorting counts
TRAINING_ROWS_PER_LIST = 40
NN_DESCENT_ROW = 300  # cuVS: 32 neighbours and distances, lists' sizes, a lock and a norm of a row
NN_DESCENT_HOST_ROW = 2816  # cuVS: its graph, samples, reverse edges and Bloom filter, of a row
BATCH_SAMPLE = 50_000  # rows that cuVS takes for the centres of its batches
OVERLAP = 2  # batches that each row belongs to
IMBALANCE = 2  # the largest batch against the mean
SMALLEST_BATCH = 100_000  # rows; smaller batches only lose neighbours
TOKEN_ROW = 250  # of the tables of words and pairs, for each token of the texts
HOST_SHARE = 0.8  # of free main memory that may be pinned

Home = Literal["device", "host"]


@dataclass(frozen=True)
class Choice:
    """What a stage will run.

    peak: the most bytes of device memory while it runs, its inputs and everything resident
    included. host: bytes it keeps in, or copies to, main memory. fits: whether `peak` is free.
    because: one sentence for the manifest. n_clusters: batches of NN-descent.
    """

    stage: str
    algorithm: str
    peak: int
    because: str
    fits: bool = True
    host: int = 0
    n_clusters: int = 1


def vector_bytes(n: int, d: int) -> int:
    """Of (n, d) float32."""
    return 4 * n * d


def graph_bytes(n: int, k: int) -> int:
    """Of a neighbour graph: an int64 index and a float32 distance an edge."""
    return 12 * n * k


def list_count(n: int) -> int:
    """Lists of an inverted file over n rows, as on the CPU."""
    return max(1, min(int(4 * math.sqrt(n)), n // TRAINING_ROWS_PER_LIST))


def training_rows(n: int) -> int:
    """Rows that the lists' centres are trained on."""
    return min(n, TRAINING_ROWS_PER_LIST * list_count(n))


# --- neighbours ---


def exact_bytes(n: int, d: int, k: int) -> int:
    """FAISS or cuVS brute force: the vectors, the graph, and tiles of fixed size."""
    return RESERVE + SCRATCH + BLOCKS + vector_bytes(n, d) + graph_bytes(n, k)


def tiles_bytes(n: int, d: int, k: int) -> int:
    """Brute force over host vectors: the graph, and a tile of vectors and one of queries."""
    vectors = vector_bytes(n, d)
    return (
        RESERVE + SCRATCH + BLOCKS + min(vectors, TILE) + min(vectors, QUERIES) + graph_bytes(n, k)
    )


def ivf_bytes(n: int, d: int, k: int) -> int:
    """FAISS IVF-Flat: vectors, training rows, and lists, which grow by doubling, with int64 ids."""
    lists = 2 * (vector_bytes(n, d) + 8 * n) + vector_bytes(training_rows(n), d)
    return exact_bytes(n, d, k) + lists


def nn_descent_bytes(n: int, d: int, k: int) -> int:
    """NN-descent of cuVS over device vectors: it copies them, and returns k + 1 int64 ids a row."""
    return exact_bytes(n, d, k) - SCRATCH + vector_bytes(n, d) + n * (NN_DESCENT_ROW + 8 * (k + 1))


def batched_bytes(n: int, d: int, k: int, n_clusters: int) -> int:
    """NN-descent of cuVS over batches of host vectors.

    Of a batch its rows, their lists and results; the sample of the centres; the n x (k + 1) result,
    which is managed memory; and our own graph.
    """
    rows = batch_rows(n, n_clusters)
    batch = vector_bytes(rows, d) + rows * (NN_DESCENT_ROW + 20 * (k + 1))
    assigning = vector_bytes(min(n, BATCH_SAMPLE) + n // n_clusters + n_clusters, d)
    results = graph_bytes(n, k + 1) + graph_bytes(n, k)
    return RESERVE + BLOCKS + max(batch, assigning) + results


def batch_rows(n: int, n_clusters: int) -> int:
    """Rows of the largest batch."""
    return min(n, IMBALANCE * OVERLAP * n // n_clusters + 1)


@dataclass(frozen=True)
class _Problem:
    """A search: `asked` queries among n rows; `extra` bytes beside the rows, such as a copy."""

    n: int
    d: int
    k: int
    asked: int
    free: int
    home: Home
    engine: Engine
    extra: int
    faiss: bool

    @property
    def by_cuvs(self) -> bool:
        """Asked for, or all there is."""
        return self.engine == "cuvs" or not self.faiss

    @property
    def instead(self) -> str:
        """Why cuVS, where nobody asked for it."""
        return "; FAISS for a GPU is not installed" if not self.faiss else ""

    @property
    def flops(self) -> float:
        """Of brute force."""
        return 2.0 * self.asked * self.n * self.d

    @property
    def cost(self) -> str:
        """Of brute force, in words."""
        return f"{_duration(self.flops / 1e13)} at 10 TFLOP/s"


def plan_neighbors(
    n: int,
    d: int,
    k: int,
    free: int,
    *,
    home: Home = "device",
    engine: Engine = "auto",
    queries: int | None = None,
    copied: bool = False,
    resident: int = 0,
    faiss: bool = True,
) -> Choice:
    """The search for k neighbours of n rows (or of `queries` other rows) of d dimensions.

    `home` is where the rows live, `copied` whether they are copied because they lack unit length,
    `resident` the bytes that stay on the device beside them, `faiss` whether FAISS is there.
    `algorithm` is "faiss exact", "faiss ivf", "cuvs brute_force" or "cuvs nn_descent", the brute
    ones also with " by tiles". The first of `_candidates` that fits, else the smallest.
    """
    asked = n if queries is None else queries
    extra = resident + (vector_bytes(n, d) if copied and home == "device" else 0)
    problem = _Problem(n, d, k, asked, free, home, engine, extra, faiss)
    choices = [search(problem) for search in _candidates(problem, alone=queries is None)]
    smallest = min(choices, key=lambda choice: choice.peak)
    return next((choice for choice in choices if choice.fits), smallest)


def _candidates(problem: _Problem, *, alone: bool) -> list[Callable[[_Problem], Choice]]:
    """Searches in the order of preference: exact ones first while they can be afforded."""
    brute = _exact if problem.home == "device" else _tiles
    if problem.engine == "ivf":
        return [_ivf]
    if problem.engine == "exact":
        return [brute]
    by_lists = [] if problem.by_cuvs or problem.home == "host" else [_ivf]
    approximate = [*by_lists, *([_nn_descent] if alone else [])]
    return [brute, *approximate] if problem.flops <= EXACT_FLOPS else [*approximate, brute]


def _brute_force(problem: _Problem) -> str:
    return "cuvs brute_force" if problem.by_cuvs else "faiss exact"


def _exact(problem: _Problem) -> Choice:
    peak = exact_bytes(problem.n, problem.d, problem.k) + problem.extra
    because = f"brute force takes {problem.cost}{problem.instead}"
    return _judged(Choice("neighbors", _brute_force(problem), peak, because), problem.free)


def _tiles(problem: _Problem) -> Choice:
    peak = tiles_bytes(problem.n, problem.d, problem.k)
    because = f"brute force takes {problem.cost}; the vectors live in host memory{problem.instead}"
    name = f"{_brute_force(problem)} by tiles"
    return _judged(Choice("neighbors", name, peak, because), problem.free)


def _ivf(problem: _Problem) -> Choice:
    n, d = problem.n, problem.d
    peak = ivf_bytes(n, d, problem.k) + problem.extra
    host = vector_bytes(training_rows(n), d)  # FAISS trains its k-means from main memory
    because = f"brute force would take {problem.cost}; probes until the measured recall suffices"
    return _judged(Choice("neighbors", "faiss ivf", peak, because, host=host), problem.free)


def _nn_descent(problem: _Problem) -> Choice:
    n, d, k, free = problem.n, problem.d, problem.k, problem.free
    because = f"brute force would take {problem.cost}; approximate and not deterministic"
    if problem.home == "device":
        peak, host = nn_descent_bytes(n, d, k) + problem.extra, n * NN_DESCENT_HOST_ROW
        return _judged(Choice("neighbors", "cuvs nn_descent", peak, because, host=host), free)
    batches = 2 * OVERLAP
    while batched_bytes(n, d, k, batches) > free and batch_rows(n, batches) > SMALLEST_BATCH:
        batches *= 2
    rows = batch_rows(n, batches)
    host = rows * NN_DESCENT_HOST_ROW + vector_bytes(rows, d) + n * (16 * OVERLAP + 8 * (k + 1))
    because += f"; {batches} batches of host rows"
    peak = batched_bytes(n, d, k, batches)
    choice = Choice("neighbors", "cuvs nn_descent", peak, because, host=host, n_clusters=batches)
    return _judged(choice, free)


# --- layout, clusters, evidence, maps ---


def layout_bytes(n: int, n_neighbors: int, components: Sequence[int]) -> int:
    """UMAP of cuML: the fuzzy graph, then the layouts one after the other; the graph not counted.

    The neighbours with the row itself in front take 12 bytes an edge. The symmetrised graph has at
    most twice the edges, of 12 bytes each: it is built from the strengths of half as many and from
    an unsorted graph of the same size; later there are a copy of it and three float32 counters an
    edge. With 12 bytes an edge for space to sort that is 48. A layout has a start, two buffers of
    updates and its result.
    """
    edges = 2 * n * max(1, n_neighbors - 1)
    layouts = 4 * n * (sum(components) + 4 * max(components, default=0))
    return 12 * n * n_neighbors + 48 * edges + layouts


def pull_bytes(n: int, components: int, edges: int) -> int:
    """One step along some edges of a layout of n texts, as of `layout_bytes`."""
    return 48 * edges + 4 * n * 5 * components


def clusters_bytes(n: int, dimensions: int, min_samples: int) -> int:
    """HDBSCAN of cuML over (n, dimensions) float32 points.

    Of a row: 64 bytes of results, the points and their centred copy; s = min_samples + 1 edges of
    the mutual reachability graph with int64 ids, which symmetrising holds as neighbours (12), rows
    (8), a preallocated result and a sorted copy of twice the edges (40 each), the sort's space (40)
    and marks of duplicates (16); later, without those, 300 of the condensed tree. The size of a
    cluster plays no part, because min_samples is always given.
    """
    edges = 156 * (min_samples + 1)
    return n * (64 + 8 * dimensions + max(edges, 300)) + SCRATCH


def plan_layout(
    n: int, n_neighbors: int, components: Sequence[int], free: int, *, resident: int = 0
) -> Choice:
    """UMAP of a given graph; `resident` are the bytes that stay on the device beside it."""
    peak = RESERVE + BLOCKS + resident + layout_bytes(n, n_neighbors, components)
    because = (
        "the graph is given, so that a seed asks for no second search; serial epochs, cuML's "
        "way to keep points from straying"
    )
    return _judged(Choice("layout", "cuml umap", peak, because), free)


def plan_clusters(
    n: int, dimensions: int, min_samples: int, free: int, *, resident: int = 0
) -> Choice:
    """HDBSCAN. Batches would shrink the search for neighbours only, which isn't its peak."""

    def need(samples: int) -> int:
        return RESERVE + resident + clusters_bytes(n, dimensions, samples)

    host = 48 * n  # cuML builds the dendrogram in main memory and keeps a copy of it there
    pairs = float(n) * n
    if pairs <= EXACT_PAIRS:
        because = "exact and deterministic neighbours"
        choice = Choice("clusters", "brute_force", need(min_samples), because, host=host)
    else:
        cost = _duration(pairs / 1e11)
        because = f"brute force would take {cost}; approximate and not deterministic"
        peak = need(min_samples) + n * (NN_DESCENT_ROW + 4 * dimensions)
        choice = Choice("clusters", "nn_descent", peak, because, host=host)
    choice = _judged(choice, free)
    if choice.fits or min_samples == 1:
        return choice
    fewer = max((s for s in range(1, min_samples) if need(s) <= free), default=0)
    hint = f"; clusters.min_samples={fewer} would fit" if fewer else ""
    return replace(choice, because=choice.because + hint)


def plan_evidence(n: int, d: int, free: int, *, tokens_each: int = 12, resident: int = 0) -> Choice:
    """Tables of tokens, as large as pandas' were measured to be, and blocks of distances."""
    tables = TOKEN_ROW * n * tokens_each
    peak = RESERVE + resident + max(tables, 2 * BLOCKS + 16 * n + 8 * d * d)
    return _judged(Choice("evidence", "cudf, triton", peak, "tables of tokens and blocks"), free)


def plan_maps(n: int, width: int, height: int, free: int, *, resident: int = 0) -> Choice:
    """The (x, y, id) columns of datashader, their copy, and sixteen float32 planes of pixels."""
    peak = RESERVE + resident + 48 * n + 64 * width * height
    return _judged(Choice("maps", "datashader", peak, "points and pixels"), free)


# --- the whole run ---


def plan_vectors(n: int, d: int, free: int, host_free: int, sizes: Sizes = DEFAULT_SIZES) -> Choice:
    """Where the vectors live: on the device where every stage fits beside them, else pinned.

    `algorithm` is "device" or "host". Where not even that fits, the device if it holds the vectors.
    """
    vectors = sizes.copies * vector_bytes(n, d)
    at_home = max(choice.peak for choice in plan_stages(n, d, free, "device", sizes))
    if at_home <= free:
        because = "every stage fits on the device beside the vectors"
        return Choice("vectors", "device", at_home, because)
    away = max(choice.peak for choice in plan_stages(n, d, free, "host", sizes))
    pinned = vectors <= HOST_SHARE * host_free
    if pinned and (away <= free or vectors + RESERVE > free):
        because = f"with {_gib(vectors)} GiB of vectors the device would hold {_gib(at_home)} GiB"
        return _judged(Choice("vectors", "host", away, because, host=vectors), free)
    because = "" if pinned else f"{_gib(vectors)} GiB can't be pinned in main memory; "
    because += "the vectors stay on the device"
    return _judged(Choice("vectors", "device", at_home, because), free)


def plan_run(
    n: int, d: int, free: int, host_free: int, sizes: Sizes = DEFAULT_SIZES
) -> tuple[Choice, ...]:
    """Every stage of a run over n distinct texts, with the vectors where `plan_vectors` puts them.

    free, host_free: bytes of device and main memory before anything is loaded.
    """
    vectors = plan_vectors(n, d, free, host_free, sizes)
    home: Home = "host" if vectors.algorithm == "host" else "device"
    return (vectors, *plan_stages(n, d, free, home, sizes))


def plan_stages(n: int, d: int, free: int, home: Home, sizes: Sizes) -> tuple[Choice, ...]:
    """The stages' choices for vectors that live in `home`."""
    vectors = sizes.copies * vector_bytes(n, d) if home == "device" else 0
    others = max(0, vectors - vector_bytes(n, d))  # beside those that are searched
    graph = vectors + graph_bytes(n, sizes.k)
    placed = graph + 4 * n * (2 + sizes.dimensions)
    votes = 12 * n * sizes.layouts  # labels and strengths of membership
    grouped = placed + 40 * n  # labels, probabilities, weights
    embedding = Choice(
        "embedding", "torch", RESERVE + vectors + sizes.model, "the model beside its vectors"
    )
    components = (2, sizes.dimensions)
    return (
        _judged(embedding, free),
        plan_neighbors(n, d, sizes.k, free, home=home, engine=sizes.engine, resident=others),
        plan_layout(n, sizes.n_neighbors, components, free, resident=graph + votes),
        plan_clusters(n, sizes.dimensions, sizes.min_samples, free, resident=placed + votes),
        plan_evidence(n, d, free, tokens_each=sizes.tokens_each, resident=grouped),
        plan_maps(n, sizes.width, sizes.height, free, resident=grouped),
    )


def _judged(choice: Choice, free: int) -> Choice:
    """The choice, and where it does not fit, what would."""
    if choice.peak <= free:
        return choice
    because = (
        f"{choice.because}; does not fit: it needs {readable_bytes(choice.peak, free)} of device "
        f"memory and {readable_bytes(free, choice.peak)} are free, so use a larger GPU or fewer "
        "lines (--limit)"
    )
    return replace(choice, fits=False, because=because)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return "under a minute"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.0f} h"


def _gib(amount: int) -> str:
    return f"{amount / GIB:.1f}"
