"""The pictures of a comparison: two maps in one frame with matched colours, and the flow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rapids_rap.arrays import Float32s, Float64s, Int64s, UInt8s
from rapids_rap.backend.protocol import Backend
from rapids_rap.config import MapsConfig
from rapids_rap.maps.charts import Label, draw_labels
from rapids_rap.maps.flow import FlowChart, draw_flow
from rapids_rap.maps.fonts import Typeface, load_typeface
from rapids_rap.maps.marks import STRIPE, Mark, fade_table, footnote, signed
from rapids_rap.maps.palette import NOISE, Colour, cluster_colours, darkened
from rapids_rap.maps.raster import densest_spots, paint, rasterize, to_pixels
from rapids_rap.maps.sketch import FAINT, GREY, Sheet, Sketch

WIDTH, HEIGHT = 3200, 1900  # of the two maps; sizes of text are those of the 2400 x 1800 design
FLOW_HEIGHT = 2000
LABELS = 30  # clusters labelled on each map, the largest first
_AXES = (
    "两图同框：B 经旋转、翻转、缩放和平移对齐到 A；同色为对应的聚类 · One frame: B is rotated, "
    "mirrored, scaled and moved onto A; equal colours are matched clusters"
)


@dataclass(frozen=True)
class MapSide:
    """One run's map of the n shared texts.

    xy: (n, 2), already in the common frame. labels: (n,), -1 is noise. ids: (K,) what the clusters
    are called. lines: (n,) occurrences. terms: K short labels. marks: of the K clusters. title,
    subtitle: above the panel.
    """

    xy: Float64s
    labels: Int64s
    ids: Int64s
    lines: Int64s
    terms: tuple[str, ...]
    marks: tuple[Mark, ...]
    title: str
    subtitle: str


def matched_colours(
    a: MapSide, b: MapSide, themes: Int64s, matches: Int64s, overlap: npt.NDArray[np.number]
) -> tuple[UInt8s, UInt8s]:
    """(K_a, 3) and (K_b, 3) colours: a matched cluster of B has that of its cluster in A.

    themes: (K_a,) of A's clusters, which give the hues. matches: (K_b,) cluster of A or -1. The
    others of B get colours of their own, in the family of the cluster of A they share most with
    (overlap: (K_a, K_b)). No two clusters of a run have one colour.
    """
    count = len(a.terms)
    own = np.flatnonzero(matches < 0)
    nearest = overlap.argmax(axis=0) if count else np.zeros(len(b.terms), dtype=np.int64)
    family = themes[nearest[own]] if count else np.arange(len(own)) % 7
    every = np.concatenate([themes, family]).astype(np.int64)
    _, every = np.unique(every, return_inverse=True)  # theme ids without a gap
    places = np.concatenate([_centres(a), _centres(b)[own]])
    sizes = np.concatenate([_sizes(a), _sizes(b)[own]])
    colours = cluster_colours(every, places, sizes)
    right = np.zeros((len(b.terms), 3), dtype=np.uint8)
    right[matches >= 0] = colours[matches[matches >= 0]]
    right[own] = colours[count:]
    return colours[:count], right


def draw_pair(
    sides: tuple[MapSide, MapSide],
    colours: tuple[UInt8s, UInt8s],
    title: tuple[str, str],
    subtitle: str,
    config: MapsConfig,
    backend: Backend,
) -> bytes:
    """Both maps side by side as PNG bytes; see `sketch_pair`."""
    sheet = Sheet(WIDTH, HEIGHT)
    return sketch_pair(sides, colours, title, subtitle, config, backend, sheet).png()


def sketch_pair(
    sides: tuple[MapSide, MapSide],
    colours: tuple[UInt8s, UInt8s],
    title: tuple[str, str],
    subtitle: str,
    config: MapsConfig,
    backend: Backend,
    sheet: Sheet,
) -> Sketch:
    """Both maps side by side, with one scale and one frame."""
    face = _typeface(config, sides, (title[0], subtitle))
    sketch = Sketch(sheet, face)
    marked = footnote([mark for side in sides for mark in side.marks])
    sketch.heading(title, subtitle, _AXES + marked)
    gap = sheet.px(40)
    width = (sheet.width - 2 * sheet.panel_left - gap) // 2
    height = sheet.height - sheet.panel_bottom - sheet.px(sheet.header + 104)
    both = np.concatenate([side.xy for side in sides]).astype(np.float32)
    pixels, _ = to_pixels(backend.from_host(both), width, height)
    n = len(sides[0].labels)
    for number, (side, own) in enumerate(zip(sides, colours, strict=True)):
        left = sheet.panel_left + number * (width + gap)
        points = pixels[:n] if number == 0 else pixels[n:]
        panel = (left, sheet.panel_bottom, width, height)
        _draw_panel(sketch, side, own, points, panel, backend, config.labels)
        top = sheet.panel_bottom + height
        sketch.text(sketch.fitted(side.title, 36, width), left, top + sheet.px(68), 36, weight=1.0)
        sketch.text(sketch.fitted(side.subtitle, 26, width), left, top + sheet.px(24), 26, GREY)
    return sketch


def draw_flows(
    chart: FlowChart,
    title: tuple[str, str],
    subtitle: str,
    footnote: str,
    columns: tuple[str, str],
    config: MapsConfig,
) -> bytes:
    """The flow of lines from A's clusters to B's as PNG bytes."""
    sheet = Sheet(2400, FLOW_HEIGHT)
    texts = [*chart.left.names, *chart.right.names, *columns, subtitle]
    sketch = Sketch(sheet, load_typeface(config, texts))
    sketch.heading(title, subtitle, footnote)
    left, bottom = sheet.panel_left, sheet.panel_bottom
    draw_flow(
        sketch, chart, columns, (left, bottom, sheet.width - left, sheet.height - sheet.px(190))
    )
    return sketch.png()


def _draw_panel(
    sketch: Sketch,
    side: MapSide,
    colours: UInt8s,
    points: Float32s,
    panel: tuple[int, int, int, int],
    backend: Backend,
    most: int,
) -> None:
    left, bottom, width, height = panel
    labels = backend.from_host(side.labels)
    raster = rasterize(points, {"clusters": labels}, width, height, backend, sketch.sheet.dot)
    painted = np.concatenate([np.array([NOISE], dtype=np.uint8), colours])
    fades, stripe = fade_table(side.marks), sketch.sheet.px(STRIPE)
    sketch.image(paint(raster, "clusters", painted, backend, fades, stripe), left, bottom)
    sketch.frame(left, bottom, width, height, None, FAINT)
    across = min(max(2 * len(side.labels) ** (1 / 3), 16), 80)
    spots = densest_spots(points, labels, len(side.terms), width / across, backend)
    lift = raster.radius * 2.0 if raster.radius > 1 else 0.0
    draw_labels(sketch, _labels(side, colours, spots, min(most, LABELS)), panel, lift)


def _labels(side: MapSide, colours: UInt8s, spots: Float64s, most: int) -> list[Label]:
    sizes = _sizes(side)
    dark = darkened(colours) if len(colours) else colours
    labels = []
    for cluster in np.argsort(-sizes, kind="stable")[:most]:
        x, y = spots[cluster]
        if np.isfinite(x) and sizes[cluster]:
            red, green, blue = (int(part) for part in dark[cluster])
            size = 21 + 13 * float(np.sqrt(sizes[cluster] / max(sizes.max(), 1)))
            colour: Colour = (red, green, blue)
            text = f"{side.ids[cluster]} {side.terms[cluster]}".strip()
            name = signed(text, side.marks[cluster])
            labels.append(Label(name, (float(x), float(y)), size, colour))
    return labels


def _centres(side: MapSide) -> Float64s:
    """(K, 2) median place of each cluster, in widths of the map."""
    span = np.nanmax(np.ptp(side.xy, axis=0), initial=0.0) or 1.0
    places = np.zeros((len(side.terms), 2))
    order = np.argsort(side.labels, kind="stable")
    cuts = np.searchsorted(side.labels[order], np.arange(len(side.terms) + 1))
    for cluster, (start, end) in enumerate(itertools.pairwise(cuts)):
        if end > start:
            places[cluster] = np.median(side.xy[order[start:end]], axis=0) / span
    return np.nan_to_num(places)


def _sizes(side: MapSide) -> Int64s:
    known = side.labels >= 0
    weights = side.lines[known]
    return np.bincount(side.labels[known], weights, minlength=len(side.terms)).astype(np.int64)


def _typeface(config: MapsConfig, sides: Sequence[MapSide], more: Sequence[str]) -> Typeface:
    texts = [text for side in sides for text in (*side.terms, side.title, side.subtitle)]
    return load_typeface(config, [*texts, *more])
