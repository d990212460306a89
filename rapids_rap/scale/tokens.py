"""Tokens for workers: written once where all of them see it, read text by text.

FOLDER/ids.npy, starts.npy, ends.npy, gaps.npy, offsets.npy  the fields of `Tokens`
FOLDER/words.npy         (bytes,) uint8, UTF-8, the vocabulary end to end
FOLDER/word_offsets.npy  (V + 1,) int64, where each word begins and the last one ends

A vocabulary grows with the corpus. A worker that read all of it for each shard, which also grow in
number, would do work by the square of the texts: of a shard only its own words are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from rapids_rap.arrays import HostArray, Int64s
from rapids_rap.runs.files import explain_os_errors, write_array
from rapids_rap.scale.texts import joined
from rapids_rap.words.segment import Tokens

SHARD = 100_000  # texts: seconds of work each

_FLAT = ("starts", "ends", "gaps")


@dataclass(frozen=True)
class SomeTokens:
    """The tokens of some texts by themselves, and what their words are among all.

    tokens: of these texts, numbered from 0; its vocabulary is of the v words that they have.
    words: (v,) int64 id of each among the `size` words of all texts, rising.
    """

    tokens: Tokens
    words: Int64s
    size: int

    def keys_among_all(self, keys: Int64s) -> Int64s:
        """(m,) keys of words and pairs of these tokens (`Terms.keys`) as they are of all texts."""
        own = len(self.words)
        left, right = np.divmod(np.maximum(keys - own, 0), max(own, 1))
        word = np.where(keys < own, keys, 0)
        if not own:
            return keys
        pairs = self.size + self.words[left] * self.size + self.words[right]
        among: Int64s = np.where(keys < own, self.words[word], pairs)
        return among


def write_tokens(folder: Path, tokens: Tokens) -> None:
    """Write the tokens of all texts."""
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("ids", *_FLAT, "offsets"):
        write_array(folder / f"{name}.npy", getattr(tokens, name))
    words, offsets = joined(tokens.vocabulary)
    write_array(folder / "words.npy", words)
    write_array(folder / "word_offsets.npy", offsets)


def read_tokens(folder: Path, texts: Int64s) -> SomeTokens:
    """The tokens of some texts, numbered from 0 in the order given.

    What is not asked for is not read, neither tokens nor words.
    """
    offsets = seen(folder / "offsets.npy")
    starts, sizes = offsets[texts], offsets[texts + 1] - offsets[texts]
    own = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    at = np.repeat(starts - own[:-1], sizes) + np.arange(own[-1])
    words, ids = np.unique(seen(folder / "ids.npy")[at], return_inverse=True)
    edges = seen(folder / "word_offsets.npy")
    tokens = Tokens(
        vocabulary=tuple(_words(seen(folder / "words.npy"), edges[words], edges[words + 1])),
        ids=ids.astype(np.int32),
        offsets=own,
        **{name: seen(folder / f"{name}.npy")[at] for name in _FLAT},
    )
    return SomeTokens(tokens, words.astype(np.int64), len(edges) - 1)


def seen(path: Path) -> HostArray:
    """An array on disk, of which only what is asked for is read."""
    array: HostArray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def text_shards(count: int) -> list[tuple[int, int]]:
    """(first, behind the last) of each shard of so many texts."""
    return [(first, min(first + SHARD, count)) for first in range(0, count, SHARD)]


def _words(data: HostArray, first: Int64s, last: Int64s) -> list[str]:
    """The words that lie at first:last of the bytes of all."""
    sizes = last - first
    ends = np.cumsum(sizes)
    at = np.repeat(first - (ends - sizes), sizes) + np.arange(int(sizes.sum()))
    own = bytes(data[at])
    return [own[a:b].decode() for a, b in pairwise([0, *ends.tolist()])]
