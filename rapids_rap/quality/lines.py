"""Which line finds which: the lines of whole songs, each asked for its next line and its song.

Songs are drawn by the seed until the lines suffice, one of each leakage group; a text that two of
them hold is neither a question nor an answer; equal texts of a song are one. The first right answer
counts, at its expected rank among ties. Everything is exact on that sample, by blocks of rows, on
the backend; what comes to the host are a few numbers for each line and each pair of songs.

A tuning asks simpler questions, on the host: of m pairs of a line and the next, where the next one
stands among all of them (`pair_ranks`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Bools, Float64s, HostArray, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import one_hot, row_blocks, unit_rows
from rapids_rap.quality.geometry import TIE
from rapids_rap.quality.leakage import leakage_groups, song_entries
from rapids_rap.words.tfidf import count_characters, products, weigh

FIRST = 10  # answers that are looked at
Scores = Callable[[slice], Array]  # (rows, n) cosines of a block of rows with every row
PairScores = Callable[[slice, Int64s], Any]  # (rows, a) of a block of queries with these targets


@dataclass(frozen=True)
class SampledLines:
    """The lines that are judged, T of them from S songs. In host memory.

    texts: (T,) int64 ids of distinct texts, each of one song. songs: (T,) int64, 0..`size` - 1,
    ascending.
    next: (T, w) int64, the lines that follow it somewhere in its song, as rows of `texts`; -1 where
    there are fewer than w. sampled: whether the corpus has more songs.
    """

    texts: Int64s
    songs: Int64s
    next: Int64s
    size: int
    sampled: bool


@dataclass(frozen=True)
class LineRanks:
    """What one space says of every line of a `SampledLines`. In host memory, T lines, S songs.

    next_rank, song_rank: (T,) float64, of the first right answer, from 1; NaN without one.
    aligned: (T,) float64, squared distances to the lines that follow it, summed.
    potentials, cosines: (S, S) float64, summed over the pairs of lines of two songs.
    """

    next_rank: Float64s
    song_rank: Float64s
    aligned: Float64s
    potentials: Float64s
    cosines: Float64s


def sample_lines(
    lines: pd.DataFrame, texts: Sequence[str], most: int, seed: int, backend: Backend
) -> SampledLines | None:
    """Whole songs of the corpus, at random, of about `most` lines; None where no song is known.

    lines: a row an occurrence in reading order, with song_id, stanza, line_no and text_id.
    """
    known = lines[lines["song_id"].notna()]
    if known.empty:
        return None
    sizes = known.drop_duplicates(["song_id", "text_id"]).groupby("song_id").size()
    names = np.asarray(sizes.index, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(names))
    enough = int(np.searchsorted(np.cumsum(sizes.to_numpy()[order]), most)) + 1
    chosen = np.sort(names[order[:enough]])
    entries = song_entries(known, chosen)
    groups = leakage_groups(entries, texts, backend)
    leaders = np.unique(groups, return_index=True)[1]
    own = np.isin(entries.songs, leaders)
    held, once = np.unique(entries.texts[own], return_counts=True)
    own &= np.isin(entries.texts, held[once == 1])
    song = np.unique(entries.songs[own], return_inverse=True)[1]
    ids = entries.texts[own]
    return SampledLines(
        ids,
        song.astype(np.int64),
        _followers(known, ids),
        int(song.max(initial=-1)) + 1,
        enough < len(names),
    )


def _followers(lines: pd.DataFrame, ids: Int64s) -> Int64s:
    """(T, w) rows of `ids` (T,) that follow each: in its stanza, or else in its song.

    Across stanzas only where a stanza is a unit, so that no two units share one.
    """
    if not len(ids):
        return np.zeros((0, 1), dtype=np.int64)
    text = lines["text_id"].to_numpy(dtype=np.int64)
    order = np.argsort(ids)
    place = order[np.minimum(np.searchsorted(ids, text, sorter=order), len(ids) - 1)]
    wanted = ids[place] == text
    # A line that is left out still stands between its neighbours.
    table = pd.DataFrame(
        {
            "song": lines["song_id"].to_numpy(dtype=np.int64),
            "stanza": lines["stanza"].to_numpy(),
            "line": lines["line_no"].to_numpy(),
            "row": np.where(wanted, place, -1),
        }
    ).sort_values(["song", "stanza", "line"], kind="stable")
    song, stanza, row = (table[name].to_numpy() for name in ("song", "stanza", "row"))
    within = follow_on(song, stanza)
    joined = within if within.any() else song[1:] == song[:-1]
    left, right = row[:-1], row[1:]
    pairs = np.stack([left, right], axis=1)[joined & (left >= 0) & (right >= 0) & (left != right)]
    pairs = np.unique(pairs, axis=0).reshape(-1, 2)
    column = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0])
    follows = np.full((len(ids), int(column.max(initial=0)) + 1), -1, dtype=np.int64)
    follows[pairs[:, 0], column] = pairs[:, 1]
    return follows


def follow_on(song: HostArray, stanza: HostArray, number: HostArray | None = None) -> Bools:
    """(n - 1,) whether each of n lines in reading order but the first is the next of its stanza.

    All (n,). number: the place in the song, where lines that are missing between two must part
    them.
    """
    joined = (song[1:] == song[:-1]) & (stanza[1:] == stanza[:-1])
    if number is not None:
        joined &= number[1:] == number[:-1] + 1
    return np.asarray(joined)


def dense_scores(vectors: Array, rows: Int64s, backend: Backend) -> Scores:
    """Cosines of the rows of `vectors` (n, d) with these numbers (T,)."""
    units = unit_rows(backend.xp.take(vectors, backend.from_host(rows), axis=0))

    def block(part: slice) -> Array:
        return units[part, :] @ backend.xp.matrix_transpose(units)

    return block


def character_scores(texts: Sequence[str], backend: Backend) -> Scores:
    """Cosines of character 2-5-gram TF-IDF, fitted on these texts (T,): the baseline."""
    matrix = _characters(texts, backend)
    return lambda part: products(matrix, part, backend)


def character_pairs(queries: Sequence[str], targets: Sequence[str], backend: Backend) -> PairScores:
    """The same baseline for `pair_ranks`, fitted on queries and targets (m each) together."""
    matrix, m = _characters((*queries, *targets), backend), len(queries)
    return lambda part, some: (matrix[part] @ matrix[m + some].T).toarray()


def _characters(texts: Sequence[str], backend: Backend) -> Any:
    counts = count_characters(texts, np.arange(len(texts)), len(texts), backend)
    return weigh(counts, backend).matrix


def pair_ranks(scores: PairScores, texts: npt.ArrayLike) -> Float64s:
    """(m,) float64, the rank, from 1, of each query's own target among the distinct targets.

    texts: (m,) ids, equal for targets of equal text: those count as one answer, scored by its first
    row. Only equal scores are ties, so that vectors that are all one score chance.
    """
    _, first, own = np.unique(np.asarray(texts), return_index=True, return_inverse=True)
    ranks = [np.zeros(0)]
    for part in row_blocks(len(own), 8 * 12 * len(first)):
        found = np.asarray(scores(part, first), dtype=np.float64)
        right = np.take_along_axis(found, own[part, None], axis=1)
        ranks.append(first_ranks(found, right, tie=0.0))
    return np.concatenate(ranks)


def early(ranks: Float64s) -> tuple[float, float]:
    """The mean reciprocal rank (Voorhees, TREC-8 1999) and the share of ranks to `FIRST`."""
    return float((1.0 / ranks).mean()), float((ranks <= FIRST).mean())


def rank_lines(drawn: SampledLines, scores: Scores, backend: Backend) -> LineRanks:
    """Rank every drawn line by `scores`, in one pass over blocks of rows."""
    xp = backend.xp
    songs, follows = backend.from_host(drawn.songs), backend.from_host(drawn.next)
    n = int(follows.shape[0])
    none = backend.from_host(np.zeros((0, 2)))
    ranks, aligned = [none], [none[:, 0]]
    pairs = backend.from_host(np.zeros((2, drawn.size, drawn.size)))
    edges = backend.from_host(np.searchsorted(drawn.songs, np.arange(drawn.size + 1)))
    for part in row_blocks(n, 8 * 12 * n):
        found = xp.astype(scores(part), xp.float64, copy=False)
        mine = xp.matrix_transpose(one_hot(songs[part], drawn.size, xp.float64))
        sums = [mine @ _by_song(kind, edges) for kind in (potentials(found), found)]
        pairs = pairs + xp.stack(sums)
        block, distances = _rank(found, part, songs, follows)
        ranks.append(block)
        aligned.append(distances)
    rank = backend.to_host(xp.concat(ranks))
    both = backend.to_host(pairs)
    return LineRanks(rank[:, 0], rank[:, 1], backend.to_host(xp.concat(aligned)), both[0], both[1])


def _by_song(values: Array, edges: Array) -> Array:
    """(rows, S) sums of `values` (rows, T) over the columns of each song, which lie together."""
    xp = array_namespace(values)
    running = xp.cumulative_sum(values, axis=1, include_initial=True)
    until = xp.take(running, edges, axis=1)
    return until[:, 1:] - until[:, :-1]


def _rank(scores: Array, part: slice, songs: Array, follows: Array) -> tuple[Array, Array]:
    """(rows, 2) ranks of the first follower and the first line of the song; (rows,) distances."""
    xp, where = array_namespace(scores), device(scores)
    nobody = xp.asarray(-math.inf, dtype=scores.dtype, device=where)
    ids = xp.arange(int(scores.shape[1]), dtype=songs.dtype, device=where)
    itself = ids[part][:, None] == ids[None, :]
    others = xp.where(itself, nobody, scores)
    asked = follows[part, :]
    near = xp.take_along_axis(scores, xp.maximum(asked, 0), axis=1)
    following = xp.where(asked >= 0, near, nobody)
    fellows = (songs[part][:, None] == songs[None, :]) & ~itself
    fellows = xp.where(fellows, scores, nobody)
    ranks = [first_ranks(others, following), first_ranks(others, fellows)]
    distances = xp.where(asked >= 0, squared_distances(near), xp.zeros_like(near))
    return xp.stack(ranks, axis=1), xp.sum(distances, axis=1)


def squared_distances(cosines: Array) -> Array:
    """Of unit vectors with these cosines: what alignment is the mean of (alpha = 2)."""
    return array_namespace(cosines).maximum(2.0 - 2.0 * cosines, 0.0)


def potentials(cosines: Array) -> Array:
    """Gaussian, exp(-2 |x - y|²), of unit vectors: uniformity is their mean's logarithm (t = 2)."""
    return array_namespace(cosines).exp(4.0 * cosines - 4.0)


