"""What a run says about itself: every figure with its baseline, nothing on silhouette alone.

A figure is `{"value", "baseline", "baseline_name", "meaning"}` and, where it applies, `"rows"` (the
texts it was computed on), `"sampled"` (whether those are fewer than all), `"interval"` (95%, by
bootstrap over songs; null where there is none) and `"note"`. A part
that is not built is `null` with the note "not computed".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import group_totals, project
from rapids_rap.clustering.clusters import Clusters
from rapids_rap.clustering.layout import Layout
from rapids_rap.config import QualityConfig
from rapids_rap.quality.coherence import npmi, topic_diversity
from rapids_rap.quality.geometry import (
    cosine_silhouette,
    dbcv,
    silhouette_summary,
    trustworthiness_of_maps,
)
from rapids_rap.quality.retrieval import Retrieval
from rapids_rap.words.segment import Tokens
from rapids_rap.words.terms import Terms

VERSION = 4  # raise it when the same arguments give another result

Figure = dict[str, Any]

TOP = 10  # terms of a cluster that diversity and coherence look at
SHUFFLED = "clusters of the same sizes with shuffled members"

SILHOUETTE_NOTE = (
    "A fall can be an improvement: silhouette rewards few round blobs far apart, so splitting one "
    "vague blob into several real but neighbouring themes, or clustering lines that were noise "
    "before, lowers it; read it with coverage, DBCV and the number of clusters."
)
NOT_COMPUTED = {"stability": "agreement of clusters recomputed on resampled songs"}


@dataclass(frozen=True)
class Quality:
    """The figures by name, as quality.json holds them."""

    figures: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What is judged: n distinct texts. Arrays are the backend's.

    vectors, raw_vectors: (n, d) after and before post-processing (the same object without any).
    weights: (n,) int64 occurrences of each text.
    """

    vectors: Array
    raw_vectors: Array
    layout: Layout
    clusters: Clusters
    weights: Array
    tokens: Tokens
    terms: Terms


def assess(
    evidence: Evidence,
    retrieval: Retrieval,
    config: QualityConfig,
    backend: Backend,
    seed: int | None,
) -> Quality:
    """Every figure of this version, all on the same distinct texts.

    The baselines of cluster figures are the same sizes with shuffled members. Samples and shuffles
    use `seed`, or 0 without one.
    """
    judge = _Judge(evidence, config, backend, 0 if seed is None else seed)
    # The longest first, so that cores which share them end together.
    faithful, layout, density, cosine, terms, sizes = backend.together(
        [
            judge.trustworthiness,
            judge.silhouette_layout,
            judge.dbcv,
            judge.silhouette_cosine,
            judge.term_figures,
            judge.sizes,
        ]
    )
    figures: dict[str, Any] = {
        "clusters": sizes,
        "silhouette_cosine": cosine,
        "silhouette_layout": layout,
        "dbcv": density,
        "trustworthiness": faithful,
        **terms,
        **retrieval.figures,
    }
    for name, meaning in NOT_COMPUTED.items():
        figures[name] = {
            "value": None,
            "baseline": None,
            "meaning": meaning,
            "note": "not computed",
        }
    return Quality(figures)


