"""Pairs of a batch that are no negatives of each other.

Hooks repeat: in a batch of lyrics many "other" lines say the same, nearly the same, or belong to
the same song, and pushing them away teaches the opposite of what is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.embedding.trained_on import form

UNKNOWN = -1  # an unknown song is no song: it equals nothing, not even itself


def near_form(text: str) -> str:
    """A text without case, punctuation and white space; as it is where nothing else remains."""
    return form(text) or text


def false_negatives(
    songs: NDArray[np.integer], left_texts: NDArray[np.integer], right_texts: NDArray[np.integer]
) -> Bools:
    """(n, n): off the diagonal, whether right ``j`` is no negative of left ``i``.

    songs: (n,) integers, `UNKNOWN` where no song is known. left_texts, right_texts: (n,) integers,
    equal for equal texts. Two pairs that share a song or any text are no negatives.
    """
    same = (songs[:, None] == songs) & (songs != UNKNOWN)
    for one in (left_texts, right_texts):
        for other in (left_texts, right_texts):
            same |= one[:, None] == other
    np.fill_diagonal(same, False)
    return same


def near_duplicates(left: Sequence[str], right: Sequence[str], threshold: float) -> Bools:
    """(n, n): off the diagonal, whether pairs ``i`` and ``j`` hold nearly the same text.

    The Jaccard similarity of the sets of character bigrams of the near forms reaches
    ``threshold``, for any text of the one pair and any of the other (Broder 1997, exact). Texts
    of one near form count as the same whatever the threshold.
    """
    n = len(left)
    forms = [near_form(text) for text in (*left, *right)]
    sets = [{form[i : i + 2] for i in range(max(1, len(form) - 1))} for form in forms]
    columns: dict[str, int] = {}
    index = [columns.setdefault(gram, len(columns)) for grams in sets for gram in sorted(grams)]
    sizes = np.array([len(grams) for grams in sets], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    shape = (2 * n, max(1, len(columns)))
    table = csr_matrix((np.ones(len(index), np.float32), index, starts), shape=shape)
    common = (table @ table.T).toarray()
    near = common >= threshold * (sizes[:, None] + sizes - common) - 1e-6
    mask = near[:n, :n] | near[:n, n:] | near[n:, :n] | near[n:, n:]
    np.fill_diagonal(mask, False)
    return mask


def batch_mask(songs: Int64s, left: Sequence[str], right: Sequence[str], threshold: float) -> Bools:
    """(n, n): every pair of pairs that is no negative, by song, text and nearly equal text.

    `left` and `right` are the texts that the views were made from.
    """
    numbers: dict[str, int] = {}
    ids = [
        np.array([numbers.setdefault(text, len(numbers)) for text in side], np.int64)
        for side in (left, right)
    ]
    return false_negatives(songs, ids[0], ids[1]) | near_duplicates(left, right, threshold)
