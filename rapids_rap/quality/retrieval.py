"""What vectors find: next lines, songs, artists. Of vectors and songs alone, beside the layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rapids_rap.arrays import UInt64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.config import RetrievalSettings
from rapids_rap.quality.artists import artist_figure
from rapids_rap.quality.figures import DECLARATIONS
from rapids_rap.quality.seen import FEWEST, memorised_songs, without_songs
from rapids_rap.quality.vectors import vector_figures
from rapids_rap.words.segment import Tokens

VERSION = 2  # raise it when the same arguments give another result


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
    trained_on: UInt64s | None,
    config: RetrievalSettings,
    backend: Backend,
    seed: int | None,
) -> Retrieval:
    """Whether vectors find next lines and songs, whether songs find their artist in every space.

    vectors, raw_vectors: (n, d) after and before post-processing. lines: the corpus' rows and
    texts: (n,) its distinct texts, on the host; without songs nothing is computed. trained_on: (m,)
    what the model has read (`embedding.trained_on`); its songs are left out of every figure that
    would measure memory, and where it is None, and can't be known, all songs are. Samples use
    `seed`, or 0 without one.
    """
    draws, seed = config.bootstrap, 0 if seed is None else seed

    def found(rows: pd.DataFrame | None) -> dict[str, Any]:
        known = (vectors, raw_vectors, rows, texts)
        return {
            **vector_figures(*known, backend, most=config.retrieval_lines, draws=draws, seed=seed),
            "artist_retrieval": artist_figure(
                *known, tokens, backend, most=config.artist_songs, draws=draws, seed=seed
            ),
        }

    figures = found(lines)
    songs = 0 if lines is None else int(lines["song_id"].nunique())
    if lines is None or not songs:
        return Retrieval(figures)
    seen, told = memorised_songs(lines, texts, trained_on, backend)
    if not len(seen):
        return Retrieval(figures)
    enough = songs - len(seen) >= FEWEST
    unseen = found(without_songs(lines, seen) if enough else None)
    for key in (one.key for one in DECLARATIONS if one.memorised and one.key in unseen):
        own = unseen[key].get("note")
        note = f"{own}; {told}" if own and enough else told
        figures[key] = unseen[key] | {"note": note, "songs_left_out": len(seen)}
    return Retrieval(figures)
