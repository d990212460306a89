"""Is it better? Next-line retrieval over held-out songs, and the geometry of their vectors.

The loss says little: it collapses within hundreds of steps. So training is judged, and stopped, by
how early a line's vector finds the line that follows it in its song, beside chance and character
TF-IDF. Choosing the best step by these pairs flatters `after` a little; a figure to publish needs
songs that were neither trained on nor chosen by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.quality.bootstrap import mean_interval
from rapids_rap.quality.lines import chance_of, character_pairs, early, pair_ranks
from rapids_rap.quality.neighbour_traits import SharedTrait, shared_traits, trait_codes
from rapids_rap.quality.vectors import log_potential, mean_cosine, mean_distance
from rapids_rap.training.lines import DevPairs

UNIFORMITY_ROWS = 2_000
RESAMPLES = 1_000  # of the held-out songs, for an interval

Encode = Callable[[Sequence[str]], Float32s]
Reciprocals = np.ndarray  # (m,) float64, 1 / rank of each pair


@dataclass(frozen=True, slots=True)
class DevFigures:
    """The figures of one encoder.

    mrr: mean reciprocal rank; reciprocals: (m,) behind it. alignment, uniformity: lower is better;
    random_cosine: of two different lines, 0 is isotropic. vectors: (t, d) of `dev_texts`.
    """

    mrr: float
    alignment: float
    uniformity: float
    random_cosine: float
    reciprocals: Reciprocals
    vectors: Float32s


@dataclass(frozen=True, slots=True)
class Baselines:
    """What no training reaches: character 2-5-gram TF-IDF, and the expectation of chance."""

    tfidf: Reciprocals
    tfidf_mrr: float
    chance_mrr: float


def dev_figures(pairs: DevPairs, encode: Encode) -> DevFigures:
    """The figures of one encoder; each distinct text is encoded once."""
    texts = dev_texts(pairs)
    place = {text: i for i, text in enumerate(texts)}
    vectors = encode(texts)
    queries = vectors[[place[text] for text in pairs.queries]]
    targets = vectors[[place[text] for text in pairs.targets]]
    ranks = pair_ranks(lambda part, some: queries[part] @ targets[some].T, pairs.target_id)
    spread = vectors[:: max(1, len(vectors) // UNIFORMITY_ROWS)]
    return DevFigures(
        early(ranks)[0],
        mean_distance(queries, targets),
        log_potential(spread),
        mean_cosine(spread),
        1 / ranks,
        vectors,
    )


def dev_texts(pairs: DevPairs) -> list[str]:
    """The distinct texts of the pairs, by code point."""
    return sorted({*pairs.queries, *pairs.targets})


def dev_traits(
    pairs: DevPairs, before: DevFigures, after: DevFigures, backend: Backend, seed: int
) -> dict[str, dict[str, Any]]:
    """What nearest lines share before and after (`quality.neighbour_traits`), by trait.

    `before`, `after`: Cohen's kappa, None where it is not defined; `change_interval`: 95 %, of
    their difference over songs, None likewise.
    """
    texts = dev_texts(pairs)
    song_of: dict[str, int] = {}
    for text, song in zip(
        (*pairs.queries, *pairs.targets), (*pairs.song, *pairs.song), strict=True
    ):
        song_of.setdefault(text, int(song))
    songs = np.array([song_of[text] for text in texts], np.int64)
    codes = trait_codes(texts, backend)
    old, new = (shared_traits(one.vectors, codes, songs) for one in (before, after))
    return {name: _change(old[name], new[name], songs, seed) for name in codes}


def _change(old: SharedTrait, new: SharedTrait, songs: Int64s, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {"before": old.kappa, "after": new.kappa, "change_interval": None}
    both, at, place = np.intersect1d(old.rows, new.rows, return_indices=True)
    if old.kappa is not None and new.kappa is not None and len(both):
        change = new.values[place] - old.values[at]
        found["change_interval"] = mean_interval(change, songs[both], RESAMPLES, seed)
    return found


def dev_baselines(pairs: DevPairs, backend: Backend) -> Baselines:
    """The same pairs without any model."""
    characters = character_pairs(pairs.queries, pairs.targets, backend)
    ranks = pair_ranks(characters, pairs.target_id)
    chance, _ = chance_of(1, len(np.unique(pairs.target_id)))
    return Baselines(1 / ranks, early(ranks)[0], chance)
