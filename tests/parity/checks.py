"""The comparisons, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from rapids_rap.arrays import Float32s, HostArray, Int64s
from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.backend.nearest import as_distances, break_ties
from rapids_rap.backend.protocol import Backend, Knn, UmapSpec
from rapids_rap.config import EmbeddingConfig, LexiconConfig, TermsConfig
from rapids_rap.embedding.embed import embed
from rapids_rap.quality.geometry import trustworthiness
from rapids_rap.runs.certificate import ParityFigure
from rapids_rap.tables.artists import artist_tables
from rapids_rap.words.lexicon import count_hits, load_lexicon
from rapids_rap.words.segment import Tokens, segment
from rapids_rap.words.terms import cluster_terms, stop_words

RECALL, TRUST, BLOBS, SAMPLE = 0.95, 0.03, 0.95, 0.85
MAP = UmapSpec(2, 15, 0.1, None, "pca")
STRAY = 2.0  # how many extents of the CPU's map a point may lie outside of it
SEED = 42


@dataclass(frozen=True)
class Sample:
    """Lyrics and groups of them to compare on, in host memory; needs torch and pandas to be made.

    vectors: (n, d) float32 of the demo model on the CPU; labels: (n,) int64, about a seventh noise,
    of no meaning; weights: (n,) int64; lines: a row an occurrence, with text_id, artist, song_id.
    """

    texts: tuple[str, ...]
    vectors: Float32s
    labels: Int64s
    weights: Int64s
    lines: pd.DataFrame


def load_sample(lyrics: Path, store: Path, most: int = 1500) -> Sample:
    """Distinct lines of the files in `lyrics`, embedded on the CPU, grouped by random anchors."""
    found = (path.read_text(encoding="utf-8").splitlines() for path in sorted(lyrics.glob("*.txt")))
    texts = tuple(dict.fromkeys(line.strip() for lines in found for line in lines if line.strip()))
    texts = texts[:most]
    vectors = embed(texts, EmbeddingConfig(model="demo"), CpuBackend(), store).matrix
    rng = np.random.default_rng(SEED)
    anchors = vectors[rng.choice(len(texts), 12, replace=False)]
    labels = np.argmax(vectors @ anchors.T, axis=1)
    labels[rng.random(len(texts)) < 1 / 7] = -1
    weights = rng.integers(1, 6, len(texts))
    ids = np.repeat(np.arange(len(texts)), weights)
    lines = pd.DataFrame(
        {
            "text_id": ids,
            "song_id": [f"s{i // 40:03}" for i in ids],
            "artist": [f"a{i // 150}" for i in ids],
        }
    )
    return Sample(texts, vectors, labels, weights, lines)


def exact_graph(vectors: Float32s, k: int) -> Knn:
    """The k others nearest to each row by cosine, as `CpuBackend.knn`, but without FAISS.

    A machine that is only there to try a GPU may lack it. vectors: few rows, of length 1.
    """
    raw = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    near = as_distances(raw.astype(np.float32), "cosine")
    np.fill_diagonal(near, np.inf)
    every = np.broadcast_to(np.arange(len(vectors)), near.shape)
    distances, indices = break_ties(near, every)
    return Knn(indices[:, :k].copy(), distances[:, :k].copy(), "exact", 1.0)


def map_of(sample: Sample) -> Float32s:
    """The sample's map by the CPU's UMAP, (n, 2)."""
    [xy] = CpuBackend().umap(sample.vectors, exact_graph(sample.vectors, 30), [MAP], SEED)
    return np.asarray(xy)


def neighbors(sample: Sample, other: Backend, engine: Any = "exact") -> Iterator[ParityFigure]:
    """Recall of the other backend's neighbours, and the error of its distances."""
    k = 30
    ours = exact_graph(sample.vectors, k)
    theirs = other.knn(other.from_host(sample.vectors), k, engine=engine, seed=SEED)
    indices = other.to_host(theirs.indices)
    met = [np.isin(a, b).sum() for a, b in zip(indices, ours.indices, strict=True)]
    part = f"neighbors ({theirs.engine})"
    yield at_least(part, f"recall of {k} neighbours", float(np.sum(met)) / indices.size, RECALL)
    error = np.abs(other.to_host(theirs.distances)[:, 0] - ours.distances[:, 0]).max()
    yield at_most(part, "error of the nearest distance", float(error), 1e-3)
    yield at_most(part, "rows that hold themselves", float(_selves(indices)), 0)


