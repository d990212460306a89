"""Attention along the paths of a trie on a CPU: every query adds up its own keys, always alike.

A product of matrices rounds by the shape of the batch, and torch's attention by the length of the
text. A node of a trie belongs to several texts, so here each query goes over the keys from the root
to itself, one after the other: its bits depend on nothing but its own beginning. For short texts
that is also quicker than to gather keys and values for products (docs/performance.md).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from rapids_rap.arrays import Float32s, HostArray


def attend_paths(
    query: Float32s,
    key: Float32s,
    value: Float32s,
    borders: HostArray,
    places: HostArray,
    key_borders: HostArray,
    scale: float,
) -> Float32s:
    """Attention of each node over its ancestors and itself, (N, H, D) float32.

    query: (N, H, D), key and value (N, H_kv, D), C-contiguous. Run r has the nodes
    ``borders[r]:borders[r + 1]``, and they are the last of its path, the nodes
    ``places[key_borders[r]:key_borders[r + 1]]`` from the root on. Leaves the interpreter lock.
    """
    out = np.empty_like(query)
    weights = np.empty(int(np.diff(key_borders).max(initial=1)), dtype=np.float32)
    attend = _compiled(query.shape[2])
    attend(query, key, value, borders, places, key_borders, np.float32(scale), weights, out)
    return out


def _njit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when first called, and kept on disk where there is a folder for it."""
    # Sums may be taken side by side in the lanes of a register: by the width of a head alone.
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(**options)(function)  # type: ignore[no-any-return]


@numba.njit(inline="always")  # a function of its own would be kept, and optimised, by itself
def _softmax(weights: Any, seen: int, scale: Any) -> None:
    """The first `seen` scores, in place."""
    largest = np.float32(-np.inf)
    for j in range(seen):
        weights[j] *= scale
        largest = max(largest, weights[j])
    total = np.float32(0.0)
    for j in range(seen):
        weights[j] = math.exp(weights[j] - largest)
        total += weights[j]
    for j in range(seen):
        weights[j] /= total


@functools.cache
def _compiled(dim: int) -> Callable[..., None]:
    """The loop for heads of `dim` numbers: known to the compiler, it is several times as fast."""

    def attend(
        query: Any,
        key: Any,
        value: Any,
        borders: Any,
        places: Any,
        key_borders: Any,
        scale: Any,
        weights: Any,
        out: Any,
    ) -> None:
        group = query.shape[1] // key.shape[1]
        for run in range(len(borders) - 1):
            first = key_borders[run]
            above = key_borders[run + 1] - first - borders[run + 1] + 1
            for node in range(borders[run], borders[run + 1]):
                seen = above + node
                for head in range(query.shape[1]):
                    for j in range(seen):
                        place, score = places[first + j], np.float32(0.0)
                        for d in range(dim):
                            score += query[node, head, d] * key[place, head // group, d]
                        weights[j] = score
                    _softmax(weights, seen, scale)
                    for d in range(dim):
                        out[node, head, d] = np.float32(0.0)
                    for j in range(seen):
                        place, weight = places[first + j], weights[j]
                        for d in range(dim):
                            out[node, head, d] += weight * value[place, head // group, d]

    return _njit(attend)
