"""The pictures of a paper: each as SVG and TIFF, with its caption and what it shows in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapids_rap.backend.protocol import Backend
from rapids_rap.config import MapsConfig
from rapids_rap.maps.marks import legends
from rapids_rap.maps.palette import theme_colours
from rapids_rap.maps.plates import DPI, MILLIMETRES, artist_plate, map_plate, year_plate
from rapids_rap.maps.scene import MapData
from rapids_rap.maps.sketch import Sketch
from rapids_rap.maps.years import Panels
from rapids_rap.reading.run_maps import map_data
from rapids_rap.reading.run_space import run_config
from rapids_rap.report.paper_tables import markdown, short
from rapids_rap.runs.run import Run

_NAMED = 5  # clusters, or artists, that the words name


@dataclass(frozen=True)
class Plate:
    """A picture: the name of its files, its caption, and what it shows for who can't see it."""

    name: str
    sketch: Sketch
    caption: str
    alt: str


def run_plates(run: Run, maps: MapsConfig, backend: Backend) -> list[Plate]:
    """The cluster map, and where it is known the artists' distribution and the years."""
    view = _brief(map_data(run, run_config(run), backend))
    plates = [
        Plate(
            "cluster_map",
            map_plate(view, maps, backend),
            "Map of the clusters: a point is a distinct text, a hue is a theme, a shade a cluster. "
            "Axes have no meaning, only nearness does." + _hatched(view),
            _map_alt(run, view),
        )
    ]
    artists = artist_plate(view, maps, backend)
    if artists is not None:
        plates.append(
            Plate(
                "artists",
                artists,
                "Distribution of each artist's lines; the first bar is the whole corpus."
                + _hatched(view),
                _artist_alt(run),
            )
        )
    panels = _panels(run, view)
    years = None if panels is None else year_plate(panels, maps)
    if panels is not None and years is not None:
        plates.append(
            Plate(
                "years",
                years,
                "Share of each theme among a year's lines, with 95 % intervals over songs; hollow: "
                "too few songs for one.",
                _year_alt(panels),
            )
        )
    return plates


def figure_files(plates: Sequence[Plate]) -> dict[str, bytes]:
    """`figures/NAME.svg` and `.tiff` of each, and `figures/captions.md`."""
    files: dict[str, bytes] = {}
    said = ["# Figures", ""]
    for number, plate in enumerate(plates, start=1):
        files[f"figures/{plate.name}.svg"] = plate.sketch.svg(MILLIMETRES, plate.caption, plate.alt)
        files[f"figures/{plate.name}.tiff"] = plate.sketch.tiff(DPI, plate.alt)
        said += [
            f"## Figure {number}: {plate.name}.svg, {plate.name}.tiff",
            "",
            plate.caption,
            "",
            f"Alt text: {plate.alt}",
            "",
        ]
    return files | {"figures/captions.md": markdown("\n".join(said))}


def _brief(view: MapData) -> MapData:
    """The same with names cut where they are so long that they could be lyrics."""
    cut = {
        name: tuple("·".join(map(short, label.split("·"))) for label in getattr(view, name))
        for name in ("cluster_terms", "theme_labels")
    }
    return replace(view, **cut)  # type: ignore[arg-type]


def _hatched(view: MapData) -> str:
    said = "; ".join(f"{one.name} ({one.rests_on})" for one in legends(view.marks))
    return f" Hatched: {said}." if said else ""


def _map_alt(run: Run, view: MapData) -> str:
    table = run.clusters
    noise = float(table.loc[table["cluster"] < 0, "share"].sum()) if "share" in table else 0.0
    real = table[table["cluster"] >= 0].nlargest(_NAMED, "lines")
    names = dict(zip(view.cluster_ids, view.cluster_terms, strict=True))
    largest = "; ".join(
        f"{own} ({names[own] or 'no term'}), {lines:,} lines"
        for own, lines in zip(real["cluster"].tolist(), real["lines"].tolist(), strict=True)
    )
    return (
        f"Scatter map of {len(run.texts):,} distinct texts in {len(view.cluster_terms)} clusters "
        f"of {len(view.theme_labels)} themes; {noise:.1%} of lines are noise, drawn grey. "
        f"The largest clusters: {largest or 'none'}."
        + (f" {sum(map(bool, view.marks))} clusters in doubt are hatched." if view.marks else "")
    )


def _artist_alt(run: Run) -> str:
    table = run.artist_clusters
    assert table is not None
    top = table.nlargest(_NAMED, "lines")
    named = "; ".join(
        f"{short(str(row['artist']))}, {row['lines']:,} lines, "
        f"{float(row.get('-1') or 0):.0%} noise"
        for row in top.to_dict("records")
    )
    return (
        f"Stacked bars, one for each of the artists with most lines (of {len(table):,}), under one "
        f"of all lines. The first: {named}. The figures are in tables/artists.csv."
    )


def _panels(run: Run, view: MapData) -> Panels | None:
    table = run.theme_years
    if table is None:
        return None
    plain = theme_colours(len(view.theme_ids), [view.theme_colours.get(t) for t in view.theme_ids])
    colours = {
        own: (int(rgb[0]), int(rgb[1]), int(rgb[2]))
        for own, rgb in zip(view.theme_ids, plain, strict=True)
    }
    names = dict(zip(view.theme_ids, view.theme_labels, strict=True))
    return Panels(table[table["theme"].isin([-1, *names])], names, colours)


def _year_alt(panels: Panels) -> str:
    table = panels.table
    first, last = int(table["year"].min()), int(table["year"].max())
    said = []
    for theme in panels.themes:
        own = table[table["theme"] == theme].sort_values("year")
        ends = own[own["share_low"].notna()]
        if len(ends) > 1:
            start, end = ends.iloc[0], ends.iloc[-1]
            said.append(
                f"{panels.names.get(theme, theme)} {start['share']:.0%} in {start['year']}, "
                f"{end['share']:.0%} in {end['year']}"
            )
    return (
        f"A panel for each of {len(panels.themes)} themes: its share of the lines of each year, "
        f"{first} to {last}. First and last years with an interval: {'; '.join(said) or 'none'}. "
        "The figures are in tables/years.csv."
    )
