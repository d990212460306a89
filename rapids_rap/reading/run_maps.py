"""The maps of a finished run, drawn again from its files, as `publish` drew them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.config import Config, MapsConfig
from rapids_rap.maps.draw import PAGES, MapData, Maps, draw_maps
from rapids_rap.maps.palette import Colour
from rapids_rap.runs.run import Run
from rapids_rap.tables.by_hand import decided, on_maps
from rapids_rap.tables.doubts import find_doubts
from rapids_rap.tables.run_tables import MAP_TERMS

_HITS = "hits_"


def redraw_maps(
    run: Run, config: Config, maps: MapsConfig, backend: Backend, pages: Collection[str] = PAGES
) -> Maps:
    """The maps of a run whose `Run.clusters` may be newer than its pictures.

    config: the run's; maps: size and font. Colours are those of the manifest. Arrays are copied to
    the backend.
    """
    return draw_maps(map_data(run, config, backend), maps, backend, pages)


def map_data(run: Run, config: Config, backend: Backend) -> MapData:
    """What the maps of a run show.

    Clusters and themes go by their rows in clusters.csv and themes.csv, which are in the order of
    their numbers.
    """
    texts, ids = run.texts, _ids(run.clusters, "cluster")
    themes = run.themes[run.themes["theme"] >= 0]
    of_cluster = run.clusters.loc[run.clusters["cluster"] >= 0, "theme"].to_numpy(np.int64)
    theme_ids = _ids(run.themes, "theme")
    categories, category = _categories(run)
    short, given = _short_terms(run.clusters), run.names_of("cluster")
    record = run.manifest.get("by_hand")
    told, of_themes = (decided(record, kind) for kind in ("cluster", "theme"))
    doubts = find_doubts(run.clusters, run.manifest)
    colours = run.manifest.get("colours", {})
    return MapData(
        xy=backend.from_host(texts[["x", "y"]].to_numpy(dtype=np.float32)),
        labels=backend.from_host(_numbers(texts["cluster"].to_numpy(np.int64), ids)),
        themes=backend.from_host(_numbers(of_cluster, theme_ids)),
        weights=backend.from_host(texts["weight"].to_numpy(np.int64)),
        category=backend.from_host(category),
        category_names=categories,
        cluster_terms=tuple(
            on_maps(given.get(own, short.get(own, "")), own, told) for own in ids.tolist()
        ),
        theme_labels=tuple(
            on_maps(label, own, of_themes)
            for own, label in zip(themes["theme"], themes["label"], strict=True)
        ),
        artist_clusters=_by_number(run.artist_clusters, ids),
        model=config.embedding.model,
        seed=config.seed,
        unit=config.corpus.unit,
        cluster_ids=tuple(ids.tolist()),
        theme_ids=tuple(theme_ids.tolist()),
        cluster_colours=_colours(colours.get("clusters", {})),
        theme_colours=_colours(colours.get("themes", {})),
        marks=tuple(doubts.mark(own) for own in ids.tolist()),
    )


def _ids(table: pd.DataFrame, kind: str) -> Int64s:
    own = table[kind].to_numpy(np.int64)
    return own[own >= 0]


def _numbers(named: Int64s, ids: Int64s) -> Int64s:
    """The position of each id in `ids`, -1 for none."""
    return pd.Index(ids).get_indexer(pd.Index(named)).astype(np.int64)


def _short_terms(clusters: pd.DataFrame) -> dict[int, str]:
    """The first terms of each cluster that may stand on a map, by id."""
    terms = clusters["top_terms"].fillna("").str.split("、").str[:MAP_TERMS].str.join("·")
    return dict(zip(clusters["cluster"].tolist(), terms.tolist(), strict=True))


def _categories(run: Run) -> tuple[tuple[str, ...], Int64s]:
    """The lexicon's categories, and the position of each text's with most hits, -1 without any."""
    lines = run.lines
    columns = [name for name in lines.columns if name.startswith(_HITS)]
    first = lines.drop_duplicates("text_id").sort_values("text_id")
    hits = first[columns].to_numpy(np.int64)
    names = tuple(name.removeprefix(_HITS) for name in columns)
    if not names:
        return (), np.full(len(first), -1, dtype=np.int64)
    return names, np.where(hits.max(axis=1) > 0, hits.argmax(axis=1), -1).astype(np.int64)


def _by_number(table: pd.DataFrame | None, ids: Int64s) -> pd.DataFrame | None:
    """artist_clusters.csv with the columns of clusters named by their number."""
    names = {str(own): str(number) for number, own in enumerate(ids.tolist())}
    return None if table is None else table.rename(columns=names)


def _colours(table: object) -> dict[int, Colour]:
    """Those of a manifest that are three bytes each; a run may come from elsewhere."""
    rows = table.items() if isinstance(table, dict) else ()
    return {
        int(own): (rgb[0], rgb[1], rgb[2])
        for own, rgb in rows
        if str(own).isdecimal()
        and isinstance(rgb, list)
        and len(rgb) == 3
        and all(type(value) is int and 0 <= value < 256 for value in rgb)
    }
