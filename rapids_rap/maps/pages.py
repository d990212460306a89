"""The text of each picture: titles, legends, labels, and the bars of the artists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rapids_rap.config import MapsConfig
from rapids_rap.maps.charts import Bar, Entry, Label, Page, Scale
from rapids_rap.maps.marks import Mark, legends, signed
from rapids_rap.maps.palette import INK, NOISE, REST, Colour, darkened
from rapids_rap.maps.raster import density_level, density_scale
from rapids_rap.maps.scene import MapData, Scene

LARGEST = 12  # clusters with a segment of their own in the artists' chart
_SWATCHES = 6  # shades of a theme shown in the legend of the clusters
_TITLES = {
    "clusters": ("歌词聚类图", "Clusters: a point is a distinct text, a hue is a theme"),
    "density": ("歌词密度图", "Density: where texts crowd"),
    "categories": ("歌词情绪图", "Categories: the lexicon category most often hit in a text"),
    "themes": ("歌词主题图", "Themes: groups of clusters"),
    "artists": ("歌手的聚类分布", "Distribution of each artist over the clusters"),
    "artist_themes": ("歌手的主题分布", "Distribution of each artist over the themes"),
}


def _title(config: MapsConfig, name: str) -> tuple[str, str]:
    chinese, english = _TITLES[name]
    return (f"{config.title} · {chinese}" if config.title else chinese), english


def _cluster_labels(
    view: MapData, scene: Scene, count: int, colour: Colour | None = None
) -> tuple[Label, ...]:
    """Labels of the largest clusters in the picture, larger for larger ones."""
    sizes = scene.lines["clusters"][1:]
    dark = darkened(scene.colours["clusters"][1:])
    labels = []
    for cluster in scene.largest[:count]:
        x, y = scene.spots["clusters"][cluster]
        if np.isfinite(x):
            size = 21 + 15 * float(np.sqrt(sizes[cluster] / max(sizes.max(), 1)))
            own = (int(dark[cluster, 0]), int(dark[cluster, 1]), int(dark[cluster, 2]))
            name = view.cluster_name(cluster)
            labels.append(Label(name, (float(x), float(y)), size, colour or own))
    return tuple(labels)


def cluster_page(view: MapData, scene: Scene, config: MapsConfig) -> Page:
    """Shades of a theme's hue in the legend, the largest clusters' terms on the map.

    Below them what stripes and signs mean, where any cluster is marked.
    """
    entries = []
    for theme, name in enumerate(view.theme_labels):
        members = [k for k in scene.largest if scene.themes[k] == theme]
        swatches = tuple(scene.colour("clusters", k) for k in members[:_SWATCHES])
        figure = f"{len(members)} 个聚类 clusters · {scene.share('themes', theme)}"
        entries.append(Entry(swatches, name, figure))
    entries.append(_none_entry(scene, "clusters", "噪声 noise（-1）"))
    return Page(
        _title(config, "clusters"),
        scene.subtitle,
        scene.footnote,
        ("主题", "Themes: share of lines"),
        tuple(entries),
        _cluster_labels(view, scene, config.labels),
        meanings=_meanings(view.marks),
    )


def theme_page(view: MapData, scene: Scene, config: MapsConfig) -> Page:
    """Themes in the legend and, at their densest spots, on the map."""
    names = view.theme_labels
    entries = [
        Entry(
            (scene.colour("themes", t),),
            name,
            scene.share("themes", t) + _in_doubt(view, scene, t),
        )
        for t, name in enumerate(names)
    ]
    dark = darkened(scene.colours["themes"][1:])
    order = np.argsort(-scene.lines["themes"][1:], kind="stable")
    labels = [
        Label(
            names[t],
            (float(scene.spots["themes"][t, 0]), float(scene.spots["themes"][t, 1])),
            34,
            (int(dark[t, 0]), int(dark[t, 1]), int(dark[t, 2])),
        )
        for t in order
        if np.isfinite(scene.spots["themes"][t, 0])
    ]
    entries.append(_none_entry(scene, "themes", "噪声 noise（-1）"))
    return Page(
        _title(config, "themes"),
        scene.subtitle,
        scene.footnote,
        ("主题", "Themes: share of lines"),
        tuple(entries),
        tuple(labels),
    )


def category_page(view: MapData, scene: Scene, config: MapsConfig) -> Page:
    """The lexicon's categories in the legend."""
    entries = [
        Entry((scene.colour("categories", c),), name, scene.share("categories", c))
        for c, name in enumerate(view.category_names)
    ]
    entries.append(_none_entry(scene, "categories", "无词典词 no word of the lexicon"))
    return Page(
        _title(config, "categories"),
        scene.subtitle,
        scene.footnote,
        ("情绪词典", "Lexicon: share of lines"),
        tuple(entries),
    )


