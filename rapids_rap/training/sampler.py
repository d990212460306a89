"""Batches of positive pairs; each is a function of the seed and the step's number alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.errors import InputError
from rapids_rap.training import generator
from rapids_rap.training.masks import batch_mask
from rapids_rap.training.views import Anchors, Pair, ViewSources


@dataclass(frozen=True, slots=True)
class PairBatch:
    """n pairs. left, right: the views; mask: (n, n), which pairs are no negatives."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    mask: Bools

    @property
    def same_text(self) -> Bools:
        """(n,): pairs whose two views are one and the same text."""
        return np.array([a == b for a, b in zip(self.left, self.right, strict=True)], np.bool_)


class PairSampler:
    """Draws :class:`PairBatch`; ``sampler(step)`` takes equally many pairs of every view."""

    def __init__(
        self,
        material: ViewSources,
        anchors: Sequence[Anchors],
        pairs: int,
        near_duplicate: float,
        seed: int,
    ) -> None:
        self.material = material
        self.anchors = list(anchors)
        self.pairs = pairs
        self.near_duplicate = near_duplicate
        self.seed = seed

    def __call__(self, step: int) -> PairBatch:
        """The pairs of one step."""
        random = generator(self.seed, 1, step)
        pairs: list[Pair] = []
        for turn, anchors in enumerate(self.anchors):
            number = len(range(turn, self.pairs, len(self.anchors)))
            drawn = self._drawn(anchors.lines, number, random)
            pairs += [anchors.view.make(self.material, line, random) for line in drawn]
        lines = self.material.lines
        at = np.array([[pair.left_line, pair.right_line] for pair in pairs], np.int64)
        left, right = ([lines.text[i] for i in side] for side in at.T.tolist())
        mask = batch_mask(lines.song[at[:, 0]], left, right, self.near_duplicate)
        return PairBatch(tuple(p.left for p in pairs), tuple(p.right for p in pairs), mask)

    def _drawn(self, lines: Int64s, number: int, random: np.random.Generator) -> list[int]:
        """Distinct lines, fewer than `number` where there are no more."""
        return random.choice(lines, min(number, len(lines)), replace=False).tolist()


def refuse_without_negatives(batch: PairBatch) -> None:
    """Raise `InputError` where a batch has next to nothing to tell apart."""
    n = len(batch.left)
    others = n * (n - 1)
    if not others or batch.mask.sum() >= 0.99 * others:
        raise InputError(
            f"A batch of {n} pairs has no two that may be told apart: they are of one song, or "
            "nearly the same text. Contrastive training needs lyrics of several songs."
        )
