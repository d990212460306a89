"""Is one run better than another, and by which figures: read from any figures with intervals.

The rules, which the sentence repeats: a figure tells two runs apart only where its bootstrap
intervals do not overlap; one without an interval is quoted and proves nothing; retrieval on songs
that no model has read, the recurrence of clusters on other songs, and the agreement of people who
judged both decide, and nothing else does: not silhouette nor any figure that a run can win by being
coarser, not the coherence of terms; figures measured on different texts are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rapids_rap.quality.figures import (
    SILHOUETTE,
    TRAITS,
    Figure,
    all_figures,
    declared,
    is_declared,
    top_figures,
)

Winner = Literal["a", "b", "equal", "unproven", "unknown", "apart"]
Basis = Literal["shared", "own"]


@dataclass(frozen=True)
class Contrast:
    """One figure of two runs.

    basis: "shared": measured again on the shared texts; "own": quoted from each quality.json.
    winner: "a" or "b" where intervals do not overlap, "equal" where they do, "unproven" where one
    has no interval, "unknown" where one is not computed, "apart" where the texts differ.
    decides: whether it may decide which run is better. note: what else is to be known of it.
    """

    key: str
    chinese: str
    meaning: str
    basis: Basis
    a: Figure
    b: Figure
    lower_is_better: bool
    decides: bool
    winner: Winner
    note: str = ""

    @property
    def family(self) -> str:
        """Of figures that are read alike."""
        return declared(self.key).family

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


def contrast(
    a: Mapping[str, Any], b: Mapping[str, Any], basis: Basis, *, same_texts: bool = True
) -> list[Contrast]:
    """The figures of two runs side by side, in their order; those only one run has included.

    same_texts: False where the figures were measured on different texts, so that none decides.
    """
    named = top_figures(b) | top_figures(a)
    left, right = all_figures(a), all_figures(b)
    nothing = Figure(None)
    rows = []
    for key in dict.fromkeys([*left, *right]):
        one, other = left.get(key, nothing), right.get(key, nothing)
        known = declared(key)
        # A figure within a figure (a space, a baseline) explains it and has no vote of its own.
        within = key not in named or any(key.startswith(f"{top}.") for top in (*left, *right))
        rows.append(
            Contrast(
                key=key,
                chinese=known.chinese,
                meaning=named[key].meaning if key in named else "",
                basis=basis,
                a=one,
                b=other,
                lower_is_better=known.lower_is_better,
                decides=not within and known.may_decide,
                winner=_winner(one, other, known.lower_is_better) if same_texts else "apart",
            )
        )
    return rows


def judge(
    rows: Sequence[Contrast], a: str = "A", b: str = "B", unasked: Sequence[str] = ()
) -> Verdict:
    """Whether b is better than a, in a sentence that names the figures and their intervals.

    unasked: names of those of the two of which nobody knows which clusters are there again.
    """
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
    caveat = _caveat([*won["a"], *won["b"]], unasked)
    return Verdict(
        better,
        mixed,
        " ".join(filter(None, (_english(rows, won, better, names), caveat[0]))),
        _chinese(rows, won, better, names) + caveat[1],
    )


def _caveat(won: Sequence[Contrast], unasked: Sequence[str]) -> tuple[str, str]:
    """What is to be said of figures that clusters may have won which are not there again."""
    keys = [row.key for row in won if declared(row.key).of_clusters]
    if not keys or not unasked:
        return "", ""
    return (
        f"By {', '.join(keys)} this rests on clusters whose recurrence on other songs is unknown "
        f"(of {' and '.join(unasked)}): `rapids-rap stability RUN` measures it.",
        f"其中{'、'.join(declared(key).chinese for key in keys)}所依据的聚类，"
        f"换一批歌曲是否再现尚不知道（{'、'.join(unasked)}）：请运行 rapids-rap stability RUN。",
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
    alone = [r for r in rows if r.family == SILHOUETTE and r.winner in ("a", "b")]
    aside = [
        r
        for r in rows
        if not r.decides
        and r.winner in ("a", "b")
        and r.family not in (SILHOUETTE, TRAITS)
        and is_declared(r.key)
        and not declared(r.key).may_decide
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
        parts.append(f"{listed}, which decides nothing.")
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


def _winner(a: Figure, b: Figure, lower: bool) -> Winner:
    if a.value is None or b.value is None:
        return "unknown"
    if a.interval is None or b.interval is None:
        return "unproven"
    if a.interval[1] < b.interval[0]:
        return "a" if lower else "b"
    if b.interval[1] < a.interval[0]:
        return "b" if lower else "a"
    return "equal"
