"""What each cluster has more of than the rest: the plainest account of what it is made of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.words.shapes import Shape

COLUMNS = ("cluster", "side", "fact", "value", "share", "elsewhere", "beyond_rest")


def cluster_traits(clusters: Int64s, sides: Mapping[str, Mapping[str, Shape]]) -> pd.DataFrame:
    """The value of each fact that leads in each cluster, `COLUMNS`, by cluster and fact in order.

    clusters: (u,) int64 of the texts whose facts `sides` holds, by side and name. share, elsewhere:
    of the texts of the cluster and of the other clusters, those without a value included;
    beyond_rest: their difference. A cluster that has more of nothing has no row for the fact.
    """
    tables = [
        _leading(clusters, shape).assign(side=side, fact=name)
        for side, facts in sides.items()
        for name, shape in facts.items()
    ]
    joined = pd.concat(tables, ignore_index=True)
    return joined.sort_values("cluster", kind="stable", ignore_index=True)[list(COLUMNS)]


def _leading(clusters: Int64s, shape: Shape) -> pd.DataFrame:
    """The value that each cluster has most of beyond the rest's rate; texts without any count."""
    count, size = int(clusters.max(initial=-1)) + 1, max(1, len(shape.values))
    known = shape.codes >= 0
    cells = np.bincount(clusters[known] * size + shape.codes[known], minlength=count * size)
    counts = cells.reshape(count, size).astype(np.float64)
    sizes = np.bincount(clusters, minlength=count).astype(np.float64)
    share = counts / np.maximum(sizes, 1)[:, None]
    elsewhere = (counts.sum(axis=0) - counts) / np.maximum(sizes.sum() - sizes, 1)[:, None]
    beyond = share - elsewhere
    best = (np.arange(count), beyond.argmax(axis=1))
    compared = (sizes > 0) & (sizes < sizes.sum())  # a lone cluster has no rest
    names = np.array([*shape.values, ""], dtype=object)[best[1]]
    table = pd.DataFrame(
        {
            "cluster": np.arange(count),
            "value": names,
            "share": share[best],
            "elsewhere": elsewhere[best],
            "beyond_rest": beyond[best],
        }
    )
    return table[compared & (table["beyond_rest"] > 0)]
