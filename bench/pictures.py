"""The ratios of all scenarios as one picture: what was reached, what had to be, what was hoped for.

    ratios.png

A bar a requirement that is a ratio (speed), on a logarithmic scale from 1, its range over the
rounds as a line; a tick at the floor and one at what was reached for.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

INK, BAR, MISSED, RANGE = "#333333", "#4c78a8", "#c44e52", "#1f3a5f"


def ratio_rows(records: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """(label, requirement) of every speed ratio that was measured, in order."""
    return [
        (_label(record["scenario"], row), row)
        for record in records
        for row in record["requirements"]
        if row["figure"] == "speed" and row["value"]
    ]


def _label(scenario: str, row: dict[str, Any]) -> str:
    """What the ratio is of: a scenario's first side is `ours`, and needs no word."""
    side = "" if row["side"] == "ours" else f", {row['side'].removeprefix('ours, ')}"
    return f"{scenario}{side}, against {row['against']}"


def draw_ratios(records: Sequence[dict[str, Any]]) -> bytes | None:
    """PNG bytes; None where no ratio was measured."""
    rows = ratio_rows(records)
    if not rows:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.2 + 0.5 * len(rows)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for place, (_, row) in enumerate(rows):
        colour = MISSED if row["verdict"] == "missed" else BAR
        axes.barh(place, row["value"] - 1, left=1, height=0.6, color=colour)
        axes.plot([row["low"], row["high"]], [place, place], color=RANGE, linewidth=2)
        for bound, style in ((row["floor"], "-"), (row["reach"], ":")):
            if bound:
                axes.plot([bound] * 2, [place - 0.4, place + 0.4], color=INK, linestyle=style)
        end = max(row["value"], row["high"], row["floor"], row["reach"] or 0)
        axes.annotate(
            f"{row['value']:.3g} ×",
            (end, place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )
    axes.set_xscale("log")
    axes.set_xlim(1, 2.2 * max(max(row["high"], row["reach"] or 1) for _, row in rows))
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel("times faster (solid mark: the floor, dotted: what was reached for)")
    ticks = [t for t in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000) if t < axes.get_xlim()[1]]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
