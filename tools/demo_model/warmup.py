"""The first phase: next-token training, so that the body reads Chinese before it compares it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2Model

from rapids_rap.training.optim import learning_rate, make_optimizer
from tools.demo_model.checkpoint import resume, save_state
from tools.demo_model.data import Lines

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WarmupConfig:
    """Steps, batch (windows of ``window`` tokens) and rates of next-token training."""

    steps: int = 500
    batch: int = 128
    window: int = 24
    rate: float = 1.5e-3
    weight_decay: float = 0.05
    seed: int = 42


def windows(poetry: Lines, config: WarmupConfig, step: int) -> Tensor:
    """Token windows (batch, window + 1) int64 that begin at the start of a line."""
    random = np.random.default_rng([config.seed, 1, step])
    first = poetry.offsets[random.integers(0, len(poetry.song), config.batch)]
    first = np.minimum(first, len(poetry.tokens) - config.window - 1)
    ids = poetry.tokens[first[:, None] + np.arange(config.window + 1)]
    return torch.from_numpy(ids.astype(np.int64))


def next_token_loss(model: Qwen2Model, ids: Tensor) -> Tensor:
    """Cross entropy of each token after the first; the output layer is the input table."""
    with torch.autocast("cpu", torch.bfloat16):
        states = model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        scores = functional.linear(states, model.embed_tokens.weight)
    return functional.cross_entropy(scores.float().flatten(0, 1), ids[:, 1:].flatten())


def warm_up(
    model: Qwen2Model,
    poetry: Lines,
    config: WarmupConfig,
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
    for step in range(begin, until or config.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config.steps, config.rate)
        torch.manual_seed(config.seed * 1_000_003 + step)
        loss = next_token_loss(model, windows(poetry, config, step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if (step + 1) % 20 == 0:
            seconds = time.monotonic() - clock
            logger.info("warm-up step %d, loss %.3f, %.0f s", step + 1, loss.item(), seconds)
        if (step + 1) % every == 0 or step + 1 == config.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            save_state(state | {"step": step + 1, "seconds": time.monotonic() - clock}, checkpoint)
    return time.monotonic() - clock
