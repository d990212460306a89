"""What a run says about itself: every figure with its baseline, nothing on silhouette alone.

The form of a figure, and what is declared of each, stands in `figures`. A part that is not built is
`null` with the note "not computed".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import group_totals, project
from rapids_rap.clustering.clusters import Clusters
from rapids_rap.clustering.layout import Layout
from rapids_rap.config import QualityConfig
from rapids_rap.quality.coherence import Npmi, npmi, topic_diversity
from rapids_rap.quality.figures import SILHOUETTE_FALL, Figure
from rapids_rap.quality.follows import Follows
from rapids_rap.quality.geometry import (
    SampledFigure,
    cosine_silhouette,
    sampled_dbcv,
    silhouette_summary,
    trustworthiness_of_maps,
)
from rapids_rap.quality.retrieval import Retrieval
from rapids_rap.words.segment import Tokens
from rapids_rap.words.terms import Terms

VERSION = 6  # raise it when the same arguments give another result

TOP = 10  # terms of a cluster that diversity and coherence look at
SHUFFLED = "clusters of the same sizes with shuffled members"

NOT_COMPUTED = {"stability": "agreement of clusters recomputed on resampled songs"}


@dataclass(frozen=True)
class Quality:
    """The figures by name, as quality.json holds them."""

    figures: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What is judged: n distinct texts. Arrays are the backend's.

    vectors, raw_vectors: (n, d) after and before post-processing (the same object without any).
    weights: (n,) int64 occurrences of each text. themes: how many there are.
    """

    vectors: Array
    raw_vectors: Array
    layout: Layout
    clusters: Clusters
    weights: Array
    tokens: Tokens
    terms: Terms
    themes: int


def assess(
    evidence: Evidence,
    retrieval: Retrieval,
    follows: Follows,
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
            judge.begin_dbcv(),
            judge.silhouette_cosine,
            judge.term_figures,
            judge.sizes,
        ]
    )
    figures: dict[str, Any] = {
        "clusters": sizes,
        **follows.figures,
        "silhouette_cosine": cosine,
        "silhouette_layout": layout,
        "dbcv": judge.density(density),
        "trustworthiness": faithful,
        **terms,
        **retrieval.figures,
    }
    for name, meaning in NOT_COMPUTED.items():
        figures[name] = {
            "value": None,
            "baseline": None,
            "meaning": meaning,
            "note": "not computed: run `rapids-rap stability RUN`",
        }
    return Quality(figures)


class Scorer:
    """The one scorer of labels, for a run, for runs that are compared, and for the benchmarks.

    labels: (n,) int64 of n distinct texts, the backend's, noise -1. Cluster figures come of these
    and, with `chance`, of the same sizes with shuffled members. Shuffles and samples are drawn on
    the host, with a seed that every backend shares.
    """

    def __init__(self, labels: Array, backend: Backend, seed: int, *, chance: bool = True) -> None:
        self.labels, self.backend, self.seed = labels, backend, seed
        self.labelings = [labels]
        if chance:
            shuffled = np.random.default_rng(seed).permutation(backend.to_host(labels))
            self.labelings.append(backend.from_host(shuffled))

    def sample(self, exact: int, most: int) -> Int64s:
        """Row numbers, on the host: all of up to `exact`, else `most` of them, ascending."""
        n = int(self.labels.shape[0])
        if n <= exact:
            return np.arange(n)
        return np.sort(np.random.default_rng(self.seed).choice(n, min(most, n), replace=False))

    def vector_silhouettes(self, vectors: Array) -> list[Array]:
        """(n,) of each text by cosine, in closed form, NaN for noise; for each labeling."""
        return [cosine_silhouette(vectors, labels) for labels in self.labelings]

    def map_silhouettes(self, xy: Array, rows: Int64s) -> list[Array]:
        """(r,) of the texts `rows` on the map (n, 2), Euclidean; for each labeling."""
        take, at = self.backend.xp.take, self.backend.from_host(rows)
        points = take(xy, at, axis=0)
        return [self.backend.silhouette(points, take(labels, at)) for labels in self.labelings]

    def density(self, points: Array, most: int) -> list[SampledFigure]:
        """DBCV on `most` of the points; for each labeling."""
        return self.begin_density(points, most)()

    def begin_density(self, points: Array, most: int) -> Callable[[], list[SampledFigure]]:
        """The same, begun on the host beside what a device does; what is returned waits for it."""
        measures = [
            sampled_dbcv(points, labels, self.backend, sample=most, seed=self.seed)
            for labels in self.labelings
        ]
        return self.backend.aside(lambda: [measure() for measure in measures])

    def trustworthiness(
        self, vectors: Array, maps: Sequence[Array], most: int
    ) -> list[SampledFigure]:
        """Of each map, on `most` texts."""
        return trustworthiness_of_maps(vectors, maps, self.backend, sample=most, seed=self.seed)

    def coherence(self, tokens: Tokens, terms: Terms) -> Npmi:
        """NPMI of the clusters' first terms, and of random words of the same frequency."""
        return npmi(tokens, terms, TOP, self.backend, self.seed)


