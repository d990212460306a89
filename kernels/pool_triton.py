"""The pooling kernel: one program a text, the pooled vector in registers from first to last.

The norm needs the whole vector before anything can be written, so a program covers all d columns at
once, with the next power of two (a masked column costs no memory traffic). That keeps it one pass:
each state is read once, each row written once. Its registers bound d at `LIMIT`, twice the width of
the widest encoders. `BLOCK_T` tokens are summed side by side, so that several loads are in flight,
and added up at the end.

Not run on a GPU yet: the tests run it in Triton's interpreter and compile it for sm_80, 90 and 100.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from rapids_rap.errors import CapabilityError
from rapids_rap.kernels import launches
from rapids_rap.kernels.pool_reference import Pooling

LIMIT = 16384  # columns: 32 sums a thread at 512 threads


@triton.jit
def pool_kernel(
    hidden: tl.tensor,
    borders: tl.tensor,
    rows: tl.tensor,
    out: tl.tensor,
    norms: tl.tensor,
    hidden_stride: tl.tensor,
    out_stride: tl.tensor,
    d: tl.tensor,
    POOLING: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> None:
    """Pool, normalise and scatter text `program_id(0)`; the strides are of rows, in values."""
    text = tl.program_id(0)
    begin = tl.load(borders + text)
    end = tl.load(borders + text + 1)
    if POOLING == "cls":
        end = tl.minimum(begin + 1, end)
    if POOLING == "last":
        begin = tl.maximum(end - 1, begin)

    columns = tl.arange(0, BLOCK_D)
    inside = columns < d
    sums = tl.zeros([BLOCK_T, BLOCK_D], dtype=tl.float32)
    for first in range(begin, end, BLOCK_T):
        tokens = first + tl.arange(0, BLOCK_T)
        # In int64: 2**20 tokens of 2,048 values reach the end of int32, and so do `out`'s rows.
        starts = tokens.to(tl.int64) * hidden_stride
        mask = (tokens < end)[:, None] & inside[None, :]
        states = tl.load(hidden + starts[:, None] + columns[None, :], mask=mask, other=0.0)
        sums += states.to(tl.float32)

    length = tl.maximum(end - begin, 1).to(tl.float32)
    pooled = tl.div_rn(tl.sum(sums, axis=0), length)
    norm = tl.sqrt_rn(tl.sum(pooled * pooled, axis=0))
    # A comparison with NaN is false, so a broken text becomes zeros like an empty one.
    good = (norm > 0.0) & (norm < float("inf"))
    unit = tl.where(good, tl.div_rn(pooled, norm), 0.0)
    target = out + tl.load(rows + text) * out_stride
    tl.store(target + columns, unit.to(out.dtype.element_ty), mask=inside)
    tl.store(norms + text, norm)


def shape_of(d: int) -> dict[str, int]:
    """Tile and warps for d columns: 8 columns a thread (16 bytes of bfloat16), 32 sums a thread."""
    block_d = max(64, triton.next_power_of_2(d))
    warps = min(16, max(1, block_d // (8 * 32)))
    block_t = min(8, max(1, 32 * 32 * warps // block_d))
    return {"BLOCK_T": block_t, "BLOCK_D": block_d, "num_warps": warps}


def pool(
    hidden: torch.Tensor,
    borders: torch.Tensor,
    rows: torch.Tensor,
    out: torch.Tensor,
    pooling: Pooling,
) -> torch.Tensor:
    """See `rapids_rap.kernels.pool.pool`, which has checked the arguments."""
    d = hidden.shape[1]
    if d > LIMIT:
        raise CapabilityError(
            f"the pooling kernel holds vectors of at most {LIMIT} columns, the model's have {d}."
        )
    norms = torch.empty(len(rows), dtype=torch.float32, device=hidden.device)
    if len(rows):
        pool_kernel[(len(rows),)](
            hidden,
            borders,
            rows,
            out,
            norms,
            hidden.stride(0),
            out.stride(0),
            d,
            POOLING=pooling,
            **shape_of(d),
        )
        launches["pool"] += 1
    return norms
