"""Next-line retrieval: how often a line's vector finds the line that follows it.

A self-supervised score for any embedding of verse. Row ``i`` of ``queries`` is a line, row ``i``
of ``targets`` the one after it; every target is ranked by its dot product with the query, and
the right one should come early. Exact, in blocks, NumPy and SciPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix, issparse

from rapids_rap.backend._extras import require

BLOCK = 1_024


@dataclass(frozen=True, slots=True)
class RetrievalScore:
    """Mean reciprocal rank, share of right answers among the first ten, number of queries."""

    mrr: float
    recall_at_10: float
    n: int


def _scores(queries: Any, targets: Any) -> NDArray[np.float64]:
    product = queries @ targets.T
    return np.asarray(product.toarray() if issparse(product) else product, np.float64)


def true_ranks(
    queries: Any, targets: Any, text_ids: ArrayLike | None = None, block: int = BLOCK
) -> NDArray[np.float64]:
    """The rank, from 1, of each query's right answer among the distinct targets.

    ``queries`` and ``targets`` are dense or SciPy sparse, shape (n, d), rows normalised if the
    cosine is meant. ``text_ids`` (n,) are integers, equal for targets of equal text: those count
    as one answer, scored by its first row, and right for every query that any of them is right
    for. Ties count as the mean of the ranks they span, so that constant vectors score chance.
    Returns (n,) float64. Raises ``ValueError`` when the rows do not match.
    """
    n = queries.shape[0]
    if targets.shape[0] != n:
        raise ValueError(f"{n} queries but {targets.shape[0]} targets")
    ids = np.arange(n) if text_ids is None else np.asarray(text_ids)
    if ids.shape != (n,):
        raise ValueError(f"text_ids has shape {ids.shape}, expected ({n},)")
    _, first, answer = np.unique(ids, return_index=True, return_inverse=True)
    distinct = targets[first]
    ranks = np.empty(n)
    for begin in range(0, n, block):
        end = min(begin + block, n)
        scores = _scores(queries[begin:end], distinct)
        right = scores[np.arange(end - begin), answer[begin:end]][:, None]
        above = (scores > right).sum(1)
        equal = (scores == right).sum(1)
        ranks[begin:end] = above + (equal + 1) / 2
    return ranks


def next_line_retrieval(
    queries: Any, targets: Any, text_ids: ArrayLike | None = None, block: int = BLOCK
) -> RetrievalScore:
    """Mean reciprocal rank (Voorhees, TREC-8 1999) and recall at 10 of :func:`true_ranks`."""
    ranks = true_ranks(queries, targets, text_ids, block)
    if not len(ranks):
        return RetrievalScore(0.0, 0.0, 0)
    return RetrievalScore(float((1 / ranks).mean()), float((ranks <= 10).mean()), len(ranks))


def char_tfidf_vectors(texts: Sequence[str], ngram_range: tuple[int, int] = (2, 5)) -> csr_matrix:
    """TF-IDF of character n-grams, the baseline without any training.

    Sparse (len(texts), n-grams) float32, rows of unit length (or zero, for a text shorter than
    the shortest n-gram); sublinear term frequency, scikit-learn's smoothed idf. Give it queries
    and targets in one call, so that they share columns.
    """
    text = require("sklearn.feature_extraction.text", "The lexical baseline")
    vectorizer = text.TfidfVectorizer(
        analyzer="char", ngram_range=ngram_range, sublinear_tf=True, dtype=np.float32
    )
    return vectorizer.fit_transform(texts).tocsr()


def chance_mrr(n: int) -> float:
    """The expected mean reciprocal rank of a random order of ``n`` targets: H_n / n."""
    if n < 1:
        raise ValueError("n must be at least 1")
    return float((1 / np.arange(1, n + 1)).sum() / n)
