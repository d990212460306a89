"""The sweep over sizes: it is HDBSCAN at every size, and PLSCAN's lives of clusters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs

from rapids_rap.backend.compiled import fast_hdbscan
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import ClusterTree
from rapids_rap.clustering.sweep import (
    COLUMNS,
    leaf_figures,
    lifetimes,
    size_grid,
    sure_peaks,
    sweep_sizes,
)
from rapids_rap.clustering.votes import Votes, check_kept

CPU = CpuBackend()


def points_of(n=600, centers=9, seed=0):
    points, _ = make_blobs(n, 3, centers=centers, cluster_std=1.4, random_state=seed)
    return points.astype(np.float32)


def votes_of(trees, n):
    """Votes of which only the trees say anything."""
    layouts = len(trees)
    return Votes(
        np.full((max(layouts, 1), n), -1, dtype=np.int64),
        np.zeros((max(layouts, 1), n), dtype=np.float32),
        np.zeros(max(layouts, 1), dtype=np.int64),
        np.zeros(0, dtype=np.float32),
        np.array([len(tree.sizes) for tree in trees], dtype=np.int64),
        np.concatenate([np.zeros(0, np.int64), *(tree.parents for tree in trees)]),
        np.concatenate([np.zeros(0, np.int64), *(tree.sizes for tree in trees)]),
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_size_is_what_hdbscan_finds_at_it(seed):
    """Number of clusters and coverage from one tree are those of a clustering for each size."""
    points = points_of(seed=seed)
    options = {"min_samples": 4, "selection": "leaf"}
    tree = CPU.hdbscan(points, min_cluster_size=20, with_tree=True, **options).tree
    sizes = np.array([2, 3, 5, 9, 16, 25, 40, 70, 120])
    found = leaf_figures(tree, len(points), sizes)
    for size, (count, coverage, _) in zip(sizes.tolist(), found, strict=True):
        labels = CPU.hdbscan(points, min_cluster_size=size, **options).labels
        assert count == labels.max() + 1
        assert coverage == pytest.approx((labels >= 0).mean())


@pytest.mark.parametrize("seed", range(3))
def test_lives_and_persistence_are_plscans(seed):
    """Births, deaths and total persistence by size are those that fast_hdbscan's PLSCAN takes.

    Its own measure weighs births by density; at weight 1 it is the range of sizes.
    """
    layers = fast_hdbscan("The test", part="fast_hdbscan.layer_clusters")
    trees = fast_hdbscan("The test", part="fast_hdbscan.cluster_trees")
    points = points_of(seed=seed)
    n = len(points)
    tree = CPU.hdbscan(points, min_cluster_size=20, min_samples=4, with_tree=True).tree
    begins, ends = lifetimes(tree)
    table = trees.CondensedTree(
        tree.parents[1:] + n,
        np.arange(1, len(tree.sizes)) + n,
        np.ones(len(tree.sizes) - 1, dtype=np.float32),
        tree.sizes[1:].astype(np.float32),
    )
    births, deaths, _, _ = layers.min_cluster_size_barcode(table, n, 2)
    np.testing.assert_array_equal(np.maximum(begins, 2), births)
    np.testing.assert_array_equal(ends[1:], deaths[1:])
    sizes, total = layers.compute_total_persistence(births, deaths, np.ones_like(births))
    inner = sizes > 2  # what nothing splits lives from 2 on, there from above 2
    alive = leaf_figures(tree, n, sizes[inner].astype(np.int64) + 1)[:, 2] * n
    whole = (begins == 1)[None, :] & (sizes[inner][:, None] < ends[None, :])
    np.testing.assert_allclose(alive - whole.sum(axis=1), total[inner])


def grown(rng, n, splits):
    """A tree of n points by random splits."""
    parents, sizes = [-1], [n]
    open_ones = [0]
    for _ in range(splits):
        node = open_ones.pop(int(rng.integers(len(open_ones))))
        if sizes[node] < 4:
            open_ones.append(node)
            continue
        left = int(rng.integers(2, sizes[node] - 1))
        right = int(rng.integers(2, sizes[node] - left + 1)) if sizes[node] - left >= 2 else 0
        if right < 2:
            open_ones.append(node)
            continue
        for size in (left, right):
            open_ones.append(len(sizes))
            parents.append(node)
            sizes.append(size)
    return ClusterTree(np.array(parents, dtype=np.int64), np.array(sizes, dtype=np.int64))


@given(st.integers(0, 2**32 - 1), st.integers(8, 400), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_any_tree_gives_sizes_that_add_up(seed, n, splits):
    """Coverage is a share, clusters never overlap, each has at least the size."""
    tree = grown(np.random.default_rng(seed), n, splits)
    sizes = np.arange(2, n + 1)
    count, coverage, persistence = leaf_figures(tree, n, sizes).T
    assert ((coverage >= 0) & (coverage <= 1)).all()
    assert (count * sizes <= coverage * n + 1e-6).all()
    assert (persistence >= 0).all()
    assert (np.diff(count) <= 0).all()  # a larger size never makes another cluster


def test_peaks_that_chance_would_make_are_none():
    """A bump of every layout is a layer; one that the mean of noise has is not."""
    rng = np.random.default_rng(1)
    flat = 1.0 + 0.1 * rng.normal(size=(20, 17))
    bump = 0.05 * rng.normal(size=(20, 17)) + np.where(np.arange(17) == 8, 2.0, 1.0)
    assert sure_peaks(bump) == [8]
    assert len(sure_peaks(flat)) <= 2
    assert sure_peaks(bump[:1]) == []  # one layout can't tell


def test_a_planted_plateau_is_offered_and_cliffs_are_seen():
    """Twelve blobs of two halves of 25: halves are the plateau, and end together, then blobs do."""
    trees = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        middles = rng.uniform(-60, 60, size=(12, 3))
        halves = np.repeat(middles, 2, axis=0) + rng.normal(scale=1.6, size=(24, 3))
        points = np.repeat(halves, 25, axis=0) + rng.normal(scale=0.5, size=(600, 3))
        found = CPU.hdbscan(
            points.astype(np.float32), min_cluster_size=20, min_samples=4, with_tree=True
        )
        trees.append(found.tree)
    found = sweep_sizes(votes_of(trees, 600), 0)
    clusters = found.table.set_index("min_cluster_size")["clusters_mean"]
    assert found.used == 15
    assert found.plateau is not None
    assert 15 < found.plateau <= 25
    assert 20 <= clusters[found.plateau] <= 24
    assert (clusters[[30, 36, 42, 50]] == 12).all()
    assert clusters[60] < 6
    assert f"clusters.min_cluster_size={found.plateau}" in found.why
    assert tuple(found.table.columns) == COLUMNS
    assert found.used in found.table["min_cluster_size"].tolist()


@pytest.mark.parametrize(("n", "used"), [(40, 10), (60, 15), (3000, 15), (600_000, 1000), (9, 2)])
def test_the_grid_holds_the_used_size(n, used):
    """Ascending, from a quarter to eight times as much, never more than half of the texts."""
    grid = size_grid(n, used)
    assert used in grid
    assert (np.diff(grid) > 0).all()
    assert grid[0] >= 2
    assert grid[-1] <= max(n // 2, used)


def test_nothing_to_sweep_says_why():
    """No tree, or texts too few for two clusters: an empty table and a sentence."""
    assert "did not tell" in sweep_sizes(votes_of([], 100), 0).why
    lone = ClusterTree(np.array([-1]), np.array([5]))
    found = sweep_sizes(votes_of([lone], 5), 4)
    assert "too few" in found.why
    assert not len(found.table)
    one = sweep_sizes(votes_of([ClusterTree(np.array([-1]), np.array([100]))], 100), 0)
    assert one.plateau is None
    assert one.table["clusters_sd"].isna().all()


@pytest.mark.parametrize(
    "damage",
    [
        {"tree_counts": np.array([3, 3], dtype=np.int64)},
        {"tree_counts": np.array([2], dtype=np.int64)},
        {"tree_parents": np.array([-1, 0, 7], dtype=np.int64)},
        {"tree_parents": np.array([-1, 0, -5], dtype=np.int64)},
        {"tree_sizes": np.array([40, 20, 99], dtype=np.int64)},
        {"tree_sizes": np.array([40.0, 20.0, 9.0])},
    ],
)
def test_damaged_trees_are_refused(damage):
    """What was kept and is no tree leads no index astray."""
    tree = ClusterTree(np.array([-1, 0, 0]), np.array([40, 20, 10]))
    sound = votes_of([tree], 40)
    check_kept(sound, None, np.zeros((40, 2), np.float32))
    with pytest.raises(ValueError, match=r"."):
        check_kept(replace(sound, **damage), None, np.zeros((40, 2), np.float32))
