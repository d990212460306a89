"""One scorer for runs that are compared: the same figures, on the same distinct texts, from files.

What a run says of itself in quality.json is measured on its own texts by the version that wrote it.
Here every run is measured again from its vectors, map and labels on the texts all of them share,
so that a difference is one of the runs and not of the yardstick. Figures that are means over texts
have a bootstrap interval over songs; the others have none and say so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rapids_rap.backend.protocol import DEFAULT_SIZES, Array, Backend
from rapids_rap.compare.shared import Ints, Shared, Side
from rapids_rap.config import Config, TermsConfig
from rapids_rap.embedding.fusion import fuse
from rapids_rap.embedding.postprocess import postprocess
from rapids_rap.errors import InputError
from rapids_rap.quality import bootstrap
from rapids_rap.quality.assess import SHUFFLED, TOP
from rapids_rap.quality.coherence import npmi, topic_diversity
from rapids_rap.quality.geometry import cosine_silhouette, dbcv, trustworthiness
from rapids_rap.runs.run import Run
from rapids_rap.words.lexicon import load_lexicon
from rapids_rap.words.segment import Tokens, load_words, segment
from rapids_rap.words.terms import METHODS, Terms, cluster_terms, stop_words

log = logging.getLogger(__name__)

Figures = dict[str, dict[str, Any]]
Interval = bootstrap.Interval

RESAMPLES = 1_000
LEAST_GROUPS = 10  # songs below which no interval is claimed
# More are merged at random: the interval stays that of independent groups, and the table of draws
# (`RESAMPLES` x groups, float64) with its copies stays under 100 MB. So many groups tell the width
# of the interval to about 1 %; the draws alone move it more.
_MOST_GROUPS = 5_000
# Texts above which the quadratic figures are sampled: minutes would be spent on a third digit.
_DENSITY_SAMPLE = 10_000
_TRUST_SAMPLE = 2_000
_SILHOUETTE_SAMPLE = 10_000


def rescore(shared: Shared, backend: Backend, seed: int = 0) -> tuple[Figures, ...]:
    """The figures of each side, by name, as quality.json writes them, with `interval` and `rows`.

    interval: [low, high], 95 % by the percentile bootstrap over songs with the clusters as they are
    (Efron & Tibshirani 1993), or None. Silhouettes leave noise out; `coverage` stands beside.
    """
    tokens = segment(shared.texts, load_lexicon(None, "simplified").all_words)
    return tuple(_Scorer(shared, side, tokens, backend, seed).figures() for side in shared.sides)


def bootstrap_mean(values: npt.NDArray[Any], groups: Ints, seed: int = 0) -> Interval:
    """The 95 % interval of the mean of `values` (n,) over resampled `groups` (n,), NaN left out.

    None with fewer than `LEAST_GROUPS` groups, of which no interval could be trusted.
    """
    known = np.isfinite(values)
    _, group = np.unique(groups[known], return_inverse=True)
    count = int(group.max(initial=-1)) + 1
    if count < LEAST_GROUPS:
        return None
    if count > _MOST_GROUPS:
        group = np.random.default_rng(seed).permutation(count)[group] % _MOST_GROUPS
        count = _MOST_GROUPS
    one_class, shape = np.zeros_like(group), (count, 1)
    sums = bootstrap.grouped_sums(values[known], group, one_class, shape)
    sizes = bootstrap.grouped_sums(np.ones(len(group)), group, one_class, shape)
    drawn = bootstrap.draw_units(count, RESAMPLES, seed)
    return bootstrap.interval(bootstrap.macro_means(drawn, sums, sizes))


def used_vectors(run: Run, rows: Ints, backend: Backend) -> Array:
    """(n, k) float32: the vectors that the run's neighbours and clusters saw, of these text_ids.

    Post-processing and lexical vectors are fitted on all texts of the run again, as the run did.
    """
    config = Config.model_validate(run.manifest["config"])
    how, seed = config.embedding, config.random_seed
    try:
        if how.postprocess == "none" and how.lexical == "none":
            return backend.from_host(np.asarray(run.vectors[rows], dtype=np.float32))
        every = backend.from_host(np.array(run.vectors, dtype=np.float32))
        used = postprocess(
            every,
            how.postprocess,
            backend,
            whiten_dims=how.whiten_dims,
            remove_dims=how.remove_dims,
            seed=seed,
        ).matrix
        if how.lexical != "none":
            texts = _texts(run)
            used = fuse(
                used, texts, _tokens(texts, config), how.space, backend, seed, DEFAULT_SIZES
            )
        return backend.xp.take(used, backend.from_host(rows), axis=0)
    except IndexError:
        raise InputError(
            f"{run.path / 'vectors'}: has fewer rows than lines.parquet has texts; run the command "
            "of manifest.json again."
        ) from None


def _texts(run: Run) -> list[str]:
    """Every distinct text of a run, by text_id."""
    texts = run.lines[["text_id", "text_norm"]].drop_duplicates("text_id").sort_values("text_id")
    return texts["text_norm"].tolist()


def _tokens(texts: Sequence[str], config: Config) -> Tokens:
    """The words as the run cut them, by its own lists."""
    own = load_words(config.terms.user_words) if config.terms.user_words else ()
    lexicon = load_lexicon(config.lexicon.path or None, config.corpus.script)
    return segment(texts, (*lexicon.all_words, *own))


class _Scorer:
    """One side's figures; labels of noise are -1."""

    def __init__(
        self, shared: Shared, side: Side, tokens: Tokens, backend: Backend, seed: int
    ) -> None:
        self.shared, self.side, self.backend, self.seed = shared, side, backend, seed
        self.tokens = tokens
        self.labels = side.labels
        self.shuffled = np.random.default_rng(seed).permutation(side.labels)
        self.xy = backend.from_host(side.xy.astype(np.float32))

    def figures(self) -> Figures:
        vectors = used_vectors(self.side.run, self.side.rows, self.backend)
        return {
            "next_line_cluster": self._next_line(),
            "silhouette_cosine": self._silhouette(
                lambda labels: cosine_silhouette(vectors, labels),
                "cosine, on the run's own vectors: do lines resemble their cluster most?",
            ),
            "silhouette_layout": self._layout_silhouette(),
            "dbcv_layout": self._dbcv(),
            "trustworthiness": self._trustworthiness(vectors),
            **self._terms(),
        }

    def _next_line(self) -> dict[str, Any]:
        """Cohen's kappa of neighbouring lines' clusters; noise agrees with nothing."""
        pairs, song = self.shared.follows, self.shared.follows_song
        meaning = (
            "do neighbouring lines of a stanza share a cluster, beyond what clusters of these "
            "sizes share by chance? 0: chance, 1: always"
        )
        if not len(pairs):
            return _figure(None, None, "chance", meaning, note="not computed: no songs")
        first, second = self.labels[pairs[:, 0]], self.labels[pairs[:, 1]]
        chance = _chance(first, second)
        together = ((first == second) & (first >= 0)).astype(np.float64)
        if not 0.0 < chance < 1.0:
            note = "no lines are clustered" if chance == 0 else "one cluster holds every line"
            return _figure(None, None, "chance", meaning, note=f"not computed: {note}")
        kappa = (together - chance) / (1 - chance)
        interval = bootstrap_mean(kappa, song, self.seed)
        return _figure(
            float(kappa.mean()),
            0.0,
            "chance",
            meaning,
            interval,
            rows=len(pairs),
            same_cluster=float(together.mean()),
            same_cluster_by_chance=chance,
        )

    def _silhouette(self, measure: Any, meaning: str, rows: Ints | None = None) -> dict[str, Any]:
        rows = np.arange(len(self.labels)) if rows is None else rows
        values, chance = (
            self.backend.to_host(measure(self.backend.from_host(labels[rows])))
            for labels in (self.labels, self.shuffled)
        )
        interval = bootstrap_mean(values, self.shared.songs[rows], self.seed)
        covered = float(np.isfinite(values).mean()) if len(values) else 0.0
        return _figure(
            _mean(values),
            _mean(chance),
            SHUFFLED,
            meaning,
            interval,
            rows=len(rows),
            coverage=covered,
        )

    def _layout_silhouette(self) -> dict[str, Any]:
        rows = self._rows(_SILHOUETTE_SAMPLE)
        points = self.backend.xp.take(self.xy, self.backend.from_host(rows), axis=0)
        return self._silhouette(
            lambda labels: self.backend.silhouette(points, labels),
            "Euclidean, on the run's own map: are clusters apart where the reader sees them?",
            rows,
        )

    def _dbcv(self) -> dict[str, Any]:
        found, chance = (
            dbcv(
                self.xy,
                self.backend.from_host(labels),
                self.backend,
                sample=_DENSITY_SAMPLE,
                seed=self.seed,
            )
            for labels in (self.labels, self.shuffled)
        )
        return _figure(
            found.value,
            chance.value,
            SHUFFLED,
            "density-based validity on the map, -1 to 1: dense clusters, emptiness between",
            rows=found.rows,
        )

    def _trustworthiness(self, vectors: Array) -> dict[str, Any]:
        found = trustworthiness(
            vectors, self.xy, self.backend, sample=_TRUST_SAMPLE, seed=self.seed
        )
        return _figure(
            found.value,
            0.5,
            "chance, about",
            "are neighbours on the map neighbours in the run's own vectors? 1: all",
            rows=found.rows,
        )

    def _terms(self) -> Figures:
        """Of term lists made again from the shared texts by the run's own [terms] settings."""
        settings = Config.model_validate(self.side.run.manifest["config"]).terms
        terms, note = self._term_lists(settings)
        own = terms.table[
            (terms.table["method"] == METHODS[0])
            & (terms.table["rank"] <= TOP)
            & (terms.table["cluster"] >= 0)
        ]
        function = own["term"].isin(set(stop_words("")))
        plain = terms.frequent[(terms.frequent["rank"] <= TOP) & (terms.frequent["cluster"] >= 0)]
        coherence = npmi(self.tokens, terms, TOP, self.backend, self.seed)
        return {
            "npmi_coherence": _figure(
                coherence.value,
                coherence.baseline,
                "random words of the same frequency",
                f"do a cluster's top {TOP} terms occur in the same lines? -1 to 1",
                _cluster_interval(coherence.clusters, self.seed),
                note=note,
                interval_over="clusters",
            ),
            "topic_diversity": _figure(
                topic_diversity(terms.table, TOP),
                topic_diversity(terms.frequent, TOP),
                "the most frequent words of each cluster",
                f"share of different terms among the top {TOP} of all clusters; 1: no overlap",
                note=note,
            ),
            "common_terms": _figure(
                float(function.mean()) if len(own) else None,
                float(plain["term"].isin(set(stop_words(""))).mean()) if len(plain) else None,
                "the most frequent words of each cluster",
                f"share of words such as 我, 你, the among the top {TOP} terms; 0: none",
                bootstrap_mean(function.to_numpy(np.float64), own["cluster"].to_numpy(), self.seed),
                note=note,
                interval_over="clusters",
            ),
        }

    def _term_lists(self, settings: TermsConfig) -> tuple[Terms, str]:
        labels = self.backend.from_host(self.labels)
        weights = self.backend.from_host(self.shared.lines)
        note = ""
        try:
            stop = stop_words(settings.stop_words)
        except InputError as error:  # a list of stop words that is no longer where it was
            log.warning("%s: %s The bundled stop words are used.", self.side.run.path, error)
            stop = stop_words("")
            note = f"with the bundled stop words, since {settings.stop_words} is gone"
        return cluster_terms(self.tokens, labels, weights, stop, settings, self.backend), note

    def _rows(self, most: int) -> Ints:
        n = len(self.labels)
        if n <= most:
            return np.arange(n)
        return np.sort(np.random.default_rng(self.seed).choice(n, most, replace=False))


