"""The memory plan against what is really taken, and errors of a card that is full."""

from __future__ import annotations

import pytest

from rapids_rap.backend import Knn, Sizes, UmapSpec, load_backend
from rapids_rap.clusters import min_cluster_size
from rapids_rap.errors import CapabilityError
from rapids_rap.memory_plan import plan_gpu
from tests.parity.checks import at_most

pytestmark = pytest.mark.gpu

TEXTS, DIM, K = 60_000, 1536, 30


def test_the_plan_is_an_upper_bound(compare):
    """Vectors, neighbours, layouts and clusters of 60,000 lines take no more than was planned."""
    compare("memory", _peak)


def test_too_many_rows_are_refused_in_words():
    """More than the card and the machine hold ends in one sentence, not in a crash."""
    pytest.importorskip("cupy")
    with pytest.raises(CapabilityError, match="GiB"):
        load_backend("gpu").allocate_rows(10**10, DIM)


def _peak():
    backend = load_backend("gpu")
    free = backend.memory().free
    rows = backend.allocate_rows(TEXTS, DIM)
    rows[...] = backend.xp.asarray(_unit_rows())
    found = backend.knn(rows, K)
    graph = Knn(found.indices, found.distances, found.engine, found.recall)
    specs = [UmapSpec(2, 15, 0.1, None, "pca"), UmapSpec(5, 15, 0.0, None, "pca")]
    _, reduced = backend.umap(rows, graph, specs, 42)
    size = min_cluster_size(TEXTS, 0)
    backend.hdbscan(reduced, min_cluster_size=size, min_samples=5, selection="leaf")
    # No model is loaded here.
    plan = plan_gpu(TEXTS, DIM, free, 2**40, Sizes(k=K, model=0))
    share = backend.memory().peak / plan.peak
    yield at_most("memory", f"peak of {TEXTS:,} x {DIM} as a share of the plan", share, 1.0)


def _unit_rows():
    import numpy as np

    rng = np.random.default_rng(42)
    centers = rng.normal(size=(200, DIM)).astype(np.float32)
    rows = centers[rng.integers(0, 200, TEXTS)] + rng.normal(size=(TEXTS, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
