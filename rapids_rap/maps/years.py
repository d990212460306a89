"""Themes over the years: a panel a theme, its share of each year's lines with the interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapids_rap.config import MapsConfig
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.labels import Box
from rapids_rap.maps.palette import Colour
from rapids_rap.maps.sketch import FAINT, GREY, Sheet, Sketch

_TITLE = ("主题随年份", "Themes over the years")
_SAID = (
    "每年歌词行中各主题的比例，竖线为 95% 区间（对歌曲）；空心者歌曲太少，无区间 · "
    "Share of a year's lines; bars are 95 % intervals over songs; hollow: too few songs for one"
)
_NOISE = -1


@dataclass(frozen=True)
class Panels:
    """What is drawn of theme_years.csv: names and colours by theme, noise left out."""

    table: pd.DataFrame
    names: Mapping[int, str]
    colours: Mapping[int, Colour]

    @property
    def themes(self) -> list[int]:
        """Those of the run, by what they are called, most lines first."""
        own = self.table[self.table["theme"] != _NOISE]
        lines = own.groupby("theme")["lines"].sum().sort_values(ascending=False, kind="stable")
        return [int(theme) for theme in lines.index]


def draw_years(panels: Panels, config: MapsConfig) -> bytes | None:
    """PNG bytes; None where there is no theme, or fewer than two years to compare."""
    if not panels.themes or panels.table["year"].nunique() < 2:
        return None
    sheet = Sheet(config.width, config.height)
    sketch = Sketch(sheet, load_typeface(config, [*panels.names.values(), config.title]))
    title = f"{config.title} · {_TITLE[0]}" if config.title else _TITLE[0]
    once = panels.table.drop_duplicates("year")
    songs = once["year_songs"].sum() if once["year_songs"].notna().all() else None
    facts = f"{once['year'].min()}–{once['year'].max()} · {once['year_lines'].sum():,} 行 lines"
    facts += "" if songs is None else f" · {songs:,} 首 songs"
    sketch.heading((title, _TITLE[1]), facts, _SAID)
    draw_panels(
        sketch, panels, (sheet.px(48), sheet.px(96), sheet.width, sheet.height - sheet.px(200))
    )
    return sketch.png()


def draw_panels(sketch: Sketch, panels: Panels, box: Box) -> None:
    """One panel a theme within a box (left, bottom, right, top), all on one scale."""
    themes, sheet = panels.themes, sketch.sheet
    left, bottom, right, top = box
    across = int(np.ceil(np.sqrt(len(themes))))
    down = int(np.ceil(len(themes) / across))
    own = panels.table[panels.table["theme"] != _NOISE]
    highest = float(np.nanmax(own[["share", "share_high"]].to_numpy(dtype=np.float64)))
    step = next(one for one in (0.02, 0.05, 0.1, 0.2, 0.5) if one == 0.5 or highest <= 4 * one)
    scale = _Scale(_years(own), step, max(step * np.ceil(highest / step), step))
    width, height = (right - left) / across, (top - bottom) / down
    for place, theme in enumerate(themes):
        x, y = left + place % across * width, top - (place // across + 1) * height
        inner = (
            x + sheet.px(90),
            y + sheet.px(64),
            x + width - sheet.px(48),
            y + height - sheet.px(72),
        )
        name = sketch.fitted(panels.names.get(theme, str(theme)), 30, inner[2] - inner[0])
        sketch.text(name, inner[0], inner[3] + sheet.px(20), 30, weight=0.8)
        _draw_panel(sketch, own[own["theme"] == theme], panels.colours[theme], inner, scale)


@dataclass(frozen=True)
class _Scale:
    """years: first and last. step, highest: of the shares."""

    years: tuple[int, int]
    step: float
    highest: float

    def x(self, year: float, box: Box) -> float:
        """Where a year stands."""
        first, last = self.years
        return box[0] + (year - first + 0.5) / (last - first + 1) * (box[2] - box[0])

    def y(self, share: float, box: Box) -> float:
        """Where a share stands."""
        return box[1] + share / self.highest * (box[3] - box[1])


def _years(table: pd.DataFrame) -> tuple[int, int]:
    return int(table["year"].min()), int(table["year"].max())


def _draw_panel(
    sketch: Sketch, rows: pd.DataFrame, colour: Colour, box: Box, scale: _Scale
) -> None:
    sheet = sketch.sheet
    for share in np.arange(0, scale.highest + scale.step / 2, scale.step).tolist():
        y = scale.y(share, box)
        sketch.line((box[0], y), (box[2], y), FAINT, behind=True)
        label = f"{100 * share:.0f}%"
        sketch.text(label, box[0] - sheet.px(12), y, 22, GREY, align="right", middle=True)
    _draw_years(sketch, box, scale)
    half = min(sheet.px(9), 0.3 * (box[2] - box[0]) / (scale.years[1] - scale.years[0] + 1))
    years: Sequence[int] = rows["year"].tolist()
    shares = zip(years, rows["share"].tolist(), strict=True)
    points = [(scale.x(year, box), scale.y(share, box)) for year, share in shares]
    for i in range(1, len(points)):
        if years[i] == years[i - 1] + 1:  # a year without lines breaks the line
            sketch.line(points[i - 1], points[i], colour)
    for (x, y), row in zip(points, rows.to_dict("records"), strict=True):
        known = bool(np.isfinite(row["share_low"]))
        if known:
            low, high = (scale.y(row[end], box) for end in ("share_low", "share_high"))
            sketch.line((x, low), (x, high), colour)
        fill = colour if known else (255, 255, 255)
        sketch.frame(x - half, y - half, 2 * half, 2 * half, fill, colour)


def _draw_years(sketch: Sketch, box: Box, scale: _Scale) -> None:
    """Years under a panel, as many as there is room for: every one, fifth, tenth ..."""
    sheet, (first, last) = sketch.sheet, scale.years
    room = (box[2] - box[0]) / (last - first + 1)
    wide = sketch.measure("2000", 22)[0] + sheet.px(16)
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if s * room >= wide or s == 100)
    marked = [year for year in range(first, last + 1) if year % step == 0] or [first]
    for year in marked:
        sketch.text(str(year), scale.x(year, box), box[1] - sheet.px(40), 22, GREY, align="center")
