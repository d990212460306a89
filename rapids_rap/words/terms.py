"""The words and word pairs that tell a cluster from the rest, common words notwithstanding.

Two weightings, because they answer two questions. With y the occurrences of a term in a cluster of
n words, and f its occurrences in all N words of K clusters (noise is one of them):

- `log_odds`: is the difference more than chance? The z-score of the log-odds ratio of the cluster
  against the rest, with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, "Fightin'
  Words"), a_t = a * f / N with a = N / K: a rate is believed as the corpus has it until a
  cluster's worth of words says otherwise. Below 1.96 a term is within chance; repeated lines are
  not independent, so take z as a ranking rather than as a test.
- `ctfidf`: how much of the cluster's wording is it? Class-based TF-IDF (Grootendorst 2022,
  arXiv:2203.05794), tf * log(1 + (N / K) / f), with tf the *excess* rate y/n - f/N in place of
  y/n. 我 and 你 are as frequent everywhere, so their excess is about nothing and they leave the
  list by themselves, where y/n alone keeps them on top whatever the idf.

Function words are set aside from both, and listed with their counts in `Terms.stop_words`, so that
nothing is hidden; `Terms.frequent` is what plain counting would have shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from array_api_compat import array_namespace

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.backend.kept import require_array, require_between, require_columns
from rapids_rap.backend.protocol import Array, Backend, Frame
from rapids_rap.backend.rows import ranks
from rapids_rap.config import TermsConfig
from rapids_rap.data import data_path
from rapids_rap.words.segment import GLUED, SPACE, Tokens, fold, is_chinese, load_words

VERSION = 1  # raise it when the same arguments give another result

METHODS = ("log_odds", "ctfidf")
"""In the order of the table: the first is the default of everything that shows a few terms."""


@dataclass(frozen=True)
class Terms:
    """The terms of each cluster, in host memory.

    table: cluster, rank (from 1), term, score, method: by method (`METHODS`), cluster, rank.
    keys: (rows of table,) int64: a word's id, or V + left id * V + right id of a pair, with V the
    size of the vocabulary. stop_words: term, count of every stop word that occurs, most frequent
    first. frequent: as `table`, method "frequency": the most frequent words, stop words included.
    """

    table: pd.DataFrame
    keys: Int64s
    stop_words: pd.DataFrame
    frequent: pd.DataFrame


def cluster_terms(
    tokens: Tokens,
    labels: Array,
    weights: Array,
    stop: Sequence[str],
    config: TermsConfig,
    backend: Backend,
) -> Terms:
    """The `config.top` terms of each cluster by each method, noise (-1) first.

    labels, weights: (n,) int64 cluster and occurrences of each text. stop: the words of
    `config.stop_words`, as `stop_words` reads them. A pair is two neighbouring
    words with nothing between them (Latin words: white space or a hyphen), neither a stop word,
    not the same word twice. Not listed: terms with fewer than `config.min_count` occurrences in
    all, in a single distinct text of the cluster, or no more frequent in it than elsewhere (so a
    lone cluster has no terms). A pair and its words do not fill the list twice: a pair that
    makes up at least half of a word's occurrences in the cluster stands for that word, which is
    not listed, and takes the higher of the scores; a pair that does so for neither is not listed.

    The tokens go to the backend as integers, with some 250 bytes of tables for each. The words stay
    on the host, and what comes back to it is the finished tables: `config.top` rows for each
    cluster and method, and the counts of the stop words.
    """
    least = config.min_count
    counts = count_terms(tokens, labels, weights, stop, backend, pairs=config.bigrams, least=least)
    return rank_terms(counts, tokens, stop, config, backend)


def count_terms(
    tokens: Tokens,
    labels: Array,
    weights: Array,
    stop: Sequence[str],
    backend: Backend,
    *,
    pairs: bool,
    least: int,
) -> Frame:
    """cluster, key, count, text, last of words and pairs: sums, and the first and last text's id.

    Arguments as of `cluster_terms`. least: occurrences that a pair must have in all. Sums,
    minima and maxima: with `least` 0, `merge_counts` of the counts of parts are those of the whole.
    """
    words = _word_rows(tokens, labels, weights, backend)
    stopped = backend.from_host(_stop_mask(tokens, stop))
    both = _pair_rows(words, tokens, stopped, least, backend) if pairs else []
    rows = backend.frames.concat([words, *both])
    return merge_counts([rows.assign(last=rows["text"])], backend)


def merge_counts(parts: Sequence[Frame], backend: Backend) -> Frame:
    """The counts of parts of the texts in one, by cluster and key; associative."""
    rows = parts[0] if len(parts) == 1 else backend.frames.concat(parts)
    how = {"count": "sum", "text": "min", "last": "max"}
    return rows.groupby(["cluster", "key"], sort=True).agg(how).reset_index()


def rank_terms(
    counts: Frame, tokens: Tokens, stop: Sequence[str], config: TermsConfig, backend: Backend
) -> Terms:
    """The terms of clusters from all their counts, as `count_terms` gives them."""
    size = len(tokens.vocabulary)
    stopped = backend.from_host(_stop_mask(tokens, stop))
    counts = counts.assign(several=counts["last"] > counts["text"])
    counts = counts[["cluster", "key", "count", "several"]]
    is_stop = backend.xp.take(stopped, backend.xp.minimum(counts["key"].values, size))
    plain = counts[counts["key"] < size]
    scored = _score(counts, plain, ~is_stop, config.min_count, backend)
    named = [
        _name(_top(_merge_pairs(scored, m, size, backend), m, config.top), m, tokens, backend)
        for m in METHODS
    ]
    plain = plain.rename(columns={"count": "frequency"})
    return Terms(
        table=pd.concat([table for table, _ in named], ignore_index=True),
        keys=np.concatenate([keys for _, keys in named]),
        stop_words=_stop_counts(counts, is_stop, tokens, backend),
        frequent=_name(_top(plain, "frequency", config.top), "frequency", tokens, backend)[0],
    )


def first_terms(terms: Terms, top: int) -> Terms:
    """The same terms with a list of `top` for each cluster and method, shorter than it was."""
    kept = (terms.table["rank"] <= top).to_numpy()
    return replace(
        terms,
        table=terms.table[kept].reset_index(drop=True),
        keys=terms.keys[kept],
        frequent=terms.frequent[terms.frequent["rank"] <= top].reset_index(drop=True),
    )


def check_kept(kept: Terms, tokens: Tokens, labels: Array, *_: object) -> None:
    """Raises ValueError for terms that these arguments can't have given."""
    columns = {"cluster": "i", "rank": "i", "term": "t", "score": "f", "method": "t"}
    highest = int(array_namespace(labels).max(labels)) if int(labels.shape[0]) else -1
    for name, table in (("table", kept.table), ("frequent", kept.frequent)):
        require_columns(name, table, columns)
        require_between(f"{name}: cluster", table["cluster"].to_numpy(), -1, highest)
    size = len(tokens.vocabulary)
    require_array("keys", kept.keys, "i", (len(kept.table),))
    require_between("keys", kept.keys, 0, size + size**2 - 1)
    require_columns("stop_words", kept.stop_words, {"term": "t", "count": "i"})


