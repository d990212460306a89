"""The sweep over smallest cluster sizes as a picture: cliffs and plateaus can be seen."""

from __future__ import annotations

import numpy as np

from rapids_rap.arrays import Float64s
from rapids_rap.clustering.sweep import Sweep
from rapids_rap.config import MapsConfig
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.palette import INK, Colour
from rapids_rap.maps.sketch import FAINT, GREY, Sheet, Sketch

_LINE: Colour = (0, 114, 178)
_USED: Colour = INK
_PLATEAU: Colour = (213, 94, 0)
_PANELS = (
    ("clusters", "聚类数", "clusters, on a scale of doublings", "{:.0f}"),
    ("coverage", "归入聚类的比例", "share of texts clustered", "{:.0%}"),
    ("persistence", "持续", "persistence: what outlives other sizes", "{:.2f}"),
)
_TITLE = ("最小聚类的大小", "Smallest cluster: what other sizes would give, in a layout")


def draw_sizes(sweep: Sweep, config: MapsConfig) -> bytes | None:
    """PNG bytes of the sweep; None where it was not computed."""
    table = sweep.table
    if len(table) < 2:
        return None
    sheet = Sheet(config.width, config.height)
    sketch = Sketch(sheet, load_typeface(config, [sweep.why]))
    title = f"{config.title} · {_TITLE[0]}" if config.title else _TITLE[0]
    several = "均值与标准差 mean and standard deviation" if sweep.layouts > 1 else ""
    sketch.heading(
        (title, _TITLE[1]), f"{sweep.layouts} 个布局 layouts {several}".strip(), sweep.why
    )
    sizes = np.log2(table["min_cluster_size"].to_numpy(dtype=np.float64))
    left, right = sheet.px(210), sheet.width - sheet.px(80)
    xs = left + (sizes - sizes[0]) / (sizes[-1] - sizes[0]) * (right - left)
    bottom, top = sheet.px(190), sheet.height - sheet.px(210)
    high = (top - bottom) / len(_PANELS)
    for place, (name, chinese, english, form) in enumerate(_PANELS):
        floor = top - (place + 1) * high + sheet.px(16)
        box = (left, floor, right, floor + high - sheet.px(64))
        mean, spread = (table[column].to_numpy() for column in (f"{name}_mean", f"{name}_sd"))
        _panel(sketch, box, xs, mean, spread, form, doubling=name == "clusters")
        head = f"{chinese} {english}"
        sketch.text(head, left, box[3] + sheet.px(12), 24, GREY)
    known = table["min_cluster_size"].tolist()
    marks = [(sweep.used, _USED, f"本次 used {sweep.used}")]
    if sweep.plateau is not None:
        marks.append((sweep.plateau, _PLATEAU, f"平台 plateau {sweep.plateau}"))
    _axis(sketch, xs, known, bottom)
    for size, colour, label in marks:
        x = float(xs[known.index(size)])
        sketch.line((x, bottom), (x, top), colour)
        sketch.text(label, x, bottom - sheet.px(88), 24, colour, align="center", weight=0.6)
    return sketch.png()


def _panel(
    sketch: Sketch,
    box: tuple[float, float, float, float],
    xs: Float64s,
    mean: Float64s,
    spread: Float64s,
    form: str,
    *,
    doubling: bool,
) -> None:
    """One quantity: its mean as a line, a standard deviation on both sides as an area."""
    left, bottom, right, top = box
    least = 0.5 if doubling else 0.0
    upper, lower = (np.maximum(mean + s * np.nan_to_num(spread), least) for s in (1, -1))
    mean = np.maximum(mean, least)
    if doubling:
        upper, lower, mean = np.log2(upper), np.log2(lower), np.log2(mean)
    low, span = float(lower.min()), float(upper.max() - lower.min()) or 1.0

    def place(values: Float64s) -> Float64s:
        return bottom + (values - low) / span * (top - bottom)

    for share in (0.0, 0.5, 1.0):
        y = bottom + share * (top - bottom)
        sketch.line((left, y), (right, y), FAINT, behind=True)
        value = low + share * span
        label = form.format(2**value if doubling else value)
        sketch.text(label, left - sketch.sheet.px(16), y, 22, GREY, align="right", middle=True)
    edge = (zip(xs, place(upper), strict=True), zip(xs[::-1], place(lower)[::-1], strict=True))
    outline = [point for side in edge for point in side]
    sketch.polygon([(float(x), float(y)) for x, y in outline], _LINE, 0.2)
    ys = place(mean)
    for i in range(len(xs) - 1):
        start, end = (float(xs[i]), float(ys[i])), (float(xs[i + 1]), float(ys[i + 1]))
        sketch.line(start, end, _LINE)


def _axis(sketch: Sketch, xs: Float64s, sizes: list[int], bottom: float) -> None:
    """Sizes under the panels, as many as there is room for."""
    free = -np.inf
    for x, size in zip(xs.tolist(), sizes, strict=True):
        label = f"{size:,}"
        half = sketch.measure(label, 22)[0] / 2 + sketch.sheet.px(10)
        if x - half >= free:
            sketch.text(label, x, bottom - sketch.sheet.px(40), 22, GREY, align="center")
            free = x + half
