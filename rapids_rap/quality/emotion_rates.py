"""Which emotions a cluster has more or less of than all lyrics, and where that is not distinctive.

The label of cluster_emotions.csv is the category of most hits, which a cluster has even where it
says nothing. Here is each category's rate, the share of a cluster's lines with a hit, beside that
of all lines, with intervals over songs (linearised as in `tables.artists`), and a permutation of
whole songs (`profiles`): p is that of the largest deviation of any category in the cluster, q over
the table (Westfall & Young 1993; Phipson & Smyth 2010; Benjamini & Hochberg 1995). A line that a
song repeats counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from array_api_compat import array_namespace
from scipy.special import stdtrit

from rapids_rap.arrays import Float64s, HostArray, Int64s
from rapids_rap.backend.kept import require_between, require_columns
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.quality.keyness import discovery_rates
from rapids_rap.quality.profiles import Profiles, exchanged_pairs, of_each, tail_shares
from rapids_rap.tables.artists import FEWEST, NO_SONGS, TOO_FEW_SONGS

VERSION = 1  # raise it when the same arguments give another result

NOT_DISTINCTIVE = "not distinctive"
MORE, LESS = "more", "less"
LEVEL = 0.05  # of q, from which a rate is distinctive


@dataclass(frozen=True)
class EmotionRates:
    """cluster_emotion_rates.csv, by cluster, then as in the lexicon.

    table: cluster, category, lines (with a hit), rate, rate_low, rate_high, all_lines (the rate of
    all), lift, lift_low, lift_high, p, q, label, note.
    """

    table: pd.DataFrame


def emotion_rates(
    hits: Array,
    labels: Array,
    categories: Sequence[str],
    profiles: Profiles | None,
    permutations: int,
    backend: Backend,
    seed: int | None,
) -> EmotionRates:
    """The rate of each category in each cluster, with its evidence.

    hits: (n, categories) int64 of each text. labels: (n,) int64, -1 for noise. profiles: None where
    no song is known; then rates of distinct texts stand alone.
    """
    found = backend.to_host(hits > 0)  # a byte a category
    own = backend.to_host(labels).astype(np.int64) + 1
    if profiles is not None:
        found, own = found[profiles.texts], own[profiles.texts]
    many, width = int(own.max(initial=0)) + 1, len(categories)
    sizes = np.bincount(own, minlength=many).astype(np.float64)
    counts = np.zeros((many, width))
    for k in range(width):
        counts[:, k] = np.bincount(own, found[:, k], minlength=many)
    rate = counts / np.maximum(sizes, 1)[:, None]
    everyone = counts.sum(axis=0) / max(sizes.sum(), 1)
    lift = np.divide(rate, everyone, out=np.full_like(rate, np.nan), where=everyone > 0)
    wide = np.full((2, *counts.shape), np.nan)
    p, songs = np.full(counts.shape, np.nan), np.zeros(counts.shape, dtype=np.int64)
    if profiles is not None:
        of_rate, of_lift, songs = _spreads(found, own, profiles.units, counts, sizes)
        wide = np.exp(np.stack([of_rate, of_lift]))
        if permutations:
            tested = _permuted(found, own, profiles, many, permutations, seed or 0)
            p = np.where(songs >= FEWEST, tested, np.nan)
    cells = {
        "lines": counts.astype(np.int64),
        "rate": rate,
        "rate_low": rate / wide[0],
        "rate_high": np.minimum(rate * wide[0], 1.0),
        "all_lines": np.broadcast_to(everyone, counts.shape),
        "lift": lift,
        "lift_low": lift / wide[1],
        "lift_high": lift * wide[1],
        "p": p,
    }
    few = TOO_FEW_SONGS if profiles is not None else NO_SONGS
    return EmotionRates(_table(cells, categories, np.flatnonzero(sizes), songs, few))


def _table(
    cells: Mapping[str, HostArray],
    categories: Sequence[str],
    present: Int64s,
    songs: HostArray,
    few: str,
) -> pd.DataFrame:
    """A row for each category of each cluster that is `present`."""
    table = pd.DataFrame(
        {
            "cluster": np.repeat(present - 1, len(categories)),
            "category": pd.array(list(categories) * len(present), dtype="str"),
            **{name: values[present].ravel() for name, values in cells.items()},
        }
    )
    table["q"] = discovery_rates(table["p"])
    table["label"] = pd.array(_labels(table), dtype="str")
    enough = (songs >= FEWEST)[present].ravel()
    table["note"] = pd.array(np.where(enough, "", few), dtype="str")
    return table


def check_kept(
    kept: EmotionRates, hits: Array, labels: Array, categories: Sequence[str], *_: object
) -> None:
    """Raises ValueError for rates that these arguments can't have given."""
    numbers = ("rate", "rate_low", "rate_high", "all_lines", "lift", "lift_low", "lift_high")
    kinds = {"cluster": "i", "category": "t", "lines": "i"}
    kinds |= dict.fromkeys((*numbers, "p", "q"), "m")
    require_columns("table", kept.table, {**kinds, "label": "t", "note": "t"})
    highest = int(array_namespace(labels).max(labels)) if int(labels.shape[0]) else -1
    require_between("cluster", kept.table["cluster"].to_numpy(), -1, highest)
    if not set(kept.table["category"]) <= set(categories):
        raise ValueError("table has another category")


