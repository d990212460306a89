"""Texts as weighted counts of their words or character n-grams: the spaces no model made.

A document is what the caller says: a line, or all lines of a song. TF-IDF is scikit-learn's with
`sublinear_tf`: weight (1 + ln tf) · (1 + ln((1 + n) / (1 + df))), rows of length 1. n-grams never
reach over the end of a text.

Texts are strings and stay in host memory; from their code points on, everything is the backend's:
counting is one stable sort, and a matrix lies where `backend.sparse` puts it. Terms of a single
document meet nothing but that document, and most n-grams are such: they are dropped, and `rest`
keeps the squared length they had, so that every length and every product stays exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.words.segment import Tokens

Sparse = Any  # a csr matrix of the backend's sparse module

GRAMS = (2, 5)  # characters; the baseline of every retrieval figure
OVERSAMPLE = 10  # directions beside the wanted ones, and
SWEEPS = 3  # passes over the matrix: Halko, Martinsson & Tropp 2011, section 4.5


@dataclass(frozen=True)
class Counts:
    """How often a term stands in a document: m entries by (term, document), the backend's arrays.

    terms, documents: (m,) int64, the former 0..`width` - 1 and ascending; counts: (m,) int64.
    """

    terms: Array
    documents: Array
    counts: Array
    width: int
    size: int


@dataclass(frozen=True)
class Weighted:
    """TF-IDF rows of length 1, less the terms of a single document.

    matrix: csr (documents, terms) float64. rest: (documents,) float64, the squared length of what
    is left out: the row's own product is 1 (0 for an empty document).
    """

    matrix: Sparse
    rest: Array


def count_characters(
    texts: Sequence[str],
    documents: Int64s,
    size: int,
    backend: Backend,
    grams: tuple[int, int] = GRAMS,
) -> Counts:
    """n-grams of `grams` characters, lower-case, of `texts` (m), which `documents` (m,) hold.

    documents: ascending, in 0..`size` - 1. `grams`: shortest and longest, 1 to 5.
    """
    lowered = [text.lower() for text in texts]
    codes, alphabet = _alphabet("".join(lowered), backend)
    lengths = np.fromiter(map(len, lowered), dtype=np.int64, count=len(lowered))
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(int(lengths.sum()))
    room = backend.from_host(left)  # characters to the end of the text, its own counted
    where = backend.from_host(np.repeat(np.asarray(documents, dtype=np.int64), lengths))
    parts = [
        _count(keys[room[: keys.shape[0]] >= n], where[: keys.shape[0]][room[: keys.shape[0]] >= n])
        for n, keys in _grams(codes, alphabet, grams)
    ]
    return _joined(parts, size, backend)


def count_words(
    tokens: Tokens, texts: Int64s, documents: Int64s, size: int, backend: Backend
) -> Counts:
    """The run's words of the texts with these ids (m,), which `documents` (m,), ascending, hold."""
    begins, ends = tokens.offsets[:-1][texts], tokens.offsets[1:][texts]
    lengths = ends - begins
    steps = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    words = tokens.ids[np.repeat(begins, lengths) + steps].astype(np.int64)
    where = np.repeat(np.asarray(documents, dtype=np.int64), lengths)
    part = _count(backend.from_host(words), backend.from_host(where))
    return _joined([part], size, backend)


def weigh(
    counts: Counts, backend: Backend, fit: Array | None = None, *, only_fit: bool = False
) -> Weighted:
    """TF-IDF of every document, with document frequencies of the documents that `fit` marks.

    fit: (documents,) bool; None: all. A term that those lack has no weight anywhere. only_fit: the
    columns are the terms that two of *those* share, so that the rows of `fit` are what they would
    be without the other documents.
    """
    xp = backend.xp
    terms, documents, width, size = counts.terms, counts.documents, counts.width, counts.size
    if width == 0 or size == 0:
        empty = xp.zeros((size,), dtype=xp.float64, device=device(terms))
        ends = xp.zeros((size + 1,), dtype=xp.int32, device=device(terms))
        nothing = (empty[:0], xp.astype(terms, xp.int32), ends)
        return Weighted(backend.sparse.csr_matrix(nothing, shape=(size, max(width, 1))), empty)
    chosen = xp.ones((size,), dtype=xp.bool, device=device(terms)) if fit is None else fit
    fitted = xp.astype(xp.take(chosen, documents), xp.int64)
    frequency = _by_term(fitted, terms, width)
    known = float(xp.sum(xp.astype(chosen, xp.int64)))
    idf = xp.log((1.0 + known) / (1.0 + xp.astype(frequency, xp.float64))) + 1.0
    idf = xp.where(frequency > 0, idf, xp.zeros_like(idf))
    values = (1.0 + xp.log(xp.astype(counts.counts, xp.float64))) * xp.take(idf, terms)
    squares = _by_document(values * values, documents, size, backend)
    norms = xp.sqrt(xp.where(squares > 0, squares, xp.ones_like(squares)))
    values = values / xp.take(norms, documents)
    holders = frequency if only_fit else _by_term(xp.ones_like(documents), terms, width)
    shared = holders > 1
    kept = xp.take(shared, terms)
    column = xp.cumulative_sum(xp.astype(shared, xp.int64)) - 1
    rows, columns = documents[kept], xp.take(column, terms)[kept]
    shape = (size, max(1, int(xp.count_nonzero(shared))))
    rest = _by_document(
        xp.where(kept, xp.zeros_like(values), values * values), documents, size, backend
    )
    return Weighted(_csr(values[kept], rows, columns, shape, backend), rest)


