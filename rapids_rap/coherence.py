"""Whether the terms of a cluster belong together, and whether clusters say different things.

Both figures judge the lists of `terms.py`, not the clusters themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from rapids_rap.backend import Backend
from rapids_rap.segment import Tokens
from rapids_rap.terms import METHODS, Terms, pair_starts

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
    in about as many texts; `seed` makes it repeatable.
    """
    lists = _lists(terms, top)
    if not len(lists):
        return Npmi(None, None, pd.DataFrame(columns=["cluster", "npmi", "baseline", "pairs"]))
    stop = set(terms.stop_words["term"])
    content = np.flatnonzero([word not in stop for word in tokens.vocabulary])
    held = _occurrences(tokens)
    every, place = np.unique(lists["key"], return_inverse=True)
    wanted = _texts_with(held, every, backend)[place]
    drawn = _similar_words(wanted, _texts_with(held, content, backend), content, seed)
    own = _by_cluster(lists, held, len(tokens.vocabulary), backend)
    random = _by_cluster(lists.assign(key=drawn), held, len(tokens.vocabulary), backend)
    table = own.merge(random[["cluster", "npmi"]].rename(columns={"npmi": "baseline"}), how="left")
    return Npmi(_mean(table["npmi"]), _mean(table["baseline"]), table)


class _Held(NamedTuple):
    """Every occurrence of a word or a pair: its key (see `Terms.keys`), its text, and n."""

    keys: npt.NDArray[np.int64]
    texts: npt.NDArray[np.int64]
    n: int


def _lists(terms: Terms, top: int) -> pd.DataFrame:
    """cluster, key: the first `top` terms of each cluster by the default method, in order."""
    table = terms.table.assign(key=terms.keys)
    chosen = (table["method"] == METHODS[0]) & (table["rank"] <= top) & (table["cluster"] != _NOISE)
    return table.loc[chosen, ["cluster", "key"]].reset_index(drop=True)


def _occurrences(tokens: Tokens) -> _Held:
    size, ids, texts = len(tokens.vocabulary), tokens.ids.astype(np.int64), tokens.text_ids
    left = np.flatnonzero(pair_starts(tokens))
    pairs = size + ids[left] * size + ids[left + 1]
    n = len(tokens.offsets) - 1
    return _Held(np.concatenate((ids, pairs)), np.concatenate((texts, texts[left])), n)


def _presence(held: _Held, keys: npt.NDArray[np.int64], backend: Backend) -> Any:
    """(n, len(keys)) sparse float64: 1 where the text holds the term; `keys` sorted, distinct."""
    xp = backend.xp
    column = np.searchsorted(keys, held.keys)
    known = np.append(keys, -1)[column] == held.keys
    texts, columns = (backend.from_host(part[known]) for part in (held.texts, column))
    ones = xp.ones(texts.shape[0], dtype=xp.float64)
    matrix = backend.sparse.csr_matrix((ones, (texts, columns)), shape=(held.n, len(keys)))
    matrix.sum_duplicates()
    matrix.data = xp.ones_like(matrix.data)
    return matrix


def _texts_with(
    held: _Held, keys: npt.NDArray[np.int64], backend: Backend
) -> npt.NDArray[np.float64]:
    """(len(keys),) in how many texts each term occurs."""
    return backend.to_host(_presence(held, keys, backend).T @ backend.xp.ones(held.n))


def _similar_words(
    wanted: npt.NDArray[np.float64],
    texts_with: npt.NDArray[np.float64],
    content: npt.NDArray[np.int64],
    seed: int,
) -> npt.NDArray[np.int64]:
    """A random word id for each wanted frequency, from the window of words around it."""
    order = np.argsort(texts_with, kind="stable")
    place = np.searchsorted(texts_with[order], wanted)
    shift = np.random.default_rng(seed).integers(-_WINDOW, _WINDOW + 1, size=len(wanted))
    return content[order][np.clip(place + shift, 0, len(content) - 1)]


def _by_cluster(lists: pd.DataFrame, held: _Held, size: int, backend: Backend) -> pd.DataFrame:
    """cluster, npmi (mean over its pairs), pairs; a row for each cluster with a pair."""
    keys, columns = np.unique(lists["key"], return_inverse=True)
    presence = _presence(held, keys, backend)
    together = (presence.T @ presence).tocsr()
    alone = backend.to_host(presence.T @ backend.xp.ones(held.n))
    pairs = _pairs(lists.assign(column=columns), size)
    i, j = pairs["column"].to_numpy(), pairs["column_other"].to_numpy()
    both = np.zeros(0)
    if len(pairs):  # an empty selection of a sparse matrix is not an array
        met = together[backend.from_host(i), backend.from_host(j)]
        both = backend.to_host(backend.xp.asarray(met)).reshape(-1)
    pairs = pairs.assign(npmi=_bouma(both / held.n, alone[i] / held.n, alone[j] / held.n))
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


def _bouma(
    both: npt.NDArray[np.float64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """NPMI of probabilities, with its limits -1 (never together) and 1 (in every text)."""
    inside = (both > 0) & (both < 1)
    p = np.where(inside, both, 0.5)
    value = np.log(p / np.where(inside, x * y, 1.0)) / -np.log(p)
    return np.where(inside, value, np.where(both > 0, 1.0, -1.0))


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if values.notna().any() else None