def layout(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """Trustworthiness of both maps of one graph, and points that strayed."""
    cpu, n = CpuBackend(), len(sample.vectors)
    graph = exact_graph(sample.vectors, 30)
    theirs = other.umap(
        other.from_host(sample.vectors),
        Knn(other.from_host(graph.indices), other.from_host(graph.distances), graph.engine, 1.0),
        [MAP],
        SEED,
    )[0]
    xy = other.to_host(theirs)
    own = map_of(sample)
    trust = [
        trustworthiness(sample.vectors, np.asarray(p), cpu, sample=n, seed=SEED).value or 0.0
        for p in (xy, own)
    ]
    yield at_most(
        "layout",
        "difference of trustworthiness",
        abs(trust[0] - trust[1]),
        TRUST,
        f"{trust[0]:.4f} against {trust[1]:.4f} on the CPU",
    )
    yield at_most("layout", "stray points", float(strays(xy, own)), 0)
    yield at_most("layout", "coordinates not finite", float((~np.isfinite(xy)).sum()), 0)


def clusters(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """Agreement of HDBSCAN's labels on blobs and on the sample's own map."""
    from sklearn.datasets import make_blobs
    from sklearn.metrics import adjusted_rand_score

    blobs, _ = make_blobs(3000, 5, centers=12, cluster_std=0.6, random_state=SEED)
    blobs = np.concatenate([blobs, blobs[:600], blobs[:200]])  # lines that say the same
    for name, points, size, needed in (
        ("blobs", blobs.astype(np.float32), 25, BLOBS),
        ("the sample's map", map_of(sample), 15, SAMPLE),
    ):
        asked = {"min_cluster_size": size, "min_samples": 5, "selection": "leaf"}
        ours = CpuBackend().hdbscan(points, **asked)
        theirs = other.hdbscan(other.from_host(points), **asked)
        labels = other.to_host(theirs.labels)
        counts = f"{labels.max() + 1} clusters against {ours.labels.max() + 1}"
        agreement = float(adjusted_rand_score(ours.labels, labels))
        yield at_least("clusters", f"adjusted Rand index on {name}", agreement, needed, counts)
        persistence = other.to_host(theirs.persistence)
        probabilities = other.to_host(theirs.probabilities)
        outside = float((~((probabilities >= 0) & (probabilities <= 1))).sum())
        wrong = f"probabilities outside [0, 1] or not finite on {name}"
        yield at_most("clusters", wrong, outside, 0)
        inside = bool(((persistence >= 0) & (persistence <= 1)).all())
        yield at_most("clusters", f"persistence outside [0, 1] on {name}", float(not inside), 0)


def dense(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """Errors of principal axes and of the exact silhouette, ours in float64."""
    cpu = CpuBackend()
    ours, theirs = cpu.pca(sample.vectors, 8), other.pca(other.from_host(sample.vectors), 8)
    alike = np.abs(np.sum(ours.components * other.to_host(theirs.components), axis=1)).min()
    yield at_least("dense", "least cosine of 8 principal axes", float(alike), 0.999)
    for name, points in (("plane", sample.vectors[:, :2].copy()), ("vectors", sample.vectors)):
        exact = cpu.silhouette(points, sample.labels)
        found = other.to_host(
            other.silhouette(other.from_host(points), other.from_host(sample.labels))
        )
        known = ~np.isnan(exact)
        if not np.array_equal(known, ~np.isnan(found)):
            yield at_most("dense", f"silhouette undefined elsewhere, {name}", 1.0, 0)
            continue
        error = np.abs(exact[known] - found[known]).max(initial=0.0)
        yield at_most("dense", f"error of the silhouette, {name}", float(error), 1e-4)


def tables(sample: Sample, other: Backend) -> Iterator[ParityFigure]:
    """Term, lexicon and artist tables: the same rows, on the same labels."""
    lexicon = load_lexicon(None, "simplified")
    tokens = segment(sample.texts, lexicon.all_words)
    found = [_tables(sample, tokens, lexicon, b) for b in (CpuBackend(), other)]
    for name, (ours, theirs) in {k: (found[0][k], found[1][k]) for k in found[0]}.items():
        differing = float(rows_that_differ(ours, theirs))
        yield at_most("tables", f"rows of {name} that differ", differing, 0, f"of {len(ours):,}")


def embedding(sample: Sample, other: Backend, store: Path) -> Iterator[ParityFigure]:
    """The demo model's vectors in the other backend's precision, against float32 on the CPU."""
    config = EmbeddingConfig(model="demo")
    found = embed(sample.texts, config, other, store)
    cosine = np.sum(other.to_host(found.matrix) * sample.vectors, axis=1)
    note = f"{found.report.dtype}, {found.report.attention} batches"
    yield at_least("embedding", "least cosine to float32", float(cosine.min()), 0.99, note)
    yield at_least("embedding", "mean cosine to float32", float(cosine.mean()), 0.999, note)
    packed = float(found.report.attention == "packed")
    if has_packed_attention(other):
        yield at_least("embedding", "packed batches", packed, 1, found.report.attention_reason)
    else:
        yield noted("embedding", "packed batches", packed, found.report.attention_reason)


def has_packed_attention(other: Backend) -> bool:
    """Whether the backend's device can run the fused kernels."""
    return other.torch_device == "cuda" and torch.cuda.get_device_capability() >= (8, 0)


def whole_run(manifest: dict[str, Any]) -> Iterator[ParityFigure]:
    """Whether a run's manifest shows that the GPU worked, and how the run ended."""
    used = manifest["backend"]["used"]
    for name in ("pool", "silhouette"):
        launches = float(used["kernels"].get(name, 0))
        yield at_least("whole run", f"launches of the kernel {name}", launches, 1)
    yield at_least("whole run", "bytes allocated", float(used["allocated"]), 1, used["device"])
    noise = manifest["counts"]["noise_lines"] / manifest["counts"]["kept"]
    yield noted("whole run", "share of noise", noise)
    yield noted("whole run", "clusters", manifest["counts"]["clusters"])


def rows_that_differ(ours: Any, theirs: Any, rtol: float = 1e-9) -> int:
    """Rows in which two tables differ; numbers may differ by rounding (`rtol` of their size).

    What is missing on one side only differs.
    """
    if list(ours.columns) != list(theirs.columns) or len(ours) != len(theirs):
        return max(len(ours), len(theirs), 1)
    wrong = np.zeros(len(ours), dtype=bool)
    for name in ours.columns:
        a, b = (table[name].reset_index(drop=True) for table in (ours, theirs))
        if a.dtype.kind == b.dtype.kind == "f":
            wrong |= ~np.isclose(a, b, rtol=rtol, atol=1e-12 if rtol else 0.0, equal_nan=True)
        else:
            same = (a == b).to_numpy(dtype=bool, na_value=False)
            wrong |= ~(same | (a.isna() & b.isna()).to_numpy())
    return int(wrong.sum())


def strays(xy: HostArray, own: HostArray) -> int:
    """Points of a map farther from its median than `STRAY` extents of the CPU's map."""
    reach = STRAY * float((own.max(axis=0) - own.min(axis=0)).max())
    with np.errstate(invalid="ignore"):
        far = np.abs(xy - np.nanmedian(xy, axis=0)).max(axis=1) > reach
    return int(far.sum())


def at_least(part: str, name: str, value: float, needed: float, note: str = "") -> ParityFigure:
    """A figure that must reach `needed`; one that is not a number misses it."""
    return ParityFigure(
        part=part,
        name=name,
        value=value,
        needed=f">= {needed:g}",
        passed=value >= needed,
        note=note,
    )


def at_most(part: str, name: str, value: float, needed: float, note: str = "") -> ParityFigure:
    """A figure that must not exceed `needed`; one that is not a number exceeds it."""
    return ParityFigure(
        part=part,
        name=name,
        value=value,
        needed=f"<= {needed:g}",
        passed=value <= needed,
        note=note,
    )


def noted(part: str, name: str, value: float, note: str = "") -> ParityFigure:
    """A figure of which nothing is demanded."""
    return ParityFigure(part=part, name=name, value=value, note=note)


def _selves(indices: HostArray) -> int:
    return int((indices == np.arange(len(indices))[:, None]).any(axis=1).sum())


def _tables(sample: Sample, tokens: Tokens, lexicon: Any, backend: Backend) -> dict[str, Any]:
    labels, weights = backend.from_host(sample.labels), backend.from_host(sample.weights)
    clusters = backend.xp.take(labels, backend.from_host(sample.lines["text_id"].to_numpy()))
    artists = artist_tables(sample.lines, clusters, None, backend)
    terms = cluster_terms(tokens, labels, weights, stop_words(""), TermsConfig(), backend)
    hits = count_hits(tokens, sample.texts, lexicon, LexiconConfig().mode, backend)
    return {
        "cluster_terms": terms.table,
        "frequent words": terms.frequent,
        "stop words": terms.stop_words,
        "lexicon hits": pd.DataFrame(backend.to_host(hits)),
        "cluster_artists": artists.cluster_artists,
        "artist_clusters": artists.artist_clusters,
    }
