"""Songs that hold the same words: covers, remixes, second uploads. They must not grade each other.

A song's successor, its artist, its other lines are found for free where the same text stands in the
pool once more. So songs that share text are one group, and a retrieval figure never looks for an
answer within the group of its question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.backend.rows import group_totals
from rapids_rap.words.tfidf import Counts, count_characters

SHINGLE = 5  # characters
ALIKE = 0.5  # of the shorter song's shingles in the other one: near-duplicates
FEW = 10  # shingles in common at least: two short songs can share a phrase by chance
LONG = 12  # characters: a shorter line two songs can share by chance, or quote as a saying
COMMON = 20  # songs: a longer text, or a shingle, that more of them hold is nobody's own


@dataclass(frozen=True)
class Entries:
    """Which song holds which text, each pair once, by (song, text). In host memory.

    songs, texts: (m,) int64, the former 0..`size` - 1; texts are ids of distinct texts.
    """

    songs: Int64s
    texts: Int64s
    size: int

    @property
    def begins(self) -> Int64s:
        """(size + 1,) int64, where each song's entries begin."""
        return np.searchsorted(self.songs, np.arange(self.size + 1)).astype(np.int64)

    def of(self, songs: Bools) -> Entries:
        """Of the songs that are marked (`size`,) alone, renumbered in order."""
        number = np.cumsum(songs) - 1
        held = songs[self.songs]
        return Entries(number[self.songs[held]], self.texts[held], int(songs.sum()))


def song_entries(lines: pd.DataFrame, chosen: Int64s) -> Entries:
    """The distinct texts of the songs with these `song_id`s, numbered in the order of `chosen`.

    lines: a row an occurrence, with `song_id` and `text_id`.
    """
    known = lines.loc[lines["song_id"].notna(), ["song_id", "text_id"]].drop_duplicates()
    number = pd.Series(np.arange(len(chosen)), index=chosen)
    song = number.reindex(known["song_id"].to_numpy(dtype=np.int64)).to_numpy(dtype=np.float64)
    inside = ~np.isnan(song)
    songs, texts = song[inside].astype(np.int64), known["text_id"].to_numpy(np.int64)[inside]
    order = np.lexsort((texts, songs))
    return Entries(songs[order], texts[order], len(chosen))


def leakage_groups(entries: Entries, texts: Sequence[str], backend: Backend) -> Int64s:
    """(songs,) int64: the group of each song, numbered by first song.

    Two songs are linked where they share an exact text of `LONG` characters or more, blanks not
    counted, that at most `COMMON` songs hold; where all their texts are the same; and where
    `ALIKE` of the shorter one's runs of `SHINGLE` characters, and `FEW` of them, stand in the
    other, counting only runs that at most `COMMON` songs hold. A group is whatever is linked, over
    any number of songs.
    """
    if not entries.size:
        return np.zeros(0, dtype=np.int64)
    links = [_shared(entries, texts), _equal(entries), _near(entries, texts, backend)]
    left, right = (np.concatenate(ends) for ends in zip(*links, strict=True))
    shape = (entries.size, entries.size)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=shape)
    _, group = connected_components(graph, directed=False)
    first = np.unique(group, return_index=True)[1]
    return np.argsort(np.argsort(first))[group].astype(np.int64)


def _shared(entries: Entries, texts: Sequence[str]) -> tuple[Int64s, Int64s]:
    """Links of songs over a long exact text: each song with the first that holds it."""
    names, place, holders = np.unique(entries.texts, return_inverse=True, return_counts=True)
    wide = np.array([len("".join(texts[t].split())) >= LONG for t in names.tolist()], dtype=bool)
    wanted = (wide & (holders > 1) & (holders <= COMMON))[place]
    return _to_first(entries.songs[wanted], place[wanted])


def _equal(entries: Entries) -> tuple[Int64s, Int64s]:
    """Links of songs whose texts are the same ones, however short or common."""
    begins = entries.begins
    seen: dict[bytes, int] = {}
    keys = [entries.texts[a:b].tobytes() for a, b in pairwise(begins.tolist())]
    kinds = np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
    return _to_first(np.arange(entries.size), kinds)


def _to_first(songs: Int64s, kinds: Int64s) -> tuple[Int64s, Int64s]:
    order = np.lexsort((songs, kinds))
    songs, kinds = songs[order], kinds[order]
    first = np.searchsorted(kinds, kinds)
    return songs[first], songs


def _near(entries: Entries, texts: Sequence[str], backend: Backend) -> tuple[Int64s, Int64s]:
    """Links of songs of which half the shorter one stands in the other.

    Their runs of characters are counted on the backend; what reaches the host, where it is linked,
    are the runs that few songs share.
    """
    held = [texts[t] for t in entries.texts.tolist()]
    counted: Counts = count_characters(
        held, entries.songs, entries.size, backend, (SHINGLE, SHINGLE)
    )
    xp, width = backend.xp, max(1, counted.width)
    ones = xp.ones_like(counted.terms)
    length = backend.to_host(group_totals(ones, counted.documents, entries.size))
    holders = xp.take(group_totals(ones, counted.terms, width), counted.terms)
    rare = (holders > 1) & (holders <= COMMON)
    terms, songs = (backend.to_host(ids[rare]) for ids in (counted.terms, counted.documents))
    shape = (entries.size, width)
    has = csr_matrix((np.ones(len(terms), dtype=np.int32), (songs, terms)), shape=shape)
    both = (has @ has.T).tocoo()
    shorter = np.minimum(length[both.row], length[both.col])
    alike = (both.data >= np.maximum(FEW, ALIKE * shorter)) & (both.row < both.col)
    return both.row[alike].astype(np.int64), both.col[alike].astype(np.int64)
