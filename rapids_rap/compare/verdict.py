"""Is one run better than another, and by which figures: read from any figures with intervals.

The rules, which the sentence repeats: a figure tells two runs apart only where its bootstrap
intervals do not overlap; one without an interval is quoted and proves nothing; silhouette and the
other figures that a run can win by being coarser never decide alone; figures measured on different
texts are not compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rapids_rap.report.figures import collect_figures

Winner = Literal["a", "b", "equal", "unproven", "unknown", "apart"]
Basis = Literal["shared", "own"]

LOWER_IS_BETTER = ("alignment", "uniformity", "anisotropy", "common_terms")
# What fewer and rounder clusters, or whitening by its very definition, improve.
NEVER_ALONE = (
    "silhouette",
    "topic_diversity",
    "alignment",
    "uniformity",
    "anisotropy",
    "common_terms",
)
_CHINESE = {
    "next_line_cluster": "相邻行同聚类",
    "dbcv_layout": "基于密度的有效性（地图）",
    "common_terms": "代表词中的虚词",
}


@dataclass(frozen=True)
class Reading:
    """One run's value of a figure; None where it was not computed or has no interval."""

    value: float | None
    baseline: float | None
    interval: tuple[float, float] | None

    @property
    def text(self) -> str:
        """As it is written in a sentence: 0.412 [0.380, 0.440]."""
        if self.value is None:
            return "not computed"
        shown = f"{self.value:.3f}"
        if self.interval:
            shown += f" [{self.interval[0]:.3f}, {self.interval[1]:.3f}]"
        return shown


@dataclass(frozen=True)
class Contrast:
    """One figure of two runs.

    basis: "shared": measured again on the shared texts; "own": quoted from each quality.json.
    winner: "a" or "b" where intervals do not overlap, "equal" where they do, "unproven" where one
    has no interval, "unknown" where one is not computed, "apart" where the texts differ.
    decides: whether it may decide which run is better.
    """

    key: str
    chinese: str
    meaning: str
    basis: Basis
    a: Reading
    b: Reading
    lower_is_better: bool
    decides: bool
    winner: Winner

    @property
    def higher(self) -> str:
        """Which run has the better value, proven or not: "a", "b" or ""."""
        if self.a.value is None or self.b.value is None or self.a.value == self.b.value:
            return ""
        return "a" if (self.a.value > self.b.value) != self.lower_is_better else "b"


@dataclass(frozen=True)
class Verdict:
    """better: "a", "b", or None where nothing decides; mixed: figures that disagree."""

    better: Literal["a", "b"] | None
    mixed: bool
    english: str
    chinese: str


def read_figures(figures: Mapping[str, Any]) -> dict[str, Reading]:
    """Every figure with a value of its own, by `section.name`; figures within a figure included."""
    found: dict[str, Reading] = {}
    for key, entry in figures.items():
        if not isinstance(entry, Mapping):
            continue
        if "value" in entry:
            found[key] = Reading(
                _number(entry["value"]), _number(entry.get("baseline")), _interval(entry)
            )
        parts = {name: part for name, part in entry.items() if isinstance(part, Mapping)}
        for name, part in entry.items():  # a list of named figures, such as spaces side by side
            if isinstance(part, list):
                rows = [row for row in part if isinstance(row, Mapping) and "name" in row]
                parts |= {name: {str(row["name"]): row for row in rows}} if rows else {}
        found |= {f"{key}.{name}": one for name, one in read_figures(parts).items()}
    return found


def contrast(
    a: Mapping[str, Any], b: Mapping[str, Any], basis: Basis, *, same_texts: bool = True
) -> list[Contrast]:
    """The figures of two runs side by side, in their order; those only one run has included.

    same_texts: False where the figures were measured on different texts, so that none decides.
    """
    named = {figure.key: figure for figure in [*collect_figures(b), *collect_figures(a)]}
    left, right = read_figures(a), read_figures(b)
    nothing = Reading(None, None, None)
    rows = []
    for key in dict.fromkeys([*left, *right]):
        one, other = left.get(key, nothing), right.get(key, nothing)
        last = key.rpartition(".")[2]
        lower = last.startswith(LOWER_IS_BETTER)
        # A figure within a figure (a space, a baseline) explains it and has no vote of its own.
        within = key not in named or any(key.startswith(f"{top}.") for top in (*left, *right))
        figure = named.get(key)
        rows.append(
            Contrast(
                key,
                _CHINESE.get(last, figure.chinese if figure else last.replace("_", " ")),
                figure.meaning if figure else "",
                basis,
                one,
                other,
                lower,
                decides=not within and not last.startswith(NEVER_ALONE),
                winner=_winner(one, other, lower) if same_texts else "apart",
            )
        )
    return rows


