"""The order of the stages, and nothing else knows it.

A stage is called by its function and arguments, which are its key (`runs.job`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import Array, Backend, Sizes, check_engine
from rapids_rap.clustering.clusters import Clusters, find_clusters
from rapids_rap.clustering.hierarchy import Hierarchy, find_hierarchy
from rapids_rap.clustering.layout import Layout, lay_out
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph
from rapids_rap.clustering.sweep import Sweep, sweep_sizes
from rapids_rap.clustering.themes import text_themes
from rapids_rap.clustering.votes import Votes, cast_votes
from rapids_rap.config import Config
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.files import find_files
from rapids_rap.corpus.ingest import HashedFiles, ingest_hashed
from rapids_rap.embedding import Vectors, fusion, postprocess
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.model import resolve_model
from rapids_rap.embedding.postprocess import Postprocessed
from rapids_rap.embedding.space import used_space
from rapids_rap.lineage.heritage import Heritage, earlier_places, earlier_votes
from rapids_rap.lineage.identity import name_groups
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.memory_plan import MemoryPlan, plan_memory
from rapids_rap.machine.run_plan import announce_plan, run_sizes
from rapids_rap.machine.versions import shaping_versions
from rapids_rap.maps.draw import prepare_drawing
from rapids_rap.maps.fonts import font_path
from rapids_rap.progress import StageProgress
from rapids_rap.publish import Findings, Origin, Summary, publish
from rapids_rap.quality.assess import Evidence, Quality, assess
from rapids_rap.quality.follows import Follows, what_clusters_follow
from rapids_rap.quality.retrieval import Retrieval, retrieve
from rapids_rap.quality.stability import Stability, resample_songs
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
from rapids_rap.tables.artists import ArtistTables, artist_tables, load_regions
from rapids_rap.words.lexicon import Lexicon, count_hits, load_lexicon
from rapids_rap.words.segment import Tokens, load_words, segment
from rapids_rap.words.terms import Terms, cluster_terms, stop_words

log = logging.getLogger(__name__)

STAGES: dict[str, Callable[..., object]] = {
    "corpus": ingest_hashed,
    "segment": segment,
    "neighbors": neighbor_graph,
    "retrieval": retrieve,
    "layout": lay_out,
    "votes": cast_votes,
    "clusters": find_clusters,
    "hierarchy": find_hierarchy,
    "terms": cluster_terms,
    "theme_terms": cluster_terms,
    "lexicon": count_hits,
    "follows": what_clusters_follow,
    "quality": assess,
    "stability": resample_songs,
}
"""Each stage whose result is kept, and the function that makes it."""


@dataclass(frozen=True)
class Grouping:
    """Where the texts lie and how they group."""

    vectors: Vectors
    used: Postprocessed
    graph: NeighborGraph
    layout: Layout
    votes: Votes
    clusters: Clusters
    hierarchy: Hierarchy
    sweep: Sweep
    retrieval: Retrieval


@dataclass(frozen=True)
class SideFiles:
    """The small files that a configuration names, read before any work begins."""

    lexicon: Lexicon
    own_words: tuple[str, ...]
    stop_words: tuple[str, ...]
    regions: dict[str, str] | None
    certificate: Certificate | None


@dataclass(frozen=True)
class WordFindings:
    """What the texts say."""

    tokens: Tokens
    terms: Terms
    theme_terms: Terms
    hits: Array


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
    check_engine(resolution.backend, config.neighbors.engine)
    lists = _load_lists(config)
    with RunFolder(out, overwrite=overwrite) as folder:
        backend = load_backend(resolution.backend)
        sizes, dim = run_sizes(config, backend)
        hashes = hash_inputs(files)
        folder.claim(hashes)
        root = shared_stages or out / ".stages"
        keep = shared_stages is not None
        cache = StageCache(root, backend, progress.stage, keep_older=keep)
        job = Job(cache, backend, shaping_versions())
        corpus = _read(config, HashedFiles(tuple(files), tuple(hashes)), job)
        sizes = announce_plan(config, corpus.texts, dim, sizes, backend)
        weights = job.know(backend.from_host(corpus.weights), "weights", corpus)
        own = (*lists.lexicon.all_words, *lists.own_words)
        tokens = job.stage("segment", segment, corpus.texts, own)
        store = _store(config, out)
        vectors = _embed(config, corpus, sizes, store, job, progress)
        geometry = _place_and_group(config, corpus, weights, tokens, vectors, sizes, heritage, job)
        words = _read_words(config, corpus, weights, tokens, geometry, lists, job)
        progress.stage("artists")
        with cache.measured("artists"):
            artists = _look_at_artists(corpus, geometry, lists.regions, backend)
        follows = job.stage(
            "follows",
            what_clusters_follow,
            geometry.clusters.labels,
            words.hits,
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
            )
        findings = Findings(
            corpus=corpus,
            weights=weights,
            vectors=vectors,
            used=geometry.used,
            graph=geometry.graph,
            layout=geometry.layout,
            votes=geometry.votes,
            clusters=geometry.clusters,
            hierarchy=geometry.hierarchy,
            sweep=geometry.sweep,
            terms=words.terms,
            theme_terms=words.theme_terms,
            lexicon=lists.lexicon,
            hits=words.hits,
            artists=artists,
            quality=quality,
            follows=follows,
            names=names,
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


def _read(config: Config, files: HashedFiles, job: Job) -> Corpus:
    """The corpus, wherever its files lie, and what the reader noticed, said aloud."""
    reading = config.input.model_copy(update={"paths": (), "regions": ""})
    corpus = job.stage("corpus", ingest_hashed, files, reading, config.corpus)
    _warn(corpus)
    return corpus


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
) -> Vectors:
    """Texts to vectors, through the store, which keeps them by text and space."""
    progress.stage("embedding")
    with exclusive(store), job.cache.measured("embedding") as kept:
        vectors = embed(corpus.texts, config.embedding, job.backend, store, progress.advance, sizes)
        kept.extend([True] * (vectors.report.embedded == 0))
    # By itself, not by the space: the same weights may say later what they were trained on.
    if vectors.trained_on is not None:
        job.know(vectors.trained_on, "trained_on", digest(vectors.trained_on.tobytes()))
    return job.know(vectors, "embedding", corpus.texts, vectors.report.space)


def _place_and_group(
    config: Config,
    corpus: Corpus,
    weights: Array,
    tokens: Tokens,
    vectors: Vectors,
    sizes: Sizes,
    heritage: Heritage | None,
    job: Job,
) -> Grouping:
    """Vectors to neighbours, layouts and clusters."""
    backend, seed = job.backend, config.random_seed
    with job.cache.measured("postprocess"):
        space = config.embedding.space
        words = tokens if space.lexical != "none" else None
        after = replace(sizes, model=0, copies=1)  # the model is gone, the first matrix is there
        used = job.derive(
            used_space, vectors.matrix, corpus.texts, words, space, backend, seed, after
        )
    graph = job.stage("neighbors", neighbor_graph, used.matrix, config.neighbors, backend, seed)
    # Of vectors alone, on a core that the layouts and the clustering leave idle.
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
    earlier = earlier_places(heritage, corpus.texts, config, vectors.report.space, backend)
    layout = job.stage(
        "layout",
        lay_out,
        used.matrix,
        graph,
        config.layout,
        backend,
        seed,
        earlier,
        fresh=seed
        is None,  # every layout differs then: an earlier one must not pass for this run's
        along=partial(prepare_drawing, backend),
    )
    votes = job.stage(
        "votes",
        cast_votes,
        layout,
        used.matrix,
        graph,
        config.layout,
        config.clusters.voting,
        backend,
        seed,
        earlier_votes(heritage, corpus.texts, config, vectors.report.space, backend),
        fresh=seed is None,
    )
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
    themes = config.clusters.themes
    hierarchy = job.stage(
        "hierarchy", find_hierarchy, clusters, used.matrix, weights, themes, backend
    )
    sweep = sweep_sizes(votes, config.clusters.min_cluster_size)
    return Grouping(vectors, used, graph, layout, votes, clusters, hierarchy, sweep, retrieval())


def _read_words(
    config: Config,
    corpus: Corpus,
    weights: Array,
    tokens: Tokens,
    geometry: Grouping,
    lists: SideFiles,
    job: Job,
) -> WordFindings:
    """Words to terms of clusters and themes, and lexicon hits."""
    backend, clusters = job.backend, geometry.clusters
    how = (weights, lists.stop_words, config.terms, backend)
    terms = job.stage("terms", cluster_terms, tokens, clusters.labels, *how)
    themes = job.derive(text_themes, clusters.labels, geometry.hierarchy.themes)
    theme_terms = job.stage("theme_terms", cluster_terms, tokens, themes, *how)
    hits = job.stage(
        "lexicon", count_hits, tokens, corpus.texts, lists.lexicon, config.lexicon.mode, backend
    )
    return WordFindings(tokens, terms, theme_terms, hits)


def _look_at_artists(
    corpus: Corpus, geometry: Grouping, regions: dict[str, str] | None, backend: Backend
) -> ArtistTables:
    """Artists and regions by cluster, over occurrences."""
    rows = backend.from_host(corpus.lines["text_id"].to_numpy())
    clusters = backend.xp.take(geometry.clusters.labels, rows)
    return artist_tables(corpus.lines, clusters, regions, backend)


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
        geometry.retrieval,
        follows,
        config.quality,
        job.backend,
        config.random_seed,
    )


def _resample(config: Config, corpus: Corpus, geometry: Grouping, job: Job) -> Stability | None:
    """The clusters on other songs, where that is asked for."""
    if not config.quality.stability:
        return None
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
        read_certificate(config.report.certificate) if config.report.certificate else None,
    )


def _warn(corpus: Corpus) -> None:
    """Say aloud what the reader noticed, also where the corpus was read in an earlier run."""
    for warning in corpus.warnings:
        log.warning("%s", warning)
