"""The order of the stages, and nothing else knows it.

A stage's cache key is made of its version, the backend, the libraries' versions, its config and the
keys of the stages it reads. Raise a version here when what the stage computes changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import Array, Backend, Sizes, check_engine
from rapids_rap.clustering.clusters import Clusters, find_clusters
from rapids_rap.clustering.layout import Layout, lay_out
from rapids_rap.clustering.neighbors import NeighborGraph, neighbor_graph
from rapids_rap.clustering.themes import text_themes
from rapids_rap.clustering.warm_start import Earlier
from rapids_rap.config import Config, LayoutConfig
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.files import find_files
from rapids_rap.corpus.ingest import ingest
from rapids_rap.data import data_path
from rapids_rap.embedding import Vectors
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.fusion import VERSION as FUSION
from rapids_rap.embedding.fusion import fuse
from rapids_rap.embedding.model import resolve_model
from rapids_rap.embedding.postprocess import VERSION as POSTPROCESS
from rapids_rap.embedding.postprocess import Postprocessed, postprocess
from rapids_rap.errors import InputError
from rapids_rap.lineage.heritage import Heritage, earlier_places
from rapids_rap.lineage.identity import name_groups
from rapids_rap.machine.device import DeviceResolution
from rapids_rap.machine.memory_plan import MemoryPlan, find_model_size, plan_memory
from rapids_rap.machine.versions import shaping_versions
from rapids_rap.maps.draw import prepare_drawing
from rapids_rap.maps.fonts import font_path
from rapids_rap.progress import StageProgress
from rapids_rap.publish import Findings, Origin, Summary, count_table, publish
from rapids_rap.quality.assess import Evidence, Quality, Retrieval, assess, retrieve
from rapids_rap.runs.certificate import Certificate, read_certificate
from rapids_rap.runs.files import digest, listed
from rapids_rap.runs.folder import RunFolder, hash_inputs, write_corpus
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.stages import StageCache, stage_key
from rapids_rap.tables.artists import ArtistTables, artist_tables, load_regions
from rapids_rap.words.lexicon import Lexicon, count_hits, load_lexicon
from rapids_rap.words.segment import Tokens, load_words, segment
from rapids_rap.words.terms import Terms, cluster_terms, stop_words

log = logging.getLogger(__name__)
Result = TypeVar("Result")

VERSIONS = {
    "corpus": 1,
    "neighbors": 2,
    "layout": 3,
    "clusters": 2,
    "segment": 1,
    "terms": 1,
    "theme_terms": 1,
    "lexicon": 1,
    "retrieval": 1,
    "quality": 3,
}


@dataclass(frozen=True)
class Geometry:
    """Where the texts lie and how they group."""

    vectors: Vectors
    used: Postprocessed
    graph: NeighborGraph
    layout: Layout
    clusters: Clusters
    retrieval: Retrieval


@dataclass(frozen=True)
class Lists:
    """The small files that a configuration names, read before any work begins."""

    lexicon: Lexicon
    own_words: tuple[str, ...]
    stop_words: tuple[str, ...]
    regions: dict[str, str] | None
    certificate: Certificate | None


@dataclass(frozen=True)
class Hits:
    """Lexicon hits of each text, (n, categories) int64; a type of its own for the stage cache."""

    counts: Array


@dataclass(frozen=True)
class Words:
    """What the texts say."""

    tokens: Tokens
    terms: Terms
    theme_terms: Terms
    hits: Array


def ingest_only(config: Config, out: Path) -> tuple[pd.DataFrame, Path]:
    """Read and clean; write the corpus and `dropped.parquet`; return the counts and the latter."""
    corpus = _ingest(config)
    _warn(corpus)
    return count_table(corpus.files), write_corpus(out, corpus.lines, corpus.dropped)


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
    check_engine(resolution.backend, config.neighbors.engine)
    lists = _load_lists(config)
    with RunFolder(out, overwrite=overwrite) as folder:
        backend = load_backend(resolution.backend)
        sizes, dim = _sizes(config, backend)
        job = _Job(config, backend, out, progress, shared_stages, heritage)
        hashes = hash_inputs(files)
        folder.claim(hashes)
        reading = config.input.model_dump(mode="json", exclude={"paths", "regions"})
        corpus = job.stage(
            Corpus,
            "corpus",
            lambda: _ingest_as_hashed(config, hashes),
            hashes,
            reading,
            config.corpus,
            digest(data_path("credit_roles.toml").read_bytes()),
        )
        _warn(corpus)
        sizes = _plan_memory(corpus, dim, sizes, backend)
        weights = backend.from_host(_weights(corpus))
        tokens = _cut_words(corpus, lists, job)
        geometry = _place_and_group(corpus, weights, tokens, sizes, job)
        words = _read_words(corpus, weights, tokens, geometry, lists, job)
        artists = _look_at_artists(corpus, geometry, lists.regions, job)
        quality = _judge(weights, geometry, words, job)
        with job.cache.measured("identity"):
            names = name_groups(
                corpus.texts,
                weights,
                geometry.clusters,
                geometry.vectors,
                heritage,
                config.nightly,
                backend,
            )
        findings = Findings(
            corpus,
            weights,
            geometry.vectors,
            geometry.used.matrix,
            geometry.graph,
            geometry.layout,
            geometry.clusters,
            words.terms,
            words.theme_terms,
            lists.lexicon,
            words.hits,
            artists,
            quality,
            names,
        )
        origin = Origin(config, resolution, command, created, lists.certificate)
        return publish(folder, findings, origin, backend, job.cache)


def what_shapes(config: Config, resolution: DeviceResolution) -> dict[str, Any]:
    """What decides a run's results beside inputs and configuration, as JSON holds it.

    model: the fingerprint of its files. Raises as `resolve_model` where it can't be had.
    """
    lane = open_lane(load_backend(resolution.backend).torch_device)
    return {
        "backend": resolution.backend,
        "model": resolve_model(config.embedding, lane.dtype).fingerprint,
        "stages": {**VERSIONS, "postprocess": POSTPROCESS, "fusion": FUSION},
        "versions": shaping_versions(),
    }


def plan_ahead(config: Config, resolution: DeviceResolution, texts: int) -> MemoryPlan:
    """The memory plan of a run of so many distinct texts, before anything is read."""
    backend = load_backend(resolution.backend)
    sizes, dim = _sizes(config, backend)
    host = load_backend("cpu").memory()
    return plan_memory(backend.name, texts, dim, backend.memory(), host, sizes)


class _Job:
    """What every stage of one run shares, and the key of each stage that has run."""

    def __init__(
        self,
        config: Config,
        backend: Backend,
        out: Path,
        progress: StageProgress,
        shared_stages: Path | None = None,
        heritage: Heritage | None = None,
    ) -> None:
        self.config, self.backend, self.progress = config, backend, progress
        self.heritage = heritage
        self.cache = StageCache(
            shared_stages or out / ".stages",
            backend,
            progress.stage,
            keep_older=shared_stages is not None,
        )
        self.store = (
            Path(config.embedding.store).expanduser() if config.embedding.store else out / ".store"
        )
        self.seed = None if config.seed == "none" else config.seed
        self.versions = shaping_versions()  # another release may compute something else
        self.keys: dict[str, str] = {}

    def stage(
        self, kind: type[Result], name: str, compute: Callable[[], Result], *parts: object
    ) -> Result:
        """Run or load a stage whose result depends on `parts` (configs, keys, hashes)."""
        return self.cache.run(kind, name, self._key(name, parts), compute)

    def begin(
        self, kind: type[Result], name: str, compute: Callable[[], Result], *parts: object
    ) -> Callable[[], Result]:
        """Begin a stage beside those that come next; what is returned ends it.

        Its seconds are what the run waits for it then.
        """
        key = self._key(name, parts)
        waiting = compute if self.cache.holds(name, key) else self.backend.beside(compute)
        return lambda: self.cache.run(kind, name, key, waiting)

    def _key(self, name: str, parts: Sequence[object]) -> str:
        plain = [p.model_dump(mode="json") if hasattr(p, "model_dump") else p for p in parts]
        self.keys[name] = stage_key(name, VERSIONS[name], self.backend.name, self.versions, *plain)
        return self.keys[name]


def _cut_words(corpus: Corpus, lists: Lists, job: _Job) -> Tokens:
    """Texts to words; first of all, as vectors may hold words."""
    own = (*lists.lexicon.all_words, *lists.own_words)
    return job.stage(
        Tokens,
        "segment",
        lambda: segment(corpus.texts, own),
        digest("\n".join(corpus.texts)),
        lists.lexicon.all_words,
        lists.own_words,
        digest(data_path("slang.txt").read_bytes()),
    )


def _place_and_group(
    corpus: Corpus, weights: Array, tokens: Tokens, sizes: Sizes, job: _Job
) -> Geometry:
    """Texts to vectors, neighbours, layouts and clusters."""
    config, backend, seed = job.config, job.backend, job.seed
    job.progress.stage("embedding")
    with exclusive(job.store), job.cache.measured("embedding") as kept:
        vectors = embed(
            corpus.texts, config.embedding, backend, job.store, job.progress.advance, sizes
        )
        kept.extend([True] * (vectors.report.embedded == 0))
    with job.cache.measured("postprocess"):
        how = config.embedding
        after = replace(sizes, model=0, copies=1)  # the model is gone, the first matrix is there
        used = postprocess(
            vectors.matrix,
            how.postprocess,
            backend,
            whiten_dims=how.whiten_dims,
            remove_dims=how.remove_dims,
            seed=seed,
            sizes=after,
        )
        if how.lexical != "none":
            fused = fuse(used.matrix, corpus.texts, tokens, how, backend, seed, after)
            used = replace(used, matrix=fused)
    space = [
        digest("\n".join(corpus.texts)),
        vectors.report.space,
        POSTPROCESS,
        how.postprocess,
        how.whiten_dims,
        how.remove_dims,
        (FUSION, how.lexical, how.lexical_dims, job.keys["segment"])
        if how.lexical != "none"
        else "",
    ]
    graph = job.stage(
        NeighborGraph,
        "neighbors",
        lambda: neighbor_graph(used.matrix, config.neighbors, backend, seed),
        space,
        config.neighbors,
        seed,
    )
    # Of vectors alone, on a core that the layouts and the clustering leave idle.
    retrieval = job.begin(
        Retrieval,
        "retrieval",
        lambda: retrieve(
            used.matrix,
            vectors.matrix,
            corpus.lines,
            corpus.texts,
            tokens,
            config.quality,
            backend,
            seed,
        ),
        space,
        job.keys["corpus"],
        job.keys["segment"],
        config.quality,
        seed,
    )
    # Without a seed every layout differs, so an earlier one must not pass for this run's.
    chance = datetime.now(UTC).isoformat() if seed is None else seed
    earlier = earlier_places(job.heritage, corpus.texts, config, vectors.report.space, backend)
    went_on = [earlier.key, earlier.unchanged] if earlier else []
    layout = job.stage(
        Layout,
        "layout",
        lambda: _lay_out(used.matrix, graph, config.layout, backend, seed, earlier),
        job.keys["neighbors"],
        config.layout,
        chance,
        *went_on,
    )
    clusters = job.stage(
        Clusters,
        "clusters",
        lambda: find_clusters(
            layout.reduced, used.matrix, weights, graph, config.clusters, backend
        ),
        job.keys["layout"],
        config.clusters,
        job.keys["corpus"],
    )
    return Geometry(vectors, used, graph, layout, clusters, retrieval())


def _lay_out(
    vectors: Array,
    graph: NeighborGraph,
    config: LayoutConfig,
    backend: Backend,
    seed: int | None,
    earlier: Earlier | None,
) -> Layout:
    """The layouts, and beside them, as one ends before the other, what the maps need later."""
    calls = (
        partial(lay_out, vectors, graph, config, backend, seed, earlier),
        partial(prepare_drawing, backend),
    )
    layout, _ = backend.together(calls)
    assert isinstance(layout, Layout)
    return layout


def _read_words(
    corpus: Corpus, weights: Array, tokens: Tokens, geometry: Geometry, lists: Lists, job: _Job
) -> Words:
    """Words to terms of clusters and themes, and lexicon hits."""
    config, backend, labels = job.config, job.backend, geometry.clusters.labels
    lexicon = lists.lexicon
    reads = (job.keys["segment"], job.keys["clusters"], config.terms, lists.stop_words)
    terms = job.stage(
        Terms,
        "terms",
        lambda: cluster_terms(tokens, labels, weights, config.terms, backend),
        *reads,
    )
    themes = text_themes(labels, geometry.clusters.themes)
    theme_terms = job.stage(
        Terms,
        "theme_terms",
        lambda: cluster_terms(tokens, themes, weights, config.terms, backend),
        *reads,
    )
    hits = job.stage(
        Hits,
        "lexicon",
        lambda: Hits(count_hits(tokens, corpus.texts, lexicon, config.lexicon.mode, backend)),
        job.keys["segment"],
        lexicon.categories,
        lexicon.words,
        config.lexicon.mode,
    )
    return Words(tokens, terms, theme_terms, hits.counts)


def _look_at_artists(
    corpus: Corpus, geometry: Geometry, regions: dict[str, str] | None, job: _Job
) -> ArtistTables:
    """Artists and regions by cluster, over occurrences."""
    backend = job.backend
    job.progress.stage("artists")
    with job.cache.measured("artists"):
        rows = backend.from_host(corpus.lines["text_id"].to_numpy())
        clusters = backend.xp.take(geometry.clusters.labels, rows)
        return artist_tables(corpus.lines, clusters, regions, backend)


def _judge(weights: Array, geometry: Geometry, words: Words, job: _Job) -> Quality:
    """Every figure of the run about itself."""
    evidence = Evidence(
        geometry.used.matrix,
        geometry.vectors.matrix,
        geometry.layout,
        geometry.clusters,
        weights,
        words.tokens,
        words.terms,
    )
    return job.stage(
        Quality,
        "quality",
        lambda: assess(evidence, geometry.retrieval, job.config.quality, job.backend, job.seed),
        job.keys["clusters"],
        job.keys["terms"],
        job.keys["retrieval"],
        job.config.quality,
        job.seed,
    )


def _load_lists(config: Config) -> Lists:
    """Everything small that can be wrong, so that it is said now and not after hours of work."""
    font_path(config.maps)
    own = config.terms.user_words
    return Lists(
        load_lexicon(config.lexicon.path or None, config.corpus.script),
        load_words(own) if own else (),
        stop_words(config.terms.stop_words),
        load_regions(config.input.regions) if config.input.regions else None,
        read_certificate(config.report.certificate) if config.report.certificate else None,
    )


def _sizes(config: Config, backend: Backend) -> tuple[Sizes, int]:
    """What the run will hold beside its lines, and the length of a vector.

    The model's folder is looked up here, so that one that can't be had is said before any work.
    """
    lane = open_lane(backend.torch_device)
    model = find_model_size(config.embedding, lane.dtype)
    batch = config.embedding.token_budget or lane.token_budget
    sizes = Sizes(
        k=config.neighbors.k,
        n_neighbors=config.layout.n_neighbors,
        dimensions=config.layout.dimensions,
        min_samples=config.clusters.min_samples,
        width=config.maps.width,
        height=config.maps.height,
        engine=config.neighbors.engine,
        copies=1 + (config.embedding.postprocess != "none") + (config.embedding.lexical != "none"),
        model=model.weights + model.activations(batch),
    )
    return sizes, model.hidden


def _plan_memory(corpus: Corpus, dim: int, sizes: Sizes, backend: Backend) -> Sizes:
    """Say before the large stages what they will need, and warn where that isn't there."""
    texts = corpus.texts
    # A word of a lyric has about one and a half characters.
    words = 1 + 2 * sum(map(len, texts)) // max(1, 3 * len(texts))
    sizes = replace(sizes, tokens_each=words)
    memory = backend.memory()
    plan = plan_memory(backend.name, len(texts), dim, memory, load_backend("cpu").memory(), sizes)
    log.info("memory: %s", plan.sentence)
    for stage in plan.stages:
        log.debug("plan: %s by %s: %s", stage.stage, stage.algorithm, stage.because)
    if memory.total and not plan.fits:
        log.warning(
            "The plan may not fit: %s; if the run is killed, use --limit or a machine with more.",
            plan.sentence,
        )
    return sizes


def _ingest(config: Config) -> Corpus:
    return ingest([Path(p) for p in config.input.paths], config.input, config.corpus)


def _ingest_as_hashed(config: Config, hashes: Sequence[tuple[str, str]]) -> Corpus:
    """Read and clean; refuse what is not what was hashed, before it is kept under those hashes."""
    corpus = _ingest(config)
    read = [(file.path, file.sha256) for file in corpus.files]
    if read != list(hashes):
        changed = sorted({label for label, _ in set(read) ^ set(hashes)})
        raise InputError(
            f"{listed(changed)}: changed while it was read; run the same command again when "
            "nothing writes there any more."
        )
    return corpus


def _warn(corpus: Corpus) -> None:
    """Say aloud what the reader noticed, also where the corpus was read in an earlier run."""
    for warning in corpus.warnings:
        log.warning("%s", warning)


def _weights(corpus: Corpus) -> npt.NDArray[np.int64]:
    """(n,) occurrences of each distinct text."""
    return np.bincount(corpus.lines["text_id"], minlength=len(corpus.texts)).astype(np.int64)
