"""Artists by themes as a heat map: who writes of what more, or less, than all do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rapids_rap.config import MapsConfig
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.palette import INK, Colour
from rapids_rap.maps.sketch import FAINT, GREY, Sheet, Sketch

_TITLE = ("歌手与主题", "Artists by themes: how often, beside all lyrics")
_SUBTITLE = (
    "数字为提升度：主题在歌手歌词中的占比除以在全部歌词中的占比"
    " · A theme's share of the artist's lines over its share of all lines"
)
_FOOT = (
    "粗体 bold: q < 0.05 (whole songs permuted, maxT, Benjamini–Hochberg) · "
    "浅灰 grey: 歌曲太少 too few songs · artist_themes.csv"
)
_MORE: Colour = (213, 94, 0)
_LESS: Colour = (0, 114, 178)
_PAPER: Colour = (255, 255, 255)
_NONE: Colour = (238, 238, 238)
_FULL = 2.0  # log2 of the lift with the full colour
_LEVEL = 0.05


def draw_artist_themes(
    table: pd.DataFrame, artists: Sequence[str], themes: Sequence[str], config: MapsConfig
) -> bytes | None:
    """PNG bytes; None without artists or themes.

    table: artist_themes.csv, with themes by number. artists: those with most lines first. themes:
    what each number is called.
    """
    shown = list(artists)[: config.artists]
    columns = [*range(len(themes)), -1]
    if not shown or not len(themes) or not len(table):
        return None
    sheet = Sheet(config.width, config.height)
    names = [*(f"{number} {name}" for number, name in enumerate(themes)), "噪声 noise"]
    sketch = Sketch(sheet, load_typeface(config, [*shown, *names, config.title]))
    title = f"{config.title} · {_TITLE[0]}" if config.title else _TITLE[0]
    hidden = len(artists) - len(shown)
    more = f" · 另有 {hidden} 位歌手 more artists" if hidden else ""
    sketch.heading((title, _TITLE[1]), _SUBTITLE, _FOOT + more)
    left, right = sheet.panel_left + sheet.px(330), sheet.width - sheet.px(60)
    top, bottom = sheet.height - sheet.px(300), sheet.px(110)
    wide, high = (right - left) / len(columns), (top - bottom) / len(shown)
    for place, name in enumerate(names):
        x = left + (place + 0.5) * wide
        lines = _broken(sketch, name, 22, wide - sheet.px(10))
        for below, line in enumerate(reversed(lines)):
            up = top + sheet.px(16) + below * sheet.px(28)
            sketch.text(line, x, up, 22, GREY, align="center")
    rows = table.set_index(["artist", "theme"])
    known = rows.index
    for number, artist in enumerate(shown):
        y = top - (number + 1) * high
        name = sketch.fitted(artist, 26, left - sheet.panel_left - sheet.px(24))
        sketch.text(name, left - sheet.px(16), y + high / 2, 26, align="right", middle=True)
        for place, theme in enumerate(columns):
            row = rows.loc[(artist, theme)] if (artist, theme) in known else None
            _cell(sketch, row, (left + place * wide, y, wide, high))
    return sketch.png()


def _cell(sketch: Sketch, row: pd.Series | None, box: tuple[float, float, float, float]) -> None:
    x, y, wide, high = box
    size = min(26.0, 0.6 * high / sketch.sheet.scale)
    lift = 0.0 if row is None else float(row["lift"])
    told = row is not None and not row["note"]
    colour = _shade(lift) if told else _NONE
    sketch.frame(x, y, wide, high, colour, FAINT)
    sure = row is not None and float(row["q"]) < _LEVEL
    ink = INK if told else GREY
    if sum(colour) < 420:
        ink = _PAPER
    text = f"{lift:.1f}" if row is not None else "0"
    centre = x + wide / 2, y + high / 2
    weight = 1.6 if sure else 0.0
    sketch.text(text, *centre, size, ink, weight=weight, align="center", middle=True)


def _shade(lift: float) -> Colour:
    """White for as often as all, towards orange for more, towards blue for less."""
    depth = float(np.clip(np.log2(max(lift, 2**-9)) / _FULL, -1.0, 1.0))
    full = _MORE if depth > 0 else _LESS
    r, g, b = (round(p + abs(depth) * (c - p)) for p, c in zip(_PAPER, full, strict=True))
    return r, g, b


def _broken(sketch: Sketch, text: str, size: float, room: float, most: int = 3) -> list[str]:
    """A name in lines that fit, the last one cut."""
    lines: list[str] = []
    while text and len(lines) < most - 1:
        end = len(text)
        while end > 1 and sketch.measure(text[:end], size)[0] > room:
            end -= 1
        lines, text = [*lines, text[:end]], text[end:]
    return [*lines, sketch.fitted(text, size, room)] if text else lines
