"""A song as a vector, in every space that is compared: the model's, its whitened one, and words.

A song holds each of its distinct texts once. Dense vectors of its lines are made length 1, whitened
(or not), made length 1 again, and then averaged: whitening after averaging would see songs, not
lines. Whitening is without labels, by the covariance of all lines together. Lexical vectors count a
song's lines as one document. Everything that is fitted (means, axes, document frequencies) is
fitted on the songs that the caller marks, so that songs of other artists can be held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import row_blocks, unit_rows
from rapids_rap.embedding.postprocess import Transform, fit_transform, transform_rows
from rapids_rap.quality.leakage import Entries
from rapids_rap.words.segment import Tokens
from rapids_rap.words.tfidf import (
    Counts,
    Weighted,
    count_characters,
    count_words,
    principal_terms,
    weigh,
)

FIT_ROWS = 30_000  # lines that whitening is fitted on, at most: a sample by the seed
WORD_AXES = 256  # of the words' singular vectors
# Rows for each whitened axis: n rows whitened along n - 1 axes are all equally far from each other.
ROWS_PER_AXIS = 4

Space = Array | Weighted  # (songs, d) float64, rows of length 1 or 0; or TF-IDF


@dataclass(frozen=True)
class SongFeatures:
    """What songs are made of. entries and the vectors' rows are by distinct text.

    vectors, raw_vectors: (n, d) after and before post-processing (the same object without any).
    characters, words: of each song as one document.
    """

    entries: Entries
    vectors: Array
    raw_vectors: Array
    characters: Counts
    words: Counts


def song_features(
    entries: Entries,
    vectors: Array,
    raw_vectors: Array,
    texts: Sequence[str],
    tokens: Tokens,
    backend: Backend,
) -> SongFeatures:
    """Count the characters and words of every song; texts, tokens: by distinct text."""
    held = [texts[t] for t in entries.texts.tolist()]
    characters = count_characters(held, entries.songs, entries.size, backend)
    words = count_words(tokens, entries.texts, entries.songs, entries.size, backend)
    return SongFeatures(entries, vectors, raw_vectors, characters, words)


def song_spaces(
    features: SongFeatures, fit: Bools, asked: Bools, backend: Backend, seed: int
) -> dict[str, Space]:
    """The songs that `asked` marks, in order, in every space, fitted on those that `fit` marks.

    fit, asked: (songs,) bool, one at least. `dense_used` is there where vectors were
    post-processed.
    """
    entries = features.entries
    marked, rows_asked = backend.from_host(fit), backend.from_host(np.flatnonzero(asked))
    rows = np.unique(entries.texts[fit[entries.songs]])
    if len(rows) > FIT_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, FIT_ROWS, replace=False))
    lines = backend.xp.take(features.raw_vectors, backend.from_host(rows), axis=0)
    whitening = _whitening(unit_rows(lines), backend, seed)
    own = entries.of(asked)
    spaces: dict[str, Space] = {"dense_raw": average(features.raw_vectors, own, None, backend)}
    if features.vectors is not features.raw_vectors:
        spaces["dense_used"] = average(features.vectors, own, None, backend)
    spaces["dense_whitened"] = average(features.raw_vectors, own, whitening, backend)
    words = weigh(features.words, backend, marked)
    lexical = {
        "characters": weigh(features.characters, backend, marked),
        "words": words,
        "words_svd_whitened": whitened_words(words, fit, backend, seed),
    }
    whole = bool(asked.all())
    return spaces | {
        name: space if whole else _some_songs(space, rows_asked) for name, space in lexical.items()
    }


def average(
    vectors: Array, entries: Entries, transform: Transform | None, backend: Backend
) -> Array:
    """(songs, d) float64, rows of length 1: the mean of the unit vectors of each song's lines.

    Blocks of whole songs: a block's lines are read once, and added up by a sparse product.
    """
    xp, begins = backend.xp, entries.begins
    sums = []
    for songs in _song_blocks(begins, 16 * int(vectors.shape[1])):
        a, b = int(begins[songs.start]), int(begins[songs.stop])
        if a == b:
            width = int(vectors.shape[1] if transform is None else transform.axes.shape[0])
            sums.append(backend.from_host(np.zeros((songs.stop - songs.start, width))))
            continue
        units = unit_rows(xp.take(vectors, backend.from_host(entries.texts[a:b]), axis=0))
        if transform is not None and transform.mode != "none":
            units = transform_rows(units, transform)
        own = (entries.songs[a:b] - songs.start).astype(np.int32)
        places = (backend.from_host(own), backend.from_host(np.arange(b - a, dtype=np.int32)))
        ones = xp.ones_like(units[:, 0])
        shape = (songs.stop - songs.start, b - a)
        sums.append(backend.sparse.csr_matrix((ones, places), shape=shape) @ units)
    return unit_rows(xp.astype(xp.concat(sums), xp.float64))


def _song_blocks(begins: Int64s, row_bytes: int) -> list[slice]:
    """Runs of whole songs of about as many lines as a block of memory holds, one song at least."""
    lines = int(begins[-1])
    size = next((part.stop for part in row_blocks(max(1, lines), row_bytes)), 1)
    blocks, start, songs = [], 0, len(begins) - 1
    while start < songs:
        stop = int(np.searchsorted(begins, begins[start] + size, side="right")) - 1
        stop = min(max(stop, start + 1), songs)
        blocks.append(slice(start, stop))
        start = stop
    return blocks


def whitened_words(words: Weighted, fit: Bools, backend: Backend, seed: int) -> Array:
    """(songs, k) float64, rows of length 1: TF-IDF on its first singular axes, whitened.

    Axes, mean and covariance are of the songs that `fit` marks. No columns where there are no
    words.
    """
    chosen = backend.from_host(np.flatnonzero(fit))
    most = max(1, min(WORD_AXES, int(np.count_nonzero(fit)) // ROWS_PER_AXIS))
    axes = principal_terms(words.matrix[chosen], most, backend, seed)
    if not int(axes.values.shape[0]):
        return backend.from_host(np.zeros((len(fit), 1)))
    xp = backend.xp
    scores = xp.astype(words.matrix @ axes.right, xp.float32)
    whitening = _whitening(xp.take(scores, chosen, axis=0), backend, seed)
    rows = scores if whitening.mode == "none" else transform_rows(scores, whitening)
    return unit_rows(xp.astype(rows, xp.float64))


def _whitening(rows: Array, backend: Backend, seed: int) -> Transform:
    n, d = (int(size) for size in rows.shape)
    if n < 2:
        return fit_transform(rows, "none", backend)
    axes = max(1, min(d, n // ROWS_PER_AXIS))
    return fit_transform(rows, "whiten", backend, whiten_dims=axes, seed=seed)


def _some_songs(space: Space, rows: Any) -> Space:
    """The songs with these numbers (backend's (m,) int64). Lengths stay what they were."""
    if isinstance(space, Weighted):
        xp = array_namespace(space.rest)
        return Weighted(space.matrix[rows], xp.take(space.rest, rows))
    return array_namespace(space).take(space, rows, axis=0)
