"""What a good engineer would use on a CPU today, to produce what we do: the hardest comparison.

Distinct lines once; sentence-transformers; one neighbour graph for a 2-d map and a 5-d space,
both by umap-learn on all cores (so without a seed); fast_hdbscan; rjieba and sparse counts for
class-based TF-IDF; pandas' Arrow strings for the lexicon; a sampled silhouette; matplotlib.

    python -m rapids_rap.bench.baseline.strong LYRICS --out DIR [--model FOLDER] [--vectors V.npy]
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import rjieba
import torch
import umap
from matplotlib import pyplot as plt
from scipy import sparse
from sentence_transformers import SentenceTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import silhouette_score
from transformers import PreTrainedTokenizerFast
from umap.umap_ import nearest_neighbors

from rapids_rap.arrays import Float32s, HostArray, Int32s, Int64s
from rapids_rap.backend.compiled import fast_hdbscan
from rapids_rap.bench.baseline import side
from rapids_rap.bench.baseline.poster import clean, emotion_table, read, top_artists
from rapids_rap.bench.baseline.poster_words import LETTER, load_lexicon
from rapids_rap.bench.baseline.settings import Settings, our_settings

density = fast_hdbscan("The comparison")
BATCH_SIZES = (8, 16, 32, 64, 128, 256)
SILHOUETTE_SAMPLE = 10_000


class Neighbors(NamedTuple):
    """Neighbours of each point, itself the first, as umap-learn takes them: (n, k) each."""

    indices: Int32s
    distances: Float32s


def load_encoder(folder: Path, max_tokens: int) -> SentenceTransformer:
    """Transformer, pooling and unit length as the folder's modules.json has them.

    The tokenizer is the one of tokenizer.json: by itself the library makes every Qwen2 folder plain
    Qwen2. The weights are float32, whatever the folder keeps them in: on a CPU half precision is
    several times slower.
    """
    encoder = SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        model_kwargs={"dtype": torch.float32},
    )
    encoder[0].processor = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    encoder.max_seq_length = max_tokens
    return encoder


def embed(texts: Sequence[str], encoder: SentenceTransformer, batch_size: int) -> Float32s:
    """(n, d) float32 unit vectors; the library sorts by length and pads each batch."""
    return encoder.encode(list(texts), batch_size=batch_size, show_progress_bar=False)


def best_batch_size(texts: Sequence[str], encoder: SentenceTransformer) -> int:
    """The size of `BATCH_SIZES` that embeds these texts soonest, after one round to warm up."""
    seconds = {}
    for size in (BATCH_SIZES[0], *BATCH_SIZES):
        start = time.perf_counter()
        embed(texts, encoder, size)
        seconds[size] = time.perf_counter() - start
    return min(seconds, key=seconds.__getitem__)


def find_neighbors(vectors: Float32s, settings: Settings) -> Neighbors:
    """The approximate cosine neighbours by nearest-neighbour descent, on all cores."""
    indices, distances, _ = nearest_neighbors(
        vectors, settings.n_neighbors, "cosine", {}, angular=False, random_state=None
    )
    return Neighbors(indices, distances)


def lay_out(vectors: Float32s, graph: Neighbors, dimensions: int, min_dist: float) -> Float32s:
    """(n, dimensions) float32, from the given neighbours, on all cores."""
    return umap.UMAP(
        n_neighbors=graph.indices.shape[1],
        n_components=dimensions,
        min_dist=min_dist,
        metric="cosine",
        precomputed_knn=graph,
    ).fit_transform(vectors)


def cluster(points: Float32s, settings: Settings) -> Int64s:
    """(n,) labels, noise -1."""
    labels = density.HDBSCAN(
        min_cluster_size=settings.min_cluster_size,
        min_samples=settings.min_samples,
        cluster_selection_method=settings.selection,
    ).fit_predict(points)
    return labels.astype(np.int64)


def silhouette(points: Float32s, labels: Int64s, seed: int) -> float | None:
    """The mean over 10,000 clustered points. None for fewer than two clusters."""
    inside = np.flatnonzero(labels >= 0)
    if len(inside) > SILHOUETTE_SAMPLE:
        inside = np.random.default_rng(seed).choice(inside, SILHOUETTE_SAMPLE, replace=False)
    if len(np.unique(labels[inside])) < 2:
        return None
    return float(silhouette_score(points[inside], labels[inside]))


def cut_words(texts: Sequence[str]) -> list[list[str]]:
    """Each text's words by jieba, lower-case, without blanks and punctuation."""
    cut = rjieba.cut
    return [[word for word in cut(text.lower()) if LETTER.search(word)] for text in texts]


