"""Is a term typical of its cluster, or of one song? Frequency, dispersion and keyness apart.

Three questions that one score mixes (Sönning 2023; Egbert & Biber 2019; Gries 2024), a column each:

- how many `songs` and `artists` use the term in the cluster;
- `dispersion`: are its occurrences there in as many songs as they could be (1), or in one (0)?
  (songs - 1) / (possible songs - 1), the range freed of frequency by its smallest and largest
  possible value (Gries 2024).
- `log_ratio`: how many times more frequent is it than elsewhere, as log2? With its interval over
  songs, in the linearised variance of `tables.artists`, and as wide as the number of terms asked in
  the cluster wants (Bonferroni), for they were chosen by just this. Its lower limit is Evert's
  (2022) conservative log ratio: what of the ratio can be relied on.

`keeps_sign`: is it still more frequent than elsewhere without any one song (or its leakage group),
and without any one artist? `p`: how often the cluster's most striking term is as striking where
songs have exchanged their clusters (`profiles`): the largest of all terms that could have been
listed (maxT: Westfall & Young 1993), for the listed ones are the largest of them. `q`: Benjamini &
Hochberg over the table. A term is as striking as the square root of its count lies above that of
the count expected (Anscombe 1948), which weighs rare and frequent terms alike.

A line that a song repeats counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from array_api_compat import array_namespace
from scipy.sparse import csr_matrix
from scipy.special import stdtrit
from scipy.stats import false_discovery_control

from rapids_rap.arrays import Bools, Float64s, Int64s
from rapids_rap.backend.kept import require_between, require_columns
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.quality.profiles import Profiles, exchanged_pairs, of_each, tail_shares
from rapids_rap.tables.artists import FEWEST, NO_SONGS, TOO_FEW_SONGS, TOO_WIDE, WIDEST
from rapids_rap.words.segment import Tokens
from rapids_rap.words.terms import Terms, content_terms

VERSION = 2  # raise it when the same arguments give another result

LABEL_SONGS = 5  # songs with a term that is shown for a cluster on a map, in a label or a name
SHOWN = 10  # terms quoted of a cluster, at most
FEW_FOR_A_LABEL = "fewer than five songs"
COLUMNS = (
    "cluster",
    "term",
    "songs",
    "artists",
    "dispersion",
    "log_ratio",
    "log_ratio_low",
    "log_ratio_high",
    "keeps_sign",
    "p",
    "q",
    "note",
)
_CONFIDENCE = 0.95
_HALF = 0.5  # added to counts of a log ratio, so that a term that is nowhere else has one


@dataclass(frozen=True)
class Keyness:
    """cluster_keyness.csv, by cluster and rank of its terms; permutations behind each p."""

    table: pd.DataFrame
    permutations: int


@dataclass(frozen=True)
class _Counted:
    """counts: sparse (e, V), a term's occurrences in each (song, text) pair.

    words: (e,) of each pair in all. labels: (e,) cluster + 1. listed: (rows,) the column of each
    row of the table. asked: (V,) whether a term could have been listed.
    """

    counts: csr_matrix
    words: Float64s
    labels: Int64s
    listed: Int64s
    asked: Bools


@dataclass(frozen=True)
class SongTerms:
    """Terms by (song, text) pair: those that are listed, and those of `LABEL_SONGS` units.

    counts: sparse (e, V), occurrences in each pair. names: (V,) the terms' keys, rising. units:
    (V,) how many units of songs have each.
    """

    counts: csr_matrix
    names: Int64s
    units: Int64s


CountSongs = Callable[[Tokens, Int64s, Profiles, Sequence[str]], SongTerms]


def song_terms(tokens: Tokens, keys: Int64s, profiles: Profiles, stop: Sequence[str]) -> SongTerms:
    """The terms `keys` and all that could have been listed, in each (song, text) pair."""
    names = np.unique(np.concatenate([content_terms(tokens, stop)[1], keys]))
    counts = terms_by_text(tokens, names)[profiles.texts]
    held = _grouped(counts, profiles.units)
    units = np.bincount(held.indices, minlength=len(names)).astype(np.int64)
    kept = (units >= LABEL_SONGS) | np.isin(names, keys)
    return SongTerms(counts[:, kept].tocsr(), names[kept], units[kept])


def term_keyness(
    terms: Terms,
    shown: Terms,
    tokens: Tokens,
    labels: Array,
    profiles: Profiles | None,
    stop: Sequence[str],
    permutations: int,
    backend: Backend,
    seed: int | None,
    count: CountSongs = song_terms,
) -> Keyness:
    """The evidence for each term that is listed for a cluster, or shown for it.

    terms: of `words.terms.cluster_terms`. shown: of `shown_terms`, the first `SHOWN` of each.
    labels: (n,) int64 cluster of each text, -1 for noise. profiles: None where no song is known;
    then there is nothing but the terms. stop: as of `words.terms.cluster_terms`. permutations: of
    songs behind p and q; 0: none. The tokens are counted on the host, by whatever `count` is.
    """
    labelled = shown.table.assign(key=shown.keys)
    labelled = labelled[labelled["rank"] <= SHOWN]
    every = pd.concat([terms.table.assign(key=terms.keys), labelled])
    rows = every.drop_duplicates(["cluster", "key"])
    rows = rows.sort_values("cluster", kind="stable", ignore_index=True)
    table = pd.DataFrame({"cluster": rows["cluster"], "term": rows["term"]})
    if profiles is None or not len(rows):
        return Keyness(_without_songs(table), 0)
    clusters = rows["cluster"].to_numpy(dtype=np.int64) + 1
    host = backend.to_host(labels).astype(np.int64)
    keys = rows["key"].to_numpy(dtype=np.int64)
    found = count(tokens, keys, profiles, stop)
    counted = _Counted(
        found.counts,
        words=np.diff(tokens.offsets)[profiles.texts].astype(np.float64),
        labels=host[profiles.texts] + 1,
        listed=np.searchsorted(found.names, keys),
        asked=found.units >= LABEL_SONGS,
    )
    parts = [
        _describe(counted, profiles, c, np.flatnonzero(clusters == c)) for c in np.unique(clusters)
    ]
    table = pd.concat([table, pd.concat(parts)], axis=1)
    table["p"] = np.nan
    sure = table.pop("units").to_numpy() >= LABEL_SONGS
    if permutations and sure.any():
        p = _permuted(counted, profiles, clusters, permutations, seed)
        table["p"] = np.where(sure, p, np.nan)
    table["q"] = discovery_rates(table["p"])
    return Keyness(table[list(COLUMNS)], permutations)


def check_kept(
    kept: Keyness, terms: Terms, shown: Terms, tokens: Tokens, labels: Array, *_: object
) -> None:
    """Raises ValueError for evidence that these arguments can't have given."""
    kinds = dict(zip(COLUMNS, "itnnmmmmbmmt", strict=True))
    require_columns("table", kept.table, kinds)
    highest = int(array_namespace(labels).max(labels)) if int(labels.shape[0]) else -1
    require_between("cluster", kept.table["cluster"].to_numpy(), -1, highest)
    for name in ("p", "q"):
        require_between(name, kept.table[name].dropna().to_numpy(), 0, 1)


