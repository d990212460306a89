"""What neighbour searches share, against loops, on NumPy's and on strict arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.nearest import break_ties, drop_self
from tests.strict_backend import StrictBackend

ROWS = st.lists(st.permutations(range(6)), min_size=1, max_size=5)


@pytest.mark.parametrize("backend", [CpuBackend(), StrictBackend()], ids=["numpy", "strict"])
@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(0, 9), st.integers(2, 6))
def test_a_row_is_dropped_wherever_it_stands_or_else_the_last(backend, rows, own, width):
    """The others keep their order and their distances, also where duplicates crowded it out."""
    indices = np.array(rows, dtype=np.int64)[:, :width]
    distances = indices.astype(np.float32) / 7
    asked = np.full(len(rows), own)
    found = drop_self(*map(backend.from_host, (distances, indices, asked)))
    expected = [([i for i in row if i != own])[: width - 1] for row in indices.tolist()]
    near, ids = map(backend.to_host, found)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(near, np.array(expected, dtype=np.float32) / 7)


@pytest.mark.parametrize("backend", [CpuBackend(), StrictBackend()], ids=["numpy", "strict"])
def test_ties_go_to_the_lower_index(backend):
    """Rows are ordered by distance, and equal distances by number."""
    indices = np.array([[5, 3, 9, 1], [7, 8, 6, 0]])
    distances = np.array([[0.5, 0.5, 0.0, 0.5], [2.0, 1.0, 1.0, 2.0]], dtype=np.float32)
    near, ids = map(
        backend.to_host, break_ties(backend.from_host(distances), backend.from_host(indices))
    )
    np.testing.assert_array_equal(ids, [[9, 1, 3, 5], [6, 8, 0, 7]])
    np.testing.assert_array_equal(near, [[0.0, 0.5, 0.5, 0.5], [1.0, 1.0, 2.0, 2.0]])
