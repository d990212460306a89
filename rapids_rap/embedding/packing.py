"""Which texts share a batch, and the batch's arrays. Pure NumPy; nothing here knows a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rapids_rap.arrays import Bools, Int32s, Int64s
from rapids_rap.embedding import BatchLayout


@dataclass(frozen=True)
class TokenBatchIds:
    """Token ids of texts, end to end. ids: (tokens,) int32; text i is ids[starts[i]:starts[i+1]].

    starts: (texts + 1,) int64. truncated: (texts,) bool, whether the text was cut. read: (texts,)
    int64, how many of its last tokens are pooled: the second copy of an echo; None: all.
    """

    ids: Int32s
    starts: Int64s
    truncated: Bools
    read: Int64s | None = None

    @property
    def lengths(self) -> Int64s:
        """Tokens of each text, (texts,) int64."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class TokenBatch:
    """Texts end to end. ids, positions: (T,) int64; borders: (texts + 1,) int32; longest: tokens.

    `positions` begins at 0 in every text. The arrays are NumPy's, or what `moved` made of them.
    """

    ids: Any
    positions: Any
    borders: Any
    longest: int

    @property
    def texts(self) -> int:
        """How many texts the batch holds."""
        return len(self.borders) - 1

    def moved(self, upload: Callable[..., tuple[Any, ...]]) -> TokenBatch:
        """The batch with its arrays on the device that `upload` takes them to."""
        ids, positions, borders = upload(self.ids, self.positions, self.borders)
        return TokenBatch(ids, positions, borders, self.longest)


def make_batch(tokens: TokenBatchIds, selection: Int64s) -> TokenBatch:
    """The selected texts, end to end, in the given order."""
    lengths = tokens.lengths[selection]
    borders = np.zeros(len(selection) + 1, dtype=np.int32)
    np.cumsum(lengths, out=borders[1:])
    positions = np.arange(borders[-1], dtype=np.int64) - np.repeat(borders[:-1], lengths)
    source = positions + np.repeat(tokens.starts[selection], lengths)
    return TokenBatch(tokens.ids[source].astype(np.int64), positions, borders, int(lengths.max()))


def plan_batches(lengths: Int64s, budget: int, layout: BatchLayout) -> list[slice]:
    """Cut texts, given by ascending length, into runs of at most `budget` computed tokens.

    dense: texts of one length only; packed: the sum of lengths counts; padded: the longest counts
    for each. A batch holds at least one text, so a text longer than the budget runs alone.
    """
    batches, start, n = [], 0, len(lengths)
    total = np.concatenate(([0], np.cumsum(lengths)))
    while start < n:
        if layout == "packed":
            stop = int(np.searchsorted(total, total[start] + budget, side="right")) - 1
        elif layout == "dense":
            same = int(np.searchsorted(lengths, lengths[start], side="right"))
            stop = min(same, start + budget // int(lengths[start]))
        else:
            room = np.arange(1, n - start + 1) * lengths[start:] <= budget
            stop = start + int(np.count_nonzero(room))  # the product ascends: a prefix is True
        stop = min(max(stop, start + 1), n)
        batches.append(slice(start, stop))
        start = stop
    return batches
