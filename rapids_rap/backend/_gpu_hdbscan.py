"""HDBSCAN on the GPU: cuML."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from rapids_rap.backend._cpu_hdbscan import cluster_tree, lone_root
from rapids_rap.backend._gpu_memory import GpuMemory
from rapids_rap.backend.extras import require
from rapids_rap.backend.gpu_plan import Choice, plan_clusters
from rapids_rap.backend.protocol import Array, ClusterTree, DensityClusters

MOST_SAMPLES = 1023  # cuML's


def density_clusters(
    points: Array,
    *,
    min_cluster_size: int,
    min_samples: int,
    xp: Any,
    memory: GpuMemory,
    selection: Literal["eom", "leaf"] = "eom",
    epsilon: float = 0.0,
    with_tree: bool = False,
) -> tuple[DensityClusters, Choice | None]:
    """See `Backend.hdbscan`, and what ran. Raises ValueError as on the CPU, and above 1023 samples.

    cuML's core distance, like the CPU's, is that of the `min_samples`-th other point. Its
    `cluster_persistence_` is the CPU's too: stability over size times the tree's largest lambda, 1
    where that is infinite. Soft membership (rows x clusters) and prediction data are never made.
    """
    n, dimensions = (int(size) for size in points.shape)
    if min_cluster_size < 2 or min_samples < 1:
        raise ValueError(
            "min_cluster_size must be at least 2 and min_samples at least 1, got "
            f"{min_cluster_size} and {min_samples}"
        )
    if not bool(xp.all(xp.isfinite(points))):
        raise ValueError("the points hold a value that is not finite")
    if n <= min_cluster_size:  # nothing can split, so nothing can be a cluster
        return _all_noise(n, xp, with_tree=with_tree), None
    samples = min(min_samples, n - 1)
    if samples > MOST_SAMPLES:
        raise ValueError(f"min_samples can be at most {MOST_SAMPLES} on a GPU, got {samples}")
    if bool(xp.all(points == points[:1, :])):  # one place only has no density to compare
        return _all_noise(n, xp, with_tree=with_tree), None
    # cuML expands |x - y|² into |x|² + |y|² - 2xy; around the mean it keeps the most digits.
    centered = xp.astype(points - xp.mean(points, axis=0), xp.float32)

    choice = plan_clusters(n, dimensions, samples, memory.memory().free)
    library = require("cuml.cluster.hdbscan", "The clustering", "gpu")
    with memory.explain("The clustering", choice.peak):
        model = library.HDBSCAN(
            min_cluster_size=min_cluster_size,
            min_samples=samples,
            cluster_selection_method=selection,
            cluster_selection_epsilon=float(epsilon),
            allow_single_cluster=False,
            metric="euclidean",
            build_algo=choice.algorithm,
            prediction_data=False,
            output_type="cupy",
        )
        model.fit(centered)
        # Copies: cuML's arrays live in the model, which would stay with them.
        labels = xp.astype(model.labels_, xp.int64)
        found = DensityClusters(
            labels=labels,
            probabilities=xp.where(labels < 0, xp.float32(0.0), _share(model.probabilities_, xp)),
            persistence=_share(model.cluster_persistence_, xp),
            tree=_tree(model, n) if with_tree else None,
        )
    return found, choice


def _tree(model: Any, n: int) -> ClusterTree | None:
    """The tree of a fitted model, None where cuML does not hold it as it does in 26.10.

    cuML makes the dendrogram in main memory and keeps it there as (n - 1, 4) float64. Its property
    `single_linkage_tree_` only wraps this table, and needs the hdbscan package to do so.
    """
    linkage = getattr(model, "_single_linkage_tree", None)
    if not isinstance(linkage, np.ndarray) or linkage.shape != (n - 1, 4):
        return None
    return cluster_tree(linkage, "gpu")


def _share(values: Array, xp: Any) -> Array:
    """float32 in [0, 1]; 1 where duplicates made it infinite or undefined."""
    finite = xp.where(xp.isfinite(values), values, xp.ones_like(values))
    return xp.astype(xp.minimum(xp.maximum(finite, 0.0), 1.0), xp.float32)


def _all_noise(n: int, xp: Any, *, with_tree: bool) -> DensityClusters:
    return DensityClusters(
        labels=xp.full((n,), -1, dtype=xp.int64),
        probabilities=xp.zeros((n,), dtype=xp.float32),
        persistence=xp.zeros((0,), dtype=xp.float32),
        tree=lone_root(n) if with_tree else None,
    )
