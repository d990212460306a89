"""The comparisons of `make test-gpu`, run here on the double: it meets what a GPU must meet.

This also runs every line of the comparisons against the GPU backend before a GPU does.
"""

import pytest

from rapids_rap.backend import load_backend
from tests.conftest import LYRICS
from tests.parity import checks

pytestmark = pytest.mark.double
PARTS = [checks.neighbors, checks.layout, checks.clusters, checks.dense, checks.tables]


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return checks.load_sample(LYRICS, tmp_path_factory.mktemp("store"), most=600)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_the_double_meets_what_a_gpu_must_meet(double, sample, part):
    """No figure of any part misses its demand."""
    figures = list(part(sample, load_backend("gpu")))
    assert figures
    assert [f for f in figures if not f.passed] == []


def test_vectors_of_the_double_agree(double, sample, tmp_path):
    """The encoder fills the backend's matrix with the vectors of the CPU."""
    figures = list(checks.embedding(sample, load_backend("gpu"), tmp_path))
    assert all(f.passed for f in figures)
