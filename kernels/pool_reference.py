"""Pooling, normalising and scattering in plain PyTorch: what `pool_triton` must reproduce."""

from __future__ import annotations

from typing import Literal

import torch

Pooling = Literal["mean", "last", "cls"]


def pool(
    hidden: torch.Tensor,
    borders: torch.Tensor,
    rows: torch.Tensor,
    out: torch.Tensor,
    pooling: Pooling,
) -> torch.Tensor:
    """See `rapids_rap.kernels.pool.pool`."""
    starts, ends = borders[:-1].long(), borders[1:].long()
    filled = ends > starts
    pooled = torch.zeros((len(rows), hidden.shape[1]), device=hidden.device)
    if pooling == "cls":
        pooled[filled] = hidden[starts[filled]].float()
    elif pooling == "last":
        pooled[filled] = hidden[ends[filled] - 1].float()
    elif bool(filled.any()):
        # Without its empty texts a batch has the same tokens; `segment_reduce` would divide by 0.
        offsets = torch.cat([borders[:1].long(), ends[filled]])
        pooled[filled] = torch.segment_reduce(hidden.float(), "mean", offsets=offsets, axis=0)
    norms = torch.linalg.vector_norm(pooled, dim=1)
    good = (norms > 0) & norms.isfinite()
    out[rows] = torch.where(good[:, None], pooled / norms[:, None], 0.0).to(out.dtype)
    return norms