def judge(rows: Sequence[Contrast], a: str = "A", b: str = "B") -> Verdict:
    """Whether b is better than a, in a sentence that names the figures and their intervals."""
    names = {"a": a, "b": b}
    won: dict[str, list[Contrast]] = {"a": [], "b": []}
    for row in rows:
        if row.decides and row.winner in ("a", "b"):
            won[row.winner].append(row)
    better: Literal["a", "b"] | None = None
    if won["b"] and not won["a"]:
        better = "b"
    elif won["a"] and not won["b"]:
        better = "a"
    mixed = bool(won["a"] and won["b"])
    return Verdict(
        better, mixed, _english(rows, won, better, names), _chinese(rows, won, better, names)
    )


def _english(
    rows: Sequence[Contrast],
    won: Mapping[str, list[Contrast]],
    better: str | None,
    names: Mapping[str, str],
) -> str:
    if better:
        other = "a" if better == "b" else "b"
        head = (
            f"{names[better]} is better than {names[other]} by {_quoted(won[better], better)}; "
            "no figure that may decide speaks against it."
        )
    elif won["a"]:
        head = (
            f"Neither is better in everything: {names['b']} wins by {_quoted(won['b'], 'b')}, "
            f"{names['a']} by {_quoted(won['a'], 'a')}."
        )
    elif any(row.decides and row.winner == "equal" for row in rows):
        head = (
            f"Nothing shows that {names['b']} is better or worse than {names['a']}: where there "
            "are intervals, they overlap."
        )
    else:
        head = (
            f"Whether {names['b']} is better can't be said: no figure that may decide has an "
            "interval in both runs."
        )
    return " ".join(part for part in (head, *_asides(rows, names)) if part)


def _asides(rows: Sequence[Contrast], names: Mapping[str, str]) -> list[str]:
    """What was seen and does not decide."""
    unproven = [r for r in rows if r.decides and r.winner == "unproven" and r.higher]
    alone = [r for r in rows if r.key.startswith("silhouette") and r.winner in ("a", "b")]
    aside = [
        r
        for r in rows
        if not r.decides
        and r.winner in ("a", "b")
        and not r.key.startswith("silhouette")
        and r.key.startswith(NEVER_ALONE)
    ]
    apart = [r for r in rows if r.winner == "apart" and r.decides and r.a.value is not None]
    parts = []
    if unproven:
        listed = ", ".join(f"{r.key} (better in {names[r.higher]})" for r in unproven)
        parts.append(f"Without an interval, hence no proof: {listed}.")
    if alone:
        listed = ", ".join(f"{r.key} is higher in {names[r.winner]}" for r in alone)
        parts.append(f"{listed}; silhouette alone decides nothing.")
    if aside:
        listed = ", ".join(f"{r.key} is better in {names[r.winner]}" for r in aside)
        parts.append(f"{listed}, which does not decide alone.")
    if apart:
        listed = ", ".join(r.key for r in apart)
        parts.append(f"Measured on different texts, hence not compared: {listed}.")
    return parts


def _chinese(
    rows: Sequence[Contrast],
    won: Mapping[str, list[Contrast]],
    better: str | None,
    names: Mapping[str, str],
) -> str:
    if better:
        other = "a" if better == "b" else "b"
        listed = "、".join(r.chinese for r in won[better])
        return (
            f"{names[better]} 优于 {names[other]}：依据是{listed}（置信区间不重叠），"
            "没有可作依据的指标反对。"
        )
    if won["a"]:
        left, right = ("、".join(r.chinese for r in won[side]) for side in ("a", "b"))
        return f"各有所长：{names['b']} 胜在{right}，{names['a']} 胜在{left}。"
    if any(row.decides and row.winner == "equal" for row in rows):
        return f"看不出 {names['b']} 比 {names['a']} 更好或更差：有置信区间的指标，区间都重叠。"
    return f"无法判断 {names['b']} 是否更好：没有可作依据的指标在两次运行中都有置信区间。"


def _quoted(rows: Sequence[Contrast], side: str) -> str:
    quoted = []
    for row in rows:
        own, other = (row.a, row.b) if side == "a" else (row.b, row.a)
        quoted.append(f"{row.key} ({own.text} against {other.text})")
    return ", ".join(quoted)


def _winner(a: Reading, b: Reading, lower: bool) -> Winner:
    if a.value is None or b.value is None:
        return "unknown"
    if a.interval is None or b.interval is None:
        return "unproven"
    if a.interval[1] < b.interval[0]:
        return "a" if lower else "b"
    if b.interval[1] < a.interval[0]:
        return "b" if lower else "a"
    return "equal"


def _interval(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    given = entry.get("interval")
    if not isinstance(given, list | tuple) or len(given) != 2:
        return None
    low, high = (_number(end) for end in given)
    return None if low is None or high is None else (min(low, high), max(low, high))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
