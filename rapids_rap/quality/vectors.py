"""What vectors of lines are worth without labels: finding what a song puts together.

- Next line: from a line, the line that follows it in its stanza. Same song: from a line, any other
  line of its song. Each among all other lines of the sampled songs, by cosine: the mean reciprocal
  rank of the first right answer (Voorhees, TREC-8 1999), and the share of questions that have one
  among the first ten. Beside it character 2-5-gram TF-IDF, and chance.
- Alignment and uniformity (Wang & Isola, ICML 2020, alpha = 2, t = 2): the mean squared distance of
  a line and the next; the logarithm of the mean Gaussian potential of lines of different songs.
  Anisotropy (Ethayarajh 2019): the mean cosine of lines of different songs.

Every interval is a bootstrap over songs. `line_retrieval` draws the songs and asks the lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float32s, Float64s, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.quality.bootstrap import (
    Estimate,
    Interval,
    draw_units,
    pair_means,
    trusted,
    unit_means,
)
from rapids_rap.quality.figures import Figure
from rapids_rap.quality.lines import (
    LineRanks,
    SampledLines,
    chance,
    character_scores,
    dense_scores,
    early,
    potentials,
    rank_lines,
    sample_lines,
    squared_distances,
)


@dataclass(frozen=True)
class Score(Estimate):
    """The mean reciprocal rank over the questions of the drawn lines, drawing songs."""

    recall: float
    questions: int


def retrieval_score(ranks: Float64s, songs: Int64s, weights: Float64s) -> Score | None:
    """Of the `ranks` (T,) that are not NaN; weights: (b, songs) of `draw_units`."""
    asked = ~np.isnan(ranks)
    if not asked.any():
        return None
    ranks, songs, units = ranks[asked], songs[asked], weights.shape[1]
    sums = np.bincount(songs, weights=1.0 / ranks, minlength=units)
    counts = np.bincount(songs, minlength=units)
    draws = trusted(unit_means(weights, sums, counts), counts)
    mrr, recall = early(ranks)
    return Score(mrr, draws, recall, len(ranks))


def alignment(answers: LineRanks, drawn: SampledLines, weights: Float64s) -> Estimate | None:
    """Mean squared distance of a line and a line that follows it."""
    following = np.count_nonzero(drawn.next >= 0, axis=1)
    if not following.any():
        return None
    units = weights.shape[1]
    number = np.bincount(drawn.songs, weights=following, minlength=units)
    total = np.bincount(drawn.songs, weights=answers.aligned, minlength=units)
    draws = trusted(unit_means(weights, total, number), number)
    return Estimate(float(total.sum() / number.sum()), draws)


def across_songs(sums: Float64s, songs: Int64s, weights: Float64s) -> Estimate | None:
    """The mean over pairs of lines of different songs, from (S, S) sums; None with one song."""
    if len(sums) < 2:
        return None
    sizes = np.bincount(songs, minlength=len(sums)).astype(np.float64)
    counts = np.outer(sizes, sizes)
    off = ~np.eye(len(sums), dtype=bool)
    value = float(sums[off].sum() / counts[off].sum())
    return Estimate(value, trusted(pair_means(weights, sums, counts), sizes))


def mean_distance(queries: Float32s, targets: Float32s) -> float:
    """Alignment of pairs of unit vectors (m, d), as they are, in host memory."""
    cosines = (queries.astype(np.float64) * targets).sum(axis=1)
    return float(squared_distances(cosines).mean())


def log_potential(vectors: Float32s) -> float:
    """Uniformity of unit vectors (m, d), over all pairs of different rows, in host memory.

    0 where all are one point, -4 and less where they spread.
    """
    return float(np.log(potentials(_cosines(vectors)).mean()))


def mean_cosine(vectors: Float32s) -> float:
    """Anisotropy of unit vectors (m, d), over all pairs of different rows, in host memory."""
    return float(_cosines(vectors).mean())


def _cosines(vectors: Float32s) -> Float64s:
    return (vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)].astype(np.float64)


NO_SONGS = "not computed: the input names no songs"
NO_PAIRS = "not computed: no two units of the sampled songs can be compared"
CHARACTERS = "character 2-5-gram TF-IDF"

MEANINGS = {
    "next_line_retrieval": "from a line, is the next line of its song among the nearest? "
    "mean reciprocal rank, 0 to 1",
    "same_song_retrieval": "from a line, is another line of its song among the nearest? "
    "mean reciprocal rank of the first, 0 to 1",
    "alignment": "mean squared distance of a line and the next; lower: neighbours are close",
    "uniformity": "log of the mean Gaussian potential of lines of different songs; lower: the "
    "vectors use the whole sphere",
    "anisotropy": "mean cosine of lines of different songs; 0: no common direction",
}


@dataclass(frozen=True)
class _Asked:
    """The drawn lines, what each space says of them, and the bootstrap draws of all figures."""

    drawn: SampledLines
    used: LineRanks
    raw: LineRanks | None
    characters: LineRanks
    weights: Float64s


def vector_figures(
    vectors: Array,
    raw_vectors: Array,
    lines: pd.DataFrame | None,
    texts: Sequence[str],
    backend: Backend,
    *,
    most: int,
    draws: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """The figures of this file, of `vectors` (n, d) and of `raw_vectors` where those differ.

    lines: the corpus' rows, None or without songs where none are known; texts: (n,) distinct texts;
    most: lines of the sampled songs, about; draws: of the bootstrap.
    """
    drawn = None if lines is None else sample_lines(lines, texts, most, seed, backend)
    if drawn is None:
        return {name: _missing(name, NO_SONGS) for name in MEANINGS}
    if len(drawn.texts) < 2:
        return {name: _missing(name, NO_PAIRS) for name in MEANINGS}
    held = [texts[t] for t in drawn.texts.tolist()]
    asked = _Asked(
        drawn,
        rank_lines(drawn, dense_scores(vectors, drawn.texts, backend), backend),
        None
        if raw_vectors is vectors
        else rank_lines(drawn, dense_scores(raw_vectors, drawn.texts, backend), backend),
        rank_lines(drawn, character_scores(held, backend), backend),
        draw_units(drawn.size, draws, seed),
    )
    sample = {"songs": drawn.size, "rows": len(held), "sampled": drawn.sampled}
    by_chance = chance(drawn)
    dims = int(vectors.shape[1])
    figures = {
        "next_line_retrieval": _retrieval("next_line_retrieval", asked, "next", by_chance),
        "same_song_retrieval": _retrieval("same_song_retrieval", asked, "song", by_chance),
        **_geometry(asked, dims),
    }
    return {name: figure | sample for name, figure in figures.items()}


def _missing(name: str, note: str) -> dict[str, Any]:
    return Figure(None, meaning=MEANINGS[name], facts={"note": note}).with_interval()


def _retrieval(
    name: str, asked: _Asked, kind: str, by_chance: dict[str, tuple[float, float] | None]
) -> dict[str, Any]:
    """One retrieval figure: this space, the one before post-processing, characters and chance."""
    songs, weights = asked.drawn.songs, asked.weights

    def score(answers: LineRanks | None) -> Score | None:
        if answers is None:
            return None
        ranks = answers.next_rank if kind == "next" else answers.song_rank
        return retrieval_score(ranks, songs, weights)

    used, raw, characters = score(asked.used), score(asked.raw), score(asked.characters)
    luck = by_chance[kind]
    if used is None or characters is None or luck is None:
        return _missing(name, NO_PAIRS)
    facts = {
        "baseline_interval": characters.interval,
        **used.above(characters),
        "recall_at_10": used.recall,
        "baseline_recall_at_10": characters.recall,
        "chance": luck[0],
        "chance_recall_at_10": luck[1],
        "questions": used.questions,
        **_before(raw),
    }
    return Figure(
        value=used.value,
        baseline=characters.value,
        baseline_name=CHARACTERS,
        meaning=MEANINGS[name],
        interval=used.interval,
        facts=facts,
    ).with_interval()


def _geometry(asked: _Asked, dims: int) -> dict[str, dict[str, Any]]:
    """Alignment against random pairs; uniformity and anisotropy against random directions."""
    songs, weights = asked.drawn.songs, asked.weights

    def measured(answers: LineRanks) -> dict[str, Estimate | None]:
        potential = across_songs(answers.potentials, songs, weights)
        if potential is not None:
            with np.errstate(divide="ignore"):
                log = np.log(potential.draws)
            potential = Estimate(math.log(potential.value), log)
        return {
            "alignment": alignment(answers, asked.drawn, weights),
            "uniformity": potential,
            "anisotropy": across_songs(answers.cosines, songs, weights),
        }

    used = measured(asked.used)
    raw = measured(asked.raw) if asked.raw else {}
    spread = used["anisotropy"]
    baselines: dict[str, tuple[float | None, str]] = {
        "alignment": (None if spread is None else 2 - 2 * spread.value, "lines of different songs"),
        "uniformity": (uniform_potential(dims), RANDOM),
        "anisotropy": (0.0, RANDOM),
    }
    figures = {}
    for name, found in used.items():
        if found is None:
            figures[name] = _missing(name, NO_PAIRS)
            continue
        baseline, title = baselines[name]
        figures[name] = Figure(
            value=found.value,
            baseline=baseline,
            baseline_name=title,
            meaning=MEANINGS[name],
            interval=found.interval,
            facts=_before(raw.get(name)),
        ).with_interval()
    return figures


RANDOM = "directions drawn at random in as many dimensions, the ideal"


def uniform_potential(dims: int) -> float:
    """Uniformity of directions spread evenly over the sphere in `dims` dimensions.

    E exp(-4 + 4x), with x the cosine of two random directions, whose density goes with
    (1 - x²)^((dims - 3) / 2): a Riemann sum in the angle, where it is smooth.
    """
    if dims < 2:
        return math.log((1 + math.exp(-8)) / 2)
    angle = (np.arange(20_000) + 0.5) * math.pi / 20_000
    log_density = (dims - 2) * np.log(np.sin(angle))
    density = np.exp(log_density - log_density.max())
    return float(np.log((density * np.exp(4 * np.cos(angle) - 4)).sum() / density.sum()))


def _before(raw: Estimate | None) -> dict[str, float | Interval]:
    if raw is None:
        return {}
    return {
        "before_postprocessing": raw.value,
        "before_postprocessing_interval": raw.interval,
    }