def most_common(counts: Counts, most: int, fit: Array | None = None) -> Counts:
    """The counts of the `most` terms that stand in most documents, of equals the first.

    fit: (documents,) bool, the documents that are asked; None: all. Not for `weigh`'s exact
    products: what is dropped here is gone.
    """
    if counts.width <= most:
        return counts
    xp = array_namespace(counts.terms)
    asked = xp.ones_like(counts.terms)
    if fit is not None:
        asked = xp.astype(xp.take(fit, counts.documents), counts.terms.dtype)
    holders = _by_term(asked, counts.terms, counts.width)
    kept = xp.argsort(xp.argsort(-holders, stable=True)) < most
    number = xp.cumulative_sum(xp.astype(kept, xp.int64)) - 1
    own = xp.take(kept, counts.terms)
    return Counts(
        xp.take(number, counts.terms)[own],
        counts.documents[own],
        counts.counts[own],
        int(xp.count_nonzero(kept)),
        counts.size,
    )


def products(matrix: Sparse, rows: slice, backend: Backend) -> Array:
    """(rows, documents) float64: the products of a block of the rows with every row.

    The block is made dense by a product with the identity, which every sparse module has.
    """
    xp = backend.xp
    block = matrix[rows]
    count = int(block.shape[0])
    identity = backend.from_host(np.eye(count))
    return xp.matrix_transpose(matrix @ (block.T @ identity))


@dataclass(frozen=True)
class Axes:
    """Truncated singular vectors of a matrix. right: (terms, k) float64; values: (k,), falling."""

    right: Array
    values: Array


def principal_terms(matrix: Sparse, dims: int, backend: Backend, seed: int) -> Axes:
    """The first `dims` right singular vectors of a sparse matrix (documents, terms), no centring.

    Randomised subspace iteration (Halko, Martinsson & Tropp 2011, arXiv:0909.4061), begun with
    random documents. Fewer where the matrix has a lower rank: directions without any weight are
    left out, so k may be less than `dims`, and 0.
    """
    xp = backend.xp
    n = int(matrix.shape[0])
    wide = max(1, min(dims + OVERSAMPLE, n, int(matrix.shape[1])))
    left = backend.from_host(np.random.default_rng([seed, n]).standard_normal((n, wide)))
    for _ in range(SWEEPS):
        left = _orthonormal(matrix @ (matrix.T @ left))
    left = _orthonormal(left)  # through products once: orthogonal to half the digits only
    right = matrix.T @ left
    squared, rotation = xp.linalg.eigh(xp.matrix_transpose(right) @ right)
    squared, rotation = xp.flip(squared), xp.flip(rotation, axis=1)
    k = min(dims, int(xp.count_nonzero(squared > 1e-10 * squared[0])))
    values = xp.sqrt(xp.maximum(squared[:k], 0.0))
    axes = (right @ rotation[:, :k]) / values[None, :]
    # The sign is arbitrary, and differs from library to library: the largest loading is positive.
    largest = xp.argmax(xp.abs(axes), axis=0)[None, :]
    loading = xp.take_along_axis(axes, largest, axis=0)
    return Axes(xp.where(loading < 0.0, -axes, axes), values)


def _orthonormal(columns: Array) -> Array:
    """An orthonormal basis of the columns (n, k), n large, through the k x k products."""
    xp = array_namespace(columns)
    variance, rotation = xp.linalg.eigh(xp.matrix_transpose(columns) @ columns)
    floor = 1e-14 * xp.max(variance)
    scale = xp.where(variance > floor, variance, xp.ones_like(variance))
    basis = rotation / xp.sqrt(scale)[None, :]
    return columns @ xp.where((variance > floor)[None, :], basis, xp.zeros_like(basis))


