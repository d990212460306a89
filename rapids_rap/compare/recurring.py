"""No run may be called better by clusters that are not there again on other songs.

Where both runs' stability is known, the figures of clusters that may decide are measured once more
with every cluster that does not recur taken for noise, and those decide in place of the figures of
all clusters. Where it is not known of a run, the verdict says that it rests on such clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.compare.shared import Side
from rapids_rap.compare.verdict import Contrast
from rapids_rap.quality.figures import RECURRING, Figure, declared
from rapids_rap.tables.stability import LASTING

OF_ALL = "of all clusters; those that are there again on other songs decide"
OTHER_UNKNOWN = "of the other run it is not known which clusters recur"
NONE_RECURS = "no cluster is there again on other songs"


def recurring_clusters(side: Side) -> Bools | None:
    """(K,) whether each cluster is stable on other songs; None where that was not computed."""
    if side.doubts.by != "stability":
        return None
    classes = side.run.clusters.set_index("cluster")["stability_class"]
    return np.asarray(classes.reindex(side.ids).isin(LASTING), dtype=np.bool_)


def recurring_labels(side: Side) -> Int64s | None:
    """(n,) as `Side.labels`, clusters that don't recur being noise; None where unknown."""
    kept = recurring_clusters(side)
    if kept is None:
        return None
    return np.where(np.append(kept, False)[side.labels], side.labels, -1)


def of_no_cluster(figure: Figure) -> Figure:
    """What a figure is where no cluster recurs: no clusters tell nothing, 0 for certain."""
    return replace(figure, value=0.0, interval=(0.0, 0.0), facts={"note": NONE_RECURS})


def decide_by_recurring(rows: Sequence[Contrast], known: tuple[bool, bool]) -> list[Contrast]:
    """The contrasts of two runs, of which it is `known` which clusters recur."""
    both = all(known)
    return [_weighed(row, both) for row in rows]


def _weighed(row: Contrast, both: bool) -> Contrast:
    if row.key.startswith(RECURRING):
        return row if both else replace(row, decides=False, note=OTHER_UNKNOWN)
    if both and declared(row.key).of_clusters:
        return replace(row, decides=False, note="; ".join(filter(None, (row.note, OF_ALL))))
    return row
