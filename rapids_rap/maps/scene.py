"""What the maps show, and the few numbers of it that every one of them needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, Int64s, UInt8s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.clustering.themes import text_themes
from rapids_rap.maps.marks import Mark, signed
from rapids_rap.maps.palette import NOISE, Colour, cluster_colours, theme_colours
from rapids_rap.maps.raster import densest_spots, sums_by_group
from rapids_rap.maps.sketch import Sheet

_AXES = "坐标轴没有含义，只有远近有意义 · Axes have no meaning, only nearness does"

LAYERS = ("clusters", "themes", "categories")  # what a map is coloured by


@dataclass(frozen=True)
class MapData:
    """What is drawn. Arrays are the backend's; n distinct texts, K clusters.

    xy: (n, 2) float32 layout. labels: (n,) int64, -1 is noise. themes: (K,) int64. weights: (n,)
    occurrences of each text. category: (n,) int64, the lexicon category with most hits, -1 none.
    cluster_terms: K short labels. theme_labels: one for each theme. artist_clusters: a row an
    artist, columns `artist`, `lines` and a share for each cluster id ("-1" is noise), or None
    where the lyrics name no artist. model, seed: quoted under the title. cluster_ids, theme_ids:
    what clusters and themes are called, their numbers where empty. cluster_colours, theme_colours:
    by id, those that keep the colour they had. marks: of each cluster, none where empty.
    """

    xy: Array
    labels: Array
    themes: Array
    weights: Array
    category: Array
    category_names: tuple[str, ...]
    cluster_terms: tuple[str, ...]
    theme_labels: tuple[str, ...]
    artist_clusters: pd.DataFrame | None
    model: str
    seed: int | str
    unit: str = "line"
    cluster_ids: tuple[int, ...] = ()
    theme_ids: tuple[int, ...] = ()
    cluster_colours: Mapping[int, Colour] = field(default_factory=dict)
    theme_colours: Mapping[int, Colour] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()

    def mark(self, cluster: int) -> Mark:
        """How a cluster is marked."""
        return self.marks[cluster] if self.marks else ""

    def cluster_name(self, cluster: int) -> str:
        """Its id, its terms and the sign of its mark, as pictures name it."""
        text = f"{self.cluster_id(cluster)} {self.cluster_terms[cluster]}".strip()
        return signed(text, self.mark(cluster))

    def cluster_id(self, cluster: int) -> int:
        """What a cluster is called."""
        return self.cluster_ids[cluster] if self.cluster_ids else cluster

    def theme_id(self, theme: int) -> int:
        """What a theme is called."""
        return self.theme_ids[theme] if self.theme_ids else theme


UNITS = {"line": "行 lines", "stanza": "段 stanzas", "song": "首 songs"}


@dataclass(frozen=True)
class Scene:
    """What several maps need, on the host.

    Position g + 1 of `lines` and `colours` is group g; position 0 is noise, or no category.
    spots: pixels of the panel, NaN where a group is not in the picture.
    """

    themes: Int64s
    lines: dict[str, Float64s]
    spots: dict[str, Float64s]
    colours: dict[str, UInt8s]
    subtitle: str
    footnote: str

    @property
    def largest(self) -> list[int]:
        """Clusters by occurrences, the largest first."""
        return [int(k) for k in np.argsort(-self.lines["clusters"][1:], kind="stable")]

    def share(self, layer: str, group: int) -> str:
        """Percentage of all lines that a group holds, -1 for noise or none."""
        total = max(float(self.lines[layer].sum()), 1.0)
        return f"{100 * float(self.lines[layer][group + 1]) / total:.1f}%"

    def colour(self, layer: str, group: int) -> Colour:
        """The group's colour."""
        red, green, blue = (int(part) for part in self.colours[layer][group + 1])
        return red, green, blue


def text_groups(view: MapData) -> dict[str, Array]:
    """(n,) the group of each text, -1 for none, for each of `LAYERS`."""
    groups = (view.labels, text_themes(view.labels, view.themes), view.category)
    return dict(zip(LAYERS, groups, strict=True))


def build_scene(
    view: MapData,
    groups: Mapping[str, Array],
    pixels: Array,
    outside: int,
    sheet: Sheet,
    backend: Backend,
) -> Scene:
    """The scene of `pixels` (n, 2) on the panel of a sheet; `groups` as of `text_groups`."""
    width = sheet.panel_width
    sizes = {
        "clusters": len(view.cluster_terms),
        "themes": len(view.theme_labels),
        "categories": len(view.category_names),
    }
    lines = {
        name: sums_by_group(group, view.weights, sizes[name], backend)
        for name, group in groups.items()
    }
    # Few points need large squares for one to stand out; a theme is a region, not a spot.
    across = min(max(2 * int(view.xy.shape[0]) ** (1 / 3), 16), 80)
    spots = {
        name: densest_spots(pixels, groups[name], sizes[name], width / parts, backend)
        for name, parts in (("clusters", across), ("themes", 8))
    }
    themes = backend.to_host(view.themes).astype(np.int64)
    hues = theme_colours(
        sizes["themes"], [view.theme_colours.get(view.theme_id(t)) for t in range(sizes["themes"])]
    )
    shades = cluster_colours(
        themes,
        np.nan_to_num(spots["clusters"]) / width,
        lines["clusters"][1:].astype(np.int64),
        hues,
        [view.cluster_colours.get(view.cluster_id(k)) for k in range(sizes["clusters"])],
    )
    layers = {"clusters": shades, "themes": hues, "categories": theme_colours(sizes["categories"])}
    noise = np.array([NOISE], dtype=np.uint8)
    colours = {name: np.concatenate([noise, own]) for name, own in layers.items()}
    total, in_noise = float(lines["clusters"].sum()), float(lines["clusters"][0])
    subtitle = (
        f"{total:,.0f} {UNITS[view.unit]} · {int(view.xy.shape[0]):,} 个不同文本 distinct texts · "
        f"{sizes['clusters']} 个聚类 clusters · 噪声 noise {in_noise / max(total, 1):.1%} · "
        f"模型 model {view.model} · seed {view.seed}"
    )
    strays = f" · 图外 {outside:,} 个离群文本 outlying texts not shown" if outside else ""
    return Scene(themes, lines, spots, colours, subtitle, _AXES + strays)
