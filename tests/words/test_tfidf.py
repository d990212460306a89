"""TF-IDF and its axes against scikit-learn and NumPy, on plain and on strict arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.words.segment import segment
from rapids_rap.words.tfidf import (
    count_characters,
    count_words,
    most_common,
    principal_terms,
    products,
    weigh,
)
from tests.strict_backend import StrictBackend

TEXTS = ["明月照城市", "月亮照着城市的楼", "hook 和 Flow", "flow 的 hook", "一", "", "明月照城市"]


@pytest.fixture(params=[CpuBackend, StrictBackend], ids=["numpy", "strict"])
def backend(request):
    """Both array kinds: the same lines must run on a GPU."""
    return request.param()


def gram(weighted, backend):
    """Products of all rows with all rows, what was left out put back."""
    n = int(weighted.rest.shape[0])
    inner = backend.to_host(products(weighted.matrix, slice(0, n), backend))
    return inner + np.diag(backend.to_host(weighted.rest))


def reference(texts, documents, size, grams):
    """scikit-learn's products; n-grams of a document are those of its texts."""

    def pieces(document):
        lines = [t.lower() for t, d in zip(texts, documents, strict=True) if d == document]
        return [
            x[i : i + n]
            for x in lines
            for n in range(grams[0], grams[1] + 1)
            for i in range(len(x) - n + 1)
        ]

    analysed = [pieces(document) for document in range(size)]
    if not any(analysed):
        return np.zeros((size, size))
    rows = TfidfVectorizer(analyzer=lambda x: x, sublinear_tf=True).fit_transform(analysed)
    return (rows @ rows.T).toarray()


def test_characters_are_scikit_learns(backend):
    """The same weights, with documents of several texts, of one character and of none."""
    documents = np.array([0, 0, 1, 2, 3, 4, 5])
    counts = count_characters(TEXTS, documents, 6, backend)
    expected = reference(TEXTS, documents, 6, (2, 5))
    np.testing.assert_allclose(gram(weigh(counts, backend), backend), expected, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text("ab我你 ", max_size=8), min_size=1, max_size=9),
    st.integers(1, 5),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_counting_is_exact_for_any_texts(texts, shortest, more, random):
    """No n-gram reaches over the end of a text, whatever the texts' lengths."""
    longest = min(5, shortest + more)
    documents = np.sort([random.randrange(4) for _ in texts])
    counts = count_characters(texts, documents, 4, CpuBackend(), (shortest, longest))
    found = gram(weigh(counts, CpuBackend()), CpuBackend())
    expected = reference(texts, documents, 4, (shortest, longest))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_far_code_points_are_characters(backend):
    """Characters beyond the basic plane, and lone surrogates, are counted like any."""
    texts = ["\U00020000\U0002f800", "\U00020000\U0002f800", "\ud800我"]
    counts = count_characters(texts, np.arange(3), 3, backend)
    expected = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(gram(weigh(counts, backend), backend), expected, atol=1e-12)


def test_no_text_at_all(backend):
    """Nothing to count is an empty space, not an error."""
    counts = count_characters([], np.zeros(0, dtype=np.int64), 3, backend)
    assert not gram(weigh(counts, backend), backend).any()
    empty = weigh(count_characters(["一"], np.array([0]), 1, backend), backend)
    assert int(principal_terms(empty.matrix, 4, backend, 0).values.shape[0]) == 0


def test_words_are_the_runs_tokens(backend):
    """A song's words are those of its texts, in whatever order the texts are numbered."""
    tokens = segment(["我 爱 北京", "hook", "北京 北京"])
    counts = count_words(tokens, np.array([2, 0, 1]), np.array([0, 0, 1]), 2, backend)
    names = [tokens.vocabulary[i] for i in np.unique(tokens.ids)]
    found = dict(zip(names, backend.to_host(counts.counts).tolist(), strict=True))
    assert found == {"hook": 1, "北京": 3, "我": 1, "爱": 1}


def test_terms_that_the_fit_lacks_have_no_weight(backend):
    """Held-out documents are weighed by the others' frequencies alone."""
    texts = ["ab", "ab", "abcd", "cd"]
    counts = count_characters(texts, np.arange(4), 4, backend, (2, 2))
    fit = backend.from_host(np.array([True, True, False, False]))
    found = gram(weigh(counts, backend, fit), backend)
    np.testing.assert_allclose(found[:3, :3], 1.0, atol=1e-12)  # bc and cd are unknown
    assert not found[3].any()


def test_the_most_common_terms_are_kept(backend):
    """By the documents that hold them, equals in order, and never more than asked."""
    texts = ["ab", "abc", "abcd", "bcx"]
    counts = count_characters(texts, np.arange(4), 4, backend, (2, 2))
    assert most_common(counts, 9) is counts
    kept = most_common(counts, 2)  # ab and bc, each in three texts
    assert kept.width == 2
    assert backend.to_host(kept.documents).tolist() == [0, 1, 2, 1, 2, 3]
    assert backend.to_host(kept.terms).tolist() == [0, 0, 0, 1, 1, 1]


def test_axes_are_the_singular_vectors(backend):
    """The randomised axes are NumPy's, and fewer where the rank is lower."""
    random = np.random.default_rng(0)
    texts = ["".join(random.choice(list("甲乙丙丁戊己"), 12)) for _ in range(40)]
    weighted = weigh(count_characters(texts, np.arange(40), 40, backend, (1, 2)), backend)
    inner = backend.to_host(products(weighted.matrix, slice(0, 40), backend))
    axes = principal_terms(weighted.matrix, 5, backend, seed=1)
    exact = np.sqrt(np.linalg.eigvalsh(inner)[::-1][:5])
    np.testing.assert_allclose(backend.to_host(axes.values), exact, rtol=1e-3)
    right = backend.to_host(axes.right)
    np.testing.assert_allclose(right.T @ right, np.eye(5), atol=1e-8)
    assert int(principal_terms(weighted.matrix, 99, backend, 1).values.shape[0]) <= 40
    twice = weigh(count_characters(["ab", "ab"], np.arange(2), 2, backend, (1, 1)), backend)
    assert int(principal_terms(twice.matrix, 2, backend, 1).values.shape[0]) == 1
