"""Where the lines of one run's clusters go in another's: the table, and its picture.

The picture is a Sankey diagram of two columns: bars are clusters, ribbons the lines they share, and
thickness is lines on one scale everywhere, so that what leaves on the left arrives on the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.maps.marks import Mark, signed
from rapids_rap.maps.palette import INK, NOISE, REST, Colour
from rapids_rap.maps.sketch import FAINT, GREY, Sketch

SHOWN = 24  # clusters of a run with a bar of their own; the rest share one
_GAP = 9  # pixels between bars, of the 2400 x 1800 design
_PITCH = 40  # room that a label needs
_BAR = 34


@dataclass(frozen=True)
class FlowColumn:
    """The bars of one run, top to bottom. names: beside the bars. lines: (bars,) each one's."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    lines: Int64s
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class FlowChart:
    """ribbons: (left bars, right bars) lines, whose sums are `left.lines` and `right.lines`."""

    left: FlowColumn
    right: FlowColumn
    ribbons: Int64s


@dataclass(frozen=True)
class ClusterNames:
    """What a column is made from: clusters' names, colours and marks by id, without noise.

    marks: of each, none where empty.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    marks: tuple[Mark, ...] = ()


def flow_table(a: Int64s, b: Int64s, lines: Int64s, count_a: int, count_b: int) -> Int64s:
    """(count_a + 1, count_b + 1) lines that are in cluster i of a and j of b; position 0 is noise.

    a, b: (n,) labels, -1 is noise. lines: (n,) occurrences. The sum is that of `lines`.
    """
    table = np.zeros((count_a + 1, count_b + 1), dtype=np.int64)
    np.add.at(table, (a + 1, b + 1), lines)
    return table


def flow_chart(table: Int64s, a: ClusterNames, b: ClusterNames, shown: int = SHOWN) -> FlowChart:
    """The chart of a flow table (see `flow_table`).

    On the left the largest clusters come first, on the right the order is that which crosses least;
    the rest and noise are last. No line is lost: clusters beyond the `shown` largest
    are one bar, and an empty bar is left out.
    """
    left = _parts(table.sum(axis=1), shown)
    right = _parts(table.sum(axis=0), shown)
    ribbons = np.stack([table[part].sum(axis=0) for part in left])
    ribbons = np.stack([ribbons[:, part].sum(axis=1) for part in right], axis=1)
    last = [i for i, part in enumerate(right) if len(part) > 1 or int(part[0]) == 0]
    order = _least_crossing(ribbons, last)
    right = [right[i] for i in order]
    ribbons = ribbons[:, order]
    return FlowChart(
        _column(left, a, ribbons.sum(axis=1)), _column(right, b, ribbons.sum(axis=0)), ribbons
    )


def _parts(totals: Int64s, shown: int) -> list[Int64s]:
    """Positions of the flow table that share a bar: clusters, the rest of them, noise."""
    clusters = 1 + np.argsort(-totals[1:], kind="stable")
    clusters = clusters[totals[clusters] > 0]
    own = len(clusters) if len(clusters) <= shown + 1 else shown
    parts = [clusters[i : i + 1] for i in range(own)]
    if own < len(clusters):
        parts.append(clusters[own:])
    if totals[0] or not parts:
        parts.append(np.zeros(1, dtype=np.int64))
    return parts


def _least_crossing(ribbons: Int64s, last: Sequence[int]) -> list[int]:
    """Columns by the mean height of what they receive; those in `last` come last.

    The barycentre heuristic of Sugiyama, Tagawa & Toda (1981).
    """
    sizes = ribbons.sum(axis=1)
    heights = np.cumsum(sizes) - sizes / 2
    centre = (heights @ ribbons) / np.maximum(ribbons.sum(axis=0), 1)
    movable = [i for i in range(ribbons.shape[1]) if i not in last]
    return [*sorted(movable, key=lambda i: (centre[i], i)), *last]


def _column(parts: Sequence[Int64s], side: ClusterNames, lines: Int64s) -> FlowColumn:
    names, colours = [], []
    marks: list[Mark] = []
    for part in parts:
        alone = len(part) == 1 and int(part[0]) > 0
        marks.append(side.marks[int(part[0]) - 1] if alone and side.marks else "")
        if len(part) > 1:
            names.append(f"其余 {len(part)} 个聚类 the rest")
            colours.append(REST)
        elif int(part[0]) == 0:
            names.append("噪声 noise (-1)")
            colours.append(NOISE)
        else:
            names.append(signed(side.names[int(part[0]) - 1], marks[-1]))
            colours.append(side.colours[int(part[0]) - 1])
    return FlowColumn(tuple(names), tuple(colours), lines, tuple(marks))


def draw_flow(
    sketch: Sketch, chart: FlowChart, titles: tuple[str, str], box: tuple[float, ...]
) -> None:
    """Draw the chart into `box` (left, bottom, right, top) in pixels, labels outside the bars."""
    sheet = sketch.sheet
    left, bottom, right, top = box
    bar, head = sheet.px(_BAR), sheet.px(64)
    side = 0.29 * (right - left)
    bars = (left + side, right - side - bar)
    ends: tuple[tuple[float, str, Literal["left", "right"]], ...] = (
        (bars[0] + bar, titles[0], "right"),
        (bars[1], titles[1], "left"),
    )
    for x, title, align in ends:
        shown = sketch.fitted(title, 30, side)
        sketch.text(shown, x, top - sheet.px(34), 30, weight=1.0, align=align)
    ceiling, floor = top - head, bottom
    scale = min(
        _fitting_scale(column.lines, ceiling - floor, sheet.px(_PITCH), sheet.px(_GAP))
        for column in (chart.left, chart.right)
    )
    places = [
        _places(column.lines, scale, ceiling, floor, sheet.px(_PITCH), sheet.px(_GAP))
        for column in (chart.left, chart.right)
    ]
    _draw_ribbons(sketch, chart, scale, places, (bars[0] + bar, bars[1]))
    total = max(int(chart.left.lines.sum()), 1)
    for column, tops, x, outward in (
        (chart.left, places[0], bars[0], -1),
        (chart.right, places[1], bars[1], 1),
    ):
        _draw_bars(sketch, column, tops, scale, x, outward, side, total)


def _fitting_scale(lines: Int64s, room: float, pitch: float, gap: float) -> float:
    """Pixels a line, so that every bar has its label's pitch and all fit into the room."""
    room -= gap * max(len(lines) - 1, 0)
    if pitch * len(lines) >= room or not lines.sum():
        return room / max(2 * int(lines.sum()), 1)
    low, high = 0.0, room / int(lines.sum())
    for _ in range(50):
        half = (low + high) / 2
        low, high = (half, high) if np.maximum(half * lines, pitch).sum() <= room else (low, half)
    return low


