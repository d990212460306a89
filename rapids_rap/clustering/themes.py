"""The coarse level: the theme of each text (`hierarchy` finds those of the clusters)."""

from __future__ import annotations

from array_api_compat import array_namespace, device

from rapids_rap.backend.protocol import Array

VERSION = 1  # raise it when the same arguments give another result


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