def cluster_terms(
    words: Sequence[Sequence[str]], labels: Int64s, weights: Int64s, top: int
) -> pd.DataFrame:
    """cluster, rank, term, score by class-based TF-IDF: tf log(1 + A / f), as `poster`'s.

    weights: (n,) how often each text occurs.
    """
    vectorizer = CountVectorizer(analyzer=list)
    by_text = vectorizer.fit_transform(words)
    clusters, rows = np.unique(labels, return_inverse=True)
    member = sparse.csr_array((weights, (rows, np.arange(len(labels)))))
    counts = (member @ by_text).tocsr()
    terms = vectorizer.get_feature_names_out()
    sizes, total = counts.sum(axis=1), counts.sum(axis=0)
    idf = np.log1p(sizes.mean() / total)
    found = []
    for i, label in enumerate(clusters):
        row = slice(counts.indptr[i], counts.indptr[i + 1])
        columns = counts.indices[row]
        scores = counts.data[row] / sizes[i] * idf[columns]
        best = np.lexsort((columns, -scores))[:top]
        found += [(label, rank, terms[columns[j]], scores[j]) for rank, j in enumerate(best, 1)]
    return pd.DataFrame(found, columns=["cluster", "rank", "term", "score"])


def count_presence(texts: Sequence[str], lexicon: Mapping[str, Sequence[str]]) -> Int64s:
    """(n, categories): as `poster.count_presence`, a scan of all texts for each word."""
    squeezed = pd.Series(texts, dtype="str").str.replace(r"\s+", "", regex=True).str.casefold()
    hits = np.zeros((len(texts), len(lexicon)), dtype=np.int64)
    for column, words in enumerate(lexicon.values()):
        for word in words:
            found = squeezed.str.contains("".join(word.split()).casefold(), regex=False)
            hits[:, column] += found.to_numpy()
    return hits


def draw_map(points: Float32s, labels: Int64s, settings: Settings, path: Path) -> None:
    """A scatter plot of small squares, coloured by cluster, noise grey below."""
    plt.switch_backend("agg")  # no window
    figure = plt.figure(figsize=(settings.width / 100, settings.height / 100), dpi=100)
    colors = plt.get_cmap("tab20")(labels % 20)
    colors[labels < 0] = (0.8, 0.8, 0.8, 1.0)
    order = np.argsort(labels >= 0, kind="stable")
    x, y = points[order].T
    plt.scatter(x, y, s=1, c=colors[order], marker="s", linewidths=0)
    plt.savefig(path)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline; leave labels, map, tables, picture and `stages.json` in `--out`."""
    parser = side.parser("A strong CPU pipeline.")
    parser.add_argument("--batch-size", type=int, default=32, help="of sentence-transformers")
    options = parser.parse_args(arguments)
    clock = side.start(options)
    with clock("corpus"):
        lines = clean(read(options.input))
        rows, distinct = pd.factorize(lines["text"])
        texts, weights = distinct.tolist(), np.bincount(rows)
    settings = our_settings(len(texts))
    if options.vectors:
        first = np.unique(rows, return_index=True)[1]
        vectors = side.load_vectors(options.vectors, len(lines))[first]
    else:
        with clock("embedding"):
            encoder = load_encoder(side.model_folder(options.model), settings.max_tokens)
            vectors = embed(texts, encoder, options.batch_size)
    with clock("neighbors"):
        graph = find_neighbors(vectors, settings)
    with clock("layout"):
        points = lay_out(vectors, graph, 2, settings.min_dist)
        reduced = lay_out(vectors, graph, settings.dimensions, 0.0)
    with clock("clusters"):
        labels = cluster(reduced, settings)
    with clock("silhouette"):
        score = silhouette(points, labels, settings.seed)
    with clock("terms"):
        terms = cluster_terms(cut_words(texts), labels, weights, settings.top)
    with clock("lexicon"):
        lexicon = load_lexicon()
        hits = count_presence(texts, lexicon)[rows]
        emotions = emotion_table(hits, labels[rows], list(lexicon))
    with clock("artists"):
        artists = top_artists(lines["artist"], labels[rows], settings.top)
    with clock("maps"):
        draw_map(points, labels, settings, options.out / "map.png")
    arrays: dict[str, HostArray] = {
        "labels": labels,
        "map": points,
        "clustered_space": reduced,
    }
    side.write_findings(
        options.out,
        clock,
        {name: array[rows] for name, array in arrays.items()},
        {"terms": terms, "emotions": emotions, "artists": artists},
        {"side": "strong", "lines": len(lines), "silhouette": score},
    )


if __name__ == "__main__":
    main()
