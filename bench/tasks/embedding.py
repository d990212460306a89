"""From lines to vectors: our encoder, the researchers' padded loop, sentence-transformers.

Every side has its model loaded before the clock starts, gets the same normalised lines, and gives a
vector for every line. `*_distinct` get every text once, which takes our collapse of repeated lines
out of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend import load_backend
from rapids_rap.bench.measure import Call, Inputs, SideFindings
from rapids_rap.config import EmbeddingConfig
from rapids_rap.data import data_path

MODEL = "demo"
TUNED_ON = 4_000  # lines on which sentence-transformers' batch size is chosen
QUERIES = 1_000  # rows whose neighbours are compared


def read_texts(inputs: Inputs) -> list[str]:
    """The lines, every occurrence."""
    texts: list[str] = pd.read_parquet(inputs.corpus, columns=["text"])["text"].tolist()
    return texts


def ours(inputs: Inputs) -> Call:
    """Distinct texts in batches of equal length, one batch a core."""
    return embed_distinct(inputs, MODEL)


def embed_distinct(inputs: Inputs, model: str) -> Call:
    """Every line by our encoder of this model, each distinct text once."""
    from rapids_rap.embedding.embed import load_encoder

    texts = read_texts(inputs)
    encoder = load_encoder(EmbeddingConfig(model=model), load_backend("cpu"))

    def call() -> SideFindings:
        rows, distinct = pd.factorize(np.asarray(texts, dtype=object))
        return found_vectors(encoder.encode(distinct.tolist())[rows], len(distinct))

    return call


def poster(inputs: Inputs) -> Call:
    """The padded loop of 16, over every line in its order."""
    import torch
    from transformers import AutoModel

    from rapids_rap.bench.baseline import poster as baseline

    texts, folder = read_texts(inputs), Path(data_path("demo_model"))
    limit = EmbeddingConfig().max_tokens
    tokenizer = baseline.load_tokenizer(folder)
    model = AutoModel.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    ).eval()

    def call() -> SideFindings:
        return found_vectors(baseline.embed_with(texts, tokenizer, model, limit), len(texts))

    return call


def sentence_transformers(inputs: Inputs) -> Call:
    """`SentenceTransformer.encode` of every line at the batch size that is fastest here."""
    return _sentence_transformers(read_texts(inputs))


def sentence_transformers_distinct(inputs: Inputs) -> Call:
    """The same, of every distinct text once."""
    texts = read_texts(inputs)
    rows, distinct = pd.factorize(np.asarray(texts, dtype=object))
    return _sentence_transformers(distinct.tolist(), rows)


def _sentence_transformers(texts: Sequence[str], rows: Int64s | None = None) -> Call:
    from rapids_rap.bench.baseline import strong

    encoder = strong.load_encoder(Path(data_path("demo_model")), EmbeddingConfig().max_tokens)
    sample = np.random.default_rng(0).permutation(len(texts))[:TUNED_ON]
    size = strong.best_batch_size([texts[i] for i in sample], encoder)

    def call() -> SideFindings:
        vectors = strong.embed(texts, encoder, size)
        return found_vectors(
            vectors if rows is None else vectors[rows], len(texts), batch_size=size
        )

    return call


def found_vectors(vectors: Float32s, embedded: int, **counts: int) -> SideFindings:
    """A vector a line, and how many texts were embedded for them."""
    return SideFindings(
        counts={"lines": len(vectors), "texts": embedded, **counts}, arrays={"vectors": vectors}
    )


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """Against the padded loop, on distinct texts: largest difference, share of equal neighbours."""
    first = np.unique(read_texts(inputs), return_index=True)[1]
    truth = np.load(found["poster"] / "vectors.npy")[first]
    rows = np.random.default_rng(0).permutation(len(truth))[:QUERIES]
    expected = nearest(truth, rows)
    figures = {}
    for side, folder in found.items():
        vectors = np.load(folder / "vectors.npy")[first]
        figures[side] = {
            "largest_difference": float(np.abs(vectors - truth).max()),
            "knn_recall": overlap(nearest(vectors, rows), expected),
        }
    return figures


def nearest(vectors: Float32s, rows: Int64s, k: int = 10) -> Int64s:
    """(rows, k): the k nearest others of some rows of unit vectors, by cosine, exactly."""
    similarity = vectors[rows] @ vectors.T
    similarity[np.arange(len(rows)), rows] = -np.inf
    return np.argpartition(-similarity, min(k, len(vectors) - 1) - 1, axis=1)[:, :k]


def overlap(found: Int64s, expected: Int64s) -> float:
    """Mean share of the expected neighbours that were found."""
    both = zip(found.tolist(), expected.tolist(), strict=True)
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in both]))
