"""The pictures of a run: clusters, density, categories, themes and artists, as PNG bytes.

Points become pixels on the backend (`raster`, one pass of datashader), text is set around them
(`charts`), and the same input gives the same bytes. Right for 300 points and for millions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import numpy as np

from rapids_rap.backend.protocol import Backend
from rapids_rap.config import MapsConfig
from rapids_rap.maps.charts import render_bars, render_map
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.marks import STRIPE, fade_table
from rapids_rap.maps.pages import artist_page, category_page, cluster_page, density_page, theme_page
from rapids_rap.maps.palette import Colour
from rapids_rap.maps.raster import density_image, paint, rasterize, to_pixels
from rapids_rap.maps.scene import LAYERS, MapData, build_scene, text_groups
from rapids_rap.maps.sketch import Sheet

__all__ = ["PAGES", "MapData", "Maps", "draw_maps", "prepare_drawing"]

PAGES = ("clusters", "categories", "themes", "density", "artists")
_MAKERS = {"clusters": cluster_page, "categories": category_page, "themes": theme_page}


@dataclass(frozen=True)
class Maps:
    """PNG bytes by file name, and the colours in them by the ids of clusters and themes."""

    pages: dict[str, bytes]
    cluster_colours: dict[int, Colour]
    theme_colours: dict[int, Colour]


def prepare_drawing(backend: Backend) -> None:
    """Have datashader compile its pass now: two seconds, once a process, on one core."""
    point = backend.from_host(np.full((1, 2), 0.5, dtype=np.float32))
    group = backend.from_host(np.zeros(1, dtype=np.int64))
    rasterize(point, dict.fromkeys(LAYERS, group), 1, 1, backend)


def draw_maps(
    view: MapData, config: MapsConfig, backend: Backend, pages: Collection[str] = PAGES
) -> Maps:
    """`clusters.png`, `density.png`, `categories.png`, `themes.png`, `artists.png`.

    Those of `pages`; the last is absent where no artist is known. Raises `CapabilityError` where
    the font can't be had.
    """
    sheet = Sheet(config.width, config.height)
    face = load_typeface(config, shown_texts(view, config))
    width, height = sheet.panel_width, sheet.panel_height
    pixels, outside = to_pixels(view.xy, width, height)
    groups = text_groups(view)
    scene = build_scene(view, groups, pixels, outside, sheet, backend)
    raster = rasterize(pixels, groups, width, height, backend)
    lift = raster.radius * 2.0 if raster.radius > 1 else 0.0

    def layer_map(layer: str) -> bytes:
        fades = fade_table(view.marks) if layer == "clusters" else None
        panel = paint(raster, layer, scene.colours[layer], backend, fades, sheet.px(STRIPE))
        return render_map(_MAKERS[layer](view, scene, config), panel, sheet, face, lift)

    def density_map() -> bytes:
        panel, peak = density_image(raster, int(view.xy.shape[0]), backend)
        page = density_page(view, scene, config, peak * (width / 100) ** 2)
        return render_map(page, panel, sheet, face, lift)

    def artist_chart() -> bytes:
        assert view.artist_clusters is not None
        page, bars, marks = artist_page(view, view.artist_clusters, scene, config)
        return render_bars(page, bars, marks, sheet, face)

    draw = {layer: partial(layer_map, layer) for layer in _MAKERS} | {"density": density_map}
    if view.artist_clusters is not None and len(view.artist_clusters):
        draw["artists"] = artist_chart
    drawn = [name for name in draw if name in pages]
    maps = backend.together([draw[name] for name in drawn])
    return Maps(
        {f"{name}.png": png for name, png in zip(drawn, maps, strict=True)},
        {view.cluster_id(k): scene.colour("clusters", k) for k in range(len(view.cluster_terms))},
        {view.theme_id(t): scene.colour("themes", t) for t in range(len(view.theme_labels))},
    )


def shown_texts(view: MapData, config: MapsConfig) -> list[str]:
    """Every string that comes from the lyrics or the user."""
    texts = [
        *view.category_names,
        *view.cluster_terms,
        *view.theme_labels,
        view.model,
        config.title,
    ]
    if view.artist_clusters is not None:
        top = view.artist_clusters.nlargest(config.artists, "lines")
        texts += [str(name) for name in top["artist"]]
    return texts
