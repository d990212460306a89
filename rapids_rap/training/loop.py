"""The steps: draw, compare, correct; now and then judge, and keep what a kill must not take."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rapids_rap.config import TrainConfig
from rapids_rap.errors import CapabilityError
from rapids_rap.training import torch_seed
from rapids_rap.training.checkpoint import Checkpoints, TrainingState
from rapids_rap.training.dev import dev_figures
from rapids_rap.training.learner import Learner, encode
from rapids_rap.training.lines import DevPairs
from rapids_rap.training.loss import LossValue, cached_backward, info_nce, refuse_equal_views
from rapids_rap.training.optim import learning_rate, make_optimizer
from rapids_rap.training.sampler import PairBatch, PairSampler, refuse_without_negatives

log = logging.getLogger(__name__)

RISE = 0.1  # of the steps, while the learning rate grows
LONGEST_GRADIENT = 1.0

Reporter = Callable[[int, int, str], None]  # steps done, steps, and how it stands in words


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """All that one training goes through. dev: None where the lyrics have no songs to hold out."""

    learner: Learner
    sampler: PairSampler
    dev: DevPairs | None
    config: TrainConfig
    seed: int
    checkpoints: Checkpoints
    tell: Reporter


def train_steps(training: TrainingRun) -> TrainingState:
    """Train to the end, going on from the newest checkpoint, and leave the best weights in place.

    Raises `CapabilityError` where the views of a batch are equal or the loss is no number, and
    `InputError` where a batch has nothing to tell apart.
    """
    config, module = training.config, training.learner.module
    optimizer = make_optimizer(module, config.weight_decay)
    state = training.checkpoints.load(module, optimizer)
    clock = time.monotonic() - state.seconds
    module.train()
    if not state.history:
        _judge(training, state, None)
    while state.steps < config.steps and not _finished(state, config):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(state.steps, config.steps, config.learning_rate, RISE)
        loss = _step(training, state, optimizer)
        state.steps += 1
        state.loss_sum, state.loss_steps = state.loss_sum + loss, state.loss_steps + 1
        training.tell(state.steps, config.steps, _words(state, loss))
        last = state.steps == config.steps
        if last or state.steps % config.evaluate_every == 0:
            _judge(training, state, state.loss_sum / state.loss_steps)
            state.loss_sum, state.loss_steps = 0.0, 0
        state.seconds = time.monotonic() - clock
        if last or state.steps % config.checkpoint_every == 0:
            training.checkpoints.save(state, module, optimizer)
    if state.best_step is not None:
        training.checkpoints.put_best(state.best_step, module)
    return state


def _finished(state: TrainingState, config: TrainConfig) -> bool:
    return state.best_step is not None and state.unimproved >= config.patience


def _step(training: TrainingRun, state: TrainingState, optimizer: torch.optim.Optimizer) -> float:
    """One step; returns its loss."""
    batch = training.sampler(state.steps)
    outcome = compare(training, batch, state.steps)
    left, right = outcome.vectors.split(len(batch.left))
    if state.steps == 0:
        refuse_without_negatives(batch)
        state.view_cosine = _view_cosine(left, right, batch)
    refuse_equal_views(left, right, batch.same_text)
    if not math.isfinite(outcome.loss):
        raise CapabilityError(
            f"The loss of step {state.steps + 1} is no number. Lower train.learning_rate; if the "
            "model was made for bfloat16, set train.dtype=bfloat16."
        )
    weights = [w for w in training.learner.module.parameters() if w.requires_grad]
    torch.nn.utils.clip_grad_norm_(weights, LONGEST_GRADIENT)
    optimizer.step()
    optimizer.zero_grad()
    return outcome.loss


def _view_cosine(left: Tensor, right: Tensor, batch: PairBatch) -> float:
    """Mean cosine of two views of one text; of all pairs where no view keeps the text."""
    cosines = (left * right).sum(1).cpu()
    same = torch.from_numpy(batch.same_text)
    return float(cosines[same].mean() if bool(same.any()) else cosines.mean())


def compare(training: TrainingRun, batch: PairBatch, step: int) -> LossValue:
    """Loss and gradients of a batch; the vectors are the left views', then the right ones'."""
    learner = training.learner
    prepared = learner.prepare([*batch.left, *batch.right])
    mask = torch.from_numpy(batch.mask).to(learner.device)

    def objective(vectors: Tensor) -> Tensor:
        left, right = vectors.split(len(batch.left))
        return info_nce(left, right, mask, training.config.temperature)

    return cached_backward(
        lambda chunk: learner.embed(prepared, chunk),
        prepared.rows,
        objective,
        seed=(training.seed, 2, step),
        fits=prepared.fits,
    )


def _judge(training: TrainingRun, state: TrainingState, loss: float | None) -> None:
    """Add the development figures to the history; keep the weights where they are the best."""
    entry: dict[str, float | None] = {"step": state.steps, "loss": loss}
    state.history.append(entry)
    if training.dev is None:
        return
    torch.manual_seed(torch_seed(training.seed, 5, state.steps))
    figures = dev_figures(training.dev, lambda texts: encode(training.learner, texts))
    entry |= {"dev_mrr": figures.mrr, "alignment": figures.alignment}
    entry |= {"uniformity": figures.uniformity, "random_cosine": figures.random_cosine}
    log.info(
        "step %d: loss %s, dev MRR %.4f, alignment %.3f, uniformity %.3f",
        state.steps,
        "-" if loss is None else f"{loss:.4f}",
        figures.mrr,
        figures.alignment,
        figures.uniformity,
    )
    if state.best_step is None or figures.mrr > state.best_mrr:
        state.best_step, state.best_mrr, state.unimproved = state.steps, figures.mrr, 0
        training.checkpoints.save_best(state.steps, training.learner.module)
    else:
        state.unimproved += 1


def _words(state: TrainingState, loss: float) -> str:
    """How it stands, in a line."""
    latest = state.history[-1]
    known = {"dev MRR": "dev_mrr", "alignment": "alignment", "uniformity": "uniformity"}
    figures = [f"{name} {latest[key]:.3f}" for name, key in known.items() if key in latest]
    return ", ".join([f"training: step {state.steps}, loss {loss:.3f}", *figures])
