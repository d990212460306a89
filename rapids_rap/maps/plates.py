"""The pictures as a journal prints them: no heading, for a caption says it; type of 6 to 10 points.

Drawn by the same hand as the maps of a run, on a sheet of the page's width at the resolution of
print. Clusters in doubt are striped as they are everywhere.
"""

from __future__ import annotations

from dataclasses import replace

from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.config import MapsConfig
from rapids_rap.maps.charts import Page, sketch_bars, sketch_map
from rapids_rap.maps.draw import shown_texts
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.marks import STRIPE, fade_table
from rapids_rap.maps.pages import artist_page, cluster_page
from rapids_rap.maps.raster import paint, rasterize, to_pixels
from rapids_rap.maps.scene import MapData, Scene, build_scene, text_groups
from rapids_rap.maps.sketch import Sheet, Sketch
from rapids_rap.maps.years import Panels, draw_panels

DPI = 600
MILLIMETRES = 180.0  # two columns of most journals
LABELS = 24  # clusters labelled on the map, at most
ARTISTS = 20
_UNIT = 2.4  # pixels of the design's length at 600 dpi: its 28 are 8 points, its 21 are 6
_WIDTH = round(MILLIMETRES / 25.4 * DPI)
_ROW = 74  # of an artist's bar, in the design's lengths
_EDGE = 24
_DOT = 2  # pixels: discs of a fifth of a millimetre


def plate(height: float, *, legend: int = 560, header: int = _EDGE) -> Sheet:
    """A sheet of print, `height` in the design's lengths."""
    return Sheet(_WIDTH, round(height * _UNIT), _UNIT, header, _EDGE, legend, _DOT)


def plate_config(config: MapsConfig) -> MapsConfig:
    """The settings of the maps for print: no title, fewer labels and artists."""
    most = {"labels": min(config.labels, LABELS), "artists": min(config.artists, ARTISTS)}
    return config.model_copy(update={**most, "title": ""})


def map_plate(view: MapData, config: MapsConfig, backend: Backend) -> Sketch:
    """The clusters on the map, themes in the legend."""
    config, sheet = plate_config(config), plate(1240)
    groups, pixels, scene = _scene(view, sheet, backend)
    size = (sheet.panel_width, sheet.panel_height)
    raster = rasterize(pixels, groups, *size, backend, sheet.dot)
    lift = raster.radius * 2.0 if raster.radius > 1 else 0.0
    fades, stripe = fade_table(view.marks), sheet.px(STRIPE)
    panel = paint(raster, "clusters", scene.colours["clusters"], backend, fades, stripe)
    face = load_typeface(config, shown_texts(view, config))
    return sketch_map(_bare(cluster_page(view, scene, config)), panel, sheet, face, lift)


def artist_plate(view: MapData, config: MapsConfig, backend: Backend) -> Sketch | None:
    """The distribution of each artist; None where no artist is known."""
    config, table = plate_config(config), view.artist_clusters
    if table is None or not len(table):
        return None
    rows = min(len(table), config.artists) + 1.5
    sheet = plate(max(_ROW * rows + 150, 900))
    _, _, scene = _scene(view, sheet, backend)
    page, bars, marks = artist_page(view, table, scene, config)
    face = load_typeface(config, shown_texts(view, config))
    return sketch_bars(_bare(page), bars, marks, sheet, face)


def year_plate(panels: Panels, config: MapsConfig) -> Sketch | None:
    """Themes over the years; None where there are fewer than two years."""
    if not panels.themes or panels.table["year"].nunique() < 2:
        return None
    sheet = plate(1240)
    sketch = Sketch(sheet, load_typeface(config, list(panels.names.values())))
    edge = sheet.px(_EDGE)
    draw_panels(sketch, panels, (edge, edge, sheet.width - edge, sheet.height - edge))
    return sketch


def _scene(view: MapData, sheet: Sheet, backend: Backend) -> tuple[dict[str, Array], Array, Scene]:
    pixels, outside = to_pixels(view.xy, sheet.panel_width, sheet.panel_height)
    groups = text_groups(view)
    return groups, pixels, build_scene(view, groups, pixels, outside, sheet, backend)


def _bare(page: Page) -> Page:
    return replace(page, title=("", ""), subtitle="", footnote="")
