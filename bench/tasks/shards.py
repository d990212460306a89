"""A run's stages over shards by two worker processes of one thread each: time, and memory a worker.

`texts` reads, cleans, segments and counts; in place of an encoder stands a hash of pairs of
characters, which costs next to nothing and means nothing: what grows is ours alone. `one_worker`
and `two_workers` embed with the bundled demo model.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend import load_backend
from rapids_rap.bench.measure import Call, Inputs, SideFindings
from rapids_rap.config import CorpusConfig, EmbeddingConfig, InputConfig, ScaleConfig, TermsConfig
from rapids_rap.runs.files import write_array
from rapids_rap.runs.peak_memory import PeakMemory

CLUSTERS, DIM = 64, 64
_BITS = 21  # of a code point


class Clock:
    """Seconds and peak of each stage: of the process that hands out, and of the largest worker."""

    def __init__(self, executor: Any, folder: Path) -> None:
        self.stages: list[dict[str, Any]] = []
        self._executor, self._folder = executor, folder

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Watch what is inside the `with`."""
        start, peak = time.perf_counter(), PeakMemory()
        yield
        seconds = time.perf_counter() - start
        own = peak.bytes()
        workers = max(self._executor.everywhere(largest_size, self._folder).values())
        self.stages += [
            {"stage": stage, "seconds": seconds, "peak_bytes": own},
            {"stage": f"{stage}, a worker so far", "seconds": 0.0, "peak_bytes": workers},
        ]


def largest_size(_: object) -> int:
    """The largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def texts(inputs: Inputs) -> Call:
    """Reading, cleaning, words, hashed vectors, terms of their clusters, lexicon."""
    from rapids_rap.corpus.ingest import ingest
    from rapids_rap.scale.cleaning import clean_by_shards
    from rapids_rap.scale.engines import open_executor
    from rapids_rap.scale.hits import hits_by_shards
    from rapids_rap.scale.reading import read_by_shards
    from rapids_rap.scale.terms import terms_by_shards
    from rapids_rap.scale.words import segment_shards
    from rapids_rap.words.lexicon import load_lexicon
    from rapids_rap.words.terms import stop_words

    def call() -> SideFindings:
        backend, lexicon = load_backend("cpu"), load_lexicon()
        with open_executor(ScaleConfig(executor="dask", workers=2), "cpu") as executor:
            where: dict[str, Any] = {"executor": executor, "beside": inputs.own}
            clock = Clock(executor, inputs.own)
            with clock("reading and cleaning"):
                corpus = ingest(
                    [inputs.corpus],
                    InputConfig(),
                    CorpusConfig(),
                    partial(read_by_shards, **where),
                    partial(clean_by_shards, **where),
                )
            lines, distinct, weights = len(corpus.lines), corpus.texts, corpus.weights
            del corpus  # its table is on disk in a run
            with clock("words"):
                tokens = segment_shards(distinct, lexicon.all_words, executor, inputs.own)
            with clock("hashed vectors"):
                labels = hashed_by_shards(distinct, executor, inputs.own)
            with clock("terms"):
                of = (tokens, labels, weights, stop_words(""), TermsConfig(), backend)
                terms = terms_by_shards(*of, **where)
            with clock("lexicon"):
                hits = hits_by_shards(
                    tokens, distinct, lexicon, "occurrence", "count", backend, **where
                )
        counts = {
            "lines": lines,
            "texts": len(distinct),
            "tokens": len(tokens.ids),
            "hits": len(hits.spans),
        }
        return SideFindings(counts, clock.stages, {}, {"terms": terms.table})

    return call


def hashed_by_shards(texts: tuple[str, ...], executor: Any, beside: Path) -> Int64s:
    """(n,) the cluster of each text's hashed vector, which a shard leaves in a file."""
    from rapids_rap.scale.texts import shared_folder, write_texts
    from rapids_rap.scale.tokens import text_shards

    with shared_folder(beside) as folder:
        shards = [np.arange(*shard) for shard in text_shards(len(texts))]
        tasks = write_texts(folder, texts, shards, {})
        executor.map(hash_shard, tasks)
        parts = [np.load(folder / f"labels-{task.number}.npy") for task in tasks]
    return np.concatenate(parts)


def hash_shard(task: Any) -> int:
    """Leave a shard's vectors and clusters."""
    from rapids_rap.scale.texts import read_texts

    own, _ = read_texts(task)
    vectors = hashed(own)
    planes = np.random.default_rng(42).normal(size=(DIM, CLUSTERS)).astype(np.float32)
    folder = Path(task.folder)
    write_array(folder / f"vectors-{task.number}.npy", vectors)
    labels = np.argmax(vectors @ planes, axis=1).astype(np.int64)
    write_array(folder / f"labels-{task.number}.npy", labels)
    return len(own)


def hashed(texts: list[str]) -> Float32s:
    """(n, DIM) unit vectors: signed counts of hashed pairs of characters."""
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    text = np.cumsum(codes == ord("\n"))[:-1]
    mixed = ((codes[:-1] << np.uint64(_BITS)) | codes[1:]) * np.uint64(0x9E3779B97F4A7C15)
    cell = text * DIM + (mixed >> np.uint64(40)).astype(np.int64) % DIM
    sign = np.where(mixed >> np.uint64(63), 1.0, -1.0)
    counts = np.bincount(cell, sign, minlength=len(texts) * DIM).reshape(-1, DIM)
    length = np.linalg.norm(counts, axis=1, keepdims=True)
    vectors: Float32s = (counts / np.maximum(length, 1e-9)).astype(np.float32)
    return vectors


def one_worker(inputs: Inputs) -> Call:
    """Embedding by one process of one thread."""
    return _embedding(inputs, 1)


def two_workers(inputs: Inputs) -> Call:
    """Embedding by two processes of one thread each."""
    return _embedding(inputs, 2)


def _embedding(inputs: Inputs, workers: int) -> Call:
    """The workers are there, their model loaded, before the clock starts."""
    from rapids_rap.embedding.embed import embed
    from rapids_rap.scale.executor import ProcessExecutor
    from rapids_rap.scale.vectors import fill_store

    distinct = tuple(sorted(set(pd.read_parquet(inputs.corpus, columns=["text"])["text"])))
    backend = load_backend("cpu")
    executor = ProcessExecutor(workers)

    def into(store: Path, texts: tuple[str, ...]) -> Any:
        shutil.rmtree(store, ignore_errors=True)
        config = EmbeddingConfig(model="demo")  # the same for both: workers keep its encoder
        return embed(texts, config, backend, store, fill=partial(fill_store, executor=executor))

    into(inputs.own / "first", distinct[:100])  # each worker is asked, and loads the model

    def call() -> SideFindings:
        vectors = into(inputs.own / "store", distinct)
        return SideFindings({"texts": len(distinct)}, (), {"vectors": vectors.matrix})

    return call