def discovery_rates(p: pd.Series) -> Float64s:
    """The q of each p (Benjamini & Hochberg 1995), by SciPy; not a number where p is not one."""
    q = np.full(len(p), np.nan)
    known = p.notna().to_numpy()
    if known.any():
        q[known] = false_discovery_control(p[known].to_numpy(dtype=np.float64))
    return q


def shown_terms(
    terms: Terms, tokens: Tokens, labels: Array, profiles: Profiles | None, backend: Backend
) -> Terms:
    """The terms that may stand for a cluster on a map, in a label or a name, ranked anew.

    Those that `LABEL_SONGS` songs of the cluster use, songs that share text being one; all where no
    song is known. terms: long lists of the clusters, for the first ones are often of few songs.
    """
    if profiles is None or not len(terms.table):
        return terms
    clusters = terms.table["cluster"].to_numpy(dtype=np.int64)
    own = backend.to_host(labels).astype(np.int64)[profiles.texts]
    names, columns = np.unique(terms.keys, return_inverse=True)
    counts = terms_by_text(tokens, names)[profiles.texts]
    enough = np.zeros(len(clusters), dtype=bool)
    for cluster in np.unique(clusters):
        inside, rows = np.flatnonzero(own == cluster), np.flatnonzero(clusters == cluster)
        held = _grouped(counts[inside], profiles.units[inside])
        songs = np.bincount(held.indices, minlength=len(names))
        enough[rows] = songs[columns[rows]] >= LABEL_SONGS
    table = terms.table[enough].reset_index(drop=True)
    table["rank"] = table.groupby(["method", "cluster"]).cumcount() + 1
    return replace(terms, table=table, keys=terms.keys[enough])