def term_text(*words: str) -> str:
    """A word as it is; a pair joined as it was written: by a space between two Latin words."""
    return ("" if any(map(is_chinese, words)) else " ").join(words)


def stop_words(setting: str) -> tuple[str, ...]:
    """The stop words of `[terms] stop_words`: a file's, the bundled list's (""), or `none`."""
    if setting == "none":
        return ()
    return load_words(setting or data_path("stopwords.txt"))


def pair_starts(tokens: Tokens) -> Bools:
    """(T,) bool: whether a token and the next one are neighbours with nothing between them.

    Nothing: no character, or white space or a hyphen between two Latin words.
    """
    neighbours = np.zeros(len(tokens.ids), dtype=bool)
    if len(tokens.ids):
        latin = ~tokens.chinese[tokens.ids]
        gaps = tokens.gaps[1:]
        neighbours[:-1] = (gaps == GLUED) | ((gaps == SPACE) & latin[:-1] & latin[1:])
    return neighbours


def content_terms(tokens: Tokens, stop: Sequence[str]) -> tuple[Int64s, Int64s]:
    """Every occurrence of a word or a pair that `cluster_terms` may list, in host memory.

    (m,) int64 each: the text it is in, and its key, as in `Terms.keys`.
    """
    size = len(tokens.vocabulary)
    ids, text = tokens.ids.astype(np.int64), tokens.text_ids.astype(np.int64)
    content = ~_stop_mask(tokens, stop)[ids]
    right = np.roll(ids, -1)
    pairs = pair_starts(tokens) & content & np.roll(content, -1) & (ids != right)
    keys = [ids[content], size + ids[pairs] * size + right[pairs]]
    return np.concatenate([text[content], text[pairs]]), np.concatenate(keys)


