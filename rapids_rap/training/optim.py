"""The optimiser and the learning rate of every training here."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def make_optimizer(
    model: nn.Module, weight_decay: float, betas: tuple[float, float] = (0.9, 0.98)
) -> torch.optim.AdamW:
    """AdamW with decay on matrices alone, over what requires a gradient; the rate is set later."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in trained if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in trained if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=1.0, betas=betas)


def learning_rate(step: int, steps: int, peak: float, rise: float = 0.05) -> float:
    """A linear rise over the first ``rise`` of the steps, then a cosine down to a twentieth."""
    top = max(1, int(rise * steps))
    if step < top:
        return peak * (step + 1) / top
    progress = (step - top) / max(1, steps - top)
    return peak * (0.05 + 0.95 * (1 + float(np.cos(np.pi * progress))) / 2)
