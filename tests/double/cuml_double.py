"""cuML's UMAP functions and HDBSCAN: bound to the real signatures, computed by the CPU's libraries.

The functions of `rapids_rap.backend._cpu_umap`, so that the same graph, start and seed give the
same layout. Two things differ by nature: a spectral start
is umap-learn's, not cuML's, and HDBSCAN's points come centred, which moves distances by rounding.
cuML takes an array to start from as it is. umap-learn scales it, unless the backend goes on from a
finished layout; a learning rate below 1 tells that here.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from rapids_rap.backend import _cpu_hdbscan, _cpu_umap
from tests.double import contract
from tests.double.array import ndarray, wrap
from tests.double.sparse_double import coo_matrix, of_host

UMAP = "cuml.manifold.umap"
HDBSCAN = "cuml.cluster.hdbscan"


def fuzzy_simplicial_set(*args: Any, **kwargs: Any) -> Any:
    """The weighted graph of given neighbours, as coo."""
    given = contract.bind(f"{UMAP}.fuzzy_simplicial_set", args, kwargs).arguments
    indices, distances = _checked(given["knn_indices"]), _checked(given["knn_dists"])
    points, k = _checked(given["X"]), given["n_neighbors"]
    if not len(points) == len(indices) == len(distances) or indices.shape[1] != k:
        raise ValueError(f"neighbours of shape {indices.shape} for {len(points)} rows and k = {k}")
    if set(given) - {"X", "n_neighbors", "knn_indices", "knn_dists"}:
        raise NotImplementedError("the double computes the default fuzzy set only")
    weighted = _cpu_umap.fuzzy_set(indices, np.ascontiguousarray(distances, dtype=np.float32))
    return of_host(weighted.tocoo())


def simplicial_set_embedding(*args: Any, **kwargs: Any) -> ndarray:
    """The layout of a weighted graph; the graph stays as it is."""
    name = f"{UMAP}.simplicial_set_embedding"
    bound = contract.bind(name, args, kwargs)
    bound.apply_defaults()
    given = bound.arguments
    if not isinstance(given["graph"], coo_matrix):
        raise TypeError(f"the double lays out a coo matrix, not {type(given['graph'])}")
    if given["force_serial_epochs"]:
        contract.judge(f"{name}.n_components", given["n_components"])
    contract.judge(f"{name}.output_metric", given["output_metric"])
    graph = given["graph"]._host
    start = _start(given["init"], graph, given["n_components"], given["random_state"], name)
    if given["gamma"] != 1.0 or given["negative_sample_rate"] != 5:
        raise NotImplementedError("the double knows the usual forces only")
    layout = _cpu_umap.descend(
        graph,
        start,
        _curve(given["a"], given["b"]),
        given["n_epochs"] or None,
        given["initial_alpha"],
        given["random_state"],
        scaled=given["initial_alpha"] == 1.0,
    )
    return wrap(layout)


def find_ab_params(*args: Any, **kwargs: Any) -> tuple[float, float]:
    """Of umap-learn, whose curve cuML's is."""
    import umap.umap_

    bound = contract.bind(f"{UMAP}.find_ab_params", args, kwargs)
    bound.apply_defaults()
    a, b = umap.umap_.find_ab_params(*bound.args)
    return float(a), float(b)


def _curve(a: Any, b: Any) -> tuple[float, float]:
    return find_ab_params() if a is None or b is None else (a, b)


def _start(init: Any, graph: Any, components: int, seed: Any, name: str) -> Any:
    """The array that was given, or umap-learn's start of that name."""
    if isinstance(init, str):
        contract.judge(f"{name}.init", init)
        from umap.spectral import spectral_layout

        random = np.random.RandomState(seed)
        if init == "random":
            return random.uniform(-10.0, 10.0, (graph.shape[0], components)).astype(np.float32)
        found = spectral_layout(None, graph.tocsr(), components, random)
        return (found * (10.0 / np.abs(found).max())).astype(np.float32)
    start = _checked(init)
    if start.shape != (graph.shape[0], components):
        raise ValueError(f"Expected `init` with shape {(graph.shape[0], components)}")
    return np.array(start, dtype=np.float32)


class _Hdbscan:
    """`HDBSCAN`: values are judged by fit, not here; results are device arrays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = contract.bind(f"{HDBSCAN}.HDBSCAN", args, kwargs)
        bound.apply_defaults()
        self._options = bound.arguments

    def fit(self, *args: Any, **kwargs: Any) -> _Hdbscan:
        """Clusters of float32 points on the device."""
        name, options = f"{HDBSCAN}.HDBSCAN.fit", self._options
        points = _checked(contract.bind(name, (self, *args), kwargs).arguments["X"])
        samples = options["min_samples"] or options["min_cluster_size"]
        contract.judge(f"{name}.rows", len(points))
        contract.judge(f"{name}.min_samples", samples)
        for key in ("min_cluster_size", "cluster_selection_method", "build_algo", "metric"):
            contract.judge(f"{name}.{key}", options[key])
        if options["allow_single_cluster"] or options["max_cluster_size"]:
            raise NotImplementedError("the double clusters without these options")
        found = _cpu_hdbscan.density_clusters(
            np.asarray(points, dtype=np.float32),
            min_cluster_size=options["min_cluster_size"],
            min_samples=samples,
            selection=options["cluster_selection_method"],
            epsilon=options["cluster_selection_epsilon"],
        )
        if len(points) > options["min_cluster_size"]:  # as the real one, in main memory
            self._single_linkage_tree = _cpu_hdbscan.fit(
                np.asarray(points, dtype=np.float32),
                options["min_cluster_size"],
                min(samples, len(points) - 1),
                options["cluster_selection_method"],
                options["cluster_selection_epsilon"],
            )[2]
        self.labels_ = wrap(found.labels.copy())
        self.probabilities_ = wrap(found.probabilities.copy())
        self.cluster_persistence_ = wrap(found.persistence.copy())
        return self


def _checked(points: Any) -> Any:
    """As cuML's `check_array`: on the device, and finite."""
    if not isinstance(points, ndarray):
        raise TypeError(f"the double takes device arrays, not {type(points)}")
    if not np.isfinite(points._host).all():
        raise ValueError("Input contains NaN or infinity.")
    return points._host


def make_modules() -> dict[str, ModuleType]:
    """The modules of cuML by their names."""
    names = ("cuml", "cuml.manifold", UMAP, "cuml.cluster", HDBSCAN)
    modules = {name: ModuleType(name, "Stand-in; see tests.double.") for name in names}
    for module in modules.values():
        module.__path__ = []
    for function in (fuzzy_simplicial_set, simplicial_set_embedding, find_ab_params):
        setattr(modules[UMAP], function.__name__, function)
    modules[HDBSCAN].HDBSCAN = _Hdbscan  # type: ignore[attr-defined]
    return modules


contract.raise_out_of_memory["cuml"] = lambda: MemoryError(
    "std::bad_alloc: out_of_memory: CUDA error (set by a test)"
)