def _stop_mask(tokens: Tokens, stop: Sequence[str]) -> Bools:
    """(V + 1,) bool over word ids; the last entry stands for everything that is not a word."""
    listed = {fold(word) for word in stop}
    stopped = np.fromiter(map(listed.__contains__, tokens.vocabulary), dtype=bool)
    return np.append(stopped, False)


def _word_rows(tokens: Tokens, labels: Array, weights: Array, backend: Backend) -> Frame:
    """A row a token: cluster, key (its word id), count (occurrences of its text), text."""
    xp = backend.xp
    text = backend.from_host(tokens.text_ids)
    return backend.frames.DataFrame(
        {
            "cluster": xp.take(labels, text),
            "key": xp.astype(backend.from_host(tokens.ids), xp.int64),
            "count": xp.take(weights, text),
            "text": text,
        }
    )


def _pair_rows(
    words: Frame, tokens: Tokens, stop: Array, least: int, backend: Backend
) -> list[Frame]:
    """A row a pair, as `_word_rows`; a list, empty where no two words are neighbours.

    Pairs too rare to be listed go at once: most pairs of a corpus are.
    """
    xp, size = backend.xp, len(tokens.vocabulary)
    ids = words["key"].values
    content, right = ~xp.take(stop, ids), xp.roll(ids, -1)
    keep = backend.from_host(pair_starts(tokens)) & content & xp.roll(content, -1) & (ids != right)
    pairs = words[keep].assign(key=size + ids[keep] * size + right[keep])
    if not len(pairs):
        return []
    if least < 2:
        return [pairs]
    total = pairs.groupby("key")["count"].transform("sum")
    return [pairs[total >= least]]


def _score(counts: Frame, words: Frame, content: Array, min_count: int, backend: Backend) -> Frame:
    """The frequent content terms with a column a method, and `listed`: may it enter a list.

    words: the counts of words alone. content: (rows of counts,) bool, False for stop words.
    """
    xp = backend.xp
    total = counts.groupby("key")[["count"]].sum().reset_index()
    size = words.groupby("cluster")[["count"]].sum().reset_index()
    total = total[total["count"] >= min_count]  # before the tables meet: most terms are too rare
    scored = counts[content].merge(total.rename(columns={"count": "total"}), on="key")
    scored = scored.merge(size.rename(columns={"count": "size"}), on="cluster")
    y, f, n = (xp.astype(scored[name].values, xp.float64) for name in ("count", "total", "size"))
    all_words = float(words["count"].sum())
    mean_words = all_words / max(len(size), 1)
    excess = y / n - f / all_words
    return scored.assign(
        log_odds=_log_odds(y, f, n, all_words, mean_words, xp),
        ctfidf=excess * xp.log1p(mean_words / f),
        # In whole numbers, so that equal rates never differ by rounding.
        listed=scored["several"].values & (y * all_words > f * n),
    )


