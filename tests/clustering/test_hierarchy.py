"""The tree above the clusters: its invariants, its themes, and that it is SciPy's where it is."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.clustering.clusters import Clusters
from rapids_rap.clustering.hierarchy import Hierarchy, check_kept, find_hierarchy
from rapids_rap.clustering.themes import text_themes
from tests.strict_backend import StrictBackend

CPU = CpuBackend()


def clusters_of(labels, backend=CPU):
    """Clusters as the stage before finds them, as far as the tree reads them."""
    labels = np.asarray(labels, dtype=np.int64)
    n, count = len(labels), int(np.max(labels, initial=-1)) + 1
    move = backend.from_host
    return Clusters(
        labels=move(labels),
        labels_raw=move(labels),
        probabilities=move(np.ones(n, np.float32)),
        agreement=move(np.ones(n, np.float32)),
        persistence=move(np.ones(count, np.float32)),
        centers=move(np.zeros((count, 2), np.float32)),
    )


def planted(families=3, each=4, texts=25, spread=0.05, seed=0, d=16):
    """Clusters in families: vectors around a direction of their own near that of their family."""
    rng = np.random.default_rng(seed)
    family = np.repeat(np.eye(d)[:families], each, axis=0)
    own = family + 0.5 * np.eye(d)[families : families + families * each]
    rows = np.repeat(own, texts, axis=0) + spread * rng.normal(size=(families * each * texts, d))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors, np.repeat(np.arange(families * each), texts)


def tree_of(vectors, labels, themes=3, weights=None, backend=CPU):
    weights = np.ones(len(labels), np.int64) if weights is None else np.asarray(weights)
    move = backend.from_host
    groups = clusters_of(labels, backend)
    found = find_hierarchy(groups, move(vectors), move(weights), themes, backend)
    check_kept(found, groups)
    return found


def ancestors(tree, node):
    while tree.parents[node] >= 0:
        node = int(tree.parents[node])
        yield node


def assert_tree(tree, labels):
    """What holds of every tree."""
    count, nodes = int(np.max(labels, initial=-1)) + 1, len(tree.parents)
    themes = np.asarray(tree.themes)
    assert themes.shape == (count,)
    if not count:
        assert nodes == 0
        return
    layer = tree.theme_count
    sizes = np.bincount(labels[labels >= 0], minlength=count)
    np.testing.assert_array_equal(tree.sizes[:count], sizes)
    below = np.bincount(tree.parents[:-1], weights=tree.sizes[:-1], minlength=nodes)
    np.testing.assert_array_equal(below[count:], tree.sizes[count:])  # every text once, all the way
    assert tree.sizes[-1] == sizes.sum()
    for cluster in range(count):
        above = list(ancestors(tree, cluster))
        assert above[-1] == nodes - 1
        met = [node for node in above if count <= node < count + layer]
        assert met == [count + themes[cluster]]
        strengths = [tree.strengths[node] for node in (cluster, *above[:-1])]
        known = [value for value in strengths if np.isfinite(value)]
        assert all(a >= b - 1e-12 for a, b in pairwise(known))
    for node in range(count + layer, nodes - 1):
        assert (tree.parents == node).sum() >= 2  # what is no theme joins something


def test_planted_families_are_the_themes():
    """Families of clusters are found as themes, and nothing between them that noise would make."""
    vectors, labels = planted()
    tree = tree_of(vectors, labels)
    assert_tree(tree, labels)
    np.testing.assert_array_equal(tree.themes, np.repeat([0, 1, 2], 4))
    # Equally far apart within a family and between families: joins differ by noise alone.
    assert len(tree.parents) == 12 + 3 + 1
    assert (tree.parents[:12] == 12 + np.asarray(tree.themes)).all()
    assert (tree.parents[12:15] == 15).all()


def test_a_level_that_is_there_is_kept():
    """Two pairs of near clusters in one theme keep their two joins."""
    d = 12
    base = np.eye(d)[0]
    own = [base + 0.6 * np.eye(d)[1 + i // 2] + 0.2 * np.eye(d)[4 + i] for i in range(4)]
    other = [np.eye(d)[10], np.eye(d)[11]]
    rng = np.random.default_rng(3)
    rows = np.repeat(np.array(own + other), 30, axis=0) + 0.02 * rng.normal(size=(180, d))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    labels = np.repeat(np.arange(6), 30)
    tree = tree_of(vectors, labels, themes=2)
    assert_tree(tree, labels)
    assert tree.themes.tolist() == [0, 0, 0, 0, 1, 1]
    assert tree.parents[0] == tree.parents[1] != tree.parents[2] == tree.parents[3]
    assert tree.parents[tree.parents[0]] == 6 + tree.themes[0]


def test_strengths_are_scipys_cophenetic_distances():
    """Two clusters meet, where no join was taken out, at SciPy's average linkage of cosines."""
    vectors, labels = planted(families=2, each=2, texts=40, spread=0.3, seed=4)
    tree = tree_of(vectors, labels, themes=4)
    around = vectors.astype(np.float64) - vectors.astype(np.float64).mean(axis=0)
    centers = np.array([around[labels == k].mean(axis=0) for k in range(4)])
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    apart = 1.0 - centers @ centers.T
    np.fill_diagonal(apart, 0.0)
    flat = squareform(apart, checks=False)
    expected = squareform(cophenet(linkage(flat, "average"), flat)[1])
    for a in range(4):
        for b in range(a):
            path = [a, *ancestors(tree, a)]
            meet = next(node for node in ancestors(tree, b) if node in path)
            under = next(node for node in path if tree.parents[node] == meet)
            assert 1.0 - tree.strengths[under] >= expected[a, b] - 1e-5
    root = len(tree.parents) - 1
    top = tree.strengths[tree.parents == root]
    np.testing.assert_allclose(1.0 - top, expected.max(), atol=1e-5)


