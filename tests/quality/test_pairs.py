"""Next-line retrieval against a full sort, by hand and at the edges."""

import numpy as np
import pytest

from rapids_rap.quality.pairs import (
    RetrievalScore,
    chance_mrr,
    char_tfidf_vectors,
    next_line_retrieval,
    true_ranks,
)


@pytest.fixture
def pairs() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    targets = random.standard_normal((67, 8)).astype(np.float32)
    queries = targets + random.standard_normal((67, 8)).astype(np.float32)
    return queries, targets


def test_a_line_that_finds_itself_scores_one(pairs):
    _, targets = pairs
    unit = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    assert next_line_retrieval(unit, unit) == RetrievalScore(1.0, 1.0, 67)


def test_ranks_equal_a_full_sort(pairs):
    queries, targets = pairs
    scores = queries.astype(np.float64) @ targets.T.astype(np.float64)
    expected = [1 + int((row > row[i]).sum()) for i, row in enumerate(scores)]
    np.testing.assert_array_equal(true_ranks(queries, targets), expected)


@pytest.mark.parametrize("block", [1, 10, 67, 1_000])
def test_block_size_changes_nothing(pairs, block):
    assert next_line_retrieval(*pairs, block=block) == next_line_retrieval(*pairs)


def test_equal_texts_are_one_answer():
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [0.9, 0.1]])
    queries = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(true_ranks(queries, targets, [7, 7, 8]), [1, 1, 1])
    np.testing.assert_array_equal(true_ranks(queries, targets), [1.5, 1.5, 1])


def test_constant_vectors_score_no_better_than_the_middle():
    ones = np.ones((9, 3))
    np.testing.assert_array_equal(true_ranks(ones, ones), np.full(9, 5.0))


def test_sparse_and_dense_agree():
    texts = ["明月照城市", "月亮照着城市的楼", "hook 和 flow", "flow 的 hook", "一", "完全不同"]
    vectors = char_tfidf_vectors(texts)
    sparse = next_line_retrieval(vectors[:3], vectors[3:])
    dense = next_line_retrieval(vectors[:3].toarray(), vectors[3:].toarray())
    assert sparse == dense
    assert np.diff(vectors.indptr)[4] == 0  # one character has no 2-gram


def test_no_pairs_and_wrong_shapes():
    empty = np.empty((0, 4))
    assert next_line_retrieval(empty, empty) == RetrievalScore(0.0, 0.0, 0)
    with pytest.raises(ValueError, match="2 queries but 3 targets"):
        next_line_retrieval(np.ones((2, 4)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="text_ids"):
        next_line_retrieval(np.ones((2, 4)), np.ones((2, 4)), [1, 2, 3])


def test_chance():
    assert chance_mrr(1) == 1
    assert chance_mrr(3) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    random = np.random.default_rng(1)
    ranks = true_ranks(random.standard_normal((2_000, 4)), random.standard_normal((2_000, 4)))
    assert (1 / ranks).mean() == pytest.approx(chance_mrr(2_000), rel=0.5)
    with pytest.raises(ValueError, match="at least 1"):
        chance_mrr(0)
