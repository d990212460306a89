"""What vectors find: next lines, songs, artists. Of vectors and songs alone, beside the layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.config import RetrievalSettings
from rapids_rap.quality.artists import artist_figure
from rapids_rap.quality.vectors import vector_figures
from rapids_rap.words.segment import Tokens

VERSION = 1  # raise it when the same arguments give another result


@dataclass(frozen=True)
class Retrieval:
    """The figures that need songs and vectors, but neither layout nor clusters; by name."""

    figures: dict[str, Any]


def retrieve(
    vectors: Array,
    raw_vectors: Array,
    lines: pd.DataFrame | None,
    texts: Sequence[str],
    tokens: Tokens,
    config: RetrievalSettings,
    backend: Backend,
    seed: int | None,
) -> Retrieval:
    """Whether vectors find next lines and songs, whether songs find their artist in every space.

    vectors, raw_vectors: (n, d) after and before post-processing. lines: the corpus' rows and
    texts: (n,) its distinct texts, on the host; without songs nothing is computed. Samples use
    `seed`, or 0 without one.
    """
    known = (vectors, raw_vectors, lines, texts)
    draws, seed = config.bootstrap, 0 if seed is None else seed
    figures: dict[str, Any] = vector_figures(
        *known, backend, most=config.retrieval_lines, draws=draws, seed=seed
    )
    figures["artist_retrieval"] = artist_figure(
        *known, tokens, backend, most=config.artist_songs, draws=draws, seed=seed
    )
    return Retrieval(figures)