def _figure(
    value: float | None,
    baseline: float | None,
    name: str,
    meaning: str,
    interval: Interval = None,
    note: str = "",
    **facts: Any,
) -> dict[str, Any]:
    figure: dict[str, Any] = {
        "value": value,
        "baseline": baseline,
        "baseline_name": name,
        "meaning": meaning,
        "interval": interval if value is not None else None,
        **facts,
    }
    return figure | ({"note": note} if note else {})


def _chance(first: Ints, second: Ints) -> float:
    """How often two lines drawn apart would share a cluster, from the margins of the pairs."""
    size = int(max(first.max(initial=-1), second.max(initial=-1))) + 1
    left = np.bincount(first[first >= 0], minlength=size) / len(first)
    right = np.bincount(second[second >= 0], minlength=size) / len(second)
    return float(left @ right)


def _mean(values: npt.NDArray[np.floating]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else None


def _cluster_interval(clusters: Any, seed: int) -> Interval:
    """Of a mean over clusters: they, not songs, are what is resampled."""
    if "npmi" not in clusters or not len(clusters):
        return None
    values = clusters["npmi"].to_numpy(dtype=np.float64)
    return bootstrap_mean(values, np.arange(len(values)), seed)


def cluster_sizes(shared: Shared, side: Side) -> Mapping[str, Any]:
    """Number and sizes of a side's clusters on the shared texts, and its noise."""
    clustered = side.labels >= 0
    sizes = np.bincount(side.labels[clustered], minlength=side.count)
    lines = np.bincount(side.labels[clustered], shared.lines[clustered], minlength=side.count)
    total = float(shared.lines.sum())
    quartiles = np.percentile(sizes, [0, 25, 50, 75, 100]) if len(sizes) else np.empty(0)
    return {
        "count": side.count,
        "sizes": [int(size) for size in sizes],
        "lines": [int(size) for size in lines],
        "sizes_min_q1_median_q3_max": [float(q) for q in quartiles],
        "largest_share_of_clustered": (
            float(sizes.max() / sizes.sum()) if clustered.any() else None
        ),
        "noise_share_texts": float((~clustered).mean()),
        "noise_share_lines": float(shared.lines[~clustered].sum()) / total,
    }
