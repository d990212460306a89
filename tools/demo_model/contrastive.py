"""The second phase: a line and its neighbour come together, the rest of the batch apart.

SimCSE's objective (arXiv 2104.08821, InfoNCE in both directions) with neighbouring lines as
positives; repeated texts and lines of one song, which fill a batch of lyrics, are no negatives.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import Qwen2Model

from rapids_rap.training.loss import info_nce
from rapids_rap.training.masks import false_negatives
from rapids_rap.training.optim import make_optimizer
from tools.demo_model.checkpoint import resume, save_state
from tools.demo_model.data import Padded, PairSampler
from tools.demo_model.model import embed

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ContrastiveConfig:
    """Steps and rates; what a step compares is :class:`tools.demo_model.data.Recipe`."""

    steps: int = 500
    temperature: float = 0.05
    rate: float = 1e-3
    rise: int = 90
    fall: float = 0.35
    weight_decay: float = 0.05
    dropout: float = 0.1
    seed: int = 42


def plateau_rate(step: int, config: ContrastiveConfig) -> float:
    """A linear rise, a plateau, and over the last ``fall`` of the steps a line to a twentieth.

    The plateau does not know where it ends: a run that takes too long can be resumed with fewer
    steps, and is then the run that was asked for so many from the start.
    """
    left = (config.steps - step) / max(1.0, config.fall * config.steps)
    return config.rate * min(1.0, (step + 1) / config.rise, 0.05 + 0.95 * left)


def _embed_half(model: Qwen2Model, rows: Padded) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return embed(model, rows)


def train_contrastive(
    model: Qwen2Model,
    sampler: PairSampler,
    config: ContrastiveConfig,
    checkpoint: Path,
    every: int = 100,
    until: int | None = None,
) -> float:
    """Train ``model`` in place, as far as step ``until``, going on from ``checkpoint``.

    Returns the seconds spent, earlier runs included.
    """
    optimizer = make_optimizer(model, config.weight_decay)
    begin, spent = resume(model, optimizer, checkpoint)
    model.train()
    clock = time.monotonic() - spent
    running = 0.0
    for step in range(begin, until or config.steps):
        for group in optimizer.param_groups:
            group["lr"] = plateau_rate(step, config)
        torch.manual_seed(config.seed * 2_000_003 + step)
        pairs = sampler(step)
        left, right = _embed_half(model, pairs.left), _embed_half(model, pairs.right)
        mask = torch.from_numpy(false_negatives(pairs.songs, pairs.left_texts, pairs.right_texts))
        loss = info_nce(left, right, mask, config.temperature)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        running += loss.item()
        if (step + 1) % 50 == 0:
            seconds = time.monotonic() - clock
            logger.info("contrast step %d, loss %.3f, %.0f s", step + 1, running / 50, seconds)
            running = 0.0
        if (step + 1) % every == 0 or step + 1 == config.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            save_state(state | {"step": step + 1, "seconds": time.monotonic() - clock}, checkpoint)
    return time.monotonic() - clock
