"""The stages that a run hands to an executor, and the one place that says which those are."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from rapids_rap.arrays import Int64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.clustering.sample import Near, Sample
from rapids_rap.config import Config, CorpusConfig, InputConfig, NeighborsConfig, TermsConfig
from rapids_rap.corpus import Corpus
from rapids_rap.corpus.ingest import HashedFiles, ingest_hashed
from rapids_rap.embedding.embed import Filled, Missing
from rapids_rap.embedding.model import resolve_model
from rapids_rap.quality.keyness import SongTerms
from rapids_rap.quality.profiles import Profiles
from rapids_rap.scale.cleaning import clean_by_shards
from rapids_rap.scale.engines import open_executor
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.hits import hits_by_shards
from rapids_rap.scale.neighbors import shard_nearest_fitted, shard_neighbors
from rapids_rap.scale.reading import read_by_shards
from rapids_rap.scale.song_terms import song_terms_by_shards
from rapids_rap.scale.terms import terms_by_shards
from rapids_rap.scale.texts import shared_folder
from rapids_rap.scale.vectors import fill_store, model_anywhere
from rapids_rap.scale.words import segment_shards
from rapids_rap.scale.workers import check_workers
from rapids_rap.words.hits import Hits
from rapids_rap.words.lexicon import Lexicon
from rapids_rap.words.segment import Tokens
from rapids_rap.words.terms import Terms

log = logging.getLogger(__name__)

BY_SHARDS = ("reading", "cleaning", "words", "vectors", "terms", "lexicon", "songs x terms")
NOT_BY_SHARDS = "layouts, clusters, tables, figures and maps"
NEIGHBORS = ("exact", "cells")  # engines that search by shards


@dataclass(frozen=True)
class Scaled:
    """What of a run goes to workers. folder: the run's, which all of them see."""

    executor: Executor
    folder: Path

    def ingest(
        self, files: HashedFiles, input_config: InputConfig, corpus_config: CorpusConfig
    ) -> Corpus:
        """`corpus.ingest.ingest_hashed`, files read and lines cleaned by workers."""
        read = partial(read_by_shards, executor=self.executor, beside=self.folder)
        judge = partial(clean_by_shards, executor=self.executor, beside=self.folder)
        return ingest_hashed(files, input_config, corpus_config, read, judge)

    def segment(self, texts: Sequence[str], user_words: Iterable[str] = ()) -> Tokens:
        """`words.segment.segment`, over shards."""
        return segment_shards(texts, user_words, self.executor, self.folder)

    def terms(
        self,
        tokens: Tokens,
        labels: Array,
        weights: Array,
        stop: Sequence[str],
        config: TermsConfig,
        backend: Backend,
    ) -> Terms:
        """`words.terms.cluster_terms`, counted over shards."""
        of = (tokens, labels, weights, stop, config, backend)
        return terms_by_shards(*of, executor=self.executor, beside=self.folder)

    def hits(
        self,
        tokens: Tokens,
        texts: Sequence[str],
        lexicon: Lexicon,
        mode: Literal["occurrence", "presence"],
        negation: Literal["count", "leave out"],
        backend: Backend,
    ) -> Hits:
        """`words.hits.find_hits`, over shards."""
        of = (tokens, texts, lexicon, mode, negation, backend)
        return hits_by_shards(*of, executor=self.executor, beside=self.folder)

    def song_terms(
        self, tokens: Tokens, keys: Int64s, profiles: Profiles, stop: Sequence[str]
    ) -> SongTerms:
        """`quality.keyness.song_terms`, over shards."""
        of = (tokens, keys, profiles, stop)
        return song_terms_by_shards(*of, executor=self.executor, beside=self.folder)

    def fill(self, missing: Missing) -> Filled:
        """What `embed` has embedded elsewhere."""
        return fill_store(missing, self.executor)

    def neighbors(
        self, vectors: Array, config: NeighborsConfig, backend: Backend, seed: int | None
    ) -> NeighborGraph:
        """`clustering.neighbors.neighbor_graph`, over shards where its engine works so."""
        return shard_neighbors(vectors, config, backend, seed, self.executor, self.folder)

    def nearest_fitted(
        self,
        vectors: Array,
        sample: Sample,
        config: NeighborsConfig,
        backend: Backend,
        seed: int | None,
    ) -> Near:
        """`clustering.sample.nearest_fitted`, likewise."""
        return shard_nearest_fitted(
            vectors, sample, config, backend, seed, self.executor, self.folder
        )


@contextlib.contextmanager
def open_scaled(
    config: Config, folder: Path, backend: Literal["cpu", "gpu"], *, again: bool = False
) -> Iterator[Scaled]:
    """The executor of `[scale]` with its workers checked; closed at the end.

    again: what is done by shards was said before.

    Raises `CapabilityError` where it can't be had or a worker lacks what the run needs.
    """
    lane = open_lane(load_backend(backend).torch_device)
    fingerprint = resolve_model(config.embedding, lane.dtype).fingerprint
    with open_executor(config.scale, backend) as executor:
        with shared_folder(folder) as meeting:
            embedding = model_anywhere(config.embedding)
            check_workers(executor, meeting, embedding, config.maps, backend, fingerprint)
        near = config.neighbors.engine in NEIGHBORS
        here = NOT_BY_SHARDS if near else f"neighbours (of this engine), {NOT_BY_SHARDS}"
        log.log(
            logging.INFO if again else logging.WARNING,
            "by shards (%s): %s; in this process, because it is not built by shards yet: %s",
            executor.kind,
            ", ".join((*BY_SHARDS, *["neighbours"] * near)),
            here,
        )
        yield Scaled(executor, folder)
