"""The silhouette kernel: one program some rows, all columns cluster by cluster, no n x n matrix.

The idea is flash attention's (Dao et al. 2022, arXiv:2205.14135), for distances in place of
scores: points are sorted by label, a program keeps `BLOCK_M` rows and walks over tiles of `BLOCK_N`
columns, and what it carries from tile to tile is the sum of distances to the cluster it is in.
Where a cluster ends, that sum becomes the row's own mean or enters its nearest other mean.

Distances come from differences, not from |x|² + |y|² - 2xy: duplicates are at distance exactly 0,
and a layout far from the origin loses no digits. That is two instructions a dimension where a
product has one, and the map that is measured has two dimensions. A lane adds at most `RUN`
distances in float32 before they join a float64 sum, so that a million points cost no digits either.

Not run on a GPU yet: the tests run it in Triton's interpreter and compile it for sm_80, 90 and 100.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from rapids_rap.kernels import launches

# A thread holds 32 rows of one column: 9 loads for 64 operations a dimension, and a small cluster
# leaves little of a tile unused. To 4 dimensions the loop over them is unrolled, so that the rows
# stay in registers; beyond, unrolling made the compiler spill.
BLOCK_M, BLOCK_N, WARPS = 32, 64, 2
RUN = 64
UNROLLED = 4


@triton.jit
def silhouette_kernel(
    columns: tl.tensor,
    members: tl.tensor,
    borders: tl.tensor,
    values: tl.tensor,
    stride: tl.tensor,
    clusters: tl.tensor,
    D: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    RUN: tl.constexpr,
    UNROLL: tl.constexpr,
) -> None:
    """Silhouettes of `BLOCK_M` rows.

    columns: (D, stride) float32, the points by dimension, sorted by cluster; members: (stride,)
    int32, cluster of each; borders: (clusters + 1,) int32; values: (stride,) float32. The stride
    leaves room for the last tile beyond the last point, so nothing needs a mask to be read.
    """
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    own = tl.load(members + rows)
    within = tl.zeros([BLOCK_M], dtype=tl.float32)
    nearest = tl.full([BLOCK_M], float("inf"), dtype=tl.float32)
    for cluster in range(clusters):
        begin = tl.load(borders + cluster)
        end = tl.load(borders + cluster + 1)
        total = tl.zeros([BLOCK_M], dtype=tl.float64)
        for run in range(begin, end, BLOCK_N * RUN):
            sums = tl.zeros([BLOCK_M, BLOCK_N], dtype=tl.float32)
            for first in range(run, tl.minimum(run + BLOCK_N * RUN, end), BLOCK_N):
                others = first + tl.arange(0, BLOCK_N)
                squares = tl.zeros([BLOCK_M, BLOCK_N], dtype=tl.float32)
                for j in tl.range(0, D, loop_unroll_factor=UNROLL):
                    column = columns + tl.cast(j, tl.int64) * stride
                    x = tl.load(column + rows)
                    y = tl.load(column + others)
                    difference = x[:, None] - y[None, :]
                    squares += difference * difference
                sums += tl.where((others < end)[None, :], tl.sqrt(squares), 0.0)
            total += tl.sum(sums, axis=1).to(tl.float64)

        distance = total.to(tl.float32)
        size = (end - begin).to(tl.float32)
        mine = own == cluster
        within = tl.where(mine, distance / tl.maximum(size - 1.0, 1.0), within)
        mean = tl.where(mine, float("inf"), distance / size)
        nearest = tl.minimum(nearest, mean, propagate_nan=tl.PropagateNan.ALL)

    widest = tl.maximum(within, nearest, propagate_nan=tl.PropagateNan.ALL)
    silhouette = tl.where(widest == 0.0, 0.0, (nearest - within) / widest)
    tl.store(values + rows, silhouette)


def silhouette(points: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """See `rapids_rap.kernels.silhouette.silhouette`, which has checked the arguments."""
    n, d = points.shape
    result = torch.full((n,), torch.nan, device=points.device)
    kept = torch.nonzero(labels >= 0).squeeze(1)
    names, members = torch.unique(labels[kept], return_inverse=True)
    if len(names) < 2:
        return result

    order = torch.argsort(members, stable=True)
    kept, members = kept[order], members[order]
    sizes = torch.bincount(members)
    borders = torch.nn.functional.pad(torch.cumsum(sizes, 0), (1, 0)).int()
    m = len(kept)
    stride = triton.cdiv(m, BLOCK_M) * BLOCK_M + BLOCK_N
    columns = torch.zeros((d, stride), device=points.device)
    columns[:, :m] = points[kept].T
    cluster_of = torch.zeros(stride, dtype=torch.int32, device=points.device)
    cluster_of[:m] = members
    values = torch.empty(stride, device=points.device)

    silhouette_kernel[(triton.cdiv(m, BLOCK_M),)](
        columns,
        cluster_of,
        borders,
        values,
        stride,
        len(names),
        **shape_of(d),
    )
    launches["silhouette"] += 1
    result[kept] = torch.where(sizes[members] > 1, values[:m], 0.0)
    return result


def shape_of(d: int) -> dict[str, int]:
    """The kernel's constants for d dimensions."""
    return {
        "D": d,
        "BLOCK_M": BLOCK_M,
        "BLOCK_N": BLOCK_N,
        "RUN": RUN,
        "UNROLL": d if d <= UNROLLED else 1,
        "num_warps": WARPS,
    }