def _without_songs(table: pd.DataFrame) -> pd.DataFrame:
    empty = dict.fromkeys(COLUMNS[4:8] + COLUMNS[9:11], np.nan)
    unknown = pd.array([None] * len(table), dtype="Int64")
    sign = pd.array([None] * len(table), dtype="boolean")
    note = pd.array([NO_SONGS] * len(table), dtype="str")
    table = table.assign(songs=unknown, artists=unknown, **empty, keeps_sign=sign, note=note)
    return table[list(COLUMNS)]


def terms_by_text(tokens: Tokens, names: Int64s) -> csr_matrix:
    """Sparse (n, V): how often each text has each of the terms `names` (V,), keys rising."""
    at, keys = content_terms(tokens, ())
    return counts_by_text(at, keys, names, len(tokens.offsets) - 1)


def counts_by_text(at: Int64s, keys: Int64s, names: Int64s, texts: int) -> csr_matrix:
    """Sparse (texts, V), as `terms_by_text`: of occurrences (m,) by text and key."""
    column = np.minimum(np.searchsorted(names, keys), max(0, len(names) - 1))
    known = names[column] == keys if len(names) else np.zeros(len(keys), dtype=bool)
    shape = (texts, len(names))
    return csr_matrix((np.ones(int(known.sum())), (at[known], column[known])), shape=shape)


def _grouped(counts: csr_matrix, groups: Int64s) -> csr_matrix:
    """Sparse (groups, V): the sums of the rows of each group, -1 being none."""
    known = np.flatnonzero(groups >= 0)
    shape = (int(groups.max(initial=-1)) + 1, len(groups))
    return (csr_matrix((np.ones(len(known)), (groups[known], known)), shape=shape) @ counts).tocsr()


def _describe(counted: _Counted, profiles: Profiles, cluster: int, rows: Int64s) -> pd.DataFrame:
    """songs, artists, dispersion, log ratio, sign and note of a cluster's terms, by row."""
    columns = counted.counts[:, counted.listed[rows]]
    inside = counted.labels == cluster
    own = columns.multiply(inside[:, None]).tocsr()
    total, whole = columns.sum(axis=0).A1, float(counted.words.sum())
    y, n = own.sum(axis=0).A1, float(counted.words[inside].sum())
    songs, artists, units = (
        np.count_nonzero(_grouped(own, of).toarray(), axis=0)
        for of in (profiles.songs, profiles.artists, profiles.units)
    )
    possible = np.minimum(y, len(np.unique(profiles.songs[inside])))
    ratio = _log2_ratio(y, n, total - y, whole - n)
    spread = _spread(counted, profiles.units, inside, own, columns)
    spread *= stdtrit(np.maximum(units - 1, 1), 1 - (1 - _CONFIDENCE) / 2 / len(rows))
    # A wide interval that lies above 0 tells something: what is nowhere else has no upper limit.
    told = (units >= FEWEST) & ((2 * spread <= np.log2(WIDEST)) | (ratio > spread))
    spread = np.where(told, spread, np.nan)
    keeps = np.ones(len(rows), dtype=bool)
    several = len(np.unique(profiles.artists)) > 1  # without the only artist nothing is left
    for of in (profiles.units, profiles.artists) if several else (profiles.units,):
        keeps &= _keeps_sign(counted, of, inside, own, columns)
    table = pd.DataFrame(index=rows)
    table["songs"] = pd.array(songs, dtype="Int64")
    table["artists"] = pd.array(artists, dtype="Int64")
    table["dispersion"] = np.where(possible > 1, (songs - 1) / np.maximum(possible - 1, 1), np.nan)
    table["log_ratio"] = ratio
    table["log_ratio_low"], table["log_ratio_high"] = ratio - spread, ratio + spread
    table["keeps_sign"] = pd.array(keeps, dtype="boolean")
    table["units"] = units
    reasons = [units < FEWEST, units < LABEL_SONGS, ~told]
    note = np.select(reasons, [TOO_FEW_SONGS, FEW_FOR_A_LABEL, TOO_WIDE], default="")
    table["note"] = pd.array(note, dtype="str")
    return table


