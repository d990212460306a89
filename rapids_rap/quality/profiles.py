"""The lines of each song, and songs that exchange what clusters their lines lie in.

Lines of a song are not independent, and a song's lines span clusters. So a permutation keeps songs
whole: a song takes the whole sequence of clusters of another one of about as many lines, stretched
to its own length, and keeps its words and its artist. Songs that share text (`leakage`) move as
one. A line that a song repeats counts once. All in host memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.quality.leakage import leakage_groups, song_entries

VERSION = 1  # raise it when the same arguments give another result

TINY = 1e-9
LIKE = 20  # units of about the same number of lines that exchange among each other


@dataclass(frozen=True)
class Profiles:
    """e distinct (song, text) pairs, a unit's next to each other and in reading order.

    texts, songs, artists, units: (e,) int64; songs and units from 0, an artist -1 where unknown.
    """

    texts: Int64s
    songs: Int64s
    artists: Int64s
    units: Int64s

    @property
    def sizes(self) -> Int64s:
        """(units,) int64, the pairs of each unit."""
        return np.bincount(self.units)


def song_profiles(lines: pd.DataFrame, texts: Sequence[str], backend: Backend) -> Profiles | None:
    """Of the lines of known songs; None where no song is known.

    lines: a row an occurrence, with `song_id`, `artist` and `text_id`. The unit of a song is its
    leakage group.
    """
    known = lines.loc[lines["song_id"].notna(), ["song_id", "artist", "text_id"]]
    if not len(known):
        return None
    first = known.drop_duplicates(["song_id", "text_id"])
    ids, songs = np.unique(first["song_id"].to_numpy(dtype=np.int64), return_inverse=True)
    groups = leakage_groups(song_entries(lines, ids), texts, backend)
    artists = pd.factorize(first["artist"], sort=True)[0]
    order = np.lexsort((songs, groups[songs]))  # stable: a song's texts stay in reading order
    found = first["text_id"].to_numpy(dtype=np.int64), songs, artists, groups[songs]
    return Profiles(*(column[order].astype(np.int64) for column in found))


def exchanges(sizes: Int64s, count: int, seed: int) -> Iterator[Int64s]:
    """`count` times (units,) int64: the unit that each takes the place of.

    sizes: (units,) lines of each. Units are ordered by size (equals at random, anew each time) and
    exchanged at random within runs of about `LIKE`.
    """
    random = np.random.default_rng([seed, len(sizes)])
    strata = np.arange(len(sizes)) * max(1, len(sizes) // LIKE) // max(1, len(sizes))
    for _ in range(count):
        order = np.lexsort((random.random(len(sizes)), sizes))
        taken = np.empty(len(sizes), dtype=np.int64)
        taken[order] = order[np.lexsort((random.random(len(sizes)), strata))]
        yield taken


def exchanged_pairs(profiles: Profiles, count: int, seed: int) -> Iterator[Int64s]:
    """`count` times (e,) int64: the pair whose cluster each pair takes, see the module."""
    sizes = profiles.sizes
    begins = np.cumsum(sizes) - sizes
    own = profiles.units
    place, size = np.arange(len(own)) - begins[own], sizes[own]
    for taken in exchanges(sizes, count, seed):
        other = taken[own]
        yield begins[other] + place * sizes[other] // size


def of_each(statistic: Callable[[Int64s], Float64s], draws: Iterator[Int64s]) -> Float64s:
    """(draws, ...) float64: the statistic of each draw, in their order.

    NumPy and SciPy leave the interpreter's lock, so every core takes one; draws are made as they
    are needed, for each may be as large as the corpus.
    """
    cores = os.cpu_count() or 1
    found: list[Float64s] = []
    with ThreadPoolExecutor(cores) as pool:
        while some := list(islice(draws, 2 * cores)):
            found.extend(pool.map(statistic, some))
    return np.stack(found)


def tail_shares(own: Float64s, drawn: Float64s) -> Float64s:
    """(rows, K) p of each value `own` (rows, K) by the maxima `drawn` (m, K) of m exchanges.

    (b + 1) / (n + 1), b of n maxima being as large (Phipson & Smyth 2010), so never 0. A maximum
    counts by its distance from the mean of its column, in standard deviations: so the maxima of all
    columns are one null, n of m K, which tells small p apart that m exchanges can't.
    """
    middle, spread = drawn.mean(axis=0), drawn.std(axis=0)
    moved = spread > TINY  # a column that no exchange changes says nothing, and nothing is said
    null = np.sort(((drawn - middle)[:, moved] / spread[moved]).ravel())
    distance = np.full(own.shape, -np.inf)
    distance[:, moved] = (own - middle)[:, moved] / spread[moved]
    # The same sums in another order are equal: a tie counts against a value.
    larger = len(null) - np.searchsorted(null, distance - TINY)
    return np.asarray((larger + 1.0) / (len(null) + 1.0), dtype=np.float64)
