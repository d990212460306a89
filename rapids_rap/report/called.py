"""What a page says of names: who gave each, how it fared in its test, what else was proposed."""

from __future__ import annotations

import pandas as pd

from rapids_rap.report.html import Column, Row, records
from rapids_rap.tables.names import CHINESE, Kind, name_said, rows_of

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
