"""The fused kernels that attend within packed texts on a GPU: flash-attn 2, or the one in torch.

Both are FlashAttention 2 (Dao 2023, arXiv:2307.08691): float16 or bfloat16, head dimensions that
are a multiple of 8 and at most 256, compute capability 8.0 or newer.

Not run on a GPU yet: their calls are tested on doubles with the real signatures.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from rapids_rap.errors import CapabilityError

log = logging.getLogger(__name__)

HEAD_STEP, HEAD_LIMIT = 8, 256
HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Packed:
    """Queries (T, H, D), keys and values (K, H_kv, D) of texts end to end.

    borders, key_borders: (texts + 1,) int32 on the same device; longest, longest_key: tokens. A
    text's queries belong to its last keys. scale None: 1 / sqrt(D).
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    borders: torch.Tensor
    key_borders: torch.Tensor
    longest: int
    longest_key: int
    scale: float | None
    causal: bool


@dataclass(frozen=True)
class Kernel:
    """A kernel's name, for the report, and the function that gives attention (T, H, D)."""

    name: str
    attend: Callable[[Packed], torch.Tensor]


@functools.cache
def varlen_kernel() -> Kernel:
    """The kernel to use: flash-attn where it is installed, else the one in torch.

    Raises `CapabilityError` where there is neither.
    """
    try:
        import flash_attn
    except ImportError as error:
        if error.name != "flash_attn":  # it is there, but most often was built for another torch
            log.warning("flash-attn can't be imported (%s); torch's own kernel is used", error)
        _check_torch()
        return Kernel("torch.nn.attention.varlen", torch_kernel)
    return Kernel(f"flash-attn {flash_attn.__version__}", flash_attn_kernel)


def flash_attn_kernel(packed: Packed) -> torch.Tensor:
    """Attention within each text by flash-attn, (T, H, D)."""
    from flash_attn import flash_attn_varlen_func

    _check_limits(packed)
    # It never splits keys without a paged cache, but for texts of one token, where nothing is added
    # up: a text's result doesn't depend on the others.
    out: torch.Tensor = flash_attn_varlen_func(
        packed.query,
        packed.key,
        packed.value,
        packed.borders,
        packed.key_borders,
        packed.longest,
        packed.longest_key,
        softmax_scale=packed.scale,
        causal=packed.causal,
    )
    return out


def torch_kernel(packed: Packed) -> torch.Tensor:
    """Attention within each text by `torch.nn.attention.varlen`, (T, H, D)."""
    from torch.nn.attention.varlen import varlen_attn

    _check_limits(packed)
    # torch 2.11 hands keys and values to FlashAttention as they are, which groups them by itself;
    # later ones refuse fewer heads of keys than of queries unless they are told.
    grouped: dict[str, Any] = {"enable_gqa": packed.query.shape[1] != packed.key.shape[1]}
    # No `num_splits`: without a paged cache FlashAttention 2 never splits keys, so a text's result
    # doesn't depend on the others, and some builds refuse the argument.
    out = varlen_attn(
        packed.query,
        packed.key,
        packed.value,
        packed.borders,
        packed.key_borders,
        packed.longest,
        packed.longest_key,
        scale=packed.scale,
        window_size=(-1, 0) if packed.causal else (-1, -1),
        **(grouped if "enable_gqa" in _parameters(varlen_attn) else {}),
    )
    assert isinstance(out, torch.Tensor)  # a tuple only where auxiliary outputs are asked for
    return out


@functools.cache
def _parameters(function: Callable[..., object]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _check_torch() -> None:
    """In torch 2.10 `varlen_attn` can't be asked for what is needed; before there is none."""
    try:
        from torch.nn.attention.varlen import varlen_attn

        known = _parameters(varlen_attn)
    except ImportError:
        known = frozenset()
    missing = {"scale", "window_size"} - known
    if missing:
        raise CapabilityError(
            f"The attention kernel of torch {torch.__version__} lacks "
            f"{', '.join(sorted(missing))}; install torch 2.11 or newer, or flash-attn."
        )


def _check_limits(packed: Packed) -> None:
    dim, dtype = packed.query.shape[2], packed.query.dtype
    if dim % HEAD_STEP or dim > HEAD_LIMIT:
        raise ValueError(
            f"the attention kernel takes head dimensions that are a multiple of {HEAD_STEP} up to "
            f"{HEAD_LIMIT}, this model's is {dim}"
        )
    if dtype not in HALVES:
        raise ValueError(f"the attention kernel takes float16 and bfloat16, not {dtype}")
