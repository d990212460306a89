"""The researchers' own decisions on clusters, a small CSV file: merge, split, exclude, name.

A row a decision, with who made it and when. Everything that can be told of the file alone is told
here; which ids there are is known only later (`lineage.by_hand`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rapids_rap.corpus.pair_tables import read_rows
from rapids_rap.errors import InputError

COLUMNS = ("kind", "id", "decision", "value", "who", "when")
KINDS = ("cluster", "theme")
WHAT = ("merge", "split", "exclude", "name")
LONGEST = 200  # characters of a name, as of a label
LONGEST_WHO = 80
FEWEST_PARTS, MOST_PARTS = 2, 20
_DIGITS = 18  # of an id, at most


@dataclass(frozen=True)
class Decision:
    """One row. value: the id merged into, the number of parts, the name, or "" of an exclusion."""

    kind: str
    id: int
    decision: str
    value: str
    who: str
    when: str
    line: int

    @property
    def by(self) -> str:
        """Who and when, as it is shown."""
        return f"{self.who} {self.when}"


@dataclass(frozen=True)
class Decisions:
    """The rows of a file, in its order. file: its name, for messages."""

    rows: tuple[Decision, ...] = ()
    file: str = ""

    def of(self, decision: str, kind: str = "cluster") -> dict[int, Decision]:
        """By id, those of one sort."""
        return {r.id: r for r in self.rows if r.decision == decision and r.kind == kind}

    @property
    def merges(self) -> dict[int, int]:
        """The cluster that each is merged into, by id."""
        return {own: int(row.value) for own, row in self.of("merge").items()}

    @property
    def splits(self) -> dict[int, int]:
        """The number of parts of each that is split, by id."""
        return {own: int(row.value) for own, row in self.of("split").items()}

    @property
    def regroup(self) -> bool:
        """Whether any of them changes which texts are together."""
        return bool(self.merges or self.splits)

    def names(self, kind: str) -> dict[int, str]:
        """What people call clusters or themes, by id."""
        return {own: row.value for own, row in self.of("name", kind).items()}

    def where(self, row: Decision, field: str) -> str:
        """File, line and field, for a message."""
        return f"{self.file}:{row.line}: {field}"


def read_decisions(path: str | Path) -> Decisions:
    """The decisions of a file; the columns may come in any order, blank rows are skipped.

    Raises `InputError` naming file, line and field: for a file that can't be read, other columns,
    an unknown decision, a value that does not fit, and rows that contradict each other.
    """
    rows = [_decision(path, line, cells) for line, cells in read_rows(path, COLUMNS)]
    decisions = Decisions(tuple(rows), str(path))
    _check_conflicts(decisions)
    return decisions


def check_known(decisions: Decisions, next_cluster: int, next_theme: int) -> None:
    """Raise `InputError` for an id that no cluster or theme ever had."""
    limits = {"cluster": next_cluster, "theme": next_theme}
    for row in decisions.rows:
        named = [("id", row.id)]
        named += [("value", int(row.value))] if row.decision == "merge" else []
        for field, number in named:
            if number >= limits[row.kind]:
                there = f"ids so far are below {limits[row.kind]}" if limits[row.kind] else ""
                raise InputError(
                    f"{decisions.where(row, field)} = {number}: no {row.kind} ever had it; "
                    f"{there or 'there are none yet: decide after the first night'}."
                )


def check_labels(decisions: Decisions, labels: Mapping[str, Mapping[int, str]]) -> None:
    """Raise `InputError` where labels.csv calls something otherwise than a decision does.

    labels: by kind and id.
    """
    for kind in KINDS:
        for own, row in decisions.of("name", kind).items():
            other = labels.get(kind, {}).get(own)
            if other is not None and other != row.value:
                raise InputError(
                    f"{decisions.where(row, 'value')} = {row.value!r}: labels.csv calls {kind} "
                    f"{own} {other!r}; keep one of the two."
                )


def _decision(path: str | Path, line: int, cells: Mapping[str, str]) -> Decision:
    def fault(field: str, expected: str) -> InputError:
        return InputError(f"{path}:{line}: {field} = {cells[field][:60]!r}: expected {expected}.")

    kind, what, value = (cells[name] for name in ("kind", "decision", "value"))
    if kind not in KINDS:
        raise fault("kind", "cluster or theme")
    if what not in WHAT:
        raise fault("decision", ", ".join(WHAT))
    if kind == "theme" and what != "name":
        raise fault("decision", "name: themes follow from their clusters, and are only named")
    if not _is_id(cells["id"]):
        raise fault("id", "a whole number, 0 or above")
    expected = _wrong_value(what, value, int(cells["id"]))
    if expected:
        raise fault("value", expected)
    who = cells["who"]
    if not (0 < len(who) <= LONGEST_WHO and who.isprintable()):
        raise fault("who", f"whose decision it is, up to {LONGEST_WHO} characters")
    if not _is_day(cells["when"]):
        raise fault("when", "a day, such as 2026-11-02")
    if what in ("merge", "split"):
        value = str(int(value or FEWEST_PARTS))
    return Decision(kind, int(cells["id"]), what, value, who, cells["when"], line)


def _wrong_value(what: str, value: str, own: int) -> str:
    """What was expected of a value that does not fit its decision, "" of one that does."""
    if what == "merge" and (not _is_id(value) or int(value) == own):
        return "the id of another cluster, into which this one is merged"
    parts = int(value or FEWEST_PARTS) if not value or _is_id(value) else 0
    if what == "split" and not FEWEST_PARTS <= parts <= MOST_PARTS:
        return f"a number of parts, {FEWEST_PARTS} to {MOST_PARTS}"
    if what == "exclude" and value:
        return "nothing: a cluster is excluded from the tables as it is"
    if what == "name" and not (0 < len(value) <= LONGEST and value.isprintable()):
        return f"a name of up to {LONGEST} characters on one line"
    return ""


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_conflicts(decisions: Decisions) -> None:
    seen: dict[tuple[str, int, str], Decision] = {}
    for row in decisions.rows:
        earlier = seen.setdefault((row.kind, row.id, row.decision), row)
        if earlier is not row:
            raise InputError(
                f"{decisions.where(row, 'decision')} = {row.decision}: of {row.kind} {row.id} line "
                f"{earlier.line} says {earlier.decision} {earlier.value}; keep one row.".replace(
                    "  ", " "
                )
            )
    merged = decisions.of("merge")
    for own, row in merged.items():
        target = int(row.value)
        if target in merged:
            raise InputError(
                f"{decisions.where(row, 'value')} = {target}: line {merged[target].line} merges "
                f"that one into {merged[target].value}; name the last of them here."
            )
        for what in ("split", "exclude", "name"):
            other = decisions.of(what).get(own)
            if other:
                raise InputError(
                    f"{decisions.where(other, 'decision')} = {what}: line {row.line} merges "
                    f"cluster {own} into {target}, so it is none any more; decide on {target}, or "
                    "take one of the rows out."
                )
