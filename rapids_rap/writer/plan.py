"""What a training needs of memory, and how it is cut so that it fits: said before the start.

Counted are the arrays that a step holds at once. Derived, not measured: no GPU has been at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from rapids_rap.errors import CapabilityError, readable_bytes
from rapids_rap.machine.memory_plan import BASE, ModelSize

ADAPTER_BYTES = 16  # of an adapter's weight in float32: itself, its gradient, two moments
SCORES = 12  # of a token's score: as the head gives it, in float32, and its gradient
KEPT = 14  # states of a token that a layer keeps for its gradient, in widths of the model
SHARE = 0.85  # of what is free that may be planned with


@dataclass(frozen=True)
class TuningPlan:
    """How a step is cut: `batch` examples at once, `accumulate` times; expected bytes."""

    batch: int
    accumulate: int
    checkpointing: bool
    expected: int
    free: int

    @property
    def sentence(self) -> str:
        """For the terminal."""
        kept = "activations computed again" if self.checkpointing else "activations kept"
        return (
            f"Memory: about {readable_bytes(self.expected)} of {readable_bytes(self.free)} free; "
            f"{self.batch} examples at once, {self.accumulate} times a step, {kept}."
        )


def plan_tuning(
    size: ModelSize, rank: int, batch: int, longest: int, free: int, *, on_gpu: bool
) -> TuningPlan:
    """Cut a step of `batch` examples of at most `longest` tokens so that it fits into `free` bytes.

    Activations are kept where that fits, for it is faster; then fewer examples go at once, and the
    step stays the same. Raises `CapabilityError` where not even one example fits.
    """
    cuts = [cut for cut in range(batch, 0, -1) if batch % cut == 0]
    tried = [(cut, again) for again in (False, True) for cut in cuts]
    least = 0
    for cut, again in tried:
        least = expected_bytes(size, rank, cut * longest, checkpointing=again, on_gpu=on_gpu)
        if least <= SHARE * free:
            return TuningPlan(cut, batch // cut, again, least, free)
    raise CapabilityError(
        f"Tuning {size.name} needs about {readable_bytes(least)} with one example of {longest} "
        f"tokens at once, and {readable_bytes(free)} are free. Lower --max-tokens or --rank, or "
        "take a smaller --model."
    )


def expected_bytes(
    size: ModelSize, rank: int, tokens: int, *, checkpointing: bool, on_gpu: bool
) -> int:
    """Bytes at the widest point of a step over so many tokens."""
    across = 4 * size.hidden + 2 * size.keys + 3 * (size.hidden + size.intermediate)
    across += 2 * size.hidden  # queries and output have two ends of the model's width each
    adapters = size.layers * rank * across * ADAPTER_BYTES
    a_layer = tokens * (KEPT * size.hidden + 4 * size.intermediate) * size.bytes_each
    if checkpointing:
        activations = a_layer + size.layers * tokens * size.hidden * size.bytes_each
    else:
        activations = size.layers * a_layer
    scores = tokens * size.vocabulary * SCORES
    return size.weights + adapters + activations + scores + (0 if on_gpu else BASE)
