"""The coarse level: a few themes above the fine clusters."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.backend.protocol import Array, Backend

VERSION = 1  # raise it when the same arguments give another result


def find_themes(centers: Array, mass: Array, lowest: Array, most: int, backend: Backend) -> Array:
    """(K,) int64: the theme of each cluster, at most `most` of them, theme 0 the heaviest.

    centers: (K, d) unit rows; mass, lowest: (K,) total weight and lowest text of each cluster.
    Ward's agglomeration (1963) of the unit centers, whose squared distance is 2 - 2·cosine. Themes
    of equal weight go by their lowest text, as ids do from night to night. This small table is
    copied to the host on purpose.
    """
    table = np.asarray(backend.to_host(centers), dtype=np.float64)
    weight = np.asarray(backend.to_host(mass), dtype=np.float64)
    text = np.asarray(backend.to_host(lowest), dtype=np.int64)
    return backend.from_host(_themes(table, weight, text, most))


def _themes(centers: Float64s, weight: Float64s, lowest: Int64s, most: int) -> Int64s:
    from scipy.cluster.hierarchy import fcluster, linkage

    count = len(centers)
    if count < 2:
        return np.zeros(count, dtype=np.int64)
    found = fcluster(linkage(centers, method="ward"), most, criterion="maxclust")
    names, members = np.unique(found, return_inverse=True)
    first = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first, members, lowest)
    heaviest = np.lexsort((first, -np.bincount(members, weights=weight)))
    rank = np.empty(len(names), dtype=np.int64)
    rank[heaviest] = np.arange(len(names))
    return rank[members]


def text_themes(labels: Array, themes: Array) -> Array:
    """(n,) int64 theme of each text: labels (n,) int64, -1 for noise; themes (K,) of the clusters.

    Noise has theme -1.
    """
    xp, where = array_namespace(labels, themes), device(themes)
    padded = xp.concat(
        [xp.astype(themes, xp.int64), xp.full((1,), -1, dtype=xp.int64, device=where)]
    )
    places = xp.where(labels >= 0, labels, xp.full_like(labels, int(themes.shape[0])))
    return xp.take(padded, places, axis=0)
