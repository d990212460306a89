"""The inverted file that is searched list by list: what it finds among its lists is exact."""

import numpy as np
import pytest
from faiss.contrib.inspect_tools import get_invlist
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend import _cpu_lists
from rapids_rap.backend._cpu_lists import build_lists, needed_probes, search_lists


def rows(n, d, seed=0, unit=True):
    points = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True) if unit else points


def nearest(base, queries, k, metric):
    """All pairs, in float64."""
    a, b = queries.astype(np.float64), base.astype(np.float64)
    score = a @ b.T if metric == "cosine" else -np.sum((a[:, None] - b[None]) ** 2, axis=2)
    found = np.argsort(-score, axis=1, kind="stable")[:, :k]
    return found, np.take_along_axis(score, found, axis=1)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_all_lists_give_the_exact_neighbours(metric):
    """With every list searched nothing is approximate."""
    base, queries = rows(900, 20, unit=metric == "cosine"), rows(77, 20, 1, metric == "cosine")
    lists = build_lists(base, metric, 3)
    raw, found = search_lists(queries, 9, metric, lists, len(lists.centroids))
    truth, score = nearest(base, queries, 9, metric)
    np.testing.assert_array_equal(found, truth)
    np.testing.assert_allclose(raw, np.abs(score) if metric == "euclidean" else score, atol=1e-5)


@given(seed=st.integers(0, 50), probes=st.integers(1, 6), k=st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_neighbours_are_the_best_of_the_lists_searched(seed, probes, k):
    """Whatever the number of lists, the answer is the exact one among their members."""
    base = rows(400, 6, seed)
    lists = build_lists(base, "cosine", seed)
    probes = min(probes, len(lists.centroids))
    queries = base[:30]
    raw, found = search_lists(queries, k, "cosine", lists, probes)
    near = np.argsort(-(queries @ lists.centroids.T), axis=1, kind="stable")[:, :probes]
    for query, searched, scores, indices in zip(queries, near, raw, found, strict=True):
        members = np.flatnonzero(np.isin(lists.home, searched))
        best = np.sort(base[members] @ query)[::-1][:k]
        np.testing.assert_allclose(scores[: len(best)], best, atol=1e-5)
        assert np.all(indices[len(best) :] == -1)
        assert set(indices[: len(best)]) <= set(members)


def test_every_row_is_in_one_list():
    """Lists divide the rows, however uneven they are; a list may be empty."""
    base = np.concatenate([rows(300, 4, 0) * 1e-3 + 1, np.ones((200, 4), np.float32)])
    lists = build_lists(base / np.linalg.norm(base, axis=1, keepdims=True), "cosine", 0)
    held = [get_invlist(lists.index.invlists, i)[0] for i in range(len(lists.centroids))]
    assert sorted(np.concatenate(held).tolist()) == list(range(500))
    for number, members in enumerate(held):
        assert np.all(lists.home[members] == number)


def test_pieces_join_seamlessly(monkeypatch):
    """Scores in pieces of a few queries find the same as all at once."""
    base = rows(600, 10)
    lists = build_lists(base, "cosine", 1)
    whole = search_lists(base, 7, "cosine", lists, 4)
    monkeypatch.setattr(_cpu_lists, "SCORE_BYTES", 100)
    pieces = search_lists(base, 7, "cosine", lists, 4)
    np.testing.assert_allclose(pieces[0], whole[0], atol=1e-6)
    assert np.mean(pieces[1] == whole[1]) > 0.99  # rounding may swap two that are as near


def test_the_recall_of_a_number_of_lists_is_true():
    """What `needed_probes` promises is what a search of so many lists finds, and no list more."""
    base = rows(3000, 12)
    lists, queries = build_lists(base, "cosine", 1), base[:200]
    truth, _ = nearest(base, queries, 10, "cosine")
    for wanted in (0.5, 0.8, 0.95, 1.0):
        probes, recall = needed_probes(queries, truth, "cosine", lists, wanted)
        for number, enough in ((probes, True), (probes - 1, False)):
            if not number:
                continue
            _, found = search_lists(queries, 10, "cosine", lists, number)
            pairs = zip(found, truth, strict=True)
            share = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in pairs])
            assert (share >= wanted - 1e-9) == enough
            if enough:
                assert share == pytest.approx(recall)


def test_equal_rows_and_a_single_list():
    """Nothing but duplicates: one list or many, every distance is 0 and no place stays empty."""
    base = np.repeat(rows(1, 8), 120, axis=0)
    lists = build_lists(base, "cosine", 0)
    raw, found = search_lists(base, 5, "cosine", lists, len(lists.centroids))
    np.testing.assert_allclose(raw, 1.0, atol=1e-5)
    assert found.min() >= 0
