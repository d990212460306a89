"""The tree above the clusters as a picture: joins from left to right, a row a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rapids_rap.arrays import Float64s
from rapids_rap.clustering.hierarchy import Hierarchy
from rapids_rap.config import MapsConfig
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.palette import INK, Colour
from rapids_rap.maps.scene import MapData
from rapids_rap.maps.sketch import FAINT, GREY, Sheet, Sketch

ROWS = 160  # clusters that are drawn, the first by number: by default the heaviest
_PITCH, _WIDE = 34, 64  # pixels of a row in the 2400 x 1800 design, and where there is room
_HEAD, _FOOT = 250, 190
_JOINS, _NAMES, _THEMES = 0.46, 0.74, 0.985  # right ends of the columns, of the width
_TITLE = ("聚类之树", "Tree: what clusters have in common, from all to each")


@dataclass(frozen=True)
class _View:
    """Names of the tree's K clusters, names and colours of its T themes."""

    tree: Hierarchy
    clusters: Sequence[str]
    themes: Sequence[str]
    colours: Sequence[Colour]


def draw_tree(
    tree: Hierarchy, data: MapData, colours: Mapping[int, Colour], config: MapsConfig
) -> bytes | None:
    """PNG bytes, as high as the clusters need; None without any cluster.

    data: names of clusters and themes. colours: of the themes by id, as on the maps.
    """
    names = [f"{data.cluster_id(k)} {term}" for k, term in enumerate(data.cluster_terms)]
    count = len(names)
    if not count:
        return None
    painted = [colours[data.theme_id(theme)] for theme in range(len(data.theme_labels))]
    view = _View(tree, names, data.theme_labels, painted)
    rows = _rows(tree, count)
    scale = min(config.width / 2400, config.height / 1800)
    high = round((_HEAD + _FOOT + _PITCH * len(rows)) * scale)
    sheet = Sheet(config.width, max(high, config.height))
    known = [*names, *view.themes, data.model, config.title]
    sketch = Sketch(sheet, load_typeface(config, known))
    hidden = count - len(rows)
    sketch.heading(
        (f"{config.title} · {_TITLE[0]}" if config.title else _TITLE[0], _TITLE[1]),
        f"{count} 个聚类 clusters · {len(view.themes)} 个主题 themes · {data.model}"
        + (f" · 另有 {hidden} 个聚类未画出 {hidden} not drawn" if hidden else ""),
        "合并处越靠右越相近（余弦，以全体文本为中心）· The further right a join, the nearer "
        "(cosine about the mean of all texts); joins within noise of the next are one",
    )
    _Drawing(sketch, view, rows).draw()
    return sketch.png()


def _rows(tree: Hierarchy, count: int) -> dict[int, int]:
    """The row of each cluster that is drawn, so that no two lines cross; larger parts first."""
    below: dict[int, list[int]] = {}
    for node, parent in enumerate(tree.parents.tolist()):
        below.setdefault(parent, []).append(node)
    waiting, rows = below.get(-1, [])[:], dict[int, int]()
    while waiting:
        node = waiting.pop()
        if node < min(count, ROWS):
            rows[node] = len(rows)
        waiting += sorted(below.get(node, []), key=lambda own: (int(tree.sizes[own]), -own))
    return rows


