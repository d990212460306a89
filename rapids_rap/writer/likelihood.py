"""How likely a model finds lines it was not trained on: nats by character, a song at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rapids_rap.arrays import Float64s
from rapids_rap.writer.tuning import Encoded

TOGETHER = 4  # texts that are read at once


def nats(model: Any, examples: Sequence[Encoded], pad: int) -> Float64s:
    """(n,) the negative log-likelihood of what stands after each header, in nats in all.

    Every token after the header counts, the end token included; a text's tokens give the same sum
    in whatever company it is read.
    """
    model.eval()
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].ids))
    found = np.zeros(len(examples))
    for begin in range(0, len(order), TOGETHER):
        rows = order[begin : begin + TOGETHER]
        found[rows] = _of_batch(model, [examples[i] for i in rows], pad)
    return found


@torch.inference_mode()
def _of_batch(model: Any, batch: Sequence[Encoded], pad: int) -> Float64s:
    longest = max(len(one.ids) for one in batch)
    ids = torch.full((len(batch), longest), pad)
    learnt = torch.zeros((len(batch), longest), dtype=torch.bool)
    for row, one in enumerate(batch):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        learnt[row, max(1, one.header) : len(one.ids)] = True
    ids = ids.to(model.device)
    # Padding stands on the right, where a causal token sees none of it.
    scores = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
    losses = functional.cross_entropy(scores.transpose(1, 2), ids[:, 1:], reduction="none")
    sums = (losses * learnt[:, 1:].to(losses.device)).double().sum(dim=1)
    return np.asarray(sums.cpu().numpy(), dtype=np.float64)
