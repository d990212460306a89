"""What a page says of names and of decisions: whose each is, and how a name fared in its test."""

from __future__ import annotations

import pandas as pd

from rapids_rap.report.html import Column, Row, records
from rapids_rap.runs.run import Run
from rapids_rap.tables.names import CHINESE, Kind, name_said, names_said, rows_of

NAME_COLUMNS = (
    Column("kind", "层", "kind"),
    Column("id", "编号", "id", "int"),
    Column("name", "名称", "name"),
    Column("gloss", "释义", "gloss"),
    Column("by", "命名者", "named by"),
    Column("tested", "选对", "found by it", "num"),
    Column("interval", "95% 区间", "interval"),
    Column("note", "说明", "note"),
)

DECISION_COLUMNS = (
    Column("kind", "层", "kind"),
    Column("id", "编号", "id", "int"),
    Column("decision", "决定", "decision"),
    Column("value", "内容", "value"),
    Column("who", "谁", "who"),
    Column("when", "何时", "when"),
    Column("applied", "已应用", "applied"),
    Column("note", "说明", "note"),
)
DECISIONS = {"merge": "合并", "split": "拆分", "exclude": "不入表", "name": "命名"}


def called(run: Run) -> Row:
    """Everything of this that the page shows, by the names of its template."""
    return {
        "named_by": named_by(run.names, "cluster"),
        "names_said": names_said(run.manifest),
        "name_rows": name_rows(run.names),
        "name_columns": NAME_COLUMNS,
        "decisions": decision_rows(run.decisions),
        "decision_columns": DECISION_COLUMNS,
    }


def decision_rows(decisions: pd.DataFrame | None) -> list[Row]:
    """The rows of decisions.csv as they are read."""
    rows = records(decisions)
    for row in rows:
        row["decision"] = f"{DECISIONS.get(str(row['decision']), '')} {row['decision']}".strip()
        row["applied"] = {"yes": "是 yes", "no": "否 no"}.get(str(row["applied"]))
    return rows


def named_by(names: pd.DataFrame | None, kind: Kind) -> dict[int, str]:
    """Who named each of a kind, by id, and how its name fared."""
    rows = [] if names is None else rows_of(names)
    return {int(row["id"]): name_said(row) for row in rows if row["kind"] == kind}


def name_rows(names: pd.DataFrame | None) -> list[Row]:
    """The rows of names.csv as they are read, where any is more than its terms."""
    rows = records(names)
    if all(row["source"] == "terms" and row.get("note") is None for row in rows):
        return []
    for row in rows:
        row["by"] = f"{CHINESE.get(str(row['source']), '')} {row['source']}".strip()
        low, high = row.get("low"), row.get("high")
        row["interval"] = None if low is None or high is None else f"{low:.2f}–{high:.2f}"
    return rows
