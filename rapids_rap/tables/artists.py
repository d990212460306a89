"""Who is behind a cluster, and where an artist's lines are: shares, lift, and how sure it is.

Lift is P(artist | cluster) / P(artist): 2 means twice as many of the cluster's lines as of all
lines. Lines of one song are not independent (a song about one theme fills one cluster), nor are
songs that share text, so the 95 % interval resamples songs, those that share text being one, in
closed form: the variance of log lift is linearised with them as the primary sampling units (Taylor
linearisation of a ratio, as for cluster samples: Woodruff 1971; Cochran 1977, chapter 6), and the
quantile is Student's. Nearly all of the variance is that of the artist's songs with lines in the
cluster, so their number - 1 are the degrees of freedom (after Satterthwaite 1946). For regions the
units are artists.

Lines in a cluster that come from fewer than `FEWEST` songs (of a region: or artists) have no
interval, for the linearisation has nothing to go by; nor have those whose limits lie more than
`WIDEST` times apart, which tells rare from frequent no longer. `note` says which it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from rapids_rap.arrays import Float64s, HostArray, Int64s
from rapids_rap.backend.protocol import Array, Backend, Frame
from rapids_rap.corpus.names import name_key
from rapids_rap.corpus.pair_tables import read_pairs
from rapids_rap.errors import InputError

log = logging.getLogger(__name__)

UNKNOWN_REGION = "未知"
"""The region of artists that the user's table does not name, and of lines without an artist."""

FEWEST = 3  # songs, or artists, that an interval must rest on
WIDEST = 100.0  # upper limit over lower: ten times less or ten times more, and it tells nothing
TOO_FEW_SONGS, TOO_FEW_ARTISTS = "too few songs", "too few artists"
NO_SONGS, TOO_WIDE = "no songs known", "interval too wide"
_CONFIDENCE = 0.95
_MEASURES = ["lines", "lift", "lift_low", "lift_high", "note"]


@dataclass(frozen=True)
class ArtistTables:
    """Tables in host memory; None stands for "not computed".

    cluster_artists: cluster, artist, percentage, lines, lift, lift_low, lift_high, note; by
    cluster, then percentage, falling. percentage: of the cluster's lines, in percent, lines of
    unknown artists counting in the base. note: why there is no interval, else empty.
    artist_clusters: artist, lines, then a column a cluster ("-1", "0", ...) with its share of the
    artist's lines; most lines first. cluster_regions: as cluster_artists, with region.
    """

    cluster_artists: pd.DataFrame | None
    artist_clusters: pd.DataFrame | None
    cluster_regions: pd.DataFrame | None


def artist_tables(
    lines: pd.DataFrame, clusters: Array, regions: Mapping[str, str] | None, backend: Backend
) -> ArtistTables:
    """Artists by cluster and clusters by artist, over occurrences.

    lines: a row an occurrence, with `artist` and `song_id`, null where unknown: a null artist is
    never listed, and an artist's lines of unknown songs count as one song. Songs that share text
    (`quality.leakage`) come with one id. clusters: (rows,) int64 cluster of each row, -1 for noise.
    regions: artist to region, as `load_regions` reads it. Where no artist is known nothing is
    computed; without regions, no `cluster_regions`.
    Names become integers on the host, and only counts come back to it: a row for each artist (or
    region) in each cluster.
    """
    artists, names = _codes(lines["artist"])
    if not len(names):
        return ArtistTables(None, None, None)
    songs, titles = _codes(lines["song_id"])
    songs = np.where(songs < 0, len(titles) + artists + 1, songs)
    known = bool(len(titles))
    counts = _lift(_rows(artists, songs, songs, clusters, backend), backend, songs_known=known)
    by_artist = _named(counts, "artist", names)
    regional = None
    if regions is not None:
        places, of_artist = _region_codes(names, regions)
        rows = _rows(np.append(of_artist, 0)[artists], artists, songs, clusters, backend)
        regional = _named(_lift(rows, backend, songs_known=known), "region", places)
    return ArtistTables(by_artist, _wide(counts, names), regional)


def load_regions(path: str | Path) -> dict[str, str]:
    """Artist to region, from a UTF-8 CSV with the columns artist, region.

    Names are compared as `corpus.names.name_key` says. Raises `InputError` for a file that can't
    be read, other columns, an empty cell, or an artist in two regions.
    """
    found: dict[str, tuple[str, int]] = {}
    for line, artist, region in read_pairs(path, ("artist", "region")):
        known, first = found.setdefault(name_key(artist), (region, line))
        if known != region:
            raise InputError(
                f"{path}:{line}: {artist} is in {region} here and in {known} in line {first}; "
                "keep one of the two."
            )
    if not found:
        raise InputError(f"{path}: no rows; expected rows of artist,region below the header.")
    return {artist: region for artist, (region, _) in found.items()}


