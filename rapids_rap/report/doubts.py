"""What a page says of clusters that may not be there again: rows with their signs and classes."""

from __future__ import annotations

import pandas as pd

from rapids_rap.quality.figures import interval_of, interval_text
from rapids_rap.report.html import Column, Row, records
from rapids_rap.runs.run import Run
from rapids_rap.tables.doubts import Doubts
from rapids_rap.tables.stability import CHINESE, happens

STABILITY_COLUMNS = (
    Column("cluster", "聚类", "cluster", "int"),
    Column("stability", "稳定性", "other songs", "num"),
    Column("interval", "95% 区间", "95 % of the subsamples"),
    Column("stability_said", "等级", "class"),
    Column("seeds", "其他种子", "other seeds", "num"),
    Column("setting_down", "邻居减三分之一", "neighbours − 1/3", "num"),
    Column("setting_up", "邻居加一半", "neighbours + 1/2", "num"),
    Column("model", "其他模型", "other model", "num"),
    Column("happens", "重抽样时", "on other songs"),
)


def class_said(row: Row, doubts: Doubts) -> str | None:
    """The class of a cluster, or that few layouts voted for it, with its sign."""
    own = int(row["cluster"])
    name = str(row.get("stability_class") or "") or doubts.mark(own)
    return f"{doubts.sign(own)} {CHINESE.get(name, '')} {name}".strip() or None


def with_marks(rows: list[Row], doubts: Doubts) -> list[Row]:
    """The rows with `mark`, the sign of their cluster, which the page sets beside its number."""
    for row in rows:
        row["mark"] = doubts.sign(int(row["cluster"]))
    return rows


def theme_rows(run: Run, doubts: Doubts) -> list[Row]:
    """The rows of themes.csv, with how many of their clusters are in doubt."""
    weak = run.clusters["cluster"].isin(list(doubts.marks)).groupby(run.clusters["theme"]).sum()
    rows = records(run.themes)
    for row in rows:
        row["in_doubt"] = None if row["theme"] == -1 else int(weak.get(row["theme"], 0))
    return rows


def stability_rows(table: pd.DataFrame | None, doubts: Doubts) -> list[Row]:
    """The rows of cluster_stability.csv as they are read; none where it was not computed."""
    rows = records(table)
    for row in rows:
        limits = interval_of([row.get("stability_low"), row.get("stability_high")])
        row["interval"] = interval_text(limits) or None
        row["stability_said"] = class_said(row, doubts)
        row["happens"] = happens(row)
    return rows
