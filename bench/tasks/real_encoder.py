"""From lines to vectors with e5-small: our encoder against sentence-transformers at its best.

As `embedding`, with a real encoder. The batch size is found once, on the same lines, before any
side is timed. Both compute in float32 on as many threads as torch takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.bench.measure import Call, Inputs, SideFindings
from rapids_rap.bench.tasks.embedding import (
    QUERIES,
    embed_distinct,
    found_vectors,
    nearest,
    overlap,
    read_texts,
)
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.folder import locate_model
from rapids_rap.runs.files import write_json

MODEL = "e5-small"
TUNED_ON = 1_000  # lines on which sentence-transformers' batch size is chosen
SIZE = "batch_size.json"


def prepare(inputs: Inputs) -> None:
    """Find the batch size that sentence-transformers is fastest at, for both of its sides."""
    from rapids_rap.bench.baseline import strong

    texts = read_texts(inputs)
    sample = np.random.default_rng(0).permutation(len(texts))[:TUNED_ON]
    size = strong.best_batch_size([texts[i] for i in sample], _library())
    write_json(inputs.shared / SIZE, {"batch_size": size})


def ours(inputs: Inputs) -> Call:
    """Every line: distinct texts in batches of equal length, one batch a core."""
    return embed_distinct(inputs, MODEL)


def sentence_transformers(inputs: Inputs) -> Call:
    """Every line, at the best batch size."""
    texts = read_texts(inputs)
    return _sentence_transformers(inputs, texts, np.arange(len(texts)))


def sentence_transformers_distinct(inputs: Inputs) -> Call:
    """Every distinct text once."""
    rows, distinct = pd.factorize(np.asarray(read_texts(inputs), dtype=object))
    return _sentence_transformers(inputs, distinct.tolist(), rows)


def _sentence_transformers(inputs: Inputs, texts: Sequence[str], rows: Int64s) -> Call:
    from rapids_rap.bench.baseline import strong

    encoder = _library()
    size = json.loads((inputs.shared / SIZE).read_text(encoding="utf-8"))["batch_size"]

    def call() -> SideFindings:
        vectors = strong.embed(texts, encoder, size)
        return found_vectors(vectors[rows], len(texts), batch_size=size)

    return call


def _library() -> Any:
    from rapids_rap.bench.baseline import strong

    folder = locate_model(MODEL, download=False)
    return strong.load_encoder(folder, EmbeddingConfig().max_tokens)


def score(inputs: Inputs, found: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """Against sentence-transformers, on distinct texts: least cosine, share of equal neighbours."""
    first = np.unique(read_texts(inputs), return_index=True)[1]
    truth = np.load(found["sentence-transformers"] / "vectors.npy")[first]
    rows = np.random.default_rng(0).permutation(len(truth))[:QUERIES]
    expected = nearest(truth, rows)
    figures = {}
    for side, folder in found.items():
        vectors = np.load(folder / "vectors.npy")[first]
        figures[side] = {
            "least_cosine": float((vectors.astype(np.float64) * truth).sum(1).min()),
            "knn_recall": overlap(nearest(vectors, rows), expected),
        }
    return figures
