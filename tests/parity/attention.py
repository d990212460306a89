"""Packed attention against attention text by text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
from torch.nn.functional import scaled_dot_product_attention

from rapids_rap.embedding.varlen import Packed
from rapids_rap.runs.certificate import ParityFigure
from tests.parity.checks import at_most

LENGTHS = (1, 2, 17, 128, 129, 1, 300, 64)
HEADS = ((8, 8, 64), (12, 2, 128))  # of queries, of keys, and their dimension
LARGEST = 2e-2  # bfloat16 keeps 8 bits and results stay below 4


def attention(
    name: str, attend: Callable[[Packed], torch.Tensor], device: str
) -> Iterator[ParityFigure]:
    """Largest errors of a packed bfloat16 kernel against float32 attention of each text alone."""
    for (heads, shared, dim), causal in itertools.product(HEADS, (False, True)):
        packed = _batch(heads, shared, dim, causal, device)
        error = float((attend(packed).float() - by_text(packed)).abs().max())
        kind = f"{heads}/{shared} heads of {dim}, {'causal' if causal else 'both ways'}"
        yield at_most("attention", f"{name}, largest error, {kind}", error, LARGEST)


def by_text(packed: Packed) -> torch.Tensor:
    """(T, H, D) float32: each text alone."""
    texts = []
    for a, b in itertools.pairwise(packed.borders.tolist()):
        q, k, v = (t[a:b].float().transpose(0, 1) for t in (packed.query, packed.key, packed.value))
        found = scaled_dot_product_attention(
            q, k, v, is_causal=packed.causal, scale=packed.scale, enable_gqa=len(q) != len(k)
        )
        texts.append(found.transpose(0, 1))
    return torch.cat(texts)


def _batch(heads: int, shared: int, dim: int, causal: bool, device: str) -> Packed:
    generator = torch.Generator().manual_seed(dim)

    def states(count: int, size: float) -> torch.Tensor:
        drawn = size * torch.randn(sum(LENGTHS), count, dim, generator=generator)
        return drawn.to(device, torch.bfloat16)

    borders = torch.tensor([0, *itertools.accumulate(LENGTHS)], dtype=torch.int32, device=device)
    return Packed(
        states(heads, 1.0),
        states(shared, 1.0),
        states(shared, 0.5),
        borders,
        borders,
        max(LENGTHS),
        max(LENGTHS),
        None,
        causal,
    )
