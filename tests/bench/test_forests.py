"""Spanning trees out of pieces equal the undivided one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.bench.forests import core_distances, spanning_tree, tree_of_cells


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 3), st.booleans())
def test_trees_of_cells_give_the_undivided_tree(n, cells, samples, copied):
    """The same edges by length, whatever the cells: that decides HDBSCAN's tree."""
    random = np.random.default_rng(n)
    points = random.standard_normal((n, 3))
    if copied:
        points[n // 2 :] = points[0]
    core = core_distances(points, samples)
    found = tree_of_cells(points, core, random.integers(cells, size=n))
    whole = spanning_tree(points, core)
    assert len(found.data) == len(whole.data) == n - 1
    np.testing.assert_allclose(np.sort(found.data), np.sort(whole.data), atol=1e-12)


def test_the_tree_is_that_of_the_library():
    """SciPy's single linkage of the same distances has the same heights."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import cdist, squareform

    points = np.random.default_rng(0).standard_normal((80, 4))
    core = core_distances(points, 5)
    apart = np.maximum(cdist(points, points), np.maximum(core[:, None], core[None, :]))
    np.fill_diagonal(apart, 0.0)
    heights = linkage(squareform(apart, checks=False), "single")[:, 2]
    found = tree_of_cells(points, core, np.arange(80) % 5)
    assert np.sort(found.data) - 1 == pytest.approx(np.sort(heights))
