"""The space in which neighbours are sought: vectors post-processed, and words put beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rapids_rap.backend.protocol import DEFAULT_SIZES, Array, Backend, Sizes
from rapids_rap.config import SpaceSettings
from rapids_rap.embedding import fusion
from rapids_rap.embedding import postprocess as after
from rapids_rap.embedding.postprocess import Postprocessed, postprocess
from rapids_rap.words.segment import Tokens

VERSION = (after.VERSION, fusion.VERSION)


def used_space(
    matrix: Array,
    texts: Sequence[str],
    tokens: Tokens | None,
    config: SpaceSettings,
    backend: Backend,
    seed: int | None,
    sizes: Sizes = DEFAULT_SIZES,
) -> Postprocessed:
    """(n, k) float32, rows of length 1: `matrix` (n, d) post-processed and fused as `config` says.

    texts: the n texts, and tokens their words, which only lexical vectors read: None without any.
    sizes: of what else the run will hold.
    """
    # As one of the calls that share the cores, for then its products round alike on any number.
    (used,) = backend.together(
        [partial(_used_space, matrix, texts, tokens, config, backend, seed, sizes)]
    )
    return used


def _used_space(
    matrix: Array,
    texts: Sequence[str],
    tokens: Tokens | None,
    config: SpaceSettings,
    backend: Backend,
    seed: int | None,
    sizes: Sizes,
) -> Postprocessed:
    used = postprocess(
        matrix,
        config.postprocess,
        backend,
        whiten_dims=config.whiten_dims,
        remove_dims=config.remove_dims,
        seed=seed,
        sizes=sizes,
    )
    if tokens is None:
        return used
    return replace(
        used, matrix=fusion.fuse(used.matrix, texts, tokens, config, backend, seed, sizes)
    )
