"""The Euclidean silhouette in plain float64 PyTorch, after Rousseeuw 1987, block by block."""

from __future__ import annotations

import torch

BLOCK_BYTES = 64 * 2**20  # of float64 distances at a time


def silhouette(points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """See `rapids_rap.kernels.silhouette.silhouette`."""
    result = torch.full((len(points),), torch.nan, device=points.device)
    kept = torch.nonzero(labels >= 0).squeeze(1)
    names, members = torch.unique(labels[kept], return_inverse=True)
    if len(names) < 2:
        return result
    data, sizes = points[kept].double(), torch.bincount(members).double()
    step = max(1, BLOCK_BYTES // (8 * len(kept)))
    for first in range(0, len(kept), step):
        block = slice(first, first + step)
        result[kept[block]] = _block(data[block], members[block], data, members, sizes).float()
    return result


def _block(
    rows: torch.Tensor,
    own: torch.Tensor,
    data: torch.Tensor,
    members: torch.Tensor,
    sizes: torch.Tensor,
) -> torch.Tensor:
    """s(i) = (b(i) - a(i)) / max(a(i), b(i)) of some rows, each in cluster `own`.

    a is the mean distance to the others of its own cluster, b the least of the mean distances to
    the members of another. The only member of a cluster has s = 0.
    """
    # The other way to compute `cdist` takes products of norms and loses the digits of near points.
    distances = torch.cdist(rows, data, compute_mode="donot_use_mm_for_euclid_dist")
    sums = rows.new_zeros((len(rows), len(sizes))).index_add_(1, members, distances)
    here = torch.arange(len(rows), device=rows.device)
    within = sums[here, own] / (sizes[own] - 1).clamp(min=1)
    means = sums / sizes
    means[here, own] = torch.inf
    nearest = means.amin(1)
    widest = torch.maximum(within, nearest)
    values = torch.where(widest == 0, 0.0, (nearest - within) / widest)
    return torch.where(sizes[own] > 1, values, 0.0)
