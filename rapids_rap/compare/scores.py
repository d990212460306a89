"""One scorer for runs that are compared: the same figures, on the same distinct texts, from files.

What a run says of itself in quality.json is measured on its own texts by the version that wrote it.
Here every run is measured again from its vectors, map and labels on the texts all of them share,
so that a difference is one of the runs and not of the yardstick. Figures that are means over texts
have a bootstrap interval over songs; the others have none and say so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rapids_rap.arrays import HostArray, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.compare.memory import MEMORISED, Memory
from rapids_rap.compare.recurring import of_no_cluster, recurring_labels
from rapids_rap.compare.shared import Shared, Side
from rapids_rap.config import Config, QualityConfig, TermsConfig
from rapids_rap.embedding.space import used_space
from rapids_rap.errors import InputError
from rapids_rap.quality.assess import SHUFFLED, TOP, Scorer, term_figures
from rapids_rap.quality.bootstrap import Interval, mean_interval
from rapids_rap.quality.figures import NO_SONGS, RECURRING, TOO_FEW_SONGS, Figure
from rapids_rap.quality.follows import BLOCKS, largest_category, shared_follows
from rapids_rap.quality.seen import without_songs
from rapids_rap.quality.vectors import vector_figures
from rapids_rap.reading.run_space import run_config, stored_vectors
from rapids_rap.runs.run import Run
from rapids_rap.words.lexicon import count_hits, load_lexicon
from rapids_rap.words.segment import Tokens, load_words, segment
from rapids_rap.words.terms import METHODS, Terms, cluster_terms, stop_words

log = logging.getLogger(__name__)

Figures = dict[str, dict[str, Any]]

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


def rescore(shared: Shared, memory: Memory, backend: Backend, seed: int = 0) -> tuple[Figures, ...]:
    """The figures of each side, by name, as quality.json writes them, with `interval` and `rows`.

    Songs of `memory` are left out of every side's figures that ask for neighbours and songs.

    interval: [low, high], 95 % by the percentile bootstrap over songs with the clusters as they are
    (Efron & Tibshirani 1993), or None. Silhouettes leave noise out; `coverage` stands beside.
    """
    lexicon = load_lexicon(None, "simplified")
    tokens = segment(shared.texts, lexicon.all_words)
    hits = count_hits(tokens, shared.texts, lexicon, "occurrence", backend)
    category = backend.to_host(largest_category(hits))
    over = "songs" if shared.known_songs else BLOCKS
    known = (category, lexicon.categories, shared.texts, shared.blocks, over, seed)
    unseen = _unseen_lines(shared, memory)
    found = []
    for side in shared.sides:
        lasting = recurring_labels(side)
        told = [
            {} if labels is None else shared_follows(labels, *known)
            for labels in (side.labels, lasting)
        ]
        scored = _Side(shared, memory, side, tokens, backend, seed)
        own = scored.figures(unseen, told[0])
        if lasting is not None:
            own |= scored.recurring(lasting, told[1])
        found.append(own)
    return tuple(found)


def bootstrap_mean(values: HostArray, groups: Int64s, seed: int = 0) -> Interval:
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
    return mean_interval(values[known], group, RESAMPLES, seed)


def used_vectors(run: Run, rows: Int64s, backend: Backend) -> Array:
    """(n, k) float32: the vectors that the run's neighbours and clusters saw, of these text_ids.

    Post-processing and lexical vectors are fitted on all texts of the run again, as the run did.
    """
    config = run_config(run)
    how, seed = config.embedding, config.random_seed
    if how.postprocess == "none" and how.lexical == "none":
        return backend.from_host(np.asarray(run.vectors[rows], dtype=np.float32))
    texts = _texts(run)
    words = None if how.lexical == "none" else _tokens(texts, config)
    every = stored_vectors(run, backend)
    used = used_space(every, texts, words, how.space, backend, seed).matrix
    return backend.xp.take(used, backend.from_host(rows), axis=0)


def _texts(run: Run) -> list[str]:
    """Every distinct text of a run, by text_id."""
    texts = run.lines[["text_id", "text_norm"]].drop_duplicates("text_id").sort_values("text_id")
    return texts["text_norm"].tolist()


def _tokens(texts: Sequence[str], config: Config) -> Tokens:
    """The words as the run cut them, by its own lists."""
    own = load_words(config.terms.user_words) if config.terms.user_words else ()
    lexicon = load_lexicon(config.lexicon.path or None, config.corpus.script)
    return segment(texts, (*lexicon.all_words, *own))


class _Side:
    """One side's figures; labels of noise are -1."""

    def __init__(
        self,
        shared: Shared,
        memory: Memory,
        side: Side,
        tokens: Tokens,
        backend: Backend,
        seed: int,
    ) -> None:
        self.shared, self.side, self.backend, self.seed = shared, side, backend, seed
        self.memory = memory
        self.tokens = tokens
        self.labels = side.labels
        self.scorer = Scorer(backend.from_host(side.labels), backend, seed)
        self.xy = backend.from_host(side.xy.astype(np.float32))

    def figures(self, unseen: pd.DataFrame | None, follows: Mapping[str, Figure]) -> Figures:
        """unseen: see `_unseen_lines`; None where each run's own retrieval is quoted."""
        vectors = used_vectors(self.side.run, self.side.rows, self.backend)
        every = np.arange(len(self.labels))
        rows = self.scorer.sample(_SILHOUETTE_SAMPLE, _SILHOUETTE_SAMPLE)
        figures = {
            **follows,
            "next_line_cluster": self._next_line(self.labels),
            "silhouette_cosine": self._silhouette(
                self.scorer.vector_silhouettes(vectors),
                every,
                "cosine, on the run's own vectors: do lines resemble their cluster most?",
            ),
            "silhouette_layout": self._silhouette(
                self.scorer.map_silhouettes(self.xy, rows),
                rows,
                "Euclidean, on the run's own map: are clusters apart where the reader sees them?",
            ),
            "dbcv_layout": self._dbcv(),
            "trustworthiness": self._trustworthiness(vectors),
            **self._terms(),
        }
        plain = _as_figures(figures)
        return plain if unseen is None else plain | self._retrieval(vectors, unseen)

    def recurring(self, labels: Int64s, follows: Mapping[str, Figure]) -> Figures:
        """Figures that may decide, and coverage, of `labels` (n,): of the clusters that recur."""
        inside = labels >= 0
        figures = {"meaning.lexicon": follows["meaning.lexicon"]}
        figures["next_line_cluster"] = self._next_line(labels)
        if not inside.any():
            figures = {name: of_no_cluster(one) for name, one in figures.items()}
        covered = inside.astype(np.float64)
        figures["coverage"] = Figure(
            float(covered.mean()),
            meaning="share of distinct texts in clusters that are there again on other songs",
            interval=bootstrap_mean(covered, self.shared.songs, self.seed),
            facts={"rows": len(covered)},
        )
        return _as_figures({f"{RECURRING}{name}": one for name, one in figures.items()})

    def _retrieval(self, vectors: Array, unseen: pd.DataFrame) -> Figures:
        """Next line, same song and alignment on the songs that no model was trained on."""
        how = QualityConfig().retrieval
        found = vector_figures(
            vectors,
            vectors,
            unseen if self.memory.enough else None,
            self.shared.texts,
            self.backend,
            most=how.retrieval_lines,
            draws=how.bootstrap,
            seed=self.seed,
        )
        said = {"songs_left_out": len(self.memory.left_out), "note": self.memory.note}
        return {key: found[key] | said for key in MEMORISED if key in found}

    def _next_line(self, labels: Int64s) -> Figure:
        """Cohen's kappa of neighbouring lines' clusters; noise agrees with nothing.

        Of songs that none of the models was trained on.
        """
        left_out = self.memory.left_out
        unseen = ~np.isin(self.shared.follows_song, left_out)
        pairs, song = self.shared.follows[unseen], self.shared.follows_song[unseen]
        said = {"songs_left_out": len(left_out), "note": self.memory.note} if len(left_out) else {}
        meaning = (
            "do neighbouring lines of a stanza share a cluster, beyond what clusters of these "
            "sizes share by chance? 0: chance, 1: always"
        )
        if not self.memory.enough:
            return Figure(None, None, "chance", meaning, facts=said)
        if not len(pairs):
            return Figure(None, None, "chance", meaning, facts={"note": "not computed: no songs"})
        first, second = labels[pairs[:, 0]], labels[pairs[:, 1]]
        chance = _chance(first, second)
        together = ((first == second) & (first >= 0)).astype(np.float64)
        if not 0.0 < chance < 1.0:
            why = "no lines are clustered" if chance == 0 else "one cluster holds every line"
            return Figure(None, None, "chance", meaning, facts={"note": f"not computed: {why}"})
        kappa = (together - chance) / (1 - chance)
        facts = {
            "rows": len(pairs),
            "same_cluster": float(together.mean()),
            "same_cluster_by_chance": chance,
            **said,
        }
        interval = bootstrap_mean(kappa, song, self.seed)
        if interval is None:
            facts["note"] = "; ".join(filter(None, [self.memory.note, TOO_FEW_SONGS]))
        return Figure(float(kappa.mean()), 0.0, "chance", meaning, interval, facts)

    def _silhouette(self, both: Sequence[Array], rows: Int64s, meaning: str) -> Figure:
        values, chance = (self.backend.to_host(part) for part in both)
        known = self.shared.known_songs  # without, neighbours count as if they came independently
        interval = bootstrap_mean(values, self.shared.songs[rows], self.seed) if known else None
        covered = float(np.isfinite(values).mean()) if len(values) else 0.0
        facts: dict[str, Any] = {"rows": len(rows), "coverage": covered}
        if interval is None:
            facts["note"] = TOO_FEW_SONGS if known else NO_SONGS
        return Figure(_mean(values), _mean(chance), SHUFFLED, meaning, interval, facts)

    def _dbcv(self) -> Figure:
        found, chance = self.scorer.density(self.xy, _DENSITY_SAMPLE)
        return Figure(
            found.value,
            chance.value,
            SHUFFLED,
            "density-based validity on the map, -1 to 1: dense clusters, emptiness between",
            facts={"rows": found.rows},
        )

    def _trustworthiness(self, vectors: Array) -> Figure:
        (found,) = self.scorer.trustworthiness(vectors, [self.xy], _TRUST_SAMPLE)
        return Figure(
            found.value,
            0.5,
            "chance, about",
            "are neighbours on the map neighbours in the run's own vectors? 1: all",
            facts={"rows": found.rows},
        )

    def _terms(self) -> dict[str, Figure]:
        """Of term lists made again from the shared texts by the run's own [terms] settings."""
        settings = run_config(self.side.run).terms
        terms, note = self._term_lists(settings)
        own = terms.table[
            (terms.table["method"] == METHODS[0])
            & (terms.table["rank"] <= TOP)
            & (terms.table["cluster"] >= 0)
        ]
        function = own["term"].isin(set(stop_words("")))
        plain = terms.frequent[(terms.frequent["rank"] <= TOP) & (terms.frequent["cluster"] >= 0)]
        coherence = self.scorer.coherence(self.tokens, terms)
        found = term_figures(terms, coherence)
        said = {"note": note} if note else {}
        over = {"interval_over": "clusters", **said}
        return {
            "npmi_coherence": replace(
                found["npmi_coherence"],
                interval=_cluster_interval(coherence.clusters, self.seed),
                facts=over,
            ),
            "topic_diversity": replace(found["topic_diversity"], facts=said),
            "common_terms": Figure(
                float(function.mean()) if len(own) else None,
                float(plain["term"].isin(set(stop_words(""))).mean()) if len(plain) else None,
                "the most frequent words of each cluster",
                f"share of words such as 我, 你, the among the top {TOP} terms; 0: none",
                bootstrap_mean(function.to_numpy(np.float64), own["cluster"].to_numpy(), self.seed),
                over,
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


def _unseen_lines(shared: Shared, memory: Memory) -> pd.DataFrame | None:
    """The first run's rows of songs that no model was trained on, `text_id` by the shared texts.

    None where nothing is left out, or where runs hold other texts than the shared ones.
    """
    if not len(memory.left_out) or any(side.distinct != len(shared.texts) for side in shared.sides):
        return None
    lines = without_songs(shared.sides[0].run.lines, memory.left_out)
    return lines.assign(text_id=pd.Index(shared.texts).get_indexer(pd.Index(lines["text_norm"])))


def _as_figures(figures: Mapping[str, Figure]) -> Figures:
    return {
        name: replace(one, facts={"interval": one.interval, **one.facts}).as_json()
        for name, one in figures.items()
    }


def _chance(first: Int64s, second: Int64s) -> float:
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