def _alphabet(joined: str, backend: Backend) -> tuple[Array, int]:
    """Code points renumbered from 0, (characters,) int64, and how many differ."""
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    known = np.flatnonzero(np.bincount(points, minlength=1)) if len(points) else points
    number = np.zeros(int(known[-1]) + 1 if len(known) else 1, dtype=np.int64)
    number[known] = np.arange(len(known))
    return backend.from_host(number[points]), max(1, len(known))


def _grams(codes: Array, alphabet: int, grams: tuple[int, int]) -> Sequence[tuple[int, Array]]:
    """(length, numbers): of the n-gram that begins at each position, equal where the n-grams are.

    Exact in 64 bits: pairs are renumbered before they are put together.
    """
    size = int(codes.shape[0])
    if size < 2:
        return [(1, codes)] if size and grams[0] == 1 else []
    xp = array_namespace(codes)
    pairs = _renumbered(codes[:-1] * alphabet + codes[1:])
    many = int(xp.max(pairs)) + 1
    made = {1: codes, 2: pairs}
    if size >= 3:
        made[3] = pairs[:-1] * alphabet + codes[2:]
    if size >= 4:
        made[4] = pairs[:-2] * many + pairs[2:]
    if size >= 5:
        made[5] = made[4][:-1] * alphabet + codes[4:]
    return [(n, made[n]) for n in range(grams[0], grams[1] + 1) if n in made]


def _renumbered(keys: Array) -> Array:
    """(m,) int64: the place of each key among the distinct keys."""
    xp = array_namespace(keys)
    if not int(keys.shape[0]):
        return keys
    order = xp.argsort(keys, stable=True)
    ordered = xp.take(keys, order)
    fresh = xp.astype(ordered[1:] != ordered[:-1], xp.int64)
    return xp.take(xp.cumulative_sum(fresh, include_initial=True), xp.argsort(order))


def _count(keys: Array, documents: Array) -> tuple[Array, Array, Array]:
    """Term (from 0), document and count of every pair that occurs, by (term, document).

    documents: ascending, so that a stable sort by key leaves them so within each term.
    """
    xp, where = array_namespace(keys), device(keys)
    m = int(keys.shape[0])
    if not m:
        none = xp.zeros((0,), dtype=xp.int64, device=where)
        return none, none, none
    order = xp.argsort(keys, stable=True)
    keys, documents = xp.take(keys, order), xp.take(documents, order)
    other = keys[1:] != keys[:-1]
    first = xp.ones((1,), dtype=xp.bool, device=where)
    begins = xp.concat([first, other | (documents[1:] != documents[:-1])])
    terms = xp.cumulative_sum(xp.astype(other, xp.int64), include_initial=True)
    (starts,) = xp.nonzero(begins)
    ends = xp.concat([starts[1:], xp.asarray([m], dtype=starts.dtype, device=where)])
    return terms[begins], documents[begins], xp.astype(ends - starts, xp.int64)


def _joined(parts: Sequence[tuple[Array, Array, Array]], size: int, backend: Backend) -> Counts:
    """Counts of different kinds of terms as one, each kind numbered behind the one before."""
    xp, width = backend.xp, 0
    terms = []
    for own, _, _ in parts:
        terms.append(own + width)
        width += int(own[-1]) + 1 if int(own.shape[0]) else 0
    if not parts:
        none = backend.from_host(np.zeros(0, dtype=np.int64))
        return Counts(none, none, none, 0, size)
    _, documents, counts = zip(*parts, strict=True)
    return Counts(xp.concat(terms), xp.concat(documents), xp.concat(counts), width, size)


def _by_term(amounts: Array, terms: Array, width: int) -> Array:
    """(width,) the sum of the integers `amounts` (m,) of each term; `terms` ascends."""
    xp = array_namespace(amounts)
    running = xp.cumulative_sum(amounts, include_initial=True)
    names = xp.arange(width + 1, dtype=terms.dtype, device=device(terms))
    edges = xp.take(running, xp.searchsorted(terms, names))
    return edges[1:] - edges[:-1]


def _by_document(values: Array, documents: Array, size: int, backend: Backend) -> Array:
    """(size,) float64: the sum of `values` (m,) of each document; a matrix of a value a column."""
    xp, m = backend.xp, int(values.shape[0])
    columns = xp.arange(m, dtype=documents.dtype, device=device(documents))
    return _csr(values, documents, columns, (size, m), backend) @ xp.ones_like(values)


def _csr(
    values: Array, rows: Array, columns: Array, shape: tuple[int, int], backend: Backend
) -> Sparse:
    xp = backend.xp
    places = (xp.astype(rows, xp.int32), xp.astype(columns, xp.int32))  # what cupyx keeps
    return backend.sparse.csr_matrix((values, places), shape=shape)
