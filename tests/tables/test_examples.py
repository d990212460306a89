"""Example lines: nearest to the center first, repeatable, never noise."""

import numpy as np
import pandas as pd
import pytest

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.tables import examples
from rapids_rap.tables.examples import center_similarity, cluster_examples
from tests.strict_backend import StrictBackend

BACKEND = CpuBackend()


def find(vectors, labels, centers, per_cluster=2, probabilities=None, weights=None):
    """Examples with equal probabilities and weights unless given."""
    n = len(labels)
    return cluster_examples(
        np.asarray(vectors, dtype=np.float32),
        np.array(labels, dtype=np.int64),
        np.ones(n, np.float32) if probabilities is None else np.array(probabilities, np.float32),
        np.asarray(centers, dtype=np.float32),
        np.ones(n, np.int64) if weights is None else np.array(weights, np.int64),
        per_cluster,
        BACKEND,
    )


def test_nearest_by_cosine_and_no_noise():
    """Length does not matter, noise has no examples, small clusters list what they have."""
    vectors = [[1, 0], [9, 9], [0, 2], [1, 0.1], [1, 0]]
    found = find(vectors, [0, 0, 1, 0, -1], [[5, 0], [0, 1]])
    assert found[["cluster", "rank", "text_id"]].to_numpy().tolist() == [
        [0, 1, 0],
        [0, 2, 3],
        [1, 1, 2],
    ]
    assert found["similarity"].tolist() == pytest.approx([1, 1 / np.hypot(1, 0.1), 1])


def test_ties():
    """Equally near: the surer, then the more repeated, then the lower id."""
    found = find(
        [[1, 0]] * 4, [0] * 4, [[1, 0]], 4, probabilities=[0.5, 1, 1, 1], weights=[9, 1, 3, 1]
    )
    assert found["text_id"].tolist() == [2, 1, 3, 0]


def test_no_texts_and_only_noise():
    """Nothing to show is an empty table with its columns."""
    for labels in ([], [-1, -1]):
        found = find(np.zeros((len(labels), 3)), labels, np.zeros((1, 3)))
        assert list(found.columns) == ["cluster", "rank", "text_id", "similarity"]
        assert len(found) == 0


def test_similarity_in_blocks_on_strict_arrays(monkeypatch):
    """Ragged blocks, half precision and zero vectors, with no implicit conversion to NumPy."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(103, 8)).astype(np.float16)
    vectors[7] = 0
    centers = rng.normal(size=(4, 8)).astype(np.float32)
    labels = rng.integers(-1, 4, 103)
    monkeypatch.setattr(
        examples, "row_blocks", lambda n, size: (slice(i, min(i + 10, n)) for i in range(0, n, 10))
    )
    strict, single = StrictBackend(), vectors.astype(np.float32)
    arrays = map(strict.from_host, (single, labels, centers))
    found = strict.to_host(center_similarity(*arrays))
    own = centers[labels]
    norms = np.linalg.norm(single, axis=1) * np.linalg.norm(own, axis=1)
    expected = (single * own).sum(axis=1) / np.where(norms > 0, norms, 1)
    expected[labels < 0] = -1
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert center_similarity(vectors, labels, centers).dtype == np.float32


@pytest.mark.parametrize("n", [0, 1, 90])
def test_strict_arrays_and_tables_pass_through(n):
    """On arrays and tables that refuse NumPy the same lines are chosen."""
    rng = np.random.default_rng(n)
    arrays = (
        rng.integers(-2, 3, (n, 4)).astype(np.float32),  # many ties
        rng.integers(-1, 4, n),
        rng.random(n).astype(np.float32),
        rng.normal(size=(4, 4)).astype(np.float32),
        rng.integers(1, 3, n),
    )
    strict = StrictBackend()
    found = cluster_examples(*map(strict.from_host, arrays), 3, strict)
    pd.testing.assert_frame_equal(found, cluster_examples(*arrays, 3, BACKEND))
