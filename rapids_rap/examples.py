"""The lines that show best what a cluster is: those nearest to its center."""

from __future__ import annotations

import pandas as pd
from array_api_compat import array_namespace

from rapids_rap.backend import Array, Backend
from rapids_rap.grouped import row_blocks


def cluster_examples(
    vectors: Array,
    labels: Array,
    probabilities: Array,
    centers: Array,
    weights: Array,
    per_cluster: int,
    backend: Backend,
) -> pd.DataFrame:
    """cluster, rank (from 1), text_id, similarity: by cluster and rank, in host memory.

    vectors: (n, d) of distinct texts, of any length. labels: (n,) int64; noise (-1) has no center
    and no examples. probabilities: (n,) float32. centers: (K, d), row = label. weights: (n,)
    occurrences. similarity: cosine to the center. Of equally near texts the surer member of the
    cluster comes first, then the more repeated one, then the lower text_id.
    """
    xp = backend.xp
    similarity = center_similarity(vectors, labels, centers)
    members = labels >= 0
    rows = backend.frames.DataFrame(
        {
            "cluster": labels[members],
            "text_id": xp.arange(labels.shape[0], dtype=xp.int64)[members],
            "similarity": similarity[members],
            "probability": probabilities[members],
            "weight": weights[members],
        }
    )
    keys = ["cluster", "similarity", "probability", "weight", "text_id"]
    rows = rows.sort_values(keys, ascending=[True, False, False, False, True])
    rows = rows.assign(rank=rows.groupby("cluster").cumcount() + 1)
    rows = rows[rows["rank"] <= per_cluster]
    columns = ("cluster", "rank", "text_id", "similarity")
    return pd.DataFrame({name: backend.to_host(rows[name].values) for name in columns})


def center_similarity(vectors: Array, labels: Array, centers: Array) -> Array:
    """(n,) float32 cosine of each row of `vectors` to its own center; -1.0 for noise.

    Computed in blocks of rows, so nothing of the size of `vectors` is copied. A vector or a
    center of length zero has similarity 0.
    """
    xp = array_namespace(vectors)
    n, d = vectors.shape
    if not centers.shape[0]:  # everything is noise
        return xp.full((n,), -1.0, dtype=xp.float32)
    centers = _unit(xp.astype(centers, xp.float32))
    parts = []
    for block in row_blocks(n, 12 * d):
        own = xp.take(centers, xp.clip(labels[block], 0, None), axis=0)
        near = xp.sum(_unit(xp.astype(vectors[block, :], xp.float32)) * own, axis=1)
        parts.append(xp.where(labels[block] >= 0, near, xp.full_like(near, -1.0)))
    return xp.concat(parts) if parts else xp.sum(vectors, axis=1, dtype=xp.float32)


def _unit(rows: Array) -> Array:
    xp = array_namespace(rows)
    norms = xp.sqrt(xp.sum(rows * rows, axis=1, keepdims=True))
    return rows / xp.where(norms > 0, norms, xp.ones_like(norms))