def _labels(table: pd.DataFrame) -> list[str]:
    """`more`, `less`, `not distinctive`; "" where it was not tested."""
    sure = (table["q"] < LEVEL) & table["lift"].notna()
    return [
        "" if np.isnan(q) else (NOT_DISTINCTIVE if not yes else MORE if lift > 1 else LESS)
        for q, yes, lift in zip(table["q"], sure, table["lift"], strict=True)
    ]


def _spreads(
    found: HostArray, own: Int64s, units: Int64s, counts: Float64s, sizes: Float64s
) -> tuple[Float64s, Float64s, Int64s]:
    """(clusters, categories): half widths of log rate and log lift, and the songs with a hit."""
    shape, many = counts.shape, int(units.max()) + 1
    rate, lift = np.full(shape, np.nan), np.full(shape, np.nan)
    songs = np.zeros(shape, dtype=np.int64)
    whole = np.bincount(units, minlength=many) / len(units)
    for c in range(shape[0]):
        inside = own == c
        lines = np.bincount(units[inside], minlength=many) / max(sizes[c], 1.0)
        for k in range(shape[1]):
            hits = np.bincount(units[inside], found[inside, k], minlength=many)
            songs[c, k] = np.count_nonzero(hits)
            if songs[c, k] < FEWEST:
                continue
            everyone = np.bincount(units, found[:, k], minlength=many)
            one = hits / hits.sum() - lines
            other = everyone / everyone.sum() - whole
            wide = stdtrit(songs[c, k] - 1, 0.975) * np.sqrt(many / (many - 1))
            rate[c, k] = wide * np.sqrt((one**2).sum())
            lift[c, k] = wide * np.sqrt(((one - other) ** 2).sum())
    return rate, lift, songs


def _permuted(
    found: HostArray, own: Int64s, profiles: Profiles, many: int, permutations: int, seed: int
) -> Float64s:
    """(clusters, categories) p of the largest deviation of any category in the cluster."""
    total = found.sum(axis=0).astype(np.float64)

    def deviation(labels: Int64s) -> Float64s:
        y = np.stack([np.bincount(labels[rows], minlength=many) for rows in where], axis=1)
        share = np.bincount(labels, minlength=many)[:, None] / len(labels)
        return np.abs(np.sqrt(y + 0.375) - np.sqrt(share * total + 0.375))

    where = [np.flatnonzero(found[:, k]) for k in range(found.shape[1])]
    taken = exchanged_pairs(profiles, permutations, seed)
    largest = of_each(lambda one: deviation(own[one]).max(axis=1), taken)
    return tail_shares(deviation(own).T, largest).T


def category_overlap(
    spans: pd.DataFrame, weights: Int64s, categories: Sequence[str]
) -> pd.DataFrame:
    """lexicon_overlap.csv: category, other, words, hits, lines, of every pair that shares any.

    words: that both hold and that were found; hits: of those; lines: with a hit of both, by
    whatever words. spans: of `words.hits`. weights: (n,) occurrences of each text.
    """
    times = weights[spans["text_id"].to_numpy(dtype=np.int64)]
    rows = spans[["text_id", "start", "end", "word", "category"]].assign(times=times)
    same = rows.merge(
        rows, on=["text_id", "start", "end", "word", "times"], suffixes=("", "_other")
    )
    pairs = [(a, b) for i, a in enumerate(categories) for b in categories[i + 1 :]]
    each = rows.drop_duplicates(["text_id", "category"])
    held = {name: part.set_index("text_id")["times"] for name, part in each.groupby("category")}
    out = []
    for a, b in pairs:
        shared = same[(same["category"] == a) & (same["category_other"] == b)]
        one, other = held.get(a), held.get(b)
        both = 0 if one is None or other is None else int(one[one.index.isin(other.index)].sum())
        if both:
            out.append((a, b, shared["word"].nunique(), int(shared["times"].sum()), both))
    return pd.DataFrame(out, columns=["category", "other", "words", "hits", "lines"])