def _log2_ratio(y: Float64s, n: Float64s | float, rest: Float64s, others: Float64s | float) -> Any:
    """log2 of the rate y / n over rest / others, half an occurrence added to each count."""
    return np.log2((y + _HALF) / (n + 1.0)) - np.log2((rest + _HALF) / (others + 1.0))


def _spread(
    counted: _Counted, groups: Int64s, inside: Bools, own: csr_matrix, columns: csr_matrix
) -> Float64s:
    """(rows,) standard error of the log2 ratio, whole groups being what is drawn.

    Never less than that of single occurrences (1 / y + 1 / rest, Haldane 1956): groups say nothing
    of a term that is nowhere else.
    """
    y, f = _grouped(own, groups).toarray(), _grouped(columns, groups).toarray()
    n, m = (np.bincount(groups, counted.words * part) for part in (inside, ~inside))
    rest = f.sum(axis=0) - y.sum(axis=0)
    influence = y / (y.sum(axis=0) + _HALF) - (f - y) / (rest + _HALF)
    influence -= (n / (n.sum() + 1.0) - m / (m.sum() + 1.0))[:, None]
    count = len(n)
    variance = (influence**2).sum(axis=0) * count / max(count - 1, 1)
    alone = 1 / (y.sum(axis=0) + _HALF) + 1 / (rest + _HALF)
    return np.sqrt(np.maximum(variance, alone)) / np.log(2)


def _keeps_sign(
    counted: _Counted, groups: Int64s, inside: Bools, own: csr_matrix, columns: csr_matrix
) -> Bools:
    """(rows,) whether a term is more frequent here than elsewhere without any one group."""
    if groups.max(initial=-1) < 0:  # no artist is known
        return np.ones(columns.shape[1], dtype=bool)
    known = groups >= 0
    y, f = _grouped(own, groups).toarray(), _grouped(columns, groups).toarray()
    n, m = (np.bincount(groups[known], (counted.words * part)[known]) for part in (inside, ~inside))
    here = own.sum(axis=0).A1 - y
    rest = columns.sum(axis=0).A1 - own.sum(axis=0).A1 - (f - y)
    words, others = (float(counted.words[part].sum()) for part in (inside, ~inside))
    # Whole numbers on both sides: equal rates are not more frequent.
    return (here * (others - m)[:, None] > rest * (words - n)[:, None]).all(axis=0)


def _permuted(
    counted: _Counted, profiles: Profiles, clusters: Int64s, permutations: int, seed: int | None
) -> Float64s:
    """(rows,) p of each row: of the largest term of its cluster, see the module."""
    counts = counted.counts[:, counted.asked].tocsr()
    totals, whole = counts.sum(axis=0).A1, float(counted.words.sum())
    many, pairs = int(counted.labels.max()) + 1, np.arange(counts.shape[0] + 1)

    def striking(labels: Int64s) -> csr_matrix:
        """Sparse (clusters, asked): of terms that occur there; any other has less than expected."""
        members = csr_matrix((np.ones(len(labels)), labels, pairs), shape=(len(labels), many))
        found = (members.T.tocsr() @ counts).tocsr()
        share = np.bincount(labels, counted.words, minlength=many) / whole
        expected = np.repeat(share, np.diff(found.indptr)) * totals[found.indices]
        found.data = np.sqrt(found.data + 0.375) - np.sqrt(expected + 0.375)
        return found

    taken = exchanged_pairs(profiles, permutations, 0 if seed is None else seed)
    largest = of_each(lambda one: _largest(striking(counted.labels[one])), taken)
    number = np.cumsum(counted.asked) - 1
    rows = np.flatnonzero(counted.asked[counted.listed])
    found = striking(counted.labels)
    there = found[:, number[counted.listed[rows]]].toarray().T
    p = np.full(len(clusters), np.nan)
    shares = tail_shares(there, _largest(found), largest)
    p[rows] = shares[np.arange(len(rows)), clusters[rows]]
    return p


def _largest(values: csr_matrix) -> Float64s:
    """(clusters,) the largest of each row, nought for a row without any."""
    largest = np.zeros(values.shape[0])
    known = np.flatnonzero(np.diff(values.indptr))
    if len(known):
        largest[known] = np.maximum.reduceat(values.data, values.indptr[:-1][known])
    return largest
