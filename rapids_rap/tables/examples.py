"""The lines that show best what a cluster is: those nearest to its center."""

from __future__ import annotations

import pandas as pd
from array_api_compat import array_namespace, device

from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import near_rows, ranks, row_blocks, unit_rows


def cluster_examples(
    vectors: Array,
    labels: Array,
    probabilities: Array,
    centers: Array,
    weights: Array,
    per_cluster: int,
    backend: Backend,
) -> pd.DataFrame:
    """cluster, rank (from 1), text_id, similarity: by cluster and rank; only this is on the host.

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
            "text_id": xp.nonzero(members)[0],
            "similarity": similarity[members],
            "probability": probabilities[members],
            "weight": weights[members],
        }
    )
    keys = ["cluster", "similarity", "probability", "weight", "text_id"]
    rows = rows.sort_values(keys, ascending=[True, False, False, False, True])
    rows = rows.assign(rank=ranks(rows["cluster"].values))
    rows = rows[rows["rank"] <= per_cluster]
    columns = ("cluster", "rank", "text_id", "similarity")
    return pd.DataFrame({name: backend.to_host(rows[name].values) for name in columns})


def center_similarity(vectors: Array, labels: Array, centers: Array) -> Array:
    """(n,) float32 cosine of each row of `vectors` to its own center; -1.0 for noise.

    Computed in blocks of rows, so nothing of the size of `vectors` is copied. A vector or a
    center of length zero has similarity 0.
    """
    xp = array_namespace(vectors)
    n, d = (int(size) for size in vectors.shape)
    none = xp.full((n,), -1.0, dtype=xp.float32, device=device(labels))
    if not n or not centers.shape[0]:  # everything is noise
        return none
    centers = unit_rows(xp.astype(centers, xp.float32, copy=False))
    parts = []
    for block in row_blocks(n, 20 * d):
        own = xp.take(centers, xp.maximum(labels[block], 0), axis=0)
        rows = unit_rows(xp.astype(near_rows(vectors, block), xp.float32, copy=False))
        parts.append(xp.sum(rows * own, axis=1))
    return xp.where(labels >= 0, xp.concat(parts), none)
