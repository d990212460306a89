"""What stands on and around the maps' images, and the chart of the artists' distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rapids_rap.arrays import UInt8s
from rapids_rap.maps.fonts import Typeface
from rapids_rap.maps.labels import Box, place_labels
from rapids_rap.maps.marks import Mark
from rapids_rap.maps.palette import INK, Colour
from rapids_rap.maps.sketch import FAINT, GREY, Sheet, Sketch


@dataclass(frozen=True)
class Entry:
    """A row of a legend: colours one upon another, a name, a figure under it, and its mark."""

    colours: tuple[Colour, ...]
    name: str
    figure: str
    mark: Mark = ""


@dataclass(frozen=True)
class Label:
    """A label on the map: its spot in pixels of the panel (y upwards), its size and colour."""

    text: str
    spot: tuple[float, float]
    size: float
    colour: Colour


@dataclass(frozen=True)
class Scale:
    """A continuous colour scale: its colours from low to high and ticks (position 0..1, text)."""

    colours: UInt8s
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Page:
    """All text of a map. title, subtitle, legend_title: Chinese and English, shown in two sizes.

    entries: the legend, cut where it would not fit; meanings: of marks, at its foot and never cut.
    """

    title: tuple[str, str]
    subtitle: str
    footnote: str
    legend_title: tuple[str, str]
    entries: tuple[Entry, ...] = ()
    labels: tuple[Label, ...] = ()
    scale: Scale | None = None
    meanings: tuple[Entry, ...] = ()


def render_map(page: Page, panel: UInt8s, sheet: Sheet, face: Typeface, lift: float = 0.0) -> bytes:
    """A map as PNG bytes: the panel's image with its text around and on it; see `sketch_map`."""
    return sketch_map(page, panel, sheet, face, lift).png()


def sketch_map(
    page: Page, panel: UInt8s, sheet: Sheet, face: Typeface, lift: float = 0.0
) -> Sketch:
    """The same, not yet bytes.

    lift: pixels that a label keeps above its spot, so that few points are not covered by it.
    """
    sketch = Sketch(sheet, face)
    sketch.heading(page.title, page.subtitle, page.footnote)
    sketch.image(panel, sheet.panel_left, sheet.panel_bottom)
    sketch.frame(
        sheet.panel_left, sheet.panel_bottom, sheet.panel_width, sheet.panel_height, None, FAINT
    )
    top = _legend_heading(sketch, page.legend_title)
    if page.scale:
        _draw_scale(sketch, page.scale, top)
    _draw_legend(sketch, page, top)
    draw_labels(
        sketch,
        page.labels,
        (sheet.panel_left, sheet.panel_bottom, sheet.panel_width, sheet.panel_height),
        lift,
    )
    return sketch


def _legend_heading(sketch: Sketch, title: tuple[str, str]) -> float:
    sheet = sketch.sheet
    top = sheet.height - sheet.px(sheet.header + 34)
    sketch.text(title[0], sheet.legend_left, top, 34, weight=1.0)
    room = sheet.width - sheet.legend_left - sheet.px(24)
    sketch.text(sketch.fitted(title[1], 24, room), sheet.legend_left, top - sheet.px(40), 24, GREY)
    return top - sheet.px(76)


def _draw_legend(sketch: Sketch, page: Page, top: float) -> None:
    """The entries from above, and from below what marks mean."""
    sheet = sketch.sheet
    row, foot = sheet.px(88), sheet.panel_bottom + sheet.px(8)
    room = len(page.meanings) * row
    for number, entry in enumerate(page.meanings):
        _draw_entry(sketch, entry, foot + room - number * row)
    if page.meanings:
        y = foot + room + sheet.px(16)
        sketch.line((sheet.legend_left, y), (sheet.width - sheet.panel_left, y), FAINT)
    _draw_entries(sketch, page.entries, top, foot + room + sheet.px(24))


def _draw_entries(sketch: Sketch, entries: Sequence[Entry], top: float, bottom: float) -> None:
    """The rows of the legend, closer together where they would not fit, then cut."""
    sheet = sketch.sheet
    step = min(sheet.px(118), (top - bottom) / max(len(entries), 1))
    if step < sheet.px(78):
        step = sheet.px(78)
        fits = max(1, int((top - bottom) / step))
        hidden = len(entries) - fits + 1
        more = Entry((), f"… 另有 {hidden} 项 {hidden} more", "")
        entries = [*entries[: fits - 1], more] if hidden > 1 else entries
    for row, entry in enumerate(entries):
        _draw_entry(sketch, entry, top - row * step)


def _draw_entry(sketch: Sketch, entry: Entry, top: float) -> None:
    sheet = sketch.sheet
    left, swatch = sheet.legend_left, sheet.px(34)
    each = swatch / max(len(entry.colours), 1)
    for i, colour in enumerate(entry.colours):
        sketch.area(left, top - (i + 1) * each, swatch, each, colour, entry.mark)
    text_left = left + swatch + sheet.px(18)
    room = sheet.width - text_left - sheet.px(20)
    sketch.text(sketch.fitted(entry.name, 28, room), text_left, top - sheet.px(26), 28)
    if entry.figure:
        figure = sketch.fitted(entry.figure, 23, room)
        sketch.text(figure, text_left, top - sheet.px(60), 23, GREY)


