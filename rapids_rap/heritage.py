"""What a run takes over from an earlier run of the same corpus: identities, names, positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rapids_rap.runs import Run


@dataclass(frozen=True)
class Heritage:
    """The run before, and the numbers and names that must go on.

    run: the run that clusters are matched to and the map is aligned with; None the first time.
    next_cluster, next_theme: the lowest ids never used; a cluster or theme that is born takes the
    next one, and no id is ever used again. cluster_labels, theme_labels: what people named them.
    """

    run: Run | None = None
    next_cluster: int = 0
    next_theme: int = 0
    cluster_labels: Mapping[int, str] = field(default_factory=dict)
    theme_labels: Mapping[int, str] = field(default_factory=dict)
