"""How far coders agree, and where they part from the clustering.

Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's alpha-reliability"; the package
`krippendorff`) takes any number of coders and leaves out what somebody did not answer: 1 is full
agreement, 0 what chance gives. By his own bounds 0.8 is reliable and below 0.667 nothing should be
concluded. `fit` has ordered answers, the other tasks have not. Intervals are percentiles of a
bootstrap over songs, or over clusters for a task whose questions are of many songs (`bootstrap`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import krippendorff
import numpy as np
import pandas as pd

from rapids_rap.annotate import Answers, Item, Task
from rapids_rap.annotate.naming_trial import wilson
from rapids_rap.arrays import Float64s, HostArray
from rapids_rap.quality.bootstrap import FEWEST, draw_units, interval

DRAWS = 1000
Level = Literal["nominal", "ordinal"]
ORDERED: Mapping[Task, Level] = {"fit": "ordinal"}
FIRM = 0.667  # Krippendorff's own bound, below which nothing should be concluded
_COLUMNS = ("item", "task", "cluster", "stratum", "run", "people", "parted", "text")  # no coders
ONE_ANSWER = "everyone gave one answer throughout"


@dataclass(frozen=True)
class Agreement:
    """Of one task. coders, items: that count, the items with two answers or more.

    alpha, interval: None where they can't be had, and `note` says why. over: what was resampled.
    right: share of items whose majority is what the run would answer, of `decided` items with a
    majority and such an answer; right_interval; chance: what guessing gives, None where the answers
    are not all alike likely. strata: share right, by stratum, with the number of items.
    """

    task: Task
    coders: int
    items: int
    alpha: float | None
    interval: list[float] | None
    over: str
    note: str
    right: float | None
    right_interval: list[float] | None
    decided: int
    chance: float | None
    strata: Mapping[str, tuple[float, int]]


def alpha_of(values: Float64s, level: Level, domain: int) -> float | None:
    """Alpha of (coders, items) answers by number, NaN where there is none; None if undefined."""
    both = np.isfinite(values).sum(axis=0) > 1
    if not both.any() or len(np.unique(values[:, both])) < 2:
        return None
    found = krippendorff.alpha(
        reliability_data=values[:, both],
        level_of_measurement=level,
        value_domain=list(range(domain)),
    )
    return float(found) if np.isfinite(found) else None


def measure(task: Task, answers: Sequence[Answers], items: Mapping[str, Item]) -> Agreement | None:
    """The agreement on one task; None where no item of it has two answers."""
    asked = [item for item in items.values() if item.task == task]
    asked = [item for item in asked if sum(item.id in one.given for one in answers) > 1]
    if not asked:
        return None
    values, domain = _numbered(asked, answers)
    level = ORDERED.get(task, "nominal")
    alpha = alpha_of(values, level, domain)
    units, over = _units(asked)
    weights = draw_units(len(set(units)), DRAWS, 0) if over else np.empty((0, 0))
    place = {unit: i for i, unit in enumerate(sorted(set(units)))}
    which = np.array([place[unit] for unit in units])
    note = "" if alpha is not None else ONE_ANSWER
    if not over:
        note = note or "no songs known: no interval"
    right = _right(asked, answers)
    decided = np.isfinite(right)
    return Agreement(
        task=task,
        coders=sum(any(item.id in one.given for item in asked) for one in answers),
        items=len(asked),
        alpha=alpha,
        interval=None if alpha is None else _interval(values, which, weights, level, domain),
        over=over,
        note=note,
        right=float(right[decided].mean()) if decided.any() else None,
        right_interval=_mean_interval(right, which, weights),
        decided=int(decided.sum()),
        chance=1 / len(asked[0].options) if task in ("intruder", "names") else None,
        strata=_by_stratum(asked, right) if task in ("fit", "emotion") else {},
    )


def _numbered(asked: Sequence[Item], answers: Sequence[Answers]) -> tuple[Float64s, int]:
    """(coders, items) places of the answers among all that the task has, and how many it has."""
    values = list(dict.fromkeys(option for item in asked for option in item.options))
    places = {value: float(i) for i, value in enumerate(values)}
    rows = [[places.get(one.given.get(item.id, ""), np.nan) for item in asked] for one in answers]
    return np.array(rows, dtype=np.float64), len(values)


def _units(asked: Sequence[Item]) -> tuple[list[str], str]:
    """What each item is resampled with, and what that is; "" where it is not known of all."""
    units = [item.unit for item in asked]
    if not all(units):
        return units, ""
    return units, "clusters" if units[0].startswith("cluster ") else "songs"


def _interval(
    values: Float64s, which: HostArray, weights: Float64s, level: Level, domain: int
) -> list[float] | None:
    if weights.shape[1] < FEWEST:
        return None
    draws = [
        alpha_of(np.repeat(values, row[which].astype(int), axis=1), level, domain)
        for row in weights
    ]
    return interval(np.array([np.nan if draw is None else draw for draw in draws]))


def _mean_interval(right: Float64s, which: HostArray, weights: Float64s) -> list[float] | None:
    known = np.isfinite(right)
    units = len(np.unique(which[known]))
    if not known.any() or units < FEWEST or not len(weights):
        return None
    if np.ptp(right[known]) == 0:  # no draw differs: that all are right does not make it sure
        return list(wilson(units if right[known][0] else 0, units))
    counts = weights[:, which[known]]
    totals = counts.sum(axis=1)
    sums = counts @ right[known]
    return interval(np.where(totals > 0, sums / np.maximum(totals, 1), np.nan))


def majority(item: Item, answers: Sequence[Answers]) -> str:
    """What most coders answered; "" for a tie."""
    given = Counter(one.given[item.id] for one in answers if item.id in one.given)
    best = given.most_common(2)
    return best[0][0] if len(best) == 1 or best[0][1] > best[1][1] else ""


def _comparable(item: Item, said: str) -> bool:
    """Whether people and the run both answer it, one way or the other."""
    return bool(said and item.truth) and said != "partly"


def _parted(item: Item, said: str) -> str:
    """As the table has it; "" where either has no answer."""
    if not _comparable(item, said):
        return ""
    return "no" if said == item.truth else "yes"


def _right(asked: Sequence[Item], answers: Sequence[Answers]) -> Float64s:
    """(items,) 1 where the majority is what the run would answer, NaN where either has none."""
    found = []
    for item in asked:
        said = majority(item, answers)
        found.append(float(said == item.truth) if _comparable(item, said) else np.nan)
    return np.array(found)


def _by_stratum(asked: Sequence[Item], right: Float64s) -> dict[str, tuple[float, int]]:
    found = {}
    for stratum in dict.fromkeys(item.stratum for item in asked):
        own = right[[item.stratum == stratum for item in asked]]
        own = own[np.isfinite(own)]
        if len(own):
            found[stratum] = (float(own.mean()), len(own))
    return found


def confusion(answers: Sequence[Answers], items: Mapping[str, Item]) -> pd.DataFrame:
    """task, coder_a, coder_b, answer_a, answer_b, items: of every two coders, and each with `run`.

    Places of intruders and names are counted as `right` and `other`, for their order is drawn.
    """
    run = Answers("run", "", {i: item.truth for i, item in items.items() if item.truth}, "")
    rows: Counter[tuple[str, ...]] = Counter()
    everyone = [*(replace(one, coder=_called(one.coder)) for one in answers), run]
    for place, one in enumerate(everyone):
        for other in everyone[place + 1 :]:
            for name, item in items.items():
                if name in one.given and name in other.given:
                    said = (_said(item, one.given[name]), _said(item, other.given[name]))
                    rows[item.task, one.coder, other.coder, *said] += 1
    columns = ["task", "coder_a", "coder_b", "answer_a", "answer_b"]
    table = pd.DataFrame(list(rows), columns=columns)
    return table.assign(items=list(rows.values()))


def _said(item: Item, value: str) -> str:
    if item.task in ("intruder", "names"):
        return "right" if value == item.truth else "other"
    return value


def _called(coder: str) -> str:
    """A coder as tables have it: nobody is taken for the run, or for a column of another kind."""
    return f"{coder} (coder)" if coder in _COLUMNS else coder


def item_table(answers: Sequence[Answers], items: Mapping[str, Item]) -> pd.DataFrame:
    """A row an item: its place in the run, what the run and people say, whether they part."""
    said = {item.id: majority(item, answers) for item in items.values()}
    rows = [
        {
            "item": item.id,
            "task": item.task,
            "cluster": item.cluster,
            "stratum": item.stratum,
            "run": item.truth,
            "people": said[item.id],
            "parted": _parted(item, said[item.id]),
            **{_called(one.coder): one.given.get(item.id, "") for one in answers},
            "text": item.line or " / ".join(item.group),
        }
        for item in items.values()
    ]
    return pd.DataFrame(rows)
