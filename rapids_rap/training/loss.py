"""The contrastive loss, and its exact gradient for batches that do not fit into memory at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.errors import CapabilityError
from rapids_rap.training import torch_seed


@dataclass(frozen=True, slots=True)
class LossValue:
    """loss: scalar. vectors: (rows, d) float32, detached, in the order of the texts."""

    loss: float
    vectors: Tensor


def info_nce(left: Tensor, right: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Mean cross entropy of both directions over cosines / ``temperature``; ``mask`` drops pairs.

    SimCSE's objective (arXiv 2104.08821). ``left`` and ``right`` are unit rows (n, d), ``mask``
    (n, n) bool with a False diagonal.
    """
    scores = (left @ right.T / temperature).masked_fill(mask, float("-inf"))
    truth = torch.arange(len(scores), device=scores.device)
    across = functional.cross_entropy(scores.T, truth)
    return (functional.cross_entropy(scores, truth) + across) / 2


def cached_backward(
    embed: Callable[[int], Tensor],
    rows: Sequence[Int64s],
    objective: Callable[[Tensor], Tensor],
    seed: Sequence[int],
    fits: bool,
) -> LossValue:
    """Backward of a loss over all rows; without `fits` it holds the activations of one chunk.

    ``embed(i)`` gives the vectors of chunk ``i``, which stand at ``rows[i]`` of the whole;
    ``objective`` takes the whole. GradCache (arXiv 2101.06983): embed without a graph, take the
    gradient of the loss with respect to the vectors, then embed again chunk by chunk and pass it
    on. The second pass draws the same dropout, because torch is seeded with ``seed`` and the
    chunk's number before each, so the gradients are those of one backward through everything,
    which is what happens where it ``fits``.
    """
    order = torch.from_numpy(_inverse(rows))

    def embedded(chunk: int) -> Tensor:
        torch.manual_seed(torch_seed(*seed, chunk))
        return embed(chunk)

    with torch.set_grad_enabled(fits):
        whole = torch.cat([embedded(chunk) for chunk in range(len(rows))])[order]
    if not fits:
        whole.requires_grad_()
    loss = objective(whole)
    loss.backward()
    if not fits:
        gradient = whole.grad
        assert gradient is not None
        for chunk, places in enumerate(rows):
            embedded(chunk).backward(gradient[torch.from_numpy(places)])
    return LossValue(loss.item(), whole.detach())


def _inverse(rows: Sequence[Int64s]) -> Int64s:
    """Where each row of the whole stands among the concatenated chunks."""
    return np.argsort(np.concatenate(list(rows)), kind="stable")


def refuse_equal_views(left: Tensor, right: Tensor, same_text: Bools) -> None:
    """Raise `CapabilityError` where most pairs of one and the same text have equal vectors.

    left, right: (n, d) from training mode; same_text: (n,) whether a pair's texts are equal. A
    short text can draw the same dropout twice, so some may be equal; all is no accident.
    """
    pairs = torch.from_numpy(same_text).to(left.device)
    if not bool(pairs.any()):
        return
    equal = (left[pairs] == right[pairs]).all(1).float().mean().item()
    if equal > 0.5:
        raise CapabilityError(
            f"The two views of a text are equal ({equal:.0%} of the pairs of a batch), so there is "
            "nothing to learn: this model draws no dropout. Set train.dropout above 0 (Qwen2 has "
            "none of its own; in head mode train.noise stands for it), or choose train.views that "
            "change the text or pair it with another."
        )
