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
its interval (linearised over songs, as of a lift) is what their number gives `by_chance`, and p
says how often chance gives an artist as much more than that.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from array_api_compat import array_namespace
from scipy.sparse import csr_matrix
from scipy.special import stdtrit

from rapids_rap.arrays import Bools, Float64s, HostArray, Int64s
from rapids_rap.backend.kept import require_between, require_columns
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.corpus.names import name_key
from rapids_rap.quality.keyness import discovery_rates
from rapids_rap.quality.profiles import LIKE, Profiles, exchanges, of_each, tail_shares
from rapids_rap.tables.artists import (
    FEWEST,
    NO_SONGS,
    TOO_FEW_SONGS,
    UNKNOWN_REGION,
    artist_tables,
)

log = logging.getLogger(__name__)

VERSION = 4  # raise it when the same arguments give another result

LEVEL = 0.05  # of q


@dataclass(frozen=True)
class WhoWritesWhat:
    """Tables in host memory; one without columns stands for "not computed".

    artists: as `tables.artists` has it, with p and q, by cluster or theme. themes: artist, theme,
    the same. divergence: artist, lines, songs, divergence, divergence_low, divergence_high,
    by_chance, p, q, note; most lines first.
    """

    cluster_artists: pd.DataFrame
    artist_clusters: pd.DataFrame
    cluster_regions: pd.DataFrame
    artist_themes: pd.DataFrame
    artist_divergence: pd.DataFrame


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
    labels: Array,
    themes: Array,
    regions: Mapping[str, str] | None,
    profiles: Profiles | None,
    permutations: int,
    backend: Backend,
    seed: int | None,
) -> WhoWritesWhat:
    """The tables of artists and regions with their p and q, and each artist's divergence.

    lines: a row an occurrence. labels, themes: (n,) int64 cluster and theme of each text, -1 for
    noise. regions: as `tables.artists`. profiles: None where no song is known: then there is no p.
    permutations: 0 for none.
    """
    rows = backend.from_host(lines["text_id"].to_numpy())
    labels, themes = (backend.xp.take(of, rows) for of in (labels, themes))
    alike = _alike(lines, profiles)
    tables = artist_tables(alike, labels, regions, backend)
    if tables.cluster_artists is None or tables.artist_clusters is None:
        return WhoWritesWhat(*(pd.DataFrame() for _ in range(5)))
    by_theme = artist_tables(alike, themes, None, backend).cluster_artists
    parts = {
        "cluster_artists": tables.cluster_artists,
        "cluster_regions": tables.cluster_regions,
        "artist_themes": None
        if by_theme is None
        else by_theme.rename(columns={"cluster": "theme"}),
    }
    whole = {
        name: pd.DataFrame() if table is None else table.assign(p=np.nan, q=np.nan)
        for name, table in parts.items()
    }
    divergence = _no_divergence(tables.artist_clusters)
    if profiles is not None:
        asked = permutations, 0 if seed is None else seed
        own, wide = (backend.to_host(of).astype(np.int64) for of in (labels, themes))
        songs, by_song = _song_units(alike, own), _song_units(alike, wide)
        divergence = _divergence(songs, lines, asked)
        artists, over = whole["cluster_artists"], whole["artist_themes"]
        whole["cluster_artists"] = _tested(artists, "artist", "cluster", songs, asked)
        whole["artist_themes"] = _tested(over, "artist", "theme", by_song, asked)
        if regions is not None:
            places = _artist_units(lines, own, regions)
            table = whole["cluster_regions"]
            whole["cluster_regions"] = _tested(table, "region", "cluster", places, asked)
    return WhoWritesWhat(
        artist_clusters=tables.artist_clusters, artist_divergence=divergence, **whole
    )


def check_kept(
    kept: WhoWritesWhat, lines: pd.DataFrame, labels: Array, themes: Array, *_: object
) -> None:
    """Raises ValueError for tables that these arguments can't have given."""
    if not lines["artist"].notna().any():
        return
    measures = {"percentage": "m", "lines": "i", "lift": "m", "lift_low": "m", "lift_high": "m"}
    measures |= {"note": "t", "p": "m", "q": "m"}
    for name, group, who, of in (
        ("cluster_artists", "cluster", "artist", labels),
        ("cluster_regions", "cluster", "region", labels),
        ("artist_themes", "theme", "artist", themes),
    ):
        table = getattr(kept, name)
        if name == "cluster_regions" and not len(table.columns):
            continue
        require_columns(name, table, {group: "i", who: "t", **measures})
        highest = int(array_namespace(of).max(of))
        require_between(name, table[group].to_numpy(), -1, highest)
    diverging = ("divergence", "divergence_low", "divergence_high", "by_chance", "p", "q")
    kinds = {"artist": "t", "lines": "i", "songs": "n", "note": "t"}
    require_columns(
        "artist_divergence", kept.artist_divergence, kinds | dict.fromkeys(diverging, "m")
    )
    shares = [str(name) for name in kept.artist_clusters.columns[2:]]
    known = {str(k) for k in range(-1, int(array_namespace(labels).max(labels)) + 1)}
    if not set(shares) <= known:
        raise ValueError("artist_clusters has another cluster")
    kinds = {"artist": "t", "lines": "i", **dict.fromkeys(shares, "f")}
    require_columns("artist_clusters", kept.artist_clusters, kinds)


