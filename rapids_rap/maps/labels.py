"""Where the labels of a map go: at the cluster's spot if free, else beside it, else nowhere.

Greedy and in the order given (largest cluster first), so no two labels overlap and the same input
gives the same map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Box = tuple[float, float, float, float]  # left, bottom, right, top; pixels
Point = tuple[float, float]

_DIRECTIONS = 16
_RINGS = 7


@dataclass(frozen=True)
class Placed:
    """A label that found its place: which one, its centre, and whether it was moved there.

    tip: where a leader line from the anchor meets the label, the nearest point of its box.
    """

    index: int
    centre: Point
    box: Box
    tip: Point
    moved: bool


def place_labels(
    anchors: Sequence[Point],
    sizes: Sequence[Point],
    bounds: Box,
    gap: float,
    lift: float = 0.0,
) -> list[Placed]:
    """Places labels of these sizes (width, height) near their anchors, all in pixels.

    A label's own place is on its anchor, or `lift` above it (beneath its lower edge).
    A label may be moved up to a few of its heights; then its leader line crosses no other label.
    Those that fit nowhere are left out of the answer.
    """
    placed: list[Placed] = []
    for index, (anchor, size) in enumerate(zip(anchors, sizes, strict=True)):
        for centre, moved, polite in _candidates(anchor, size, lift):
            box = _box(centre, size)
            if polite and any(_inside(other, box) for other in anchors[index + 1 :]):
                continue  # it would hide the spot of a cluster that is yet to be labelled
            tip = (min(max(anchor[0], box[0]), box[2]), min(max(anchor[1], box[1]), box[3]))
            label = Placed(index, centre, box, tip, moved)
            if _fits(label, anchor, placed, anchors, bounds, gap):
                placed.append(label)
                break
    return placed


def overlap(a: Box, b: Box, gap: float = 0.0) -> bool:
    """Whether two boxes overlap or come closer than `gap`."""
    return a[0] < b[2] + gap and b[0] < a[2] + gap and a[1] < b[3] + gap and b[1] < a[3] + gap


def _candidates(anchor: Point, size: Point, lift: float) -> list[tuple[Point, bool, bool]]:
    """Places to try: a centre, whether that is away from the label's own place, and politeness.

    The label's own place, then rings around it, wider than high as labels are. The nearest are
    tried politely first: not hiding another spot is worth a small move.
    """
    x, y = anchor
    own = (x, y + lift + size[1] / 2) if lift else anchor
    rings = []
    for ring in range(1, _RINGS + 1):
        for step in range(_DIRECTIONS):
            angle = 2 * np.pi * (step + 0.5 * (ring % 2)) / _DIRECTIONS
            reach_x = size[0] * 0.5 + size[1] * ring * 0.9
            reach_y = size[1] * (0.5 + ring * 0.9)
            rings.append((x + reach_x * float(np.cos(angle)), y + reach_y * float(np.sin(angle))))
    near = rings[: 2 * _DIRECTIONS]
    polite = [(own, False, True), *((place, True, True) for place in near)]
    return [*polite, (own, False, False), *((place, True, False) for place in rings)]


def _inside(point: Point, box: Box) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _box(centre: Point, size: Point) -> Box:
    x, y, half_width, half_height = centre[0], centre[1], size[0] / 2, size[1] / 2
    return (x - half_width, y - half_height, x + half_width, y + half_height)


def _fits(
    label: Placed,
    anchor: Point,
    placed: Sequence[Placed],
    anchors: Sequence[Point],
    bounds: Box,
    gap: float,
) -> bool:
    left, bottom, right, top = label.box
    if left < bounds[0] or bottom < bounds[1] or right > bounds[2] or top > bounds[3]:
        return False
    for other in placed:
        if overlap(label.box, other.box, gap):
            return False
        if label.moved and _crosses(anchor, label.tip, other.box):
            return False
        if other.moved and _crosses(anchors[other.index], other.tip, label.box):
            return False
    return True


def _crosses(start: Point, end: Point, box: Box) -> bool:
    """Whether a line passes through a box (Liang & Barsky 1984)."""
    enter, leave = 0.0, 1.0
    for axis in (0, 1):
        step = end[axis] - start[axis]
        near, far = box[axis] - start[axis], box[axis + 2] - start[axis]
        if step == 0:
            if near > 0 or far < 0:
                return False
            continue
        first, last = sorted((near / step, far / step))
        enter, leave = max(enter, first), min(leave, last)
    return enter <= leave