def _log_odds(y: Array, f: Array, n: Array, all_words: float, prior: float, xp: Any) -> Array:
    """Z-score of a cluster against the rest (Monroe et al. 2008, equations 16, 19, 22)."""
    a = prior * f / all_words
    rest = f - y
    # Nothing is left beside a word only where it is the only one.
    others = xp.maximum(n + prior - y - a, 1e-12)
    rest_others = xp.maximum(all_words - n + prior - rest - a, 1e-12)
    odds = xp.log(y + a) - xp.log(others)
    rest_odds = xp.log(rest + a) - xp.log(rest_others)
    return (odds - rest_odds) / xp.sqrt(1.0 / (y + a) + 1.0 / (rest + a))


def _merge_pairs(scored: Frame, method: str, size: int, backend: Backend) -> Frame:
    """cluster, key and score of what may be listed, each pair in the place of its words."""
    frames = backend.frames
    columns = ["cluster", "key", "count", method]
    listed = scored[scored["listed"]][columns]
    words = scored[scored["key"] < size][columns].rename(
        columns={"key": "part", "count": "part_count", method: "part_score"}
    )
    pairs, alone = listed[listed["key"] >= size], listed[listed["key"] < size]
    left, right = (pairs["key"] - size) // size, (pairs["key"] - size) % size
    found = frames.concat([pairs.assign(part=left), pairs.assign(part=right)])
    found = found.merge(words, on=["cluster", "part"])
    found = found[2 * found["count"] >= found["part_count"]]
    best = found.groupby(["cluster", "key"])[["part_score"]].max().reset_index()
    pairs = pairs.merge(best, on=["cluster", "key"])
    higher = backend.xp.maximum(pairs[method].values, pairs["part_score"].values)
    taken = found[["cluster", "part"]].drop_duplicates().rename(columns={"part": "key"})
    alone = alone.merge(taken.assign(taken=1), on=["cluster", "key"], how="left")
    kept = [alone[alone["taken"].isna()], pairs.assign(**{method: higher})]
    return frames.concat([part[["cluster", "key", method]] for part in kept])


def _top(rows: Frame, score: str, top: int) -> Frame:
    """cluster, key, rank, score: the `top` rows of each cluster; ties go to the lower key."""
    rows = rows.sort_values(["cluster", score, "key"], ascending=[True, False, True])
    rows = rows.assign(rank=ranks(rows["cluster"].values))
    return rows[rows["rank"] <= top][["cluster", "key", "rank", score]]


def _name(
    rows: Frame, method: str, tokens: Tokens, backend: Backend
) -> tuple[pd.DataFrame, Int64s]:
    """The rows of `_top` as a host table with words in place of keys, and the keys."""
    host = {name: backend.to_host(rows[name].values) for name in rows.columns}
    size = len(tokens.vocabulary)
    texts = []
    for key in host["key"].tolist():
        ids = [key] if key < size else list(divmod(key - size, size))
        texts.append(term_text(*(tokens.vocabulary[i] for i in ids)))
    table = pd.DataFrame(
        {
            "cluster": host["cluster"].astype(np.int64),
            "rank": host["rank"].astype(np.int64),
            "term": pd.array(texts, dtype="str"),
            "score": host[method].astype(np.float64),
            "method": pd.array([method] * len(texts), dtype="str"),
        }
    )
    return table, host["key"].astype(np.int64)


def _stop_counts(counts: Frame, is_stop: Array, tokens: Tokens, backend: Backend) -> pd.DataFrame:
    """term, count of the stop words that occur, most frequent first."""
    found = counts[is_stop].groupby("key", sort=True)[["count"]].sum().reset_index()
    words = [tokens.vocabulary[i] for i in backend.to_host(found["key"].values).tolist()]
    table = pd.DataFrame(
        {
            "term": pd.array(words, dtype="str"),
            "count": backend.to_host(found["count"].values).astype(np.int64),
        }
    )
    return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)