class _Drawing:
    """Where everything lies: x by strength, y by row."""

    def __init__(self, sketch: Sketch, view: _View, rows: dict[int, int]) -> None:
        self.sketch, self.view, self.rows = sketch, view, rows
        sheet = sketch.sheet
        room = (sheet.height - sheet.px(_HEAD + _FOOT)) / max(1, len(rows))
        self.pitch = min(sheet.px(_WIDE), max(sheet.px(_PITCH), room))
        self.top = sheet.height - sheet.px(_HEAD)
        self.left, self.right = sheet.px(70), _JOINS * sheet.width
        known = view.tree.strengths[np.isfinite(view.tree.strengths)]
        self.low = min(0.0, float(known.min())) if len(known) else 0.0

    def draw(self) -> None:
        """Axis, joins from the root down, names."""
        self._axis()
        heights = self._heights()
        for node, (first, last) in heights.items():
            if node >= len(self.view.clusters):
                self._joins(node, heights, (first + last) / 2)
        self._names()

    def _x(self, strength: float) -> float:
        share = (strength - self.low) / (1.0 - self.low) if np.isfinite(strength) else 0.0
        return self.left + share * (self.right - self.left)

    def _axis(self) -> None:
        sheet = self.sketch.sheet
        bottom = self.top - self.pitch * len(self.rows)
        for tick in np.arange(np.ceil(self.low * 5) / 5, 1.01, 0.2):
            x = self._x(float(tick))
            self.sketch.line((x, self.top + sheet.px(6)), (x, bottom), FAINT, behind=True)
            label = f"{abs(tick) if abs(tick) < 0.05 else tick:.1f}"
            self.sketch.text(label, x, self.top + sheet.px(18), 22, GREY, align="center")

    def _heights(self) -> dict[int, tuple[float, float]]:
        """First and last height of the drawn rows at or below each node."""
        spans: dict[int, tuple[float, float]] = {}
        for cluster, row in self.rows.items():
            y, node = self.top - (row + 0.5) * self.pitch, cluster
            while node >= 0:
                low, high = spans.get(node, (y, y))
                spans[node] = (min(low, y), max(high, y))
                node = int(self.view.tree.parents[node])
        return spans

    def _joins(self, node: int, heights: dict[int, tuple[float, float]], y: float) -> None:
        """A node's upright line and what comes to it from the right."""
        tree = self.view.tree
        children = [own for own in heights if int(tree.parents[own]) == node]
        x = self._place(node)
        middles = [(heights[own][0] + heights[own][1]) / 2 for own in children]
        colour = self._colour(node)
        self.sketch.line((x, min(middles)), (x, max(middles)), colour)
        for own, middle in zip(children, middles, strict=True):
            self.sketch.line((x, middle), (self._place(own), middle), self._colour(own))

    def _place(self, node: int) -> float:
        """From left to right: where its children join; of a cluster the right end."""
        if node < len(self.view.clusters):
            return self.right
        tree = self.view.tree
        inside = tree.strengths[np.flatnonzero(tree.parents == node)]
        return self._x(float(inside[0]) if len(inside) else 1.0)

    def _colour(self, node: int) -> Colour:
        count, themes = len(self.view.clusters), len(self.view.themes)
        while node >= 0:
            if count <= node < count + themes:
                return self.view.colours[node - count]
            node = int(self.view.tree.parents[node])
        return GREY

    def _names(self) -> None:
        """The clusters' names beside their rows, and the themes' beside their clusters."""
        sketch, sheet, count = self.sketch, self.sketch.sheet, len(self.view.clusters)
        gap = sheet.px(14)
        name_end, theme_end = _NAMES * sheet.width, _THEMES * sheet.width
        spans: dict[int, list[float]] = {}
        for cluster, row in self.rows.items():
            y = self.top - (row + 0.5) * self.pitch
            name = sketch.fitted(self.view.clusters[cluster], 24, name_end - self.right - 3 * gap)
            sketch.text(name, self.right + gap, y, 24, INK, middle=True)
            spans.setdefault(int(self._themes()[cluster]), []).append(y)
        for theme, places in spans.items():
            low, high = min(places) - 0.36 * self.pitch, max(places) + 0.36 * self.pitch
            colour = self.view.colours[theme]
            sketch.frame(name_end, low, sheet.px(12), high - low, colour)
            size = int(self.view.tree.sizes[count + theme])
            figure = f"{size:,}"
            wide = sketch.measure(figure, 22)[0] + gap
            room = theme_end - name_end - 3 * gap - wide
            shown = sketch.fitted(self.view.themes[theme], 28, room)
            middle = (low + high) / 2
            drawn = sketch.text(shown, name_end + 2 * gap, middle, 28, INK, middle=True)
            sketch.text(figure, name_end + 3 * gap + drawn, middle, 22, GREY, middle=True)

    def _themes(self) -> Float64s:
        """(K,) the theme that each cluster lies under."""
        count, parents = len(self.view.clusters), self.view.tree.parents
        found = np.zeros(count)
        for cluster in range(count):
            node = cluster
            while not count <= node < count + len(self.view.themes):
                node = int(parents[node])
            found[cluster] = node - count
        return found
