"""From token states to unit vectors in their final rows, in one pass over the states."""

from __future__ import annotations

import torch

from rapids_rap.kernels import pool_reference, uses_triton
from rapids_rap.kernels.pool_reference import Pooling

FLOATS = (torch.float32, torch.float16, torch.bfloat16)


def pool(
    hidden: torch.Tensor,
    borders: torch.Tensor,
    rows: torch.Tensor,
    out: torch.Tensor,
    pooling: Pooling,
) -> torch.Tensor:
    """Pool each text, scale it to length 1, write it to its row: ``out[rows[i]] = unit(text i)``.

    hidden: (T, d) float32, float16 or bfloat16, texts end to end, token states contiguous.
    borders: (texts + 1,) int32, ascending within [0, T]; text i owns the tokens
    ``borders[i]:borders[i + 1]``. rows: (texts,) int64, distinct, in [0, n).
    out: (n, d) of the same three types, rows contiguous; its other rows are left alone.
    pooling: the mean of a text's tokens, its last or its first ("cls").

    Sums, norms and quotients are float32, rounded once to the type of `out`. Returns the norms
    before scaling, (texts,) float32. A text whose norm is 0 (an empty text has norm 0), infinite or
    NaN has no direction: its row is written as zeros, and the caller says so.

    Raises ValueError for shapes, types or devices other than these, CapabilityError as
    `uses_triton` and for d beyond `pool_triton.LIMIT`. Values of `borders` and `rows` are not
    checked on a GPU, where that would wait for the device.
    """
    _check(hidden, borders, rows, out, pooling)
    if not uses_triton(hidden):
        return pool_reference.pool(hidden, borders, rows, out, pooling)
    from rapids_rap.kernels.pool_triton import pool as launch

    return launch(hidden, borders, rows, out, pooling)


def cost(
    tokens: int, texts: int, d: int, pooling: Pooling, hidden_bytes: int, out_bytes: int
) -> tuple[int, int]:
    """Floating-point operations and bytes of device memory that one call must at least spend.

    Every state that is pooled is read once and every row written once (`hidden_bytes` and
    `out_bytes` a value); borders, rows and norms are 16 bytes a text. A mean adds each value and
    divides once, the norm is a multiplication and an addition a value, and scaling a division.
    About half an operation a byte: the bandwidth of the memory is the roof.
    """
    read = tokens if pooling == "mean" else texts
    flops = (tokens * d if pooling == "mean" else 0) + 4 * texts * d
    return flops, read * d * hidden_bytes + texts * (d * out_bytes + 16)


def _rows_contiguous(matrix: torch.Tensor) -> bool:
    return matrix.stride(1) == 1 or matrix.shape[1] == 1


def _check(
    hidden: torch.Tensor,
    borders: torch.Tensor,
    rows: torch.Tensor,
    out: torch.Tensor,
    pooling: Pooling,
) -> None:
    if pooling not in ("mean", "last", "cls"):
        raise ValueError(f"pooling must be 'mean', 'last' or 'cls', got {pooling!r}")
    for name, matrix in (("hidden", hidden), ("out", out)):
        if matrix.ndim != 2 or matrix.dtype not in FLOATS or not _rows_contiguous(matrix):
            raise ValueError(
                f"{name} must be a matrix of float32, float16 or bfloat16 with contiguous rows, "
                f"got {tuple(matrix.shape)} {matrix.dtype} with strides {matrix.stride()}"
            )
    for name, vector, dtype in (("borders", borders, torch.int32), ("rows", rows, torch.int64)):
        if vector.ndim != 1 or vector.dtype != dtype or not vector.is_contiguous():
            raise ValueError(
                f"{name} must be a contiguous vector of {dtype}, "
                f"got {tuple(vector.shape)} {vector.dtype}"
            )
    if len(borders) != len(rows) + 1 or hidden.shape[1] != out.shape[1]:
        raise ValueError(
            f"{len(rows)} rows need {len(rows) + 1} borders, got {len(borders)}; "
            f"hidden has {hidden.shape[1]} columns and out {out.shape[1]}"
        )
    devices = {str(tensor.device) for tensor in (hidden, borders, rows, out)}
    if len(devices) > 1:
        raise ValueError(f"all tensors must be on one device, got {sorted(devices)}")
