"""Is tonight much worse than the published night? Gates answer; one that fails stops publishing.

Pure functions. A limit is the worst value that still passes. A gate that compares does not apply on
the first night, nor where a figure was not computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rapids_rap.config import NightlyConfig

NO_FIGURE = "not computed in both nights"
NO_VOTES = "several layouts voted in only one of the nights, or in none"
OTHER_SONGS = "measured on other songs, for the nights' models were trained on different ones"
FIRST = "no night was published before"


@dataclass(frozen=True)
class Facts:
    """What gates judge, of one night. shares are 0 to 1; a figure is None where not computed.

    meaning: the 95 % interval of what clusters tell of the lexicon's categories. stability: that of
    their mean recurrence on other songs. agreement: the mean share of votes, None of one layout.
    """

    clusters: int
    noise: float
    retrieval: float | None
    dbcv: float | None
    meaning: Sequence[float] | None = None
    stability: Sequence[float] | None = None
    agreement: float | None = None


@dataclass(frozen=True)
class Change:
    """What became of the published night. lines_lost, ids_kept: shares of its lines, clusters.

    A cluster counts as much as it was sure of being there again (`tables.doubts.firmness`).
    other_songs: its retrieval was measured on other songs than tonight's, because the nights'
    models were trained on different ones.
    """

    before: Facts
    lines_lost: float
    ids_kept: float | None
    other_songs: bool = False


@dataclass(frozen=True)
class Gate:
    """A verdict. value and limit in the same unit; passed None: does not apply, as `why` says."""

    gate: str
    value: float | None
    limit: float
    passed: bool | None
    why: str


def judge(now: Facts, change: Change | None, limits: NightlyConfig) -> list[Gate]:
    """Every gate, in the order of the configuration."""
    before = change.before if change else None
    other_songs = change is not None and change.other_songs
    return [
        _most("max_noise", now.noise, limits.max_noise, "share of lines in no cluster"),
        _most(
            "max_noise_rise",
            now.noise - before.noise if before else None,
            limits.max_noise_rise,
            "rise of that share",
        ),
        _least("min_clusters", now.clusters, limits.min_clusters, "clusters"),
        _least(
            "min_clusters_ratio",
            _ratio(now.clusters, before.clusters) if before else None,
            limits.min_clusters_ratio,
            "clusters for each of the published run's",
        ),
        _most(
            "max_lines_lost",
            change.lines_lost if change else None,
            limits.max_lines_lost,
            "share of the published run's lines that are gone",
        ),
        _least(
            "min_ids_kept",
            change.ids_kept if change else None,
            limits.min_ids_kept,
            "share of its clusters that are still there, each by its stability or its votes",
            absent="it had no cluster" if change else FIRST,
        ),
        _most(
            "max_retrieval_fall",
            None if other_songs else _fall(before, now, "retrieval", relative=True),
            limits.max_retrieval_fall,
            "relative fall of next-line retrieval's MRR",
            absent=OTHER_SONGS if other_songs else NO_FIGURE if change else FIRST,
        ),
        _most(
            "max_dbcv_fall",
            _fall(before, now, "dbcv", relative=False),
            limits.max_dbcv_fall,
            "fall of DBCV",
            absent=NO_FIGURE if change else FIRST,
        ),
        _most(
            "max_meaning_fall",
            _sure_fall(before, now, "meaning"),
            limits.max_meaning_fall,
            "relative fall of what clusters tell of the lexicon, beyond both intervals",
            absent=NO_FIGURE if change else FIRST,
        ),
        _most(
            "max_stability_fall",
            _sure_fall(before, now, "stability"),
            limits.max_stability_fall,
            "relative fall of how clusters recur on other songs, beyond both intervals",
            absent=NO_FIGURE if change else FIRST,
        ),
        _most(
            "max_agreement_fall",
            _fall(before, now, "agreement", relative=True),
            limits.max_agreement_fall,
            "relative fall of the share of layouts that agree on a line's cluster",
            absent=NO_VOTES if change else FIRST,
        ),
    ]


def _most(gate: str, value: float | None, limit: float, what: str, absent: str = FIRST) -> Gate:
    if value is None:
        return Gate(gate, None, limit, None, f"{what}: {absent}")
    shown = round(value, 6)  # what is judged is what is shown: 0.46 - 0.3 is no more than 0.16
    return Gate(gate, shown, limit, shown <= limit, f"{what}, at most {limit:g}")


def _least(gate: str, value: float | None, limit: float, what: str, absent: str = FIRST) -> Gate:
    if value is None:
        return Gate(gate, None, limit, None, f"{what}: {absent}")
    shown = round(value, 6)
    return Gate(gate, shown, limit, shown >= limit, f"{what}, at least {limit:g}")


def _ratio(now: int, before: int) -> float:
    """A night before that had no cluster is no worse than any."""
    return now / before if before else 1.0


def _fall(before: Facts | None, now: Facts, figure: str, *, relative: bool) -> float | None:
    old = getattr(before, figure) if before else None
    new = getattr(now, figure)
    if old is None or new is None:
        return None
    if not relative:
        return float(old - new)
    return float((old - new) / old) if old > 0 else 0.0


def _sure_fall(before: Facts | None, now: Facts, figure: str) -> float | None:
    """From the lower end of the interval before to the upper end now, of the former; 0 for none.

    A figure over a few hundred lines with a hit, or of a few subsamples, moves by itself: only what
    it surely lost counts.
    """
    earlier = getattr(before, figure) if before else None
    later = getattr(now, figure)
    if earlier is None or later is None:
        return None
    old, new = earlier[0], later[1]
    return max(0.0, (old - new) / old) if old > 0 else 0.0


def failed(gates: Sequence[Gate]) -> list[Gate]:
    """The gates that refuse."""
    return [gate for gate in gates if gate.passed is False]


def refusal(gates: Sequence[Mapping[str, Any]], name: str, root: str) -> str:
    """The sentence of exit code 5, from the `gates` of nightly.json."""
    said = [
        f"{gate['gate']} is {gate['value']:g} ({gate['why']})"
        for gate in gates
        if gate["passed"] is False
    ]
    return (
        f"The night {name} is not published: {'; '.join(said)}. It is kept in {root}/runs/{name}: "
        f"look at its report.html, then publish it nevertheless with `rapids-rap rollback {root} "
        f"{name}`, or mend the input, or change the limit in [nightly]."
    )


def as_json(gates: Sequence[Gate]) -> list[dict[str, Any]]:
    """`gates` of nightly.json."""
    return [asdict(gate) for gate in gates]