@given(
    st.integers(0, 12),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
    st.floats(0.0, 2.0),
)
@settings(max_examples=60, deadline=None)
def test_every_tree_is_a_tree(count, themes, seed, spread):
    """Any clusters in any place, also empty ones' neighbours, duplicates and noise."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(count), rng.integers(-1, max(count, 1), size=60)])
    labels[labels >= count] = -1
    rng.shuffle(labels)
    rows = rng.normal(size=(max(count, 1), 6))[np.clip(labels, 0, None)]
    rows += spread * np.round(rng.normal(size=rows.shape), 1)
    rows[::7] = rows[0]
    tree = tree_of(rows.astype(np.float32), labels, themes, weights=rng.integers(1, 9, len(labels)))
    assert_tree(tree, labels)
    assert tree.theme_count == min(themes, count)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("themes", [1, 7])
def test_few_clusters(count, themes):
    """None, one or two clusters: a tree each, with null where nothing is joined."""
    vectors, labels = planted(families=2, each=1, texts=10)
    labels = np.where(labels < count, labels, -1)
    tree = tree_of(vectors, labels, themes)
    assert_tree(tree, labels)
    if count == 1:
        assert np.isnan(tree.strengths).all()
        assert tree.parents.tolist() == [1, 2, -1]


def test_themes_go_by_weight_then_by_their_first_text():
    """Theme 0 is the heaviest; equal ones go by their lowest text, as from night to night."""
    vectors, labels = planted()
    heavy = np.where(np.isin(labels, [4, 5, 6, 7]), 9, 1)
    assert tree_of(vectors, labels, weights=heavy).themes.tolist() == [1] * 4 + [0] * 4 + [2] * 4
    turned = tree_of(vectors[::-1].copy(), labels[::-1].copy())
    assert turned.themes.tolist() == [2] * 4 + [1] * 4 + [0] * 4


def test_no_more_themes_than_asked_for():
    """One theme holds everything; more than clusters are as many."""
    vectors, labels = planted()
    assert set(tree_of(vectors, labels, themes=1).themes.tolist()) == {0}
    assert tree_of(vectors, labels, themes=99).theme_count == 12


def test_strict_arrays_give_the_same_tree():
    """The stage works on arrays that refuse NumPy."""
    vectors, labels = planted(spread=0.2)
    plain, strict = tree_of(vectors, labels), StrictBackend()
    found = tree_of(vectors, labels, backend=strict)
    np.testing.assert_array_equal(strict.to_host(found.themes), plain.themes)
    np.testing.assert_array_equal(found.parents, plain.parents)
    np.testing.assert_allclose(found.strengths, plain.strengths, atol=1e-6)
    of_texts = text_themes(strict.from_host(labels), found.themes)
    np.testing.assert_array_equal(strict.to_host(of_texts), text_themes(labels, plain.themes))


@pytest.mark.parametrize(
    "damage",
    [
        {"themes": np.array([0, 9, 0], dtype=np.int64)},
        {"parents": np.array([3, 3, 3, 3, -1], dtype=np.int64)},
        {"parents": np.array([3, 3, 3, 0, -1], dtype=np.int64)},
        {"parents": np.array([3, 3, 3], dtype=np.int64)},
        {"strengths": np.zeros(2)},
        {"sizes": np.zeros(5)},
    ],
)
def test_a_damaged_tree_is_refused(damage):
    """What was kept and is no tree of these clusters is made again, and leads no index astray."""
    labels = np.repeat([0, 1, 2], 4)
    sound = {
        "themes": np.zeros(3, dtype=np.int64),
        "parents": np.array([3, 3, 3, 4, -1], dtype=np.int64),
        "strengths": np.zeros(5),
        "sizes": np.array([4, 4, 4, 12, 12], dtype=np.int64),
    }
    check_kept(Hierarchy(**sound), clusters_of(labels))
    with pytest.raises(ValueError, match=r"."):
        check_kept(Hierarchy(**sound | damage), clusters_of(labels))
