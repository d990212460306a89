"""Settings other than the defaults: every space, search, start, selection and pooling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from rapids_rap.arrays import Float32s, HostArray
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.protocol import Backend, Knn
from rapids_rap.clustering.clusters import cluster_centers, join_nearest
from rapids_rap.clustering.neighbors import NeighborGraph
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import embed
from rapids_rap.embedding.forward import Runner
from rapids_rap.embedding.space import used_space
from rapids_rap.embedding.trie import Trie
from rapids_rap.quality.geometry import trustworthiness
from rapids_rap.runs.certificate import ParityFigure
from rapids_rap.words.segment import segment
from tests.parity.checks import (
    BLOBS,
    MAP,
    RECALL,
    SAMPLE,
    SEED,
    TRUST,
    Sample,
    at_least,
    at_most,
    exact_graph,
    map_of,
    noted,
    strays,
)

CPU = CpuBackend()
PLAN = "rapids_rap.backend.gpu_plan"
MODES = ("none", "center", "remove", "whiten")
POOLINGS = ("mean", "last", "cls", "echo")
STARTS = ("pca", "spectral", "random")
PROBE = 4  # texts of the batches that a model is tried with when it is loaded
FULL = 32  # tokens a batch above which the device is made to seem full


def spaces(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """Every post-processing, and words or characters beside the vectors, each made twice."""
    tokens = segment(sample.texts, ())
    matrix = other.from_host(sample.vectors)
    for mode, lexical in (
        *((m, "none") for m in MODES),
        ("whiten", "words"),
        ("none", "characters"),
    ):
        config = EmbeddingConfig(model="demo", postprocess=mode, lexical=lexical).space
        words = None if lexical == "none" else tokens
        ours = used_space(sample.vectors, sample.texts, words, config, CPU, SEED).matrix
        theirs, again = (
            other.to_host(used_space(matrix, sample.texts, words, config, other, SEED).matrix)
            for _ in range(2)
        )
        name = f"{mode}, lexical {lexical}"
        # The axes of a lexical part are known up to rotations within nearly equal variances, so
        # what texts are to each other is compared, and not their coordinates.
        error = np.abs(theirs @ theirs.T - ours @ ours.T).max()
        yield at_most("spaces", f"{name}: error of cosines", float(error), 1e-2)
        differing = float((theirs != again).any(axis=1).sum())
        twice = f"{name}: rows that differ the second time"
        # cuSPARSE does not promise equal bits: this figure answers whether it gives them.
        is_open = lexical != "none"
        yield (
            noted("spaces", twice, differing) if is_open else at_most("spaces", twice, differing, 0)
        )


def odd_rows(sample: Sample, other: Backend, engine: Any) -> Iterator[ParityFigure]:
    """Neighbours of rows of many lengths, equal rows, and no queries at all."""
    rng, part = np.random.default_rng(SEED), f"neighbors ({engine})"
    scaled = sample.vectors * rng.uniform(0.2, 9.0, (len(sample.vectors), 1)).astype(np.float32)
    found = other.knn(other.from_host(scaled), 30, engine=engine, seed=SEED)
    truth = exact_graph(sample.vectors, 30)
    yield at_least(part, "rows of many lengths: recall", _met(other, found, truth), RECALL)
    error = np.abs(other.to_host(found.distances) - truth.distances)
    error = error[other.to_host(found.indices) == truth.indices]  # a miss moves up the others
    yield at_most(part, "rows of many lengths: error of distances", float(error.max()), 1e-3)
    again = other.knn(other.from_host(scaled), 30, engine=engine, seed=SEED)
    yield at_most(part, "rows that differ the second time", _differing(other, found, again), 0)
    none = other.from_host(sample.vectors[:0])
    empty = other.knn(other.from_host(scaled), 3, queries=none, engine=engine).indices
    yield at_most(part, "neighbours of no queries", float(empty.shape[0]), 0)


def scarce_lists(other: Backend, n: int = 20_000) -> Iterator[ParityFigure]:
    """An inverted file whose probing can miss: a low recall, and more neighbours than it meets."""
    part = "neighbors (ivf)"
    points = np.random.default_rng(SEED).normal(size=(n, 32)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    rows = other.from_host(points)
    for k, wanted in ((10, 0.8), (min(400, n // 5), 0.5)):
        truth = other.knn(rows, k, engine="exact")
        found = other.knn(rows, k, engine="ivf", min_recall=wanted, seed=SEED)
        met = _met(other, found, truth)
        yield at_least(part, f"recall of {k} of {n:,}", met, wanted - 0.05)
        yield at_most(part, f"recall of {k}: said less met", abs(found.recall - met), 0.05)
        indices = other.to_host(found.indices)
        wrong = ((indices < 0) | (indices >= n) | (indices == np.arange(n)[:, None])).sum()
        yield at_most(part, f"gaps, selves and strangers among {k}", float(wrong), 0)
        again = other.knn(rows, k, engine="ivf", min_recall=wanted, seed=SEED)
        yield at_most(part, f"rows of {k} that differ again", _differing(other, found, again), 0)


def descent(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """NN-descent over rows on the device, which the plan takes where brute force takes hours."""
    with patch(f"{PLAN}.EXACT_FLOPS", 1.0):
        found = other.knn(other.from_host(sample.vectors), 30, engine="cuvs", seed=SEED)
    part = "neighbors (cuvs)"
    yield at_least(part, "NN-descent ran", float("nn_descent" in found.engine), 1, found.engine)
    met = _met(other, found, exact_graph(sample.vectors, 30))
    yield at_least(part, "NN-descent: recall of 30", met, RECALL)
    yield at_most(part, "NN-descent: said less met", abs(found.recall - met), 0.05)


def starts(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """Maps from every start and from a finished map, and each of them twice."""
    truth, own = exact_graph(sample.vectors, 30), map_of(sample)
    rows = other.from_host(sample.vectors)
    graph = replace(
        truth, indices=other.from_host(truth.indices), distances=other.from_host(truth.distances)
    )
    specs = {init: replace(MAP, init=init) for init in STARTS}
    specs["a finished map"] = replace(MAP, start=other.from_host(own), learning_rate=0.1)
    trust = _trust(sample, own)
    for name, spec in specs.items():
        maps = [other.to_host(other.umap(rows, graph, [spec], SEED)[0]) for _ in range(2)]
        differing = float((maps[0] != maps[1]).any(axis=1).sum())
        yield at_most("layout", f"from {name}: points that differ again", differing, 0)
        yield at_most("layout", f"from {name}: stray points", float(strays(maps[0], own)), 0)
        lost = trust - _trust(sample, maps[0])
        yield at_most("layout", f"from {name}: trustworthiness lost", lost, TRUST)


def selections(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """Clusters by excess of mass, merged below a distance, by NN-descent; noise that joins."""
    from sklearn.datasets import make_blobs
    from sklearn.metrics import adjusted_rand_score

    blobs = make_blobs(3000, 5, centers=12, cluster_std=0.6, random_state=SEED)[0]
    blobs = blobs.astype(np.float32)
    plane = map_of(sample)
    for points, name, needed in ((blobs, "blobs", BLOBS), (plane, "the sample's map", SAMPLE)):
        for selection, epsilon in (("eom", 0.0), ("leaf", 0.3)):
            asked: dict[str, Any] = {"min_cluster_size": 20, "min_samples": 5}
            asked |= {"selection": selection, "epsilon": epsilon}
            ours = CPU.hdbscan(points, **asked).labels
            theirs, again = (
                other.to_host(other.hdbscan(other.from_host(points), **asked).labels)
                for _ in range(2)
            )
            kind = f"{selection}, epsilon {epsilon:g}, on {name}"
            alike = float(adjusted_rand_score(ours, theirs))
            yield at_least("clusters", f"adjusted Rand index, {kind}", alike, needed)
            yield at_most(
                "clusters", f"labels that differ again, {kind}", _unlike(theirs, again), 0
            )
    asked = {"min_cluster_size": 20, "min_samples": 5}
    with patch(f"{PLAN}.EXACT_PAIRS", 1.0):
        theirs = other.to_host(other.hdbscan(other.from_host(blobs), **asked).labels)
    alike = float(adjusted_rand_score(CPU.hdbscan(blobs, **asked).labels, theirs))
    yield at_least("clusters", "adjusted Rand index, NN-descent, on blobs", alike, BLOBS)
    joined = [_joined(sample, backend) for backend in (CPU, other)]
    share = _unlike(*joined) / len(joined[0])
    yield at_most("clusters", "share of texts that noise=nearest puts elsewhere", share, 0.002)


def encoders(
    sample: Sample, other: Backend, store: Path, most: int = 300
) -> Iterator[ParityFigure]:
    """Every pooling; half-precision stores; a second time, a resumed store, halved batches."""
    texts, exact = sample.texts[:most], sample.vectors[:most]
    for pooling in POOLINGS:
        config = EmbeddingConfig(model="demo", pooling=pooling)
        ours = embed(texts, config, CPU, store / f"cpu {pooling}").matrix
        theirs, again = (_vectors(texts, config, other, store / f"{pooling} {i}") for i in "12")
        yield _alike(f"{pooling} pooling: least cosine to float32", ours, theirs)
        yield _same(f"{pooling} pooling: rows that differ the second time", theirs, again)
    config = EmbeddingConfig(model="demo", store_dtype="float16")
    first, read = (_vectors(texts, config, other, store / "half") for _ in range(2))
    yield _alike("half-precision store: least cosine", exact, first)
    yield _same("half-precision store: rows that differ when read", first, read)
    config = EmbeddingConfig(model="demo")
    begun = _vectors(texts[: most // 2], config, other, store / "resumed")
    resumed = embed(texts, config, other, store / "resumed")
    yield at_least("embedding", "resumed: texts read back", resumed.report.reused, most // 2)
    matrix = other.to_host(resumed.matrix)
    yield _same("resumed: rows that differ from before", begun, matrix[: most // 2])
    yield _alike("resumed: least cosine", exact, matrix)
    config = EmbeddingConfig(model="demo", token_budget=4 * FULL)
    with (
        patch.object(Runner, "run", _full_above(FULL, Runner.run)),
        patch.object(Runner, "run_trie", _full_above(FULL, Runner.run_trie)),
    ):
        halved = embed(texts, config, other, store / "halved")
    yield at_most("embedding", "halved batches: tokens a batch", halved.report.token_budget, FULL)
    yield _alike("halved batches: least cosine", exact, other.to_host(halved.matrix))


def _full_above(tokens: int, run: Any) -> Any:
    """`Runner.run` or `run_trie`, out of memory above so many tokens or nodes."""

    def limited(self: Runner, batch: Any, *layout: Any) -> Any:
        trie = isinstance(batch, Trie)
        ids = batch.nodes.ids if trie else batch.ids
        texts = len(batch.texts.borders) - 1 if trie else batch.texts
        if len(ids) > tokens and texts > PROBE:
            raise torch.OutOfMemoryError("CUDA out of memory (said by the comparison).")
        return run(self, batch, *layout)

    return limited


def _vectors(texts: Any, config: EmbeddingConfig, backend: Backend, store: Path) -> HostArray:
    return backend.to_host(embed(texts, config, backend, store).matrix)


def _alike(name: str, ours: HostArray, theirs: HostArray) -> ParityFigure:
    return at_least("embedding", name, float(np.sum(ours * theirs, axis=1).min()), 0.99)


def _same(name: str, ours: HostArray, theirs: HostArray) -> ParityFigure:
    return at_most("embedding", name, float((ours != theirs).any(axis=1).sum()), 0)


def _met(other: Backend, found: Knn, truth: Knn) -> float:
    """The share of true neighbours that were found; those as near as the last are as good."""
    distances = other.to_host(found.distances)
    return float((distances <= other.to_host(truth.distances)[:, -1:] + 2e-6).mean())


def _differing(other: Backend, one: Knn, two: Knn) -> float:
    a, b = (other.to_host(found.indices) for found in (one, two))
    return float((a != b).any(axis=1).sum())


def _unlike(ours: HostArray, theirs: HostArray) -> float:
    return float((ours != theirs).sum())


def _trust(sample: Sample, xy: Float32s) -> float:
    found = trustworthiness(sample.vectors, xy, CPU, sample=len(xy), seed=SEED)
    return found.value or 0.0


def _joined(sample: Sample, backend: Backend) -> HostArray:
    """The sample's labels, with its noise in the clusters of its neighbours."""
    truth = exact_graph(sample.vectors, 30)
    vectors, labels = backend.from_host(sample.vectors), backend.from_host(sample.labels)
    graph = NeighborGraph(
        backend.from_host(truth.indices), backend.from_host(truth.distances), "exact", 1.0
    )
    centers = cluster_centers(vectors, labels, int(sample.labels.max()) + 1)
    return backend.to_host(join_nearest(labels, vectors, centers, graph))
