"""Whether a session meets its scenario's requirements, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rapids_rap.bench.runner import Session, SideRun
from rapids_rap.bench.scenario import Requirement
from rapids_rap.quality.figures import DECLARATIONS

GIB = 2**30
Verdict = Literal["reached", "met", "missed", "not measured"]


@dataclass(frozen=True)
class Checked:
    """A requirement with what was measured: the median, its range over the rounds, and a note."""

    requirement: Requirement
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    note: str = ""


def check(session: Session) -> list[Checked]:
    """Every requirement, in order."""
    return [_check(requirement, session) for requirement in session.scenario.requirements]


def _check(requirement: Requirement, session: Session) -> Checked:
    values, note = _measured(requirement, session)
    if not values:
        return Checked(requirement, None, None, None, "not measured", note)
    ordered = sorted(values)
    value = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return Checked(requirement, value, ordered[0], ordered[-1], _verdict(requirement, value), note)


def _measured(requirement: Requirement, session: Session) -> tuple[list[float], str]:
    side, against = requirement.side, requirement.against
    if requirement.figure == "speed":
        return session.ratios(str(against), side, _seconds), ""
    if requirement.figure == "cpu_speed":
        return session.ratios(str(against), side, _cpu), ""
    if requirement.figure == "growth":
        return session.ratios(side, str(against), _seconds), ""
    if requirement.figure == "memory_growth":
        return session.ratios(side, str(against), _peak), ""
    if requirement.figure == "peak_gib":
        return [_peak(run) / GIB for run in session.of(side)], ""
    if requirement.figure == "quality":
        return _worst(session, side, str(against))
    found = [
        session.figures.get(name, {}).get(requirement.figure)
        for name in (side, against)
        if name is not None
    ]
    known = [value for value in found if value is not None]
    if len(known) < len(found) or not found:
        return [], "the scorer gives no such figure"
    return [known[0] - known[1] if against else known[0]], ""


def _worst(session: Session, side: str, against: str) -> tuple[list[float], str]:
    """The figure that falls furthest below the other side's; the note names it and its values."""
    own, other = session.figures.get(side, {}), session.figures.get(against, {})
    differences = {}
    for figure in DECLARATIONS:
        a, b = own.get(figure.key), other.get(figure.key)
        if a is not None and b is not None and figure.unit:  # a number of clusters is no quality
            ahead = b - a if figure.lower_is_better else a - b
            differences[figure.key] = (ahead, f"{figure.key} {a:.3f} against {b:.3f}")
    if not differences:
        return [], "no figure is known of both"
    value, note = min(differences.values())
    return [value], note


def _verdict(requirement: Requirement, value: float) -> Verdict:
    def holds(bound: float | None, *, upwards: bool) -> bool:
        return bound is not None and (value >= bound if upwards else value <= bound)

    upwards = requirement.at_most is None
    floor = requirement.at_most if not upwards else requirement.at_least
    if requirement.margin is not None:
        floor = -requirement.margin
    if not holds(floor, upwards=upwards):
        return "missed"
    reached = requirement.reach is None or holds(requirement.reach, upwards=upwards)
    return "reached" if reached else "met"


def _seconds(run: SideRun) -> float:
    return run.seconds


def _cpu(run: SideRun) -> float:
    return run.cpu_seconds


def _peak(run: SideRun) -> float:
    return float(run.peak_bytes)
