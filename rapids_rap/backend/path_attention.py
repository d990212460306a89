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
    _compiled()(query, key, value, borders, places, key_borders, np.float32(scale), out)
    return out


@functools.cache
def _compiled() -> Callable[..., None]:
    # Sums may be taken side by side in the lanes of a register: by the width of a head alone.
    options = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        return numba.njit(cache=True, **options)(_attend)  # type: ignore[no-any-return]
    except RuntimeError:  # the package lies where nothing can be written, and there is no cache
        return numba.njit(**options)(_attend)  # type: ignore[no-any-return]


def _attend(
    query: Any,
    key: Any,
    value: Any,
    borders: Any,
    places: Any,
    key_borders: Any,
    scale: Any,
    out: Any,
) -> None:
    heads, dim = query.shape[1], query.shape[2]
    group = heads // key.shape[1]
    longest = 0
    for run in range(len(key_borders) - 1):
        longest = max(longest, key_borders[run + 1] - key_borders[run])
    scores = np.empty(longest, np.float32)
    for run in range(len(borders) - 1):
        path = places[key_borders[run] : key_borders[run + 1]]
        above = len(path) - (borders[run + 1] - borders[run])
        for node in range(borders[run], borders[run + 1]):
            seen = above + node - borders[run] + 1
            for head in range(heads):
                q = query[node, head]
                largest = np.float32(-np.inf)
                for j in range(seen):
                    k = key[path[j], head // group]
                    score = np.float32(0.0)
                    for d in range(dim):
                        score += q[d] * k[d]
                    score *= scale
                    scores[j] = score
                    largest = max(largest, score)
                o = out[node, head]
                o[:] = np.float32(0.0)
                total = np.float32(0.0)
                for j in range(seen):
                    weight = math.exp(scores[j] - largest)
                    total += weight
                    v = value[path[j], head // group]
                    for d in range(dim):
                        o[d] += weight * v[d]
                for d in range(dim):
                    o[d] /= total
