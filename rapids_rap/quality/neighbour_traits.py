"""What a line shares with its nearest line of another song: the yardstick of a space by itself.

`quality.follows` asks it of clusters. A training has none, and its positives, neighbouring lines,
share length and rhyme as well as a subject: what it taught shows here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rapids_rap.arrays import Float32s, Float64s, Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.quality.follows import largest_category
from rapids_rap.words.lexicon import count_hits, load_lexicon
from rapids_rap.words.segment import segment
from rapids_rap.words.shapes import line_shapes

LEXICON = "lexicon"


@dataclass(frozen=True)
class SharedTrait:
    """Cohen's kappa of a line and its nearest one: 0 is chance, 1 is always.

    values: (p,) float64 whose mean it is, of the lines `rows` (p,) that have the trait at both
    ends. None and empty where fewer than two values occur.
    """

    kappa: float | None
    values: Float64s
    rows: Int64s


def trait_codes(texts: Sequence[str], backend: Backend) -> dict[str, Int64s]:
    """(n,) int64 each: the shapes of the texts, and the largest category of the bundled lexicon."""
    lexicon = load_lexicon(None, "simplified")
    tokens = segment(texts, lexicon.all_words)
    hits = count_hits(tokens, texts, lexicon, "occurrence", backend)
    codes = {name: shape.codes for name, shape in line_shapes(texts).items()}
    return codes | {LEXICON: backend.to_host(largest_category(hits))}


def shared_traits(
    vectors: Float32s, codes: dict[str, Int64s], songs: Int64s
) -> dict[str, SharedTrait]:
    """How much more often than chance a line and its nearest line of another song share a trait.

    vectors: (n, d) of length 1; codes: as of `trait_codes`; songs: (n,) int64. Equal texts count as
    one line: give distinct ones. Chance is that of two lines with these values, drawn apart (Cohen
    1960).
    """
    nearest = _nearest_elsewhere(vectors, songs)
    return {name: _shared(code, nearest) for name, code in codes.items()}


def _nearest_elsewhere(vectors: Float32s, songs: Int64s) -> Int64s:
    """(n,) int64: the row of the highest cosine in another song, the lower of equals; -1: none."""
    found = [np.zeros(0, np.int64)]
    for block in row_blocks(len(vectors), 8 * len(vectors)):
        cosines = vectors[block] @ vectors.T
        cosines[songs[block][:, None] == songs[None, :]] = -np.inf
        best = cosines.argmax(axis=1) if len(vectors) else np.zeros(0, np.int64)
        alone = np.isneginf(cosines).all(axis=1)
        found.append(np.where(alone, -1, best))
    return np.concatenate(found).astype(np.int64)


def _shared(code: Int64s, nearest: Int64s) -> SharedTrait:
    rows = np.flatnonzero((nearest >= 0) & (code >= 0))
    rows = rows[code[nearest[rows]] >= 0]
    own, other = code[rows], code[nearest[rows]]
    size = int(max(own.max(initial=-1), other.max(initial=-1))) + 1
    n = max(1, len(rows))
    chance = float(
        (np.bincount(own, minlength=size) / n) @ (np.bincount(other, minlength=size) / n)
    )
    if not len(rows) or chance > 1 - 1e-12:
        return SharedTrait(None, np.zeros(0), np.zeros(0, np.int64))
    values = ((own == other) - chance) / (1 - chance)
    return SharedTrait(float(values.mean()), values, rows)
