"""Whether the terms of a cluster belong together, and whether clusters say different things.

Both figures judge the lists of `terms.py`, not the clusters themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.words.segment import Tokens
from rapids_rap.words.terms import METHODS, Terms, pair_starts

_NOISE = -1
_WINDOW = 25  # a random word is drawn among so many next more and next less frequent ones


@dataclass(frozen=True)
class Npmi:
    """Coherence of term lists, and of random words as frequent as theirs.

    value, baseline: means over clusters, None where no cluster has two terms. clusters: cluster,
    npmi, baseline, pairs; noise is not among them.
    """

    value: float | None
    baseline: float | None
    clusters: pd.DataFrame


def topic_diversity(table: pd.DataFrame, top: int) -> float | None:
    """Distinct terms / terms, of the first `top` of each cluster (Dieng, Ruiz & Blei 2020).

    In [0, 1]; 1: no two clusters share a term. table: one method's rows of `Terms.table` or
    `Terms.frequent` (the baseline: what plain counting would list); the first method where there
    are several. Noise is left out. None without terms.
    """
    if not len(table):
        return None
    first = table["method"] == table["method"].iloc[0]
    terms = table[first & (table["rank"] <= top) & (table["cluster"] != _NOISE)]["term"]
    return float(terms.nunique() / len(terms)) if len(terms) else None


def npmi(tokens: Tokens, terms: Terms, top: int, backend: Backend, seed: int = 0) -> Npmi:
    """Mean normalised pointwise mutual information of the pairs among each cluster's first terms.

    Bouma (2009): log(p(x, y) / (p(x) p(y))) / -log p(x, y), -1 if x and y never meet, 1 if they
    are never apart. p counts distinct texts (lines, as a rule: far shorter than the windows and
    documents of published figures, so compare with the baseline and not with those). Pairs that
    share a word are left out. The baseline puts in the place of each term a random word that is
    in about as many texts; `seed` makes it repeatable. Counts of texts, one for each word and
    each pair of listed terms, are copied to the host, where the lists are.
    """
    lists = _lists(terms, top)
    if not len(lists):
        return Npmi(None, None, pd.DataFrame(columns=["cluster", "npmi", "baseline", "pairs"]))
    stop, size = set(terms.stop_words["term"]), len(tokens.vocabulary)
    content = np.flatnonzero([word not in stop for word in tokens.vocabulary])
    held = _occurrences(tokens, backend)
    keys, column = np.unique(lists["key"], return_inverse=True)
    postings = _postings(held, backend.from_host(keys))
    own = _by_cluster(lists.assign(column=column), postings, size, backend)
    wanted = _texts_with(postings, backend)[column]
    common = _texts_with(_postings(held, backend.from_host(content)), backend)
    drawn = _similar_words(wanted, common, content, seed)
    keys, column = np.unique(drawn, return_inverse=True)
    postings = _postings(held, backend.from_host(keys))
    random = _by_cluster(lists.assign(key=drawn, column=column), postings, size, backend)
    table = own.merge(random[["cluster", "npmi"]].rename(columns={"npmi": "baseline"}), how="left")
    return Npmi(_mean(table["npmi"]), _mean(table["baseline"]), table)


class _Held(NamedTuple):
    """Every occurrence of a word or a pair: its key (see `Terms.keys`), its text, and n."""

    keys: Array
    texts: Array
    n: int


class _Postings(NamedTuple):
    """In which texts each of some terms is.

    codes: (p,) int64, sorted: term * n + text, of each text that holds the term. edges: (terms +
    1,) int64, where the codes of each term begin.
    """

    codes: Array
    edges: Array
    n: int


def _lists(terms: Terms, top: int) -> pd.DataFrame:
    """cluster, key: the first `top` terms of each cluster by the default method, in order."""
    table = terms.table.assign(key=terms.keys)
    chosen = (table["method"] == METHODS[0]) & (table["rank"] <= top) & (table["cluster"] != _NOISE)
    return table.loc[chosen, ["cluster", "key"]].reset_index(drop=True)


def _occurrences(tokens: Tokens, backend: Backend) -> _Held:
    xp, size = backend.xp, len(tokens.vocabulary)
    ids = xp.astype(backend.from_host(tokens.ids), xp.int64)
    texts = backend.from_host(tokens.text_ids)
    left = backend.from_host(np.flatnonzero(pair_starts(tokens)))
    pairs = size + xp.take(ids, left) * size + xp.take(ids, left + 1)
    n = len(tokens.offsets) - 1
    return _Held(xp.concat([ids, pairs]), xp.concat([texts, xp.take(texts, left)]), n)


def _postings(held: _Held, keys: Array) -> _Postings:
    """The texts of the terms of `keys` (terms,), which are sorted and distinct; one at least."""
    xp, n, terms = array_namespace(keys), held.n, int(keys.shape[0])
    term = xp.minimum(xp.searchsorted(keys, held.keys), terms - 1)
    known = xp.take(keys, term) == held.keys
    codes = xp.sort(term[known] * n + held.texts[known])
    codes = xp.concat([codes[:1], codes[1:][codes[1:] != codes[:-1]]])
    names = xp.arange(terms + 1, dtype=codes.dtype, device=device(codes))
    return _Postings(codes, xp.searchsorted(codes, names * n), n)


def _texts_with(postings: _Postings, backend: Backend) -> Int64s:
    """(terms,) in how many texts each term occurs."""
    return backend.to_host(postings.edges[1:] - postings.edges[:-1])


def _texts_with_both(postings: _Postings, left: Array, right: Array) -> Array:
    """(pairs,) int64: in how many texts the terms `left` and `right` (pairs,) both are.

    Each text of the rarer term is looked up among those of the other, in blocks of such texts.
    """
    xp, where = array_namespace(left), device(left)
    codes, edges, n = postings
    sizes = edges[1:] - edges[:-1]
    swap = xp.take(sizes, left) > xp.take(sizes, right)
    rare, other = xp.where(swap, right, left), xp.where(swap, left, right)
    sizes, begins = xp.take(sizes, rare), xp.take(edges, rare)
    ends = xp.cumulative_sum(sizes)
    starts = ends - sizes
    met = xp.zeros_like(ends)
    for block in row_blocks(int(xp.sum(sizes)), 100):
        rows = xp.arange(block.start, block.stop, dtype=xp.int64, device=where)
        pair = xp.searchsorted(ends, rows, side="right")
        held = xp.take(codes, rows - xp.take(starts, pair) + xp.take(begins, pair))
        wanted = held + (xp.take(other, pair) - xp.take(rare, pair)) * n
        place = xp.minimum(xp.searchsorted(codes, wanted), int(codes.shape[0]) - 1)
        both = xp.astype(xp.take(codes, place) == wanted, xp.int64)
        running = xp.cumulative_sum(both, include_initial=True)
        until, before = (
            xp.take(running, xp.minimum(xp.maximum(edge - block.start, 0), int(rows.shape[0])))
            for edge in (ends, starts)
        )
        met = met + until - before
    return met


def _similar_words(
    wanted: Int64s,
    texts_with: Int64s,
    content: Int64s,
    seed: int,
) -> Int64s:
    """A random word id for each wanted frequency, from the window of words around it."""
    order = np.argsort(texts_with, kind="stable")
    place = np.searchsorted(texts_with[order], wanted)
    shift = np.random.default_rng(seed).integers(-_WINDOW, _WINDOW + 1, size=len(wanted))
    return content[order][np.clip(place + shift, 0, len(content) - 1)]


def _by_cluster(
    lists: pd.DataFrame, postings: _Postings, size: int, backend: Backend
) -> pd.DataFrame:
    """cluster, npmi (mean over its pairs), pairs; a row for each cluster with a pair.

    lists: cluster, key, column (the term's place in `postings`). size: V.
    """
    n, alone, pairs = postings.n, _texts_with(postings, backend), _pairs(lists, size)
    i, j = pairs["column"].to_numpy(), pairs["column_other"].to_numpy()
    both = backend.to_host(_texts_with_both(postings, backend.from_host(i), backend.from_host(j)))
    pairs = pairs.assign(npmi=_bouma(both / n, alone[i] / n, alone[j] / n))
    groups = pairs.groupby("cluster")["npmi"]
    return groups.agg(npmi="mean", pairs="size").reset_index()


def _pairs(lists: pd.DataFrame, size: int) -> pd.DataFrame:
    """Pairs of terms of a cluster that share no word: cluster, column, column_other."""
    key = lists["key"]
    word = key < size
    left = key.where(word, (key - size) // size)
    right = key.where(word, (key - size) % size)
    terms = lists.assign(left=left, right=right, place=np.arange(len(lists)))
    pairs = terms.merge(terms, on="cluster", suffixes=("", "_other"))
    pairs = pairs[pairs["place"] < pairs["place_other"]]
    shared = [
        pairs[own] == pairs[other]
        for own in ("left", "right")
        for other in ("left_other", "right_other")
    ]
    return pairs[~np.logical_or.reduce(shared)][["cluster", "column", "column_other"]]


def _bouma(both: Float64s, x: Float64s, y: Float64s) -> Float64s:
    """NPMI of probabilities, with its limits -1 (never together) and 1 (in every text)."""
    inside = (both > 0) & (both < 1)
    p = np.where(inside, both, 0.5)
    value = np.log(p / np.where(inside, x * y, 1.0)) / -np.log(p)
    return np.where(inside, value, np.where(both > 0, 1.0, -1.0))


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if values.notna().any() else None
