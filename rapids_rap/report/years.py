"""Themes over the years as the page tells them."""

from __future__ import annotations

from rapids_rap.report.html import Column, Row, records
from rapids_rap.runs.run import Run
from rapids_rap.tables.artists import NO_SONGS, TOO_FEW_SONGS
from rapids_rap.tables.years import EVERY_LINE

YEAR_COLUMNS = (
    Column("year", "年份", "year"),
    Column("theme", "主题", "theme", "int"),
    Column("label", "名称", "label"),
    Column("share", "占当年", "of the year", "share"),
    Column("interval", "95% 区间", "interval"),
    Column("lines", "行", "lines", "int"),
    Column("songs", "歌曲", "songs", "int"),
    Column("year_songs", "当年歌曲", "songs of the year", "int"),
)
_NO_INTERVAL = {NO_SONGS: "不知歌曲", TOO_FEW_SONGS: "歌曲太少", EVERY_LINE: "当年全部"}


def year_rows(run: Run) -> list[Row]:
    """The rows of theme_years.csv with each theme's label and `interval`, or why there is none."""
    labels = {row["theme"]: row["label"] for row in records(run.themes)}
    rows = records(run.theme_years)
    for row in rows:
        low, high, note = (row.get(key) for key in ("share_low", "share_high", "note"))
        row["interval"] = f"{_NO_INTERVAL.get(str(note), '')} {note or ''}".strip() or None
        if low is not None and high is not None:
            row["interval"] = f"{100 * low:.1f}–{100 * high:.1f}%"
        row["label"] = labels.get(row["theme"])
        row["year"] = str(row["year"])  # no thousands are set apart in it
    return rows
