"""Sums, first rows and places of groups against loops; blocks that bound the working memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend import rows as grouped
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import Pca
from rapids_rap.backend.rows import (
    group_first,
    group_sums,
    group_totals,
    one_hot,
    project,
    ranks,
    row_blocks,
    unit_rows,
)
from rapids_rap.clustering.clusters import cluster_centers, join_nearest
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.quality import geometry
from rapids_rap.quality.assess import _principal_plane
from rapids_rap.tables.examples import center_similarity
from tests.strict_backend import StrictBackend

CPU, STRICT = CpuBackend(), StrictBackend()

some_labels = st.lists(st.integers(-1, 5), max_size=40).map(lambda x: np.array(x, dtype=np.int64))
backends = st.sampled_from([CPU, STRICT])


@given(n=st.integers(0, 300), row=st.integers(0, 10**9), budget=st.sampled_from([None, 10**6]))
def test_blocks_cover_every_row_once(n, row, budget):
    """However large a row, blocks follow each other from 0 to n and keep to the budget."""
    blocks = list(row_blocks(n, row, budget))
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(n))
    for block in blocks:
        size = block.stop - block.start
        assert size == 1 or size * row <= (budget or grouped.BLOCK_BYTES)


@settings(deadline=None)
@given(labels=some_labels, backend=backends, budget=st.sampled_from([100, 2**28]))
def test_groups_equal_loops(labels, backend, budget):
    """Sums of rows and of numbers, and first rows, are those of a loop; noise is in none."""
    n, K = len(labels), 6
    rng = np.random.default_rng(n)
    values = rng.integers(-9, 9, (n, 3)).astype(np.float32)
    weights = rng.integers(0, 2**40, n) / 2
    on, host = backend.from_host, backend.to_host
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouped, "BLOCK_BYTES", budget)
        sums = host(group_sums(on(values), on(labels), K))
    totals = host(group_totals(on(weights), on(labels), K))
    first = host(group_first(on(labels), K))
    hot = host(one_hot(on(labels), K, backend.xp.float32))
    assert (sums.dtype, totals.dtype, first.dtype) == (np.float64, np.float64, np.int64)
    assert hot.shape == (n, K)
    for k in range(K):
        members = np.flatnonzero(labels == k)
        np.testing.assert_array_equal(sums[k], values[members].sum(0, dtype=np.float64))
        assert totals[k] == weights[members].sum()
        assert first[k] == min(members, default=n)
        np.testing.assert_array_equal(hot[:, k], labels == k)


@given(labels=some_labels, backend=backends)
def test_ranks_count_from_one_in_each_group(labels, backend):
    """Over sorted groups, the place of a row in its own."""
    ordered = np.sort(labels)
    found = backend.to_host(ranks(backend.from_host(ordered)))
    expected = [np.count_nonzero(ordered[:i] == g) + 1 for i, g in enumerate(ordered)]
    assert found.tolist() == expected


@pytest.mark.parametrize("backend", [CPU, STRICT], ids=["numpy", "strict"])
def test_units_and_projections(backend, monkeypatch):
    """Rows get length 1, zeros stay zero, and coordinates are taken around the mean, by blocks."""
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    rows[7] = 0
    units = backend.to_host(unit_rows(backend.from_host(rows)))
    norms = np.linalg.norm(units, axis=1)
    assert norms[7] == 0
    np.testing.assert_allclose(np.delete(norms, 7), 1, atol=1e-6)
    mean, axes = rows.mean(0), rows[:2]
    expected = (rows - mean) @ axes.T
    monkeypatch.setattr(grouped, "BLOCK_BYTES", 300)
    found = project(*map(backend.from_host, (rows, mean, axes)))
    np.testing.assert_allclose(backend.to_host(found), expected, atol=1e-5)
    unit_sums = group_sums(
        backend.from_host(rows), backend.from_host(np.arange(50) % 2), 2, unit=True
    )
    np.testing.assert_allclose(
        backend.to_host(unit_sums), [units[::2].sum(0), units[1::2].sum(0)], atol=1e-5
    )


# --- working memory ---

N, D, K, NEAR = 30_000, 256, 200, 10
BUDGET = 2 * 2**20
TALL = N * D * 4  # bytes of the matrix; one of n x K numbers is larger


@pytest.fixture(scope="module")
def tall():
    """A tall matrix with long rows, its labels and what the stages take beside it."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(N, D)).astype(np.float32)
    labels = rng.integers(-1, K, N)
    graph = NeighborGraph(
        rng.integers(0, N, (N, NEAR)), np.full((N, NEAR), 0.5, np.float32), "exact", 1.0
    )
    return vectors, labels, graph, cluster_centers(vectors, labels, K)


class Fitted(CpuBackend):
    """A backend whose axes cost nothing, so that only the stage is measured."""

    def pca(self, points, n_components, *, seed=42):
        return Pca(np.zeros(D, np.float32), np.eye(n_components, D, dtype=np.float32), None)


STAGES = {
    "centers": lambda v, y, g, c: cluster_centers(v, y, K),
    "noise": lambda v, y, g, c: join_nearest(np.where(y < 100, -1, y), v, c, g),
    "silhouette": lambda v, y, g, c: geometry.cosine_silhouette(v, y),
    "trustworthiness": lambda v, y, g, c: geometry.trustworthiness(
        v, v[:, :2], CPU, sample=100, seed=1
    ),
    "examples": lambda v, y, g, c: center_similarity(v, y, c),
    "plane": lambda v, y, g, c: _principal_plane(v, Fitted()),
}


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_copies_the_vectors(stage, tall, monkeypatch):
    """Beside the vectors: a few blocks and a few numbers a row, never n x d or n x K."""
    monkeypatch.setattr(grouped, "BLOCK_BYTES", BUDGET)
    tracemalloc.start()
    try:
        STAGES[stage](*tall)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * BUDGET + 64 * N < TALL / 3
