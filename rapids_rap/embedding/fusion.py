"""Words beside the model: TF-IDF of every text on its singular axes, put behind the model's vector.

Raw vectors of a language model lose to plain words where names, places and idiom decide. The parts
weigh the same and are tuned on nothing: each at length 1, end to end, and that at length 1 again.
The lexical part is post-processed as the model's is, on its own: whitened words beside whitened
vectors, or neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from array_api_compat import array_namespace

from rapids_rap.backend.protocol import Array, Backend, Sizes
from rapids_rap.backend.rows import near_rows, row_blocks, unit_rows
from rapids_rap.config import SpaceSettings
from rapids_rap.embedding.postprocess import fit_transform, transform_rows
from rapids_rap.words.segment import Tokens
from rapids_rap.words.tfidf import (
    count_characters,
    count_words,
    most_common,
    principal_terms,
    weigh,
)

VERSION = 1  # raise it when the same configuration gives other vectors
TERMS = 200_000  # of a matrix that is decomposed: the rarest n-grams of a corpus say little


def fuse(
    dense: Array,
    texts: Sequence[str],
    tokens: Tokens,
    config: SpaceSettings,
    backend: Backend,
    seed: int | None,
    sizes: Sizes,
) -> Array:
    """(n, d + k) float32, rows of length 1: `dense` (n, d), then the lexical vectors (n, k).

    texts, tokens: of the n texts. A text without any known term has its model's vector alone.
    `sizes`: what else the run will hold.
    """
    return put_beside(dense, lexical_vectors(texts, tokens, config, backend, seed), backend, sizes)


def put_beside(dense: Array, lexical: Array, backend: Backend, sizes: Sizes) -> Array:
    """(n, d + k) float32, rows of length 1: `dense` (n, d) at length 1, then `lexical` (n, k)."""
    xp = array_namespace(dense)
    n, d = (int(size) for size in dense.shape)
    width = d + int(lexical.shape[1])
    out = backend.allocate_rows(n, width, sizes)
    for block in row_blocks(n, 12 * width):
        parts = [unit_rows(near_rows(dense, block)), lexical[block, :]]
        out[block, :] = unit_rows(xp.concat(parts, axis=1))
    return out


def lexical_vectors(
    texts: Sequence[str],
    tokens: Tokens,
    config: SpaceSettings,
    backend: Backend,
    seed: int | None,
    fitted: int | None = None,
) -> Array:
    """(n, k) float32, rows of length 1 or 0: TF-IDF of words or characters on its singular axes.

    k is `lexical_dims`, or less where there are fewer terms; at least 1. fitted: weights, axes and
    post-processing are those of the first so many texts alone (None: all); the texts behind are
    put into their space.
    """
    xp, n = backend.xp, len(texts)
    known = n if fitted is None else fitted
    rows = np.arange(n, dtype=np.int64)
    if config.lexical == "words":
        counts = count_words(tokens, rows, rows, n, backend)
    else:
        counts = count_characters(texts, rows, n, backend)
    first = backend.from_host(rows < known)
    matrix = weigh(most_common(counts, TERMS, first), backend, first, only_fit=True).matrix
    axes = principal_terms(
        matrix[:known], config.lexical_dims, backend, 0 if seed is None else seed
    )
    if not n or not int(axes.values.shape[0]):
        return backend.from_host(np.zeros((n, 1), dtype=np.float32))
    vectors = unit_rows(xp.astype(matrix @ axes.right, xp.float32))
    transform = fit_transform(
        vectors[:known, :],
        config.postprocess if known > 1 else "none",
        backend,
        whiten_dims=config.whiten_dims,
        remove_dims=config.remove_dims,
        seed=seed,
    )
    return vectors if transform.mode == "none" else transform_rows(vectors, transform)
