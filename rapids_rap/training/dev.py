"""Is it better? Next-line retrieval over held-out songs, and the geometry of their vectors.

The loss says little: it collapses within hundreds of steps. So training is judged, and stopped, by
how early a line's vector finds the line that follows it in its song, beside chance and character
TF-IDF. Choosing the best step by these pairs flatters `after` a little; a figure to publish needs
songs that were neither trained on nor chosen by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rapids_rap.quality.pairs import chance_mrr, char_tfidf_vectors, true_ranks
from rapids_rap.training import Floats, generator
from rapids_rap.training.lines import DevPairs

UNIFORMITY_ROWS = 2_000
RESAMPLES = 1_000

Encode = Callable[[Sequence[str]], Floats]
Reciprocals = np.ndarray  # (m,) float64, 1 / rank of each pair
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DevFigures:
    """The figures of one encoder.

    mrr: mean reciprocal rank; reciprocals: (m,) behind it. alignment, uniformity: lower is better;
    random_cosine: of two different lines, 0 is isotropic.
    """

    mrr: float
    alignment: float
    uniformity: float
    random_cosine: float
    reciprocals: Reciprocals


@dataclass(frozen=True, slots=True)
class Baselines:
    """What no training reaches: character 2-5-gram TF-IDF, and the expectation of chance."""

    tfidf: Reciprocals
    tfidf_mrr: float
    chance_mrr: float


def alignment(queries: Floats, targets: Floats) -> float:
    """Mean squared distance of the pairs' vectors (Wang and Isola, ICML 2020, alpha = 2).

    queries, targets: (m, d) float32, unit rows.
    """
    return float(((queries - targets) ** 2).sum(1).mean())


def uniformity(vectors: Floats) -> float:
    """Logarithm of the mean Gaussian kernel of different rows (Wang and Isola, t = 2).

    vectors: (m, d) float32, unit rows; 0 where all are one point, -4 and less where they spread.
    """
    return float(np.log(np.exp(-4 * (1 - _cosines(vectors))).mean()))


def random_cosine(vectors: Floats) -> float:
    """Mean cosine of two different rows."""
    return float(_cosines(vectors).mean())


def _cosines(vectors: Floats) -> np.ndarray:
    return (vectors @ vectors.T)[~np.eye(len(vectors), dtype=bool)].astype(np.float64)


def dev_figures(pairs: DevPairs, encode: Encode) -> DevFigures:
    """The figures of one encoder; each distinct text is encoded once."""
    texts = sorted({*pairs.queries, *pairs.targets})
    place = {text: i for i, text in enumerate(texts)}
    vectors = encode(texts)
    queries = vectors[[place[text] for text in pairs.queries]]
    targets = vectors[[place[text] for text in pairs.targets]]
    reciprocals = 1 / true_ranks(queries, targets, pairs.target_id)
    spread = vectors[:: max(1, len(vectors) // UNIFORMITY_ROWS)]
    return DevFigures(
        float(reciprocals.mean()),
        alignment(queries, targets),
        uniformity(spread),
        random_cosine(spread),
        reciprocals,
    )


def dev_baselines(pairs: DevPairs) -> Baselines:
    """The same pairs without any model."""
    m = len(pairs.queries)
    both = char_tfidf_vectors([text.lower() for text in (*pairs.queries, *pairs.targets)])
    tfidf = 1 / true_ranks(both[:m], both[m:], pairs.target_id)
    chance = chance_mrr(len(np.unique(pairs.target_id)))
    return Baselines(tfidf, float(tfidf.mean()), chance)


def bootstrap_interval(values: np.ndarray, songs: np.ndarray, seed: int) -> Interval:
    """95 % percentile interval of a mean over pairs, resampling songs (Efron 1979).

    values: (m,), for a paired comparison the differences; songs: (m,). Lines of one song are not
    independent, so whole songs are drawn.
    """
    _, group = np.unique(songs, return_inverse=True)
    n = int(group.max()) + 1
    total, count = np.bincount(group, values, n), np.bincount(group, minlength=n)
    times = generator(seed, 4).multinomial(n, np.full(n, 1 / n), RESAMPLES)
    low, high = np.quantile((times @ total) / (times @ count), [0.025, 0.975])
    return round(float(low), 6), round(float(high), 6)