def density_page(view: MapData, scene: Scene, config: MapsConfig, peak: float) -> Page:
    """peak: texts in the densest square of 1 % of the panel's width, the unit of the scale."""
    return Page(
        _title(config, "density"),
        scene.subtitle,
        scene.footnote,
        ("密度", "Texts per square of 1% of the width"),
        labels=_cluster_labels(view, scene, min(config.labels, 15), INK),
        scale=Scale(density_scale(), _density_ticks(peak)),
        meanings=_meanings(view.marks, drawn=False),
    )


def _density_ticks(peak: float) -> tuple[tuple[float, str], ...]:
    """The peak and the round numbers below it, as far apart as their text needs."""
    if peak <= 0:
        return ()
    ticks = [(1.0, f"{peak:,.0f}" if peak >= 10 else f"{peak:.2g}")]
    for power in range(int(np.floor(np.log10(peak))), -7, -1):
        for digit in (5, 2, 1):
            value = float(f"{digit}e{power}")
            place = density_level(value, peak)
            if 0.06 < place < ticks[-1][0] - 0.08:
                ticks.append((place, f"{value:,.0f}" if power >= 0 else f"{value:g}"))
    return tuple(ticks)


def _meanings(marks: Sequence[Mark], *, drawn: bool = True) -> tuple[Entry, ...]:
    """What each mark looks like, where it is drawn, and means."""
    colours = (INK,) if drawn else ()
    return tuple(Entry(colours, one.name, one.rests_on, one.mark) for one in legends(marks))


def _in_doubt(view: MapData, scene: Scene, theme: int) -> str:
    """How many of a theme's clusters are marked; "" where none of the run's is."""
    if not any(view.marks):
        return ""
    members = np.flatnonzero(scene.themes == theme).tolist()
    weak = sum(bool(view.mark(k)) for k in members)
    return f" · {weak}/{len(members)} 聚类存疑 in doubt"


def _none_entry(scene: Scene, layer: str, name: str) -> Entry:
    return Entry((NOISE,), name, scene.share(layer, -1))


def artist_page(
    view: MapData, table: pd.DataFrame, scene: Scene, config: MapsConfig
) -> tuple[Page, list[Bar], list[str]]:
    """The artists with most lines as bars, under one of all lyrics for comparison, and the marks.

    The segments are the largest clusters and the rest; where these would hold less than half of
    what is clustered, they are the themes.
    """
    largest = scene.largest[:LARGEST]
    clustered = max(float(scene.lines["clusters"][1:].sum()), 1.0)
    by_theme = sum(scene.lines["clusters"][k + 1] for k in largest) < clustered / 2
    if by_theme:
        names = list(view.theme_labels)
        colours = [scene.colour("themes", t) for t in range(len(names))]
        members = [np.flatnonzero(scene.themes == t).tolist() for t in range(len(names))]
        marks = ["" for _ in names]
    else:
        names = [view.cluster_name(k) for k in largest]
        colours = [scene.colour("clusters", k) for k in largest]
        members = [[k] for k in largest]
        marks = [signed(str(view.cluster_id(k)), view.mark(k)) for k in largest]
    rest = 0 if by_theme else len(scene.largest) - len(largest)
    shown: list[Mark] = [""] * len(names) if by_theme else [view.mark(k) for k in largest]
    entries = [
        Entry((colour,), name, "", mark)
        for colour, name, mark in zip(colours, names, shown, strict=True)
    ]
    if rest:
        entries.append(Entry((REST,), f"其余 {rest} 个聚类 the rest", ""))
        members.append(scene.largest[LARGEST:])
    entries.append(Entry((NOISE,), "噪声 noise（-1）", ""))
    members.append([-1])
    bars = _bars(table.nlargest(config.artists, "lines"), members, scene)
    hidden = len(table) - (len(bars) - 1)
    page = Page(
        _title(config, "artist_themes" if by_theme else "artists"),
        scene.subtitle,
        "每位歌手的歌词行数在各部分的比例 · Share of each artist's lines in each part"
        + (f" · 另有 {hidden} 位歌手 more artists: artist_clusters.csv" if hidden else ""),
        ("主题", "Themes") if by_theme else ("最大的聚类", "Largest clusters"),
        tuple(entries),
        meanings=_meanings(shown),
    )
    return page, bars, [*marks, *[""] * (len(entries) - len(marks))]


def _bars(table: pd.DataFrame, members: list[list[int]], scene: Scene) -> list[Bar]:
    counts = scene.lines["clusters"]
    total = max(float(counts.sum()), 1.0)
    overall = tuple(float(sum(counts[k + 1] for k in part)) / total for part in members)
    bars = [Bar("全部 all", f"{total:,.0f} 行", overall)]
    for row in table.to_dict("records"):
        own = [sum(float(row.get(str(k), 0.0)) for k in part) for part in members]
        whole = max(sum(own), 1e-9)
        shares = tuple(share / whole for share in own)
        bars.append(Bar(str(row["artist"]), f"{row['lines']:,.0f} 行", shares))
    return bars
