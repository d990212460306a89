"""From token states to one vector a text."""

from __future__ import annotations

import torch

from rapids_rap.embedding import Pooling


def pool_into(
    hidden: torch.Tensor,
    borders: torch.Tensor,
    rows: torch.Tensor,
    out: torch.Tensor,
    pooling: Pooling,
) -> None:
    """Write the pooled vector of each text straight into its row: ``out[rows[i]] = pool(text i)``.

    hidden: (T, d) of any float type, texts end to end; borders: (texts + 1,) int32, no text empty;
    rows: (texts,) int64, distinct; out: (n, d) float32. Means are accumulated in float32.
    """
    starts, ends = borders[:-1].long(), borders[1:].long()
    if pooling == "cls":
        pooled = hidden[starts]
    elif pooling == "last":
        pooled = hidden[ends - 1]
    else:
        pooled = torch.segment_reduce(hidden.float(), "mean", offsets=borders.long(), axis=0)
    out[rows] = pooled.float()


def normalize_rows(out: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Scale `out[rows]` to length 1 in place; return the rows that can't be: zero, NaN, infinite.

    out: (n, d) float32; rows: (m,) int64; the result is a part of `rows`. Nothing is written if
    any is returned.
    """
    vectors = out[rows]
    norms = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    good = (norms.isfinite() & (norms > 0)).squeeze(1)
    if bool(good.all()):
        out[rows] = vectors / norms
    return rows[~good]
