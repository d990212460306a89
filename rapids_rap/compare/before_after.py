"""Two runs in one frame for print: before contrastive learning and after, or any other change."""

from __future__ import annotations

from dataclasses import dataclass

from rapids_rap.arrays import Float64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.clustering.procrustes import procrustes
from rapids_rap.compare.maps import MapSide, matched_colours, sketch_pair
from rapids_rap.compare.scores import cluster_sizes
from rapids_rap.compare.shared import Shared, Side, find_shared
from rapids_rap.config import MapsConfig
from rapids_rap.lineage.overlap import match_flow
from rapids_rap.maps.flow import flow_table
from rapids_rap.maps.marks import legends
from rapids_rap.maps.plates import plate, plate_config
from rapids_rap.maps.sketch import Sketch
from rapids_rap.report.paper_tables import short
from rapids_rap.runs.run import Run

CAPTION = (
    "Before and after: two maps of the same texts in one frame; matched clusters share a colour."
)
_TERMS = 3
_LABELS = 12  # on each of the two smaller maps
_HEIGHT = 1000  # of the plate, in the design's lengths


@dataclass(frozen=True)
class BeforeAfter:
    """The picture, and in words what it shows."""

    sketch: Sketch
    said: str


def draw_before_after(before: Run, after: Run, config: MapsConfig, backend: Backend) -> BeforeAfter:
    """Both maps on the texts that the runs share; the map before is moved onto the one after.

    Raises `InputError` where the runs share no text, have different units or are damaged.
    """
    shared = find_shared([after, before])
    new, old = shared.sides
    fit = procrustes(old.xy, new.xy)
    flow = flow_table(new.labels, old.labels, shared.lines, new.count, old.count)
    matches = match_flow(flow)
    right = _side(shared, new, new.xy, "b · 之后 after")
    left = _side(shared, old, fit.apply(old.xy), "a · 之前 before")
    colours = matched_colours(right, left, new.themes[1], matches, flow[1:, 1:])
    settings = plate_config(config).model_copy(update={"labels": _LABELS})
    sketch = sketch_pair(
        (left, right), (colours[1], colours[0]), ("", ""), "", settings, backend, plate(_HEIGHT)
    )
    sizes = [cluster_sizes(shared, side) for side in (old, new)]
    told = "; ".join(
        f"{when}: {size['count']} clusters, {size['noise_share_lines']:.1%} of lines noise, model "
        f"{side.run.manifest['model'].get('name', '?')}"
        for when, size, side in zip(("before", "after"), sizes, (old, new), strict=True)
    )
    marked = "; ".join(one.name for one in legends((*left.marks, *right.marks)))
    return BeforeAfter(
        sketch,
        f"Two maps of the same {len(shared.texts):,} distinct texts side by side, {told}. "
        f"{int((matches >= 0).sum())} clusters match and have one colour in both. The map before "
        "is turned, mirrored, scaled and moved onto the map after; axes have no meaning."
        + (f" Hatched: {marked}." if marked else ""),
    )


def _side(shared: Shared, side: Side, xy: Float64s, title: str) -> MapSide:
    size = cluster_sizes(shared, side)
    model = side.run.manifest["model"].get("name", "?")
    return MapSide(
        xy,
        side.labels,
        side.ids,
        shared.lines,
        tuple("·".join(map(short, name.split("、")[:_TERMS])) for name in side.names),
        side.marks,
        title,
        f"{size['count']} 个聚类 clusters · 噪声 noise {size['noise_share_lines']:.1%} · {model}",
    )