def line_regions(artists: pd.Series, regions: Mapping[str, str]) -> pd.Series:
    """The region of each line's artist; `UNKNOWN_REGION` as `artist_tables` counts it."""
    own = {name: regions.get(name_key(name), UNKNOWN_REGION) for name in artists.dropna().unique()}
    return artists.map(own).fillna(UNKNOWN_REGION).astype("str")


def _codes(column: pd.Series) -> tuple[Int64s, list[str]]:
    """Integer codes of a column, -1 where null, and the sorted values."""
    codes, values = pd.factorize(column, sort=True)
    return codes.astype(np.int64), [str(value) for value in values]


def _region_codes(names: list[str], regions: Mapping[str, str]) -> tuple[list[str], Int64s]:
    """The regions, `UNKNOWN_REGION` first, and the position of each artist's."""
    of_artist = [regions.get(name_key(name), UNKNOWN_REGION) for name in names]
    unplaced = [n for n, region in zip(names, of_artist, strict=True) if region == UNKNOWN_REGION]
    if unplaced:
        log.warning(
            "%d of %d artists have no region and are listed under %s: %s",
            len(unplaced),
            len(names),
            UNKNOWN_REGION,
            ", ".join(unplaced[:20]),
        )
    places = [UNKNOWN_REGION, *sorted(set(of_artist) - {UNKNOWN_REGION})]
    position = {place: i for i, place in enumerate(places)}
    return places, np.array([position[region] for region in of_artist], dtype=np.int64)


def lift_interval(low: float | None, high: float | None, note: str | None) -> str:
    """The interval of a lift as it is read, "0.87–1.21"; else the note, or "" where there is none.

    One that an earlier version wrote, without a note, is not quoted either if it is too wide.
    """
    if low is None or high is None or not np.isfinite([low, high]).all():
        return note or ""
    if high > WIDEST * low:
        return TOO_WIDE
    return f"{low:.2f}–{high:.2f}"


def _rows(groups: Int64s, units: Int64s, songs: Int64s, clusters: Array, backend: Backend) -> Frame:
    return backend.frames.DataFrame(
        {
            "group": backend.from_host(groups),
            "unit": backend.from_host(units),
            "song": backend.from_host(songs),
            "cluster": clusters,
        }
    )


def _lift(rows: Frame, backend: Backend, *, songs_known: bool) -> pd.DataFrame:
    """cluster, group, n (lines), k_cluster, lift, lift_low, lift_high, note, on the host.

    rows: a row a line, integer codes; group -1 is nobody: it counts in every total and has no row.
    A unit may have lines of several groups. Letters of one line are `_variance`'s.
    """
    cells = rows.groupby(["group", "unit", "cluster"]).size().reset_index(name="n")
    units = cells.groupby(["group", "unit"])[["n"]].sum().reset_index()
    places = cells.groupby(["unit", "cluster"])[["n"]].sum().reset_index()
    sizes = _renamed(units.groupby("unit")[["n"]].sum().reset_index(), n="s")
    cells = _products(
        cells.merge(_renamed(units, n="m"), on=["group", "unit"])
        .merge(_renamed(places, n="k"), on=["unit", "cluster"])
        .merge(sizes, on="unit"),
        ("nn", "nm", "nk", "ns"),
    )
    units = _products(_renamed(units, n="m").merge(sizes, on="unit"), ("mm", "ms", "ss"))
    places = _products(_renamed(places, n="k").merge(sizes, on="unit"), ("kk", "ks"))
    # Of the whole unit, in every cluster, also in those where the group has none of its lines.
    along = places[["unit", "cluster", "k", "kk", "ks"]].merge(
        units[["group", "unit", "m"]], on="unit"
    )
    along = _products(along, ("mk",)).groupby(["group", "cluster"])[["mk", "kk", "ks"]].sum()
    both = cells.groupby(["group", "cluster"])[["n", "nn", "nm", "nk", "ns"]].sum().reset_index()
    both = both.merge(along.reset_index(), on=["group", "cluster"])
    of_cluster = places.groupby("cluster")[["k", "kk", "ks"]].sum()
    both = both.merge(_suffixed(of_cluster, "_cluster"), on="cluster")
    of_group = units.assign(units=1).groupby("group")[["m", "mm", "ms", "ss", "units"]].sum()
    both = both.merge(_suffixed(of_group, "_group"), on="group")
    for name in ("unit", "song"):
        both = both.merge(_distinct(rows, name), on=["group", "cluster"])
    sizes = _products(sizes, ("ss",))
    totals = {name: float(sizes[name].sum()) for name in ("s", "ss")} | {"units": float(len(sizes))}
    table = pd.DataFrame({name: backend.to_host(both[name].values) for name in both.columns})
    table = table[table["group"] >= 0]
    lift = table["n"] * totals["s"] / (table["k_cluster"] * table["m_group"])
    spread = _quantile(table["units_here"]) * np.sqrt(_variance(table, totals))
    note = _notes(table, spread, songs_known=songs_known)
    spread = np.where(note == "", spread, np.nan)
    return table[["cluster", "group", "n", "k_cluster"]].assign(
        lift=lift, lift_low=lift * np.exp(-spread), lift_high=lift * np.exp(spread), note=note
    )


