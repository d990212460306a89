"""One scorer for every side: the same distinct texts, the same vectors, the same functions.

What a side found are labels and maybe a map. They are judged with the functions of our own quality
report, and each figure is given so that more is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.config import TermsConfig
from rapids_rap.quality.assess import Scorer, term_figures
from rapids_rap.quality.geometry import silhouette_summary
from rapids_rap.words.segment import Tokens, segment
from rapids_rap.words.terms import cluster_terms, stop_words

Figures = dict[str, float | None]

SAMPLE = 10_000  # rows of the figures that cost n²
TRUST_SAMPLE = 2_000
SEED = 42


@dataclass(frozen=True)
class Judged:
    """What is judged: n distinct texts, our vectors (n, d) of them, and their words."""

    texts: Sequence[str]
    vectors: Float32s
    tokens: Tokens


def judged(texts: Sequence[str], vectors: Float32s) -> Judged:
    """The texts with their words."""
    return Judged(texts, vectors, segment(texts))


def score_labels(of: Judged, labels: Int64s, backend: Backend) -> Figures:
    """Of clusters, (n,) int64, noise -1: their number, coverage, and whether they hold together."""
    ones = np.ones(len(labels), dtype=np.int64)
    scorer = Scorer(labels, backend, SEED, chance=False)
    (cosine,) = scorer.vector_silhouettes(of.vectors)
    terms = cluster_terms(of.tokens, labels, ones, stop_words(""), TermsConfig(), backend)
    found = term_figures(terms, scorer.coherence(of.tokens, terms))
    return {
        "clusters": float(len(np.unique(labels[labels >= 0]))),
        "coverage": float(np.mean(labels >= 0)),
        "silhouette_cosine": silhouette_summary(cosine, ones).mean,
        **{name: figure.value for name, figure in found.items()},
    }


def score_map(of: Judged, xy: Float32s, labels: Int64s, backend: Backend) -> Figures:
    """Of a map (n, 2): whether its neighbours are the vectors' and its clusters lie apart."""
    scorer = Scorer(labels, backend, SEED, chance=False)
    rows = scorer.sample(SAMPLE, SAMPLE)
    (values,) = scorer.map_silhouettes(xy, rows)
    (trust,) = scorer.trustworthiness(of.vectors, [xy], TRUST_SAMPLE)
    return {
        "trustworthiness": trust.value,
        "silhouette_map": silhouette_summary(values, np.ones(len(rows), dtype=np.int64)).mean,
    }


def score_density(points: Float32s, labels: Int64s, backend: Backend) -> Figures:
    """DBCV in the space that the side clustered."""
    (found,) = Scorer(labels, backend, SEED, chance=False).density(points, SAMPLE)
    return {"dbcv": found.value}


def agreement(labels: Int64s, other: Int64s) -> float:
    """Adjusted Rand index (Hubert & Arabie 1985) of two clusterings, noise one group in each."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(other, labels))
