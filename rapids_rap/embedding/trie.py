"""Every beginning once: the texts of a batch as a trie. Pure NumPy; nothing here knows a model.

In a model that looks back only, the state of a token depends on the tokens before it alone, so that
texts with the same beginning share its states. A batch's nodes are the distinct beginnings of its
texts. Linear layers run on nodes; attention reads the keys and values along a node's path from the
root; a text's states are gathered along its path for pooling. Prefix sharing is known from serving
language models (SGLang's RadixAttention, Zheng et al. 2024, arXiv:2312.07104), where it saves
what a prompt was computed to; here all texts are known beforehand.

Sorted texts stand beside those they share most with, and then a text's new nodes are those beyond
what it shares with the text before it. Any other order is as exact and shares less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rapids_rap.arrays import Int32s, Int64s
from rapids_rap.embedding.packing import TokenBatch, TokenBatchIds

PATHS_A_NODE = 4  # of path a node, at most on average: gathered keys may not outgrow the layers
# A batch is filled up to a multiple of so many nodes, because a text must get the same bits in any
# company: one to three rows of a product are added up in another order than more are (MKL), and the
# last numbers of an odd batch are computed one by one, by another exponential (torch's SiLU takes
# 32 at a time where registers are widest).
FULL_ROWS = 8


@dataclass(frozen=True)
class Paths:
    """Nodes along paths, end to end. places: (K,) int64; borders: (paths + 1,) int32.

    longest: nodes of a path. The arrays are NumPy's, or what `moved` made of them.
    """

    places: Any
    borders: Any
    longest: int

    def moved(self, upload: Callable[..., tuple[Any, ...]]) -> Paths:
        """The paths with their arrays on the device that `upload` takes them to."""
        places, borders = upload(self.places, self.borders)
        return Paths(places, borders, self.longest)


@dataclass(frozen=True)
class Trie:
    """Texts of a batch, every beginning once.

    nodes: the new nodes of one text after the other, end to end as if they were texts. keys: for
    each such run the path that ends in it. texts: the path of each text, for pooling.
    """

    nodes: TokenBatch
    keys: Paths
    texts: Paths

    def moved(self, upload: Callable[..., tuple[Any, ...]]) -> Trie:
        """The trie with its arrays on the device that `upload` takes them to."""
        return Trie(self.nodes.moved(upload), self.keys.moved(upload), self.texts.moved(upload))


def sort_texts(tokens: TokenBatchIds, texts: Int64s) -> Int64s:
    """The selected texts in the order of their tokens; a beginning stands before what begins so."""
    whole, size = tokens.ids.astype(">u4").tobytes(), 4  # bytes compare as the numbers do
    keys = {
        int(i): whole[size * int(tokens.starts[i]) : size * int(tokens.starts[i + 1])]
        for i in texts
    }
    return np.array(sorted(keys, key=keys.__getitem__), dtype=np.int64)


def shared_tokens(tokens: TokenBatchIds, texts: Int64s) -> Int64s:
    """How many first tokens each text shares with the one before it, (texts,) int64; 0 at first."""
    shared = np.zeros(len(texts), dtype=np.int64)
    if len(texts) < 2:
        return shared
    lengths = tokens.lengths[texts]
    least = np.minimum(lengths[1:], lengths[:-1])
    before = tokens.ids[_ranges(tokens.starts[texts[:-1]], least)]
    after = tokens.ids[_ranges(tokens.starts[texts[1:]], least)]
    step = _ranges(np.zeros_like(least), least)
    differs = np.where(before == after, np.repeat(least, least), step)
    some = least > 0
    shared[1:][some] = np.minimum.reduceat(differs, (np.cumsum(least) - least)[some])
    return shared


def plan_tries(lengths: Int64s, shared: Int64s, budget: int) -> list[slice]:
    """Cut texts, in the order that `shared` counts in, into runs of at most `budget` nodes.

    The first text of a batch shares nothing. Paths hold at most `PATHS_A_NODE` times the budget. A
    batch has at least one text.
    """
    batches, start, n = [], 0, len(lengths)
    nodes = np.concatenate(([0], np.cumsum(lengths - shared)))
    paths = np.concatenate(([0], np.cumsum(lengths)))
    while start < n:
        fits = int(np.searchsorted(nodes, nodes[start] + budget - shared[start], side="right"))
        short = int(np.searchsorted(paths, paths[start] + PATHS_A_NODE * budget, side="right"))
        stop = min(max(min(fits, short) - 1, start + 1), n)
        batches.append(slice(start, stop))
        start = stop
    return batches


def make_trie(tokens: TokenBatchIds, texts: Int64s) -> Trie:
    """The selected texts as a trie, in the given order. texts: (m,) int64, at least one."""
    lengths, shared = tokens.lengths[texts], shared_tokens(tokens, texts)
    new = lengths - shared
    count = int(new.sum())
    fill = -count % FULL_ROWS  # nodes of token 0 that no text reads
    runs = np.flatnonzero(new > 0)
    positions = _ranges(shared[runs], new[runs])
    ids = tokens.ids[positions + np.repeat(tokens.starts[texts[runs]], new[runs])]
    nodes = TokenBatch(
        np.append(ids.astype(np.int64), np.zeros(fill, dtype=np.int64)),
        np.append(positions, np.zeros(fill, dtype=np.int64)),
        _borders(np.append(new[runs], np.ones(fill, dtype=np.int64))),
        max(1, int(new.max())),
    )
    table = _nodes_by_depth(lengths, shared)
    own = table[runs][np.arange(table.shape[1]) < lengths[runs, None]]
    every = table[np.arange(table.shape[1]) < lengths[:, None]]
    longest = max(1, int(lengths.max()))
    keys = Paths(
        np.append(own.astype(np.int64), np.arange(count, count + fill)),
        _borders(np.append(lengths[runs], np.ones(fill, dtype=np.int64))),
        longest,
    )
    return Trie(nodes, keys, Paths(every.astype(np.int64), _borders(lengths), longest))


def _nodes_by_depth(lengths: Int64s, shared: Int64s) -> Int32s:
    """(m, longest) int32: the node of each text at each depth; anything beyond a text's length.

    A node stands for a text and for those after it until one shares less. New nodes ascend, so that
    the latest at a depth is the largest.
    """
    depth = np.arange(int(lengths.max()))
    new = (depth >= shared[:, None]) & (depth < lengths[:, None])
    table = np.zeros(new.shape, dtype=np.int32)
    table[new] = np.arange(np.count_nonzero(new))
    return np.maximum.accumulate(table, axis=0)


def _ranges(starts: Int64s, sizes: Int64s) -> Int64s:
    """``starts[i]``, ``starts[i] + 1``, ... ``sizes[i]`` numbers for each i, end to end."""
    ends = np.cumsum(sizes)
    return np.arange(int(sizes.sum())) + np.repeat(starts - ends + sizes, sizes)


def _borders(sizes: Int64s) -> Int32s:
    return np.append(0, np.cumsum(sizes)).astype(np.int32)