class _Judge:
    """Holds what every figure needs; each method is one figure.

    On the host: the shuffles and samples, whose seed every backend shares ((n,) labels and row
    numbers), and the K sizes.
    """

    def __init__(
        self, evidence: Evidence, config: QualityConfig, backend: Backend, seed: int
    ) -> None:
        self.evidence, self.config, self.backend, self.seed = evidence, config, backend, seed
        self.labels = evidence.clusters.labels
        host = backend.to_host(self.labels)
        shuffled = np.random.default_rng(seed).permutation(host)
        self.shuffled = backend.from_host(shuffled)

    def sizes(self) -> dict[str, Any]:
        """Number of clusters and themes, noise, and sizes in distinct texts."""
        xp, clusters = self.backend.xp, self.evidence.clusters
        noise = self.labels < 0
        n = int(self.labels.shape[0])
        weights = self.evidence.weights
        heavy = xp.sum(xp.where(noise, weights, xp.zeros_like(weights)))
        count = int(clusters.persistence.shape[0])
        ones = xp.ones_like(self.labels)
        sizes = self.backend.to_host(group_totals(ones, self.labels, count)).astype(np.int64)
        quartiles = np.percentile(sizes, [0, 25, 50, 75, 100]) if len(sizes) else np.empty(0)
        return {
            "count": count,
            "themes": int(xp.max(clusters.themes)) + 1 if len(sizes) else 0,
            "noise_share_texts": float(xp.count_nonzero(noise)) / n if n else None,
            "noise_share_lines": float(heavy) / float(xp.sum(weights)) if n else None,
            "noise_texts_before_reassignment": int(xp.count_nonzero(clusters.labels_raw < 0)),
            "sizes_min_q1_median_q3_max": [float(q) for q in quartiles],
            "largest_share_of_clustered": float(sizes.max() / sizes.sum()) if len(sizes) else None,
            "meaning": "how many clusters, how large, and how much was left as noise",
        }

    def silhouette_cosine(self) -> Figure:
        """Closed form, exact, on the vectors; before post-processing too, where there is any."""
        evidence = self.evidence
        figure = self._silhouette(
            cosine_silhouette(evidence.vectors, self.labels),
            cosine_silhouette(evidence.vectors, self.shuffled),
            "cosine, on the vectors: do lines resemble their cluster more than the nearest other?",
        )
        if evidence.raw_vectors is not evidence.vectors:
            before = cosine_silhouette(evidence.raw_vectors, self.labels)
            figure["before_postprocessing"] = silhouette_summary(before, evidence.weights).mean
        return figure

    def silhouette_layout(self) -> Figure:
        """Euclidean, on the map: exact to `silhouette_exact` texts, sampled above."""
        xy, n = self.evidence.layout.xy, int(self.labels.shape[0])
        rows = self._sample(n, self.config.silhouette_exact, self.config.silhouette_sample)
        take = self.backend.xp.take
        labels, shuffled = take(self.labels, rows), take(self.shuffled, rows)
        points, weights = take(xy, rows, axis=0), take(self.evidence.weights, rows)
        figure = self._silhouette(
            self.backend.silhouette(points, labels),
            self.backend.silhouette(points, shuffled),
            "Euclidean, on the map: are clusters apart where the reader sees them?",
            weights,
        )
        return figure | _sampled(int(rows.shape[0]), n)

    def dbcv(self) -> Figure:
        """Density-based validity in the space that was clustered."""
        measured = [
            dbcv(
                self.evidence.layout.reduced,
                labels,
                self.backend,
                sample=self.config.dbcv_sample,
                seed=self.seed,
            )
            for labels in (self.labels, self.shuffled)
        ]
        return _figure(
            measured[0].value,
            measured[1].value,
            SHUFFLED,
            "density-based validity, -1 to 1: dense clusters with emptiness between, of any shape",
        ) | {"rows": measured[0].rows, "sampled": measured[0].sampled}

    def trustworthiness(self) -> Figure:
        """Of the map, against the plain plane of the first two principal components."""
        evidence, sample = self.evidence, self.config.trustworthiness_sample
        n, d = (int(size) for size in evidence.vectors.shape)
        maps = [evidence.layout.xy]
        if min(n, d) >= 2:  # else there is no plane to compare with
            maps.append(_principal_plane(evidence.vectors, self.backend))
        found = trustworthiness_of_maps(
            evidence.vectors, maps, self.backend, sample=sample, seed=self.seed
        )
        value, baseline = [*(figure.value for figure in found), None][:2]
        return _figure(
            value,
            baseline,
            "first two principal components",
            "are neighbours on the map neighbours in the vectors? 1: all, 0.5: about chance",
        ) | _sampled(min(sample, n), n)

    def term_figures(self) -> dict[str, Figure]:
        """Diversity and coherence of the clusters' term lists."""
        tokens, terms = self.evidence.tokens, self.evidence.terms
        coherence = npmi(tokens, terms, TOP, self.backend, self.seed)
        return {
            "topic_diversity": _figure(
                topic_diversity(terms.table, TOP),
                topic_diversity(terms.frequent, TOP),
                "the most frequent words of each cluster",
                f"share of different terms among the top {TOP} of all clusters; 1: no overlap",
            ),
            "npmi_coherence": _figure(
                coherence.value,
                coherence.baseline,
                "random words of the same frequency",
                f"do a cluster's top {TOP} terms occur in the same lines? -1 to 1",
            ),
        }

    def _silhouette(
        self, values: Array, shuffled: Array, meaning: str, weights: Array | None = None
    ) -> Figure:
        weights = self.evidence.weights if weights is None else weights
        found = silhouette_summary(values, weights)
        chance = silhouette_summary(shuffled, weights)
        return _figure(found.mean, chance.mean, SHUFFLED, meaning) | {
            "weighted_by_occurrences": found.weighted,
            "coverage": found.coverage,
            "coverage_lines": found.weighted_coverage,
            "note": SILHOUETTE_NOTE,
        }

    def _sample(self, n: int, exact: int, sample: int) -> Array:
        """Row numbers: all of up to `exact`, else a seeded sample, ascending."""
        rows = np.arange(n)
        if n > exact:
            rows = np.sort(
                np.random.default_rng(self.seed).choice(n, min(sample, n), replace=False)
            )
        return self.backend.from_host(rows)


def _figure(value: float | None, baseline: float | None, name: str, meaning: str) -> Figure:
    return {"value": value, "baseline": baseline, "baseline_name": name, "meaning": meaning}


def _sampled(rows: int, n: int) -> Figure:
    return {"rows": rows, "sampled": rows < n}


def _principal_plane(vectors: Array, backend: Backend) -> Array:
    axes = backend.pca(vectors, 2)
    return project(vectors, axes.mean, axes.components)