def _draw_scale(sketch: Sketch, scale: Scale, top: float) -> None:
    sheet = sketch.sheet
    width, height = sheet.px(48), max(2, sheet.px(720))
    column = scale.colours[np.linspace(len(scale.colours) - 1, 0, height).astype(np.int64)]
    bar = np.repeat(column[:, None, :], width, axis=1)
    bottom = round(top - height)
    sketch.image(bar, sheet.legend_left, bottom)
    sketch.frame(sheet.legend_left, bottom, width, height, None, FAINT)
    for position, text in scale.ticks:
        y = bottom + position * height
        right = sheet.legend_left + width
        sketch.line((right, y), (right + sheet.px(10), y), GREY)
        sketch.text(text, right + sheet.px(20), y, 26, middle=True)


def draw_labels(sketch: Sketch, labels: Sequence[Label], panel: Box, lift: float) -> None:
    """Labels on a panel (left, bottom, width, height in pixels), moved where they would overlap."""
    sheet = sketch.sheet
    left, bottom, width, height = panel
    pad = sheet.px(8)
    bounds: Box = (left + pad, bottom + pad, left + width - pad, bottom + height - pad)
    anchors = [(label.spot[0] + left, label.spot[1] + bottom) for label in labels]
    sizes = [sketch.measure(label.text, label.size) for label in labels]
    placed = place_labels(anchors, sizes, bounds, gap=sheet.px(8), lift=lift)
    for place in placed:
        away = np.hypot(*np.subtract(place.tip, anchors[place.index]))
        if place.moved and away > 0.8 * labels[place.index].size * sheet.scale:
            sketch.line(anchors[place.index], place.tip, labels[place.index].colour)
    for place in placed:
        label = labels[place.index]
        x, y = place.centre
        sketch.text(
            label.text,
            x,
            y,
            label.size,
            label.colour,
            weight=0.8,
            align="center",
            middle=True,
            halo=True,
        )


@dataclass(frozen=True)
class Bar:
    """A row of the artists' chart: a name, a figure under it, and its shares, which add up to 1."""

    name: str
    figure: str
    shares: tuple[float, ...]


def render_bars(
    page: Page, bars: Sequence[Bar], marks: Sequence[str], sheet: Sheet, face: Typeface
) -> bytes:
    """Horizontal stacked bars as PNG bytes; see `sketch_bars`."""
    return sketch_bars(page, bars, marks, sheet, face).png()


def sketch_bars(
    page: Page, bars: Sequence[Bar], marks: Sequence[str], sheet: Sheet, face: Typeface
) -> Sketch:
    """Horizontal stacked bars, one for each `Bar`, the first set apart from the rest.

    The colours and names of the segments are `page.entries`; `marks` are written into segments
    that are wide enough.
    """
    sketch = Sketch(sheet, face)
    sketch.heading(page.title, page.subtitle, page.footnote)
    top = _legend_heading(sketch, page.legend_title)
    _draw_legend(sketch, page, top)
    left = sheet.panel_left + sheet.px(330)
    width = sheet.panel_left + sheet.panel_width - left
    bottom, ceiling = sheet.panel_bottom + sheet.px(60), sheet.height - sheet.px(sheet.header)
    for quarter in range(5):
        x = left + quarter * width / 4
        sketch.line((x, bottom - sheet.px(12)), (x, ceiling), FAINT, behind=True)
        sketch.text(f"{25 * quarter}%", x, bottom - sheet.px(48), 24, GREY, align="center")
    step = min(sheet.px(110), (ceiling - bottom) / (len(bars) + 0.5))
    for row, bar in enumerate(bars):
        y = ceiling - (row + 1 + (0.5 if row else 0)) * step
        _draw_bar(sketch, bar, (left, y, width, step), page.entries, marks)
    return sketch


def _draw_bar(
    sketch: Sketch,
    bar: Bar,
    place: tuple[float, float, float, float],
    parts: Sequence[Entry],
    marks: Sequence[str],
) -> None:
    left, bottom, width, step = place
    sheet = sketch.sheet
    room = left - sheet.panel_left - sheet.px(20)
    name = sketch.fitted(bar.name, 28, room)
    sketch.text(name, left - sheet.px(16), bottom + 0.56 * step, 28, align="right")
    figure = sketch.fitted(bar.figure, 21, room)
    sketch.text(figure, left - sheet.px(16), bottom + 0.2 * step, 21, GREY, align="right")
    x = left
    for share, part, mark in zip(bar.shares, parts, marks, strict=True):
        colour = part.colours[0]
        sketch.area(x, bottom + 0.12 * step, share * width, 0.76 * step, colour, part.mark)
        room = share * width - sheet.px(22 if part.mark else 8)  # a halo needs some, too
        if mark and room > sketch.measure(mark, 22)[0]:
            dark = sum(colour) < 400 and not part.mark
            sketch.text(
                mark,
                x + share * width / 2,
                bottom + 0.5 * step,
                22,
                (255, 255, 255) if dark else INK,
                align="center",
                middle=True,
                halo=bool(part.mark),
            )
        x += share * width