def _places(
    lines: Int64s, scale: float, ceiling: float, floor: float, pitch: float, gap: float
) -> Float64s:
    """(bars,) the top of each bar, in the middle of its slot; slots fill the whole height."""
    slots = np.maximum(scale * lines, pitch)
    spare = max(0.0, ceiling - floor - float(slots.sum()))
    between = spare / max(len(lines) - 1, 1) if len(lines) > 1 else 0.0
    tops = ceiling - (np.cumsum(slots) - slots) - between * np.arange(len(lines))
    return tops - (slots - scale * lines) / 2


def _draw_ribbons(
    sketch: Sketch,
    chart: FlowChart,
    scale: float,
    places: Sequence[Float64s],
    ends: tuple[float, float],
) -> None:
    """Widest first, so that narrow ones stay visible; ribbons keep their order at both bars."""
    ribbons = chart.ribbons * scale
    starts = places[0][:, None] - (np.cumsum(ribbons, axis=1) - ribbons)
    arrivals = places[1][None, :] - (np.cumsum(ribbons, axis=0) - ribbons)
    rows, columns = np.nonzero(chart.ribbons)
    for k in np.argsort(-chart.ribbons[rows, columns], kind="stable"):
        i, j = int(rows[k]), int(columns[k])
        colour = chart.left.colours[i]
        grey = colour in (NOISE, REST)
        sketch.ribbon(
            (ends[0], float(starts[i, j])),
            (ends[1], float(arrivals[i, j])),
            float(ribbons[i, j]),
            FAINT if grey else colour,
            0.28 if grey else 0.45,
        )


def _draw_bars(
    sketch: Sketch,
    column: FlowColumn,
    tops: Float64s,
    scale: float,
    x: float,
    outward: int,
    room: float,
    total: int,
) -> None:
    sheet = sketch.sheet
    pad, bar = sheet.px(14), sheet.px(_BAR)
    edge = x - pad if outward < 0 else x + bar + pad
    align: Literal["left", "right"] = "right" if outward < 0 else "left"
    rows = zip(column.names, column.colours, column.marks, strict=True)
    for (name, colour, mark), lines, top in zip(
        rows, column.lines.tolist(), tops.tolist(), strict=True
    ):
        height = max(scale * lines, 1.0)
        sketch.area(x, top - height, bar, height, colour, mark)
        figure = f"{lines:,} · {100 * lines / total:.1f}%"
        wide = sketch.measure(figure, 20)[0]
        shown = sketch.fitted(name, 26, room - wide - 3 * pad)
        middle = top - height / 2
        width = sketch.text(shown, edge, middle, 26, INK, align=align, middle=True)
        sketch.text(
            figure,
            edge + outward * (width + pad),
            middle,
            20,
            GREY,
            align=align,
            middle=True,
        )