def _alike(lines: pd.DataFrame, profiles: Profiles | None) -> pd.DataFrame:
    """The artist and song of each line, songs that share text having the id of their group."""
    if profiles is None:
        return lines[["artist", "song_id"]]
    known = lines["song_id"].notna().to_numpy()
    ids = lines.loc[known, "song_id"].to_numpy(dtype=np.int64)
    songs = np.unique(ids)
    of_song = np.zeros(len(songs), dtype=np.int64)
    of_song[profiles.songs] = profiles.units
    units = pd.array([None] * len(lines), dtype="Int64")
    units[known] = of_song[np.searchsorted(songs, ids)]
    return lines[["artist"]].assign(song_id=units)


def _song_units(alike: pd.DataFrame, labels: HostArray) -> _Exchange:
    """Leakage groups, each held by the artist of most of its lines; clusters count from noise."""
    known = alike["song_id"].notna().to_numpy()
    units = alike.loc[known, "song_id"].to_numpy(dtype=np.int64)
    artists, names = pd.factorize(alike["artist"], sort=True)
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
    # Only the pairs that there are: songs by artists would be 11 GB for 1.4 million lines of verse.
    pairs, lines = np.unique(units * (len(names) + 1) + holders + 1, return_counts=True)
    owner, holder = np.divmod(pairs, len(names) + 1)
    order = np.lexsort((holder, -lines, owner))  # the first of a unit has most lines of it
    found, first = np.unique(owner[order], return_index=True)
    held = np.full(count, -1, dtype=np.int64)
    held[found] = holder[order[first]] - 1
    return _Exchange(cells.reshape(count, width).astype(np.float64), held, names)


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
    """Mean and variance (names, K) of `_sums` where units of like size exchange their holders.

    `exchanges` breaks ties of size anew each time, so units of one size that lies in several runs
    are in any of them; units of one and the same set of runs are a block, in which all are alike.
    """
    sizes = held.counts.sum(axis=1)
    runs = np.arange(len(sizes)) * max(1, len(sizes) // LIKE) // max(1, len(sizes))
    ordered = np.sort(sizes)
    first = runs[np.searchsorted(ordered, sizes)]
    last = runs[np.searchsorted(ordered, sizes, side="right") - 1]
    width = int(runs.max(initial=0)) + 1
    block = np.unique(first * width + last, return_inverse=True)[1]
    count, places = int(block.max(initial=-1)) + 1, np.arange(len(sizes))
    ones, order = np.ones(len(sizes)), np.argsort(sizes, kind="stable")
    # How many units of each block a run has is the same in every exchange.
    names = len(held.names)
    there = csr_matrix((ones, (block[order], runs)), shape=(count, width))
    members = csr_matrix((ones, (block, places)), shape=(count, len(sizes)))
    of_block, of_run = there.sum(axis=1).A1[:, None], there.sum(axis=0).A1[:, None]

    def taken(counts: Float64s) -> Float64s:
        """(blocks, K) what a unit of each block has on average after an exchange."""
        of_runs = there.T @ ((members @ counts) / of_block) / of_run
        return np.asarray(there @ of_runs / of_block)

    mean, plain = taken(held.counts), (members @ held.counts) / of_block
    pool = (there > 0) @ of_run  # the units that one of the block exchanges with
    spread = (taken(held.counts**2) - mean**2) * pool / np.maximum(pool - 1, 1)
    # One of a run is the unit itself, more often than any other of a block that lies in several.
    others = (there.multiply(of_block) - there.multiply(there)) @ (1 / of_run)
    stays = others / of_block / np.maximum(of_block - 1, 1)
    known = held.holder >= 0
    holders = csr_matrix(
        (ones[known], (held.holder[known], places[known])), shape=(names, len(sizes))
    )
    many = holders @ members.T
    left = many - many.multiply(many).multiply(1 / pool.T).tocsr()
    own = stays[block] * (held.counts - plain[block])
    return many @ mean + holders @ own, left @ spread


def _deviations(held: _Exchange, holder: Int64s, mean: Float64s, variance: Float64s) -> Float64s:
    """(names, K): how far the root of each count is from chance, in standard deviations.

    Those of a count that is not small: divided by its own, which vanishes with the mean, three
    lines of an artist of whom hardly one is expected would be the largest of every exchange.
    """
    scale = 2 * np.sqrt(mean / np.maximum(variance, 1e-9))
    return np.abs(np.sqrt(_sums(held, holder) + 0.375) - np.sqrt(mean + 0.375)) * scale


def _tested(
    table: pd.DataFrame, who: str, group: str, held: _Exchange, asked: tuple[int, int]
) -> pd.DataFrame:
    """The table with p and q; no interval and no p of rows without enough songs."""
    permutations, seed = asked
    units = np.bincount(held.holder + 1, minlength=len(held.names) + 1)[1:]
    enough = units >= FEWEST  # however units are exchanged, a holder has as many
    place = pd.Index(held.names).get_indexer(pd.Index(table[who]))
    # Lines of nobody have a row as an unknown region, and are no unit that could be exchanged.
    few = (place < 0) | ~enough[place]
    table = _without_intervals(table, few & (table["note"] == "").to_numpy())
    if not permutations or not len(table):
        return table
    mean, variance = _chance(held)
    own = _deviations(held, held.holder, mean, variance)
    sizes = held.counts.sum(axis=1).astype(np.int64)

    def largest(found: Float64s) -> Float64s:
        return np.asarray(found[enough].max(axis=0, initial=0.0))

    def exchanged(taken: Int64s) -> Float64s:
        return largest(_deviations(held, held.holder[taken], mean, variance))

    drawn = of_each(exchanged, exchanges(sizes, permutations, seed))
    p = tail_shares(own, largest(own), drawn)
    few |= table["note"].isin([TOO_FEW_SONGS, NO_SONGS]).to_numpy()
    table = table.assign(p=np.where(few, np.nan, p[place, table[group].to_numpy() + 1]))
    table = table.assign(q=discovery_rates(table["p"]))
    _say_too_few(f"{who}s by {group}", int(table["p"].notna().sum()), permutations, drawn.shape[1])
    return table


def _say_too_few(what: str, rows: int, permutations: int, columns: int) -> None:
    """Warn where one row alone could have no small q, however far from chance it is."""
    needed = int(rows / LEVEL / columns) + 1
    if permutations < needed:
        log.warning(
            "%s: %d permutations are too few for a single one of %d to have a q below %s; "
            "quality.permutations = %d are enough.",
            what,
            permutations,
            rows,
            LEVEL,
            needed,
        )


def _without_intervals(table: pd.DataFrame, few: Bools) -> pd.DataFrame:
    """The table where `few` rows rest on too few songs, those that share text being one."""
    limits = {name: table[name].where(~few) for name in ("lift_low", "lift_high")}
    note = pd.array(np.where(few, TOO_FEW_SONGS, table["note"]), dtype="str")
    return table.assign(**limits, note=note)


def _divergence(held: _Exchange, lines: pd.DataFrame, asked: tuple[int, int]) -> pd.DataFrame:
    """artist_divergence.csv."""
    permutations, seed = asked
    everyone = held.counts.sum(axis=0)
    own = _bits(_sums(held, held.holder), everyone)
    sizes = held.counts.sum(axis=1).astype(np.int64)
    drawn = np.full((1, len(own)), np.nan)
    if permutations:
        draws = exchanges(sizes, permutations, seed)
        drawn = of_each(lambda taken: _bits(_sums(held, held.holder[taken]), everyone), draws)
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
    table["by_chance"] = drawn.mean(axis=0)
    table["p"] = np.nan
    if permutations and enough.any():
        known_own = own[enough]
        table.loc[enough, "p"] = tail_shares(known_own[None], known_own, drawn[:, enough])[0]
    table["q"] = discovery_rates(table["p"])
    table["note"] = pd.array(np.where(enough, "", TOO_FEW_SONGS), dtype="str")
    order = ["lines", "artist"]
    return table.sort_values(order, ascending=[False, True], ignore_index=True)


def _no_divergence(artist_clusters: pd.DataFrame) -> pd.DataFrame:
    names = ("songs", "divergence", "divergence_low", "divergence_high", "by_chance", "p", "q")
    table = artist_clusters[["artist", "lines"]].assign(**dict.fromkeys(names, np.nan))
    return table.assign(note=pd.array([NO_SONGS] * len(table), dtype="str"))


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