def first_ranks(scores: Array, right: Array, tie: float = TIE) -> Array:
    """(rows,) float64, the expected rank of the best right answer; NaN for a row without any.

    scores: (rows, n) of all candidates; right: (rows, r) of the right ones, -inf for a gap. Ties,
    within `tie`, are in random order: with r right ones among e, (e + 1) / (r + 1) of them.
    """
    xp = array_namespace(scores)
    best = xp.max(right, axis=1, keepdims=True)
    above = xp.count_nonzero(scores > best + tie, axis=1)
    # As good as the right one or better, less the better ones: the right ones and their equals.
    equal = xp.count_nonzero(scores >= best - tie, axis=1) - above
    ours = xp.count_nonzero(right >= best - tie, axis=1)
    above, equal, ours = (xp.astype(x, xp.float64) for x in (above, equal, ours))
    rank = above + (equal + 1.0) / (ours + 1.0)
    return xp.where(xp.isfinite(best[:, 0]), rank, xp.full_like(rank, math.nan))


def chance(drawn: SampledLines) -> dict[str, tuple[float, float] | None]:
    """Expected (reciprocal rank, share in the first ten) of a random order, "next" and "song"."""
    following = np.count_nonzero(drawn.next >= 0, axis=1)
    fellows = np.bincount(drawn.songs, minlength=1)[drawn.songs] - 1
    pool = len(drawn.texts) - 1
    return {"next": _chance(following, pool), "song": _chance(fellows, pool)}


def _chance(right: Any, pool: int) -> tuple[float, float] | None:
    """Means over the questions with `right` (T,) > 0 right answers among `pool` candidates."""
    kinds, share = np.unique(right[right > 0], return_counts=True)
    if not len(kinds):
        return None
    mrr, hits = zip(*(chance_of(int(kind), pool) for kind in kinds), strict=True)
    return float(np.average(mrr, weights=share)), float(np.average(hits, weights=share))


def chance_of(right: int, pool: int) -> tuple[float, float]:
    """What `early` expects of the first of `right` answers in a random order of `pool`."""
    if not 1 <= right <= pool:
        raise ValueError(f"right must lie between 1 and {pool}, got {right}")
    rank = np.arange(1, pool - right + 2)
    # P(first > k) = product over j < k of (pool - right - j) / (pool - j)
    later = np.concatenate(([1.0], np.cumprod((pool - right + 1.0 - rank) / (pool + 1.0 - rank))))
    first = later[:-1] - later[1:]
    return float((first / rank).sum()), float(first[:FIRST].sum())