def _distinct(rows: Frame, name: str) -> Frame:
    """group, cluster and how many different values of `name` lines of both have."""
    once = rows.groupby(["group", "cluster", name]).size().reset_index(name="n")
    return once.groupby(["group", "cluster"]).size().reset_index(name=f"{name}s_here")


def _notes(table: pd.DataFrame, spread: pd.Series, *, songs_known: bool) -> HostArray:
    """Why a row has no interval, "" where it has one; spread: half the width of the logarithm."""
    few_songs = TOO_FEW_SONGS if songs_known else NO_SONGS
    reasons = {
        few_songs: table["songs_here"] < FEWEST,
        TOO_FEW_ARTISTS: table["units_here"] < FEWEST,
        TOO_WIDE: ~(2 * spread <= np.log(WIDEST)),
    }
    return np.select(list(reasons.values()), list(reasons), default="")


def _products(table: Frame, names: Sequence[str]) -> Frame:
    """The table with the product of two columns for each name of two letters."""
    return table.assign(**{name: table[name[0]] * table[name[1]] for name in names})


def _renamed(table: Frame, **names: str) -> Frame:
    return table.rename(columns=names)


def _suffixed(sums: Frame, suffix: str) -> Frame:
    return sums.rename(columns={name: name + suffix for name in sums.columns}).reset_index()


def _variance(t: pd.DataFrame, totals: Mapping[str, float]) -> pd.Series:
    """Linearised variance of log lift: the sum over units of their squared influence.

    A unit of s lines, k of them in the cluster, m of them the group's and n both, moves log lift by
    n/n_gc - m/n_g - k/n_c + s/N. Units with lines of the group and others each have their n / (n -
    1) correction. The columns of t are sums over units of n, m, k, s and their products: of those
    with lines of the group, of all with the suffix _cluster.
    """
    a, b, c, d = 1 / t["n"], 1 / t["m_group"], 1 / t["k_cluster"], 1 / totals["s"]
    share = a**2 * t["nn"] - 2 * a * b * t["nm"] + b**2 * t["mm_group"]
    along = a * d * t["ns"] - a * c * t["nk"] + b * c * t["mk"] - b * d * t["ms_group"]
    base = c**2 * t["kk"] - 2 * c * d * t["ks"] + d**2 * t["ss_group"]
    every = c**2 * t["kk_cluster"] - 2 * c * d * t["ks_cluster"] + d**2 * totals["ss"]
    own = (share + 2 * along + base) * t["units_group"] / (t["units_group"] - 1).clip(lower=1)
    rest = totals["units"] - t["units_group"]
    return (own + (every - base) * rest / (rest - 1).clip(lower=1)).clip(lower=0)


def _quantile(units: pd.Series) -> Float64s:
    """Student's two-sided quantile for that many units; not a number for one."""
    freedom = np.where(units > 1, units - 1, np.nan)
    return np.asarray(stdtrit(freedom, 0.5 + _CONFIDENCE / 2), dtype=np.float64)


def _named(counts: pd.DataFrame, column: str, names: list[str]) -> pd.DataFrame:
    """The table of the run directory, by cluster and falling percentage."""
    percentage = 100 * counts["n"] / counts["k_cluster"]
    table = counts.assign(percentage=percentage).rename(columns={"n": "lines"})
    table[column] = pd.array([names[i] for i in counts["group"]], dtype="str")
    table = table.sort_values(["cluster", "lines", column], ascending=[True, False, True])
    return table[["cluster", column, "percentage", *_MEASURES]].reset_index(drop=True)


def _wide(counts: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """artist, lines, and the share of the artist's lines in each cluster."""
    table = counts.pivot(index="group", columns="cluster", values="n").fillna(0)
    lines = table.sum(axis=1).astype(np.int64)
    shares = table.div(lines, axis=0)
    shares.columns = pd.Index([str(cluster) for cluster in table.columns])
    shares.insert(0, "artist", pd.Series([names[i] for i in table.index], table.index, dtype="str"))
    shares.insert(1, "lines", lines)
    order = ["lines", "artist"]
    return shares.sort_values(order, ascending=[False, True], ignore_index=True)
