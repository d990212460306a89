"""Whether chance could have put the lines of an artist, or a region, into these clusters.

Beside a lift and its interval (`tables.artists`) stands a permutation of whole songs: leakage
groups exchange their artists with groups of about as many lines and keep their clusters
(`profiles`). A region is of artists, so there whole artists exchange their regions: an artist with
a theme of his own makes no region's. Under such exchanges the mean and the variance of a count are
known (Hoeffding 1951), and the root of the count is measured by them, so that rare and frequent
artists weigh alike. `p` is that of the largest deviation of any artist in the cluster, either way
(Westfall & Young 1993; Phipson & Smyth 2010), `q` Benjamini & Hochberg's over the table.

An artist's `divergence` is the Jensen-Shannon divergence of the shares of his lines in the clusters
from all lines' (Lin 1991), in bits: 0 the same, 1 disjoint. A few songs diverge by chance: beside
its interval (linearised over songs, as of a lift) is what their number gives `by_chance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from rapids_rap.arrays import Float64s, HostArray, Int64s
from rapids_rap.backend.kept import require_columns
from rapids_rap.backend.protocol import Backend
from rapids_rap.corpus.names import name_key
from rapids_rap.quality.keyness import discovery_rates
from rapids_rap.quality.profiles import LIKE, Profiles, exchanges, tail_shares
from rapids_rap.tables.artists import (
    FEWEST,
    NO_SONGS,
    TOO_FEW_SONGS,
    UNKNOWN_REGION,
    ArtistTables,
    artist_tables,
)

VERSION = 1  # raise it when the same arguments give another result


@dataclass(frozen=True)
class WhoWritesWhat:
    """Tables in host memory; None stands for "not computed".

    artists: as `tables.artists` has it, with p and q, by cluster or theme. themes: artist, theme,
    the same. divergence: artist, lines, songs, divergence, divergence_low, divergence_high,
    by_chance, p, q, note; most lines first.
    """

    cluster_artists: pd.DataFrame | None
    artist_clusters: pd.DataFrame | None
    cluster_regions: pd.DataFrame | None
    artist_themes: pd.DataFrame | None
    artist_divergence: pd.DataFrame | None


@dataclass(frozen=True)
class _Exchange:
    """counts: (units, K) lines of each unit in each cluster. holder: (units,) its artist, or place.

    There are `names` of them; -1 is nobody.
    """

    counts: Float64s
    holder: Int64s
    names: list[str]


def who_writes_what(
    lines: pd.DataFrame,
    labels: HostArray,
    themes: HostArray,
    regions: Mapping[str, str] | None,
    profiles: Profiles | None,
    permutations: int,
    backend: Backend,
    seed: int | None,
) -> WhoWritesWhat:
    """The tables of artists and regions with their p and q, and each artist's divergence.

    lines: a row an occurrence. labels, themes: (rows,) int64 cluster and theme of each row, -1 for
    noise, in host memory. regions: as `tables.artists`. profiles: None where no song is known: then
    there is no p. permutations: 0 for none.
    """
    tables = artist_tables(lines, backend.from_host(labels), regions, backend)
    by_theme = artist_tables(lines, backend.from_host(themes), None, backend).cluster_artists
    whole = WhoWritesWhat(
        _untested(tables.cluster_artists),
        tables.artist_clusters,
        _untested(tables.cluster_regions),
        None if by_theme is None else _untested(by_theme.rename(columns={"cluster": "theme"})),
        None,
    )
    if tables.cluster_artists is None or by_theme is None:
        return whole
    if profiles is None:
        return replace(whole, artist_divergence=_no_divergence(tables))
    asked = permutations, 0 if seed is None else seed
    songs = _song_units(lines, labels, profiles)
    divergence = _divergence(songs, lines, asked)
    by_song = _song_units(lines, themes, profiles)
    whole = replace(
        whole,
        cluster_artists=_tested(whole.cluster_artists, "artist", "cluster", songs, asked),
        artist_themes=_tested(whole.artist_themes, "artist", "theme", by_song, asked),
        artist_divergence=divergence,
    )
    if whole.cluster_regions is not None and regions is not None:
        places = _artist_units(lines, labels, regions)
        table = _tested(whole.cluster_regions, "region", "cluster", places, asked)
        whole = replace(whole, cluster_regions=table)
    return whole


def check_kept(kept: WhoWritesWhat, *_: object) -> None:
    """Raises ValueError for tables that no arguments can have given."""
    for name, column in (("cluster_artists", "artist"), ("artist_themes", "artist")):
        table = getattr(kept, name)
        if table is not None:
            require_columns(name, table, {column: "t", "lines": "i", "p": "f", "q": "f"})


def _untested(table: pd.DataFrame | None) -> pd.DataFrame | None:
    return None if table is None else table.assign(p=np.nan, q=np.nan)


def _song_units(lines: pd.DataFrame, labels: HostArray, profiles: Profiles) -> _Exchange:
    """Leakage groups, each held by the artist of most of its lines; clusters count from noise."""
    known = lines["song_id"].notna().to_numpy()
    songs = np.unique(lines.loc[known, "song_id"].to_numpy(dtype=np.int64))
    of_song = np.zeros(len(songs), dtype=np.int64)
    of_song[profiles.songs] = profiles.units
    units = of_song[np.searchsorted(songs, lines.loc[known, "song_id"].to_numpy(dtype=np.int64))]
    artists, names = pd.factorize(lines["artist"], sort=True)
    return _exchange(units, artists[known].astype(np.int64), labels[known], list(map(str, names)))


def _artist_units(lines: pd.DataFrame, labels: HostArray, regions: Mapping[str, str]) -> _Exchange:
    """Artists, each held by its region."""
    artists, names = pd.factorize(lines["artist"], sort=True)
    own = [regions.get(name_key(str(name)), UNKNOWN_REGION) for name in names]
    place, places = pd.factorize(np.array(own, dtype=object), sort=True)
    known = artists >= 0
    units = artists[known].astype(np.int64)
    return _exchange(units, place[units].astype(np.int64), labels[known], list(map(str, places)))


def _exchange(units: Int64s, holders: Int64s, labels: HostArray, names: list[str]) -> _Exchange:
    count, width = int(units.max(initial=-1)) + 1, int(labels.max(initial=-1)) + 2
    cells = np.bincount(units * width + labels + 1, minlength=count * width)
    many = len(names) + 1
    held = np.bincount(units * many + holders + 1, minlength=count * many).reshape(count, many)
    return _Exchange(cells.reshape(count, width).astype(np.float64), held.argmax(axis=1) - 1, names)


def _sums(held: _Exchange, holder: Int64s) -> Float64s:
    """(names, K): the lines of each holder in each cluster."""
    known = np.flatnonzero(holder >= 0)
    order = known[np.argsort(holder[known], kind="stable")]
    sums = np.zeros((len(held.names), held.counts.shape[1]))
    names, first = np.unique(holder[order], return_index=True)
    if len(order):
        sums[names] = np.add.reduceat(held.counts[order], first, axis=0)
    return sums


def _chance(held: _Exchange) -> tuple[Float64s, Float64s]:
    """Mean and variance (names, K) of `_sums` where units of like size exchange their holders."""
    sizes = held.counts.sum(axis=1)
    order = np.argsort(sizes, kind="stable")
    strata = np.arange(len(order)) * max(1, len(order) // LIKE) // max(1, len(order))
    mean = np.zeros((len(held.names), held.counts.shape[1]))
    variance = np.zeros_like(mean)
    for stratum in range(int(strata.max(initial=-1)) + 1):
        own = order[strata == stratum]
        many = np.bincount(held.holder[own] + 1, minlength=len(held.names) + 1)[1:]
        counts = held.counts[own]
        mean += many[:, None] * counts.mean(axis=0)
        spread = ((counts - counts.mean(axis=0)) ** 2).sum(axis=0)
        variance += (many * (1 - many / len(own)))[:, None] * spread / max(len(own) - 1, 1)
    return mean, variance


def _deviations(held: _Exchange, holder: Int64s, mean: Float64s, variance: Float64s) -> Float64s:
    """(names, K): how far the root of each count is from chance, in standard deviations."""
    scale = 2 * np.sqrt((mean + 0.375) / np.maximum(variance, 1e-9))
    return np.abs(np.sqrt(_sums(held, holder) + 0.375) - np.sqrt(mean + 0.375)) * scale


def _tested(
    table: pd.DataFrame | None, who: str, group: str, held: _Exchange, asked: tuple[int, int]
) -> pd.DataFrame | None:
    """The table with p and q; none of rows without enough songs."""
    permutations, seed = asked
    if table is None or not permutations:
        return table
    mean, variance = _chance(held)
    own = _deviations(held, held.holder, mean, variance)
    units = np.bincount(held.holder + 1, minlength=len(held.names) + 1)[1:]
    enough = units >= FEWEST  # however units are exchanged, a holder has as many
    sizes = held.counts.sum(axis=1).astype(np.int64)
    exceeding = np.zeros(own.shape, dtype=np.int64)
    for taken in exchanges(sizes, permutations, seed):
        drawn = _deviations(held, held.holder[taken], mean, variance)
        exceeding += drawn[enough].max(axis=0, initial=0.0)[None, :] >= own - 1e-9
    p = tail_shares(exceeding, permutations)
    place = pd.Index(held.names).get_indexer(pd.Index(table[who]))
    few = ~enough[place] | table["note"].isin([TOO_FEW_SONGS, NO_SONGS]).to_numpy()
    table = table.assign(p=np.where(few, np.nan, p[place, table[group].to_numpy() + 1]))
    return table.assign(q=discovery_rates(table["p"]))


def _divergence(held: _Exchange, lines: pd.DataFrame, asked: tuple[int, int]) -> pd.DataFrame:
    """artist_divergence.csv."""
    permutations, seed = asked
    everyone = held.counts.sum(axis=0)
    own = _bits(_sums(held, held.holder), everyone)
    sizes = held.counts.sum(axis=1).astype(np.int64)
    total, exceeding = np.zeros(len(own)), np.zeros(len(own), dtype=np.int64)
    for taken in exchanges(sizes, permutations, seed):
        drawn = _bits(_sums(held, held.holder[taken]), everyone)
        total += drawn
        exceeding += drawn >= own - 1e-9
    songs = np.bincount(held.holder + 1, minlength=len(held.names) + 1)[1:]
    spread = _divergence_spread(held, everyone)
    spread = np.where(songs >= FEWEST, spread * stdtrit(np.maximum(songs - 1, 1), 0.975), np.nan)
    enough = songs >= FEWEST
    known = lines.loc[lines["artist"].notna()].groupby("artist")
    table = pd.DataFrame({"artist": pd.array(held.names, dtype="str")})
    table["lines"] = known.size().reindex(held.names).to_numpy()
    table["songs"] = known["song_id"].nunique().reindex(held.names).to_numpy()
    table["divergence"] = own
    table["divergence_low"] = np.maximum(own - spread, 0.0)
    table["divergence_high"] = np.minimum(own + spread, 1.0)
    table["by_chance"] = total / permutations if permutations else np.nan
    p = tail_shares(exceeding, permutations) if permutations else np.nan
    table["p"] = np.where(enough, p, np.nan)
    table["q"] = discovery_rates(table["p"])
    table["note"] = pd.array(np.where(enough, "", TOO_FEW_SONGS), dtype="str")
    order = ["lines", "artist"]
    return table.sort_values(order, ascending=[False, True], ignore_index=True)


def _no_divergence(tables: ArtistTables) -> pd.DataFrame | None:
    if tables.artist_clusters is None:
        return None
    table = tables.artist_clusters[["artist", "lines"]].copy()
    table["songs"] = 0
    names = ("divergence", "divergence_low", "divergence_high", "by_chance", "p", "q")
    return table.assign(**dict.fromkeys(names, np.nan), note=NO_SONGS)


def _bits(counts: Float64s, everyone: Float64s) -> Float64s:
    """(names,) Jensen-Shannon divergence of each row from all; not a number of an empty one."""
    size = counts.sum(axis=1, keepdims=True)
    p = np.divide(counts, size, out=np.full_like(counts, np.nan), where=size > 0)
    r = everyone / max(float(everyone.sum()), 1.0)
    middle = np.maximum((p + r) / 2, 1e-300)
    own = np.where(p > 0, p * np.log2(np.maximum(p, 1e-300) / middle), 0.0)
    others = np.where(r > 0, r * np.log2(np.maximum(r, 1e-300) / middle), 0.0)
    bits = (own + others).sum(axis=1) / 2
    return np.where(size[:, 0] > 0, bits, np.nan)


def _divergence_spread(held: _Exchange, everyone: Float64s) -> Float64s:
    """(names,) standard error: each song's influence is linear in its shares, all lines' fixed."""
    sums = _sums(held, held.holder)
    size = np.maximum(sums.sum(axis=1), 1.0)
    p = sums / size[:, None]
    r = everyone / max(float(everyone.sum()), 1.0)
    slope = np.log2(np.maximum(p, 1e-12) / np.maximum((p + r) / 2, 1e-12)) / 2
    known = np.flatnonzero(held.holder >= 0)
    who = held.holder[known]
    lines = held.counts[known]
    influence = ((lines - lines.sum(axis=1, keepdims=True) * p[who]) * slope[who]).sum(axis=1)
    squares = np.bincount(who, (influence / size[who]) ** 2, minlength=len(held.names))
    songs = np.bincount(who, minlength=len(held.names))
    return np.sqrt(squares * songs / np.maximum(songs - 1, 1))
