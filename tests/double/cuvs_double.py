"""cuVS' brute force and all-neighbours graph, computed by FAISS on the CPU, exactly.

NN-descent on a GPU is approximate; here it is given holes and doubled ids on purpose, so that code
which trusts it fails.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import faiss  # here, so that a test can take it from the project alone
import numpy as np

from tests.double import contract
from tests.double.array import ndarray

BRUTE = "cuvs.neighbors.brute_force"
DESCENT = "cuvs.neighbors.nn_descent"
ALL = "cuvs.neighbors.all_neighbors"


class _Index:
    """Refers to a dataset, which it does not own."""

    def __init__(self, dataset: Any, metric: str) -> None:
        self.dataset, self.metric = dataset, metric


def build(*args: Any, **kwargs: Any) -> _Index:
    """`brute_force.build`."""
    bound = contract.bind(f"{BRUTE}.build", args, kwargs)
    bound.apply_defaults()
    contract.judge(f"{BRUTE}.build.metric", bound.arguments["metric"])
    _check(bound.arguments["dataset"], np.float32)
    return _Index(bound.arguments["dataset"]._host, bound.arguments["metric"])


def search(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """`brute_force.search`: distances and ids, written into the arrays that were given."""
    given = contract.bind(f"{BRUTE}.search", args, kwargs).arguments
    index, queries, k = given["index"], _check(given["queries"], np.float32), given["k"]
    neighbors = _check(given["neighbors"], np.int64, (len(queries), k))
    distances = _check(given["distances"], np.float32, (len(queries), k))
    found, ids = _nearest(index.dataset, queries._host, k, index.metric)
    distances._host[...], neighbors._host[...] = found, ids
    return distances, neighbors


class IndexParams:
    """`nn_descent.IndexParams`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args:
            raise TypeError("nn_descent.IndexParams takes keywords only")
        given = contract.bind(f"{DESCENT}.IndexParams", (), kwargs).arguments
        self.metric = given.get("metric") or "sqeuclidean"
        contract.judge(f"{DESCENT}.IndexParams.metric", self.metric)
        self.graph_degree = given.get("graph_degree", 64)


class AllNeighborsParams:
    """`all_neighbors.AllNeighborsParams`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args:
            raise TypeError("AllNeighborsParams takes keywords only")
        bound = contract.bind(f"{ALL}.AllNeighborsParams", (), kwargs)
        bound.apply_defaults()
        given = bound.arguments
        contract.judge(f"{ALL}.AllNeighborsParams.algo", given["algo"])
        inner = given["nn_descent_params"]
        if inner is not None and not isinstance(inner, IndexParams):
            raise TypeError("nn_descent_params must be an instance of nn_descent.IndexParams")
        if inner is not None and inner.metric != given["metric"]:
            raise ValueError("Metric conflict between AllNeighborsParams and NN-Descent")
        if given["n_clusters"] > 1 and given["overlap_factor"] >= given["n_clusters"]:
            raise RuntimeError("overlap_factor must be less than n_clusters")
        self.n_clusters, self.metric, self.inner = given["n_clusters"], given["metric"], inner


def build_all(*args: Any, **kwargs: Any) -> Any:
    """`all_neighbors.build`: ids of every row's k nearest, itself among them."""
    given = contract.bind(f"{ALL}.build", args, kwargs).arguments
    dataset, k, params, out = given["dataset"], given["k"], given["params"], given["indices"]
    on_device = isinstance(dataset, ndarray)
    if on_device:
        contract.judge(f"{ALL}.build.n_clusters", params.n_clusters)
    if on_device != isinstance(out, ndarray) and on_device:
        raise ValueError("A device dataset requires device outputs.")
    if params.inner is not None and k > params.inner.graph_degree:
        raise RuntimeError("k must not exceed graph_degree")
    rows = dataset._host if on_device else dataset
    _, ids = _nearest(rows, rows, k, params.metric)
    ids[:: max(2, len(ids) // 7), -1] = ids[:: max(2, len(ids) // 7), 0]  # ids that come twice
    (out._host if isinstance(out, ndarray) else out)[...] = ids
    return out


def _nearest(rows: Any, queries: Any, k: int, metric: str) -> tuple[Any, Any]:
    if metric == "cosine":
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        rows = queries = rows / np.where(norms > 0, norms, 1)
    inner = metric in ("cosine", "inner_product")
    code = faiss.METRIC_INNER_PRODUCT if inner else faiss.METRIC_L2
    rows, queries = (np.ascontiguousarray(x, dtype=np.float32) for x in (rows, queries))
    found: tuple[Any, Any] = faiss.knn(queries, rows, k, metric=code)
    return found


def _check(array: Any, dtype: Any, shape: tuple[int, int] | None = None) -> ndarray:
    """As cuVS' own check of an input: on the device, of that dtype, row-major, of that shape."""
    if not isinstance(array, ndarray):
        raise TypeError(f"the double takes device arrays, not {type(array)}")
    if array.dtype != dtype:
        raise TypeError(f"dtype {array.dtype} not supported")
    if not array.flags.c_contiguous:
        raise ValueError("Row major input is expected")
    if shape is not None and array.shape != shape:
        raise ValueError(f"Incorrect shape {array.shape}, expected {shape}")
    return array


def make_modules() -> dict[str, ModuleType]:
    """The modules of cuVS by their names."""
    names = ("cuvs", "cuvs.neighbors", BRUTE, DESCENT, ALL)
    modules = {name: ModuleType(name, "Stand-in; see tests.double.") for name in names}
    for module in modules.values():
        module.__path__ = []
    modules[BRUTE].__dict__.update(build=build, search=search)
    modules[DESCENT].__dict__.update(IndexParams=IndexParams)
    modules[ALL].__dict__.update(AllNeighborsParams=AllNeighborsParams, build=build_all)
    return modules


contract.raise_out_of_memory["cuvs"] = lambda: RuntimeError(
    "std::bad_alloc: out_of_memory: RMM failure (set by a test)"
)
