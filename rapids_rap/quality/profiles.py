"""The lines of each song, and songs that exchange what clusters their lines lie in.

Lines of a song are not independent, and a song's lines span clusters. So a permutation keeps songs
whole: a song takes the whole sequence of clusters of another one of about as many lines, stretched
to its own length, and keeps its words and its artist. Songs that share text (`leakage`) move as
one. A line that a song repeats counts once. All in host memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.quality.leakage import leakage_groups, song_entries

VERSION = 1  # raise it when the same arguments give another result

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


def tail_shares(exceeding: Int64s, count: int) -> np.ndarray:
    """p-values of permutations, never 0: (b + 1) / (m + 1) (Phipson & Smyth 2010)."""
    return (exceeding + 1.0) / (count + 1.0)
