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
from rapids_rap.quality.seen import FEWEST, left_out_note, seen_songs, without_songs
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
    trained_on: UInt64s,
    config: RetrievalSettings,
    backend: Backend,
    seed: int | None,
) -> Retrieval:
    """Whether vectors find next lines and songs, whether songs find their artist in every space.

    vectors, raw_vectors: (n, d) after and before post-processing. lines: the corpus' rows and
    texts: (n,) its distinct texts, on the host; without songs nothing is computed. trained_on: (m,)
    what the model has read (`embedding.trained_on`); its songs are left out of every figure that
    would measure memory. Samples use `seed`, or 0 without one.
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
    seen = None if lines is None else seen_songs(lines, texts, trained_on, backend)
    if lines is None or seen is None or not len(seen):
        return Retrieval(figures)
    songs = int(lines["song_id"].nunique())
    enough = songs - len(seen) >= FEWEST
    unseen = found(without_songs(lines, seen) if enough else None)
    told = left_out_note(songs, len(seen))
    for key in (one.key for one in DECLARATIONS if one.memorised and one.key in unseen):
        own = unseen[key].get("note")
        note = f"{own}; {told}" if own and enough else told
        figures[key] = unseen[key] | {"note": note, "songs_left_out": len(seen)}
    return Retrieval(figures)