def term_figures(terms: Terms, coherence: Npmi) -> dict[str, Figure]:
    """Diversity and coherence of the clusters' term lists."""
    return {
        "topic_diversity": Figure(
            topic_diversity(terms.table, TOP),
            topic_diversity(terms.frequent, TOP),
            "the most frequent words of each cluster",
            f"share of different terms among the top {TOP} of all clusters; 1: no overlap",
        ),
        "npmi_coherence": Figure(
            coherence.value,
            coherence.baseline,
            "random words of the same frequency",
            f"do a cluster's top {TOP} terms occur in the same lines? -1 to 1",
        ),
    }


class _Judge:
    """Holds what every figure of a run needs; each method is one figure as quality.json has it."""

    def __init__(
        self, evidence: Evidence, config: QualityConfig, backend: Backend, seed: int
    ) -> None:
        self.evidence, self.config, self.backend = evidence, config, backend
        self.labels = evidence.clusters.labels
        self.scorer = Scorer(self.labels, backend, seed)

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
            "themes": self.evidence.themes,
            "noise_share_texts": float(xp.count_nonzero(noise)) / n if n else None,
            "noise_share_lines": float(heavy) / float(xp.sum(weights)) if n else None,
            "noise_texts_before_reassignment": int(xp.count_nonzero(clusters.labels_raw < 0)),
            "sizes_min_q1_median_q3_max": [float(q) for q in quartiles],
            "largest_share_of_clustered": float(sizes.max() / sizes.sum()) if len(sizes) else None,
            "meaning": "how many clusters, how large, and how much was left as noise",
        }

    def silhouette_cosine(self) -> dict[str, Any]:
        """Closed form, exact, on the vectors; before post-processing too, where there is any."""
        evidence = self.evidence
        figure = _silhouette(
            self.scorer.vector_silhouettes(evidence.vectors),
            evidence.weights,
            "cosine, on the vectors: do lines resemble their cluster more than the nearest other?",
        )
        if evidence.raw_vectors is not evidence.vectors:
            before = cosine_silhouette(evidence.raw_vectors, self.labels)
            figure["before_postprocessing"] = silhouette_summary(before, evidence.weights).mean
        return figure

    def silhouette_layout(self) -> dict[str, Any]:
        """Euclidean, on the map: exact to `silhouette_exact` texts, sampled above."""
        rows = self.scorer.sample(self.config.silhouette_exact, self.config.silhouette_sample)
        figure = _silhouette(
            self.scorer.map_silhouettes(self.evidence.layout.xy, rows),
            self.backend.xp.take(self.evidence.weights, self.backend.from_host(rows)),
            "Euclidean, on the map: are clusters apart where the reader sees them?",
        )
        return figure | _sampled(len(rows), int(self.labels.shape[0]))

    def begin_dbcv(self) -> Callable[[], Any]:
        """Density-based validity in the space that was clustered, on the host; see `density`."""
        return self.scorer.begin_density(self.evidence.layout.reduced, self.config.dbcv_sample)

    def density(self, found: Sequence[SampledFigure]) -> dict[str, Any]:
        """What `begin_dbcv` found, of the clusters and by chance, as a figure."""
        own, chance = found
        return Figure(
            own.value,
            chance.value,
            SHUFFLED,
            "density-based validity, -1 to 1: dense clusters with emptiness between, of any shape",
            facts={"rows": own.rows, "sampled": own.sampled},
        ).as_json()

    def trustworthiness(self) -> dict[str, Any]:
        """Of the map, against the plain plane of the first two principal components."""
        evidence, sample = self.evidence, self.config.trustworthiness_sample
        n, d = (int(size) for size in evidence.vectors.shape)
        maps = [evidence.layout.xy]
        if min(n, d) >= 2:  # else there is no plane to compare with
            maps.append(_principal_plane(evidence.vectors, self.backend))
        found = self.scorer.trustworthiness(evidence.vectors, maps, sample)
        value, baseline = [*(figure.value for figure in found), None][:2]
        return Figure(
            value,
            baseline,
            "first two principal components",
            "are neighbours on the map neighbours in the vectors? 1: all, 0.5: about chance",
            facts=_sampled(min(sample, n), n),
        ).as_json()

    def term_figures(self) -> dict[str, dict[str, Any]]:
        """Diversity and coherence of the clusters' term lists."""
        terms = self.evidence.terms
        found = term_figures(terms, self.scorer.coherence(self.evidence.tokens, terms))
        return {name: figure.as_json() for name, figure in found.items()}


def _silhouette(both: Sequence[Array], weights: Array, meaning: str) -> dict[str, Any]:
    found, chance = (silhouette_summary(values, weights) for values in both)
    facts = {
        "weighted_by_occurrences": found.weighted,
        "coverage": found.coverage,
        "coverage_lines": found.weighted_coverage,
        "note": SILHOUETTE_FALL,
    }
    return Figure(found.mean, chance.mean, SHUFFLED, meaning, facts=facts).as_json()


def _sampled(rows: int, n: int) -> dict[str, Any]:
    return {"rows": rows, "sampled": rows < n}


def _principal_plane(vectors: Array, backend: Backend) -> Array:
    axes = backend.pca(vectors, 2)
    return project(vectors, axes.mean, axes.components)
