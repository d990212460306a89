"""The order of the stages, and nothing else knows it.

A stage is called by its function and arguments, which are its key (`runs.job`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import Array, Sizes, check_engine
from rapids_rap.clustering.clusters import Clusters, find_clusters
from rapids_rap.clustering.hierarchy import Hierarchy, find_hierarchy
from rapids_rap.clustering.layout import Layout, lay_out
from rapids_rap.clustering.neighbors import NeighborGraph, backend_engine, neighbor_graph
from rapids_rap.clustering.sample import (
    Near,
    Sample,
    choose_sample,
    fitted_rows,
    nearest_fitted,
    of_fitted_places,
    sample_layouts,
    text_draws,
)
from rapids_rap.clustering.sampled_votes import cast_sampled_votes
from rapids_rap.clustering.settle import settle_layout
from rapids_rap.clustering.sweep import Sweep, sweep_sizes
from rapids_rap.clustering.themes import text_themes
from rapids_rap.clustering.votes import Votes, cast_votes
from rapids_rap.config import Config
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.decisions import Decisions, check_known, check_labels, read_decisions
from rapids_rap.corpus.files import find_files
from rapids_rap.corpus.ingest import HashedFiles, ingest_hashed
from rapids_rap.embedding import Vectors, fusion, postprocess
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.model import resolve_model
from rapids_rap.embedding.postprocess import Postprocessed
from rapids_rap.embedding.space import used_space
from rapids_rap.lineage.by_hand import ByHand, decide_by_hand
from rapids_rap.lineage.heritage import Heritage, earlier_places, earlier_votes
from rapids_rap.lineage.identity import match_clusters, name_groups
from rapids_rap.lineage.matching import Matching
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.memory_plan import MemoryPlan, plan_memory
from rapids_rap.machine.run_plan import announce_plan, run_sizes
from rapids_rap.machine.versions import shaping_versions
from rapids_rap.maps.draw import prepare_drawing
from rapids_rap.maps.fonts import font_path
from rapids_rap.progress import StageProgress
from rapids_rap.publish import Findings, Origin, Summary, publish
from rapids_rap.quality.assess import Evidence, Quality, assess
from rapids_rap.quality.emotion_rates import EmotionRates, emotion_rates
from rapids_rap.quality.follows import Follows, what_clusters_follow
from rapids_rap.quality.keyness import Keyness, shown_terms, term_keyness
from rapids_rap.quality.profiles import Profiles, song_profiles
from rapids_rap.quality.retrieval import Retrieval, retrieve
from rapids_rap.quality.stability import NOT_OF_A_SAMPLE, Stability, nothing, resample_songs
from rapids_rap.quality.who_writes_what import WhoWritesWhat, who_writes_what
from rapids_rap.runs.certificate import Certificate, read_certificate
from rapids_rap.runs.files import digest
from rapids_rap.runs.folder import RunFolder, hash_inputs
from rapids_rap.runs.job import Job, version_of
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.outputs import (
    RUN_NAMES,
    check_output_folder,
    check_store,
    named_files,
)
from rapids_rap.runs.stages import StageCache
from rapids_rap.tables.artists import load_regions
from rapids_rap.words.hits import Hits, find_hits
from rapids_rap.words.lexicon import Lexicon, load_lexicon
from rapids_rap.words.segment import Tokens, load_words, segment
from rapids_rap.words.terms import Terms, cluster_terms, first_terms, stop_words

if TYPE_CHECKING:
    from rapids_rap.scale.stages import Scaled

log = logging.getLogger(__name__)

STAGES: dict[str, Callable[..., object]] = {
    "corpus": ingest_hashed,
    "segment": segment,
    "neighbors": neighbor_graph,
    "fitted_neighbors": neighbor_graph,
    "near": nearest_fitted,
    "retrieval": retrieve,
    "layout": lay_out,
    "settled": settle_layout,
    "votes": cast_votes,
    "sampled_votes": cast_sampled_votes,
    "clusters": find_clusters,
    "hierarchy": find_hierarchy,
    "terms": cluster_terms,
    "theme_terms": cluster_terms,
    "lexicon": find_hits,
    "keyness": term_keyness,
    "artists": who_writes_what,
    "emotions": emotion_rates,
    "follows": what_clusters_follow,
    "quality": assess,
    "stability": resample_songs,
}
"""Each stage whose result is kept, and the function that makes it."""


LONG_LIST = 500  # terms of a cluster among which those of enough songs are looked for


@dataclass(frozen=True)
class Fitted:
    """The texts that are laid out, and whom the others ask: matrix (m, d) and graph are theirs.

    draws: (n,) of all texts, by which samples are drawn.
    """

    draws: Array
    sample: Sample
    matrix: Array
    graph: NeighborGraph
    near: Near


@dataclass(frozen=True)
class Surroundings:
    """Who is near whom. fitted: None where all texts are laid out."""

    used: Postprocessed
    graph: NeighborGraph
    fitted: Fitted | None


@dataclass(frozen=True)
class Grouping:
    """Where the texts lie and how they group."""

    vectors: Vectors
    used: Postprocessed
    graph: NeighborGraph
    fitted: Fitted | None
    layout: Layout
    votes: Votes
    clusters: Clusters
    hierarchy: Hierarchy
    sweep: Sweep
    retrieval: Callable[[], Retrieval]
    matched: Matching
    by_hand: ByHand


@dataclass(frozen=True)
class SideFiles:
    """The small files that a configuration names, read before any work begins."""

    lexicon: Lexicon
    own_words: tuple[str, ...]
    stop_words: tuple[str, ...]
    regions: dict[str, str] | None
    decisions: Decisions
    certificate: Certificate | None


@dataclass(frozen=True)
class WordFindings:
    """What the texts say."""

    tokens: Tokens
    terms: Terms
    shown: Terms
    theme_shown: Terms
    hits: Hits
    profiles: Profiles | None


@dataclass(frozen=True)
class SongEvidence:
    """What of terms, artists and emotions whole songs bear out."""

    keyness: Keyness
    artists: WhoWritesWhat
    emotions: EmotionRates


def run(
    config: Config,
    out: Path,
    resolution: DeviceResolution,
    progress: StageProgress,
    *,
    command: str = "",
    overwrite: bool = False,
    shared_stages: Path | None = None,
    heritage: Heritage | None = None,
) -> Summary:
    """The main job, into the run folder `out`; resumes what was kept there.

    shared_stages: a folder where several runs keep their stages, so that what two of them have in
    common runs once. The caller sees to it that one run at a time uses it.
    heritage: the earlier run that clusters keep their ids from and the map its shape. None: ids are
    0..K-1. Its identity is then the manifest's `identity`.
    """
    created = datetime.now(UTC)
    files, _ = find_files([Path(p) for p in config.input.paths])
    check_output_folder(out, [*files, *named_files(config)], RUN_NAMES)
    if config.embedding.store:
        check_store(_store(config, out), [Path(p) for p in config.input.paths])
    if config.neighbors.engine != "cells" or config.scale.executor == "none":
        check_engine(resolution.backend, backend_engine(config.neighbors))
    lists = _load_lists(config)
    if heritage is not None:
        labels = {"cluster": heritage.cluster_labels, "theme": heritage.theme_labels}
        check_known(lists.decisions, heritage.next_cluster, heritage.next_theme)
        check_labels(lists.decisions, labels)
    with RunFolder(out, overwrite=overwrite) as folder:
        backend = load_backend(resolution.backend)
        sizes, dim = run_sizes(config, backend)
        hashes = hash_inputs(files)
        folder.claim(hashes)
        root = shared_stages or out / ".stages"
        keep = shared_stages is not None
        cache = StageCache(root, backend, progress.stage, keep_older=keep)
        job = Job(cache, backend, shaping_versions())
        with _over_shards(config, out, resolution.backend) as scaled:
            corpus = _read(config, HashedFiles(tuple(files), tuple(hashes)), job, scaled)
            sizes = announce_plan(config, corpus.texts, dim, sizes, backend)
            weights = job.know(backend.from_host(corpus.weights), "weights", corpus)
            own = (*lists.lexicon.all_words, *lists.own_words)
            tokens = job.stage(
                "segment", segment, corpus.texts, own, instead=scaled.segment if scaled else None
            )
            store = _store(config, out)
            vectors = _embed(config, corpus, sizes, store, job, progress, scaled)
            around = _find_neighbors(config, corpus, tokens, vectors, sizes, job, scaled)
        geometry = _place_and_group(
            config, corpus, weights, tokens, vectors, around, heritage, lists.decisions, job
        )
        # Opened anew: while one device clustered, workers would only have held memory.
        with _over_shards(config, out, resolution.backend, again=True) as scaled:
            words = _read_words(config, corpus, weights, tokens, geometry, lists, job, scaled)
            evidence = _ask_songs(config, corpus, geometry, words, lists, job, scaled)
        follows = job.stage(
            "follows",
            what_clusters_follow,
            geometry.clusters.labels,
            words.hits.counts,
            lists.lexicon.categories,
            corpus.lines,
            corpus.texts,
            tokens,
            lists.stop_words,
            vectors.trained_on,
            backend,
            config.random_seed,
        )
        quality = _judge(config, weights, geometry, words, follows, job)
        stability = _resample(config, corpus, geometry, job)
        if stability is not None:
            quality = replace(quality, figures={**quality.figures, "stability": stability.figure})
        with cache.measured("identity"):
            names = name_groups(
                corpus.texts,
                weights,
                geometry.clusters.labels,
                geometry.hierarchy.themes,
                geometry.vectors,
                heritage,
                config.nightly,
                backend,
                lists.decisions,
                geometry.matched,
                geometry.by_hand,
            )
        findings = Findings(
            corpus=corpus,
            weights=weights,
            vectors=vectors,
            used=geometry.used,
            graph=geometry.graph,
            sample=None if geometry.fitted is None else geometry.fitted.sample,
            layout=geometry.layout,
            votes=geometry.votes,
            clusters=geometry.clusters,
            hierarchy=geometry.hierarchy,
            sweep=geometry.sweep,
            terms=words.terms,
            shown=words.shown,
            theme_shown=words.theme_shown,
            lexicon=lists.lexicon,
            hits=words.hits,
            keyness=evidence.keyness,
            artists=evidence.artists,
            emotions=evidence.emotions,
            quality=quality,
            follows=follows,
            names=names,
            decisions=lists.decisions,
            by_hand=geometry.by_hand,
            regions=lists.regions,
            stability=stability,
        )
        origin = Origin(config, resolution, command, created, lists.certificate)
        return publish(folder, findings, origin, backend, cache)


def what_shapes(config: Config, resolution: DeviceResolution) -> dict[str, Any]:
    """What decides a run's results beside inputs and configuration, as JSON holds it.

    model: the fingerprint of its files. Raises as `resolve_model` where it can't be had.
    """
    lane = open_lane(load_backend(resolution.backend).torch_device)
    return {
        "backend": resolution.backend,
        "model": resolve_model(config.embedding, lane.dtype).fingerprint,
        "stages": {
            **{name: version_of(function) for name, function in STAGES.items()},
            **{"postprocess": postprocess.VERSION, "fusion": fusion.VERSION},
        },
        "versions": shaping_versions(),
    }


def plan_ahead(config: Config, resolution: DeviceResolution, texts: int) -> MemoryPlan:
    """The memory plan of a run of so many distinct texts, before anything is read."""
    backend = load_backend(resolution.backend)
    sizes, dim = run_sizes(config, backend)
    host = load_backend("cpu").memory()
    return plan_memory(backend.name, texts, dim, backend.memory(), host, sizes)


def _read(config: Config, files: HashedFiles, job: Job, scaled: Scaled | None) -> Corpus:
    """The corpus, wherever its files lie, and what the reader noticed, said aloud."""
    reading = config.input.model_copy(update={"paths": (), "regions": "", "decisions": ""})
    by = scaled.ingest if scaled else None
    corpus = job.stage("corpus", ingest_hashed, files, reading, config.corpus, instead=by)
    _warn(corpus)
    return corpus


def _over_shards(
    config: Config, out: Path, backend: Literal["cpu", "gpu"], *, again: bool = False
) -> contextlib.AbstractContextManager[Scaled | None]:
    """The executor that `[scale]` asks for; without it none of that room is imported."""
    if config.scale.executor == "none":
        return contextlib.nullcontext()
    from rapids_rap.scale.stages import open_scaled

    return open_scaled(config, out, backend, again=again)


def _store(config: Config, out: Path) -> Path:
    own = config.embedding.store
    return Path(own).expanduser() if own else out / ".store"


def _embed(
    config: Config,
    corpus: Corpus,
    sizes: Sizes,
    store: Path,
    job: Job,
    progress: StageProgress,
    scaled: Scaled | None,
) -> Vectors:
    """Texts to vectors, through the store, which keeps them by text and space."""
    progress.stage("embedding")
    with exclusive(store), job.cache.measured("embedding") as kept:
        vectors = embed(
            corpus.texts,
            config.embedding,
            job.backend,
            store,
            progress.advance,
            sizes,
            scaled.fill if scaled else None,
        )
        kept.extend([True] * (vectors.report.embedded == 0))
    # By itself, not by the space: the same weights may say later what they were trained on.
    if vectors.trained_on is not None:
        job.know(vectors.trained_on, "trained_on", digest(vectors.trained_on.tobytes()))
    return job.know(vectors, "embedding", corpus.texts, vectors.report.space)


def _find_neighbors(
    config: Config,
    corpus: Corpus,
    tokens: Tokens,
    vectors: Vectors,
    sizes: Sizes,
    job: Job,
    scaled: Scaled | None,
) -> Surroundings:
    """Vectors to neighbours: of all texts, and where a sample is fitted, among that."""
    backend, seed = job.backend, config.random_seed
    with job.cache.measured("postprocess"):
        space = config.embedding.space
        words = tokens if space.lexical != "none" else None
        after = replace(sizes, model=0, copies=1)  # the model is gone, the first matrix is there
        used = job.derive(
            used_space, vectors.matrix, corpus.texts, words, space, backend, seed, after
        )
    how = (config.neighbors, backend, seed)
    by = scaled.neighbors if scaled else None
    graph = job.stage("neighbors", neighbor_graph, used.matrix, *how, instead=by)
    fit, texts = config.scale.fit_lines, corpus.texts
    if not 0 < fit < len(texts):
        return Surroundings(used, graph, None)
    draws = job.know(backend.from_host(text_draws(texts, seed)), "draws", texts, seed)
    sample = job.derive(choose_sample, graph, draws, fit, backend)
    fitted = job.derive(fitted_rows, used.matrix, sample)
    own = job.stage("fitted_neighbors", neighbor_graph, fitted, *how, instead=by)
    by_near = scaled.nearest_fitted if scaled else None
    near = job.stage("near", nearest_fitted, used.matrix, sample, *how, instead=by_near)
    return Surroundings(used, graph, Fitted(draws, sample, fitted, own, near))


def _place_and_group(
    config: Config,
    corpus: Corpus,
    weights: Array,
    tokens: Tokens,
    vectors: Vectors,
    around: Surroundings,
    heritage: Heritage | None,
    decisions: Decisions,
    job: Job,
) -> Grouping:
    """Neighbours to layouts and clusters."""
    backend, seed = job.backend, config.random_seed
    used, graph, fitted = around.used, around.graph, around.fitted
    places = earlier_places(heritage, corpus.texts, config, vectors.report.space, backend)
    voters = earlier_votes(heritage, corpus.texts, config, vectors.report.space, backend)
    matrix, edges, layouts = used.matrix, graph, config.layout
    of_laid_out = places
    if fitted is not None:
        matrix, edges, layouts = fitted.matrix, fitted.graph, sample_layouts(layouts)
        of_laid_out = of_fitted_places(places, fitted.sample)
    layout = job.stage(
        "layout",
        lay_out,
        matrix,
        edges,
        layouts,
        backend,
        seed,
        of_laid_out,
        fresh=seed
        is None,  # every layout differs then: an earlier one must not pass for this run's
        along=partial(prepare_drawing, backend),
    )
    # Of vectors alone, on a core that what comes next leaves idle; two layouts leave none.
    retrieval = job.begin(
        "retrieval",
        retrieve,
        used.matrix,
        vectors.matrix,
        corpus.lines,
        corpus.texts,
        tokens,
        vectors.trained_on,
        config.quality.retrieval,
        backend,
        seed,
    )
    how = (config.layout, config.clusters.voting, backend, seed, voters)
    if fitted is None:
        votes = job.stage("votes", cast_votes, layout, used.matrix, graph, *how, fresh=seed is None)
    else:
        layout = job.stage(
            "settled",
            settle_layout,
            layout,
            fitted.sample,
            fitted.near,
            used.matrix,
            graph,
            config.layout,
            backend,
            seed,
            places,
            fresh=seed is None,
        )
        votes = job.stage(
            "sampled_votes",
            cast_sampled_votes,
            layout,
            fitted.sample,
            used.matrix,
            graph,
            fitted.draws,
            config.neighbors,
            *how,
            fresh=seed is None,
        )
    sweep = sweep_sizes(votes, config.clusters.min_cluster_size)
    clusters = job.stage(
        "clusters",
        find_clusters,
        votes,
        used.matrix,
        weights,
        graph,
        config.clusters,
        backend,
    )
    matched, by_hand = _decide(
        config, corpus, weights, vectors, used, clusters, heritage, decisions, job
    )
    clusters, themes = by_hand.clusters, config.clusters.themes
    hierarchy = job.stage(
        "hierarchy", find_hierarchy, clusters, used.matrix, weights, themes, backend
    )
    if heritage is None:  # a night knows its ids before it begins
        check_known(decisions, by_hand.next_cluster, hierarchy.theme_count)
    return Grouping(
        vectors,
        used,
        graph,
        fitted,
        layout,
        votes,
        clusters,
        hierarchy,
        sweep,
        retrieval,
        matched,
        by_hand,
    )


def _decide(
    config: Config,
    corpus: Corpus,
    weights: Array,
    vectors: Vectors,
    used: Postprocessed,
    clusters: Clusters,
    heritage: Heritage | None,
    decisions: Decisions,
    job: Job,
) -> tuple[Matching, ByHand]:
    """Which cluster is which, and what people made of them."""
    with job.cache.measured("by_hand"):
        matched = match_clusters(
            corpus.texts,
            weights,
            clusters.labels,
            int(clusters.persistence.shape[0]),
            vectors,
            heritage,
            config.nightly,
            job.backend,
        )
        by_hand = decide_by_hand(
            clusters,
            matched.ids,
            matched.next_id,
            decisions,
            heritage,
            corpus.texts,
            used.matrix,
            weights,
            job.backend,
        )
    if by_hand.clusters is not clusters:
        groups = digest(job.backend.to_host(by_hand.clusters.labels).tobytes())
        job.know(by_hand.clusters, "by_hand", clusters, groups)
    return matched, by_hand


def _read_words(
    config: Config,
    corpus: Corpus,
    weights: Array,
    tokens: Tokens,
    geometry: Grouping,
    lists: SideFiles,
    job: Job,
    scaled: Scaled | None,
) -> WordFindings:
    """Words to terms of clusters and themes, and lexicon hits."""
    backend, clusters = job.backend, geometry.clusters
    labels, top = clusters.labels, config.terms.top
    lists_of = config.terms.model_copy(update={"top": max(top, LONG_LIST)})
    how = (weights, lists.stop_words, lists_of, backend)
    by = scaled.terms if scaled else None
    profiles = job.derive(song_profiles, corpus.lines, corpus.texts, backend)
    terms = job.stage("terms", cluster_terms, tokens, labels, *how, instead=by)
    shown = job.derive(shown_terms, terms, tokens, labels, profiles, backend)
    themes = job.derive(text_themes, labels, geometry.hierarchy.themes)
    of_themes = job.stage("theme_terms", cluster_terms, tokens, themes, *how, instead=by)
    theme_shown = job.derive(shown_terms, of_themes, tokens, themes, profiles, backend)
    terms = job.derive(first_terms, terms, top)
    mode, negation = config.lexicon.mode, config.lexicon.negation
    hits = job.stage(
        "lexicon",
        find_hits,
        tokens,
        corpus.texts,
        lists.lexicon,
        mode,
        negation,
        backend,
        instead=scaled.hits if scaled else None,
    )
    return WordFindings(tokens, terms, shown, theme_shown, hits, profiles)


def _ask_songs(
    config: Config,
    corpus: Corpus,
    geometry: Grouping,
    words: WordFindings,
    lists: SideFiles,
    job: Job,
    scaled: Scaled | None,
) -> SongEvidence:
    """Whether terms, artists and emotions of clusters are more than chance of a few songs."""
    backend, labels = job.backend, geometry.clusters.labels
    profiles, asked, seed = words.profiles, config.quality.permutations, config.random_seed
    themes = job.derive(text_themes, labels, geometry.hierarchy.themes)
    keyness = job.stage(
        "keyness",
        term_keyness,
        words.terms,
        words.shown,
        words.tokens,
        labels,
        profiles,
        lists.stop_words,
        asked,
        backend,
        seed,
        instead=partial(term_keyness, count=scaled.song_terms) if scaled else None,
    )
    artists = job.stage(
        "artists",
        who_writes_what,
        corpus.lines,
        labels,
        themes,
        lists.regions,
        profiles,
        asked,
        backend,
        seed,
    )
    emotions = job.stage(
        "emotions",
        emotion_rates,
        words.hits.counts,
        labels,
        lists.lexicon.categories,
        profiles,
        asked,
        backend,
        seed,
    )
    return SongEvidence(keyness, artists, emotions)


def _judge(
    config: Config,
    weights: Array,
    geometry: Grouping,
    words: WordFindings,
    follows: Follows,
    job: Job,
) -> Quality:
    """Every figure of the run about itself."""
    evidence = Evidence(
        vectors=geometry.used.matrix,
        raw_vectors=geometry.vectors.matrix,
        layout=geometry.layout,
        clusters=geometry.clusters,
        weights=weights,
        tokens=words.tokens,
        terms=words.terms,
        themes=geometry.hierarchy.theme_count,
    )
    return job.stage(
        "quality",
        assess,
        evidence,
        geometry.retrieval(),
        follows,
        config.quality,
        job.backend,
        config.random_seed,
    )


def _resample(config: Config, corpus: Corpus, geometry: Grouping, job: Job) -> Stability | None:
    """The clusters on other songs, where that is asked for."""
    if not config.quality.stability:
        return None
    if geometry.fitted is not None:
        return nothing(NOT_OF_A_SAMPLE)
    return job.stage(
        "stability",
        resample_songs,
        geometry.clusters.labels_raw,
        geometry.used.matrix,
        geometry.graph,
        corpus.lines,
        corpus.texts,
        config.layout,
        config.clusters.voting,
        config.quality.stability,
        job.backend,
        config.random_seed,
    )


def _load_lists(config: Config) -> SideFiles:
    """Everything small that can be wrong, so that it is said now and not after hours of work."""
    font_path(config.maps)
    own = config.terms.user_words
    return SideFiles(
        load_lexicon(config.lexicon.path or None, config.corpus.script),
        load_words(own) if own else (),
        stop_words(config.terms.stop_words),
        load_regions(config.input.regions) if config.input.regions else None,
        read_decisions(config.input.decisions) if config.input.decisions else Decisions(),
        read_certificate(config.report.certificate) if config.report.certificate else None,
    )


def _warn(corpus: Corpus) -> None:
    """Say aloud what the reader noticed, also where the corpus was read in an earlier run."""
    for warning in corpus.warnings:
        log.warning("%s", warning)
