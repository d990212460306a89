"""Contrastive fine-tuning of an encoder: `rapids_rap.train.train` is the one public function.

In the order they are used: `lines` (what is trained on, what is held out), `views` and `sampler`
(positive pairs), `masks` (pairs that are no negatives), `learner` and `head` (what learns), `loss`,
`optim`, `dev` (is it better?), `checkpoint`, `loop`, `folder` (what is left in the end).

Every random choice of a step is a function of the seed and the step's number alone: that is what
makes a training that was killed and resumed end as one that was not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Weights = dict[str, Any]  # name -> torch.Tensor


def generator(*words: int) -> np.random.Generator:
    """The random numbers of one purpose, seed and step, in that order."""
    return np.random.default_rng(list(words))


def torch_seed(*words: int) -> int:
    """A seed for torch, as `generator` has it for NumPy: non-negative, below 2**63."""
    return int(np.random.SeedSequence(list(words)).generate_state(1, np.uint64)[0] >> 1)
