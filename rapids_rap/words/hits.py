"""Every hit of the emotion lexicon, to be looked up: in which text, where, by which word.

`lexicon.count_hits` says how many; here is each of them, and whether it is negated (`negation`).
Their sums by text and category are its counts, less the negated ones where those are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.backend.kept import require_array, require_between, require_columns
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.words.lexicon import (
    Automaton,
    Lexicon,
    compile_words,
    count_hits,
    present_words,
    squeeze,
    walk,
)
from rapids_rap.words.negation import negated
from rapids_rap.words.segment import Tokens

COLUMNS = ("text_id", "start", "end", "word", "category", "negated")
VERSION = 1  # raise it when the same arguments give another result


@dataclass(frozen=True)
class Hits:
    """counts: (n, categories) int64 of the backend, what tables and maps count.

    spans: text_id, start, end (characters of text_norm), word, category, negated; by text and
    place, in host memory. A word of two categories has two rows.
    """

    counts: Array
    spans: pd.DataFrame


def find_hits(
    tokens: Tokens,
    texts: Sequence[str],
    lexicon: Lexicon,
    mode: Literal["occurrence", "presence"],
    negation: Literal["count", "leave out"],
    backend: Backend,
) -> Hits:
    """The hits of each text, counted once, as `lexicon.count_hits` takes these arguments.

    negation: whether a negated hit counts; in `spans` it stands either way. A word that only
    `presence` finds, in the midst of another, is negated where the word that it begins in is.
    """
    counts = count_hits(tokens, texts, lexicon, mode, backend)
    if mode == "presence":
        spans = _present(tokens, texts, lexicon)
    else:
        spans = _bounded(tokens, lexicon, backend)
    if negation == "leave out":
        counts = backend.from_host(_sums(spans[~spans["negated"]], len(texts), lexicon))
    return Hits(counts, spans)


def check_kept(
    kept: Hits, tokens: Tokens, texts: Sequence[str], lexicon: Lexicon, *_: object
) -> None:
    """Raises ValueError for hits that these arguments can't have given."""
    require_array("counts", kept.counts, "i", (len(texts), len(lexicon.categories)))
    require_between("counts", kept.counts, 0, 2**31)
    require_columns("spans", kept.spans, dict(zip(COLUMNS, "iiittb", strict=True)))
    require_between("text_id", kept.spans["text_id"].to_numpy(), 0, len(texts) - 1)
    if not set(kept.spans["category"]) <= set(lexicon.categories):
        raise ValueError("spans have another category")
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    start, end = (kept.spans[name].to_numpy() for name in ("start", "end"))
    if ((start < 0) | (start >= end) | (end > lengths[kept.spans["text_id"]])).any():
        raise ValueError("spans lie outside their texts")


def _sums(spans: pd.DataFrame, n: int, lexicon: Lexicon) -> Int64s:
    """(n, categories) int64: the spans of each text and category."""
    width = len(lexicon.categories)
    column = pd.Index(lexicon.categories).get_indexer(pd.Index(spans["category"]))
    cells = spans["text_id"].to_numpy(dtype=np.int64) * width + column
    return np.bincount(cells, minlength=n * width).reshape(n, width).astype(np.int64)


def _bounded(tokens: Tokens, lexicon: Lexicon, backend: Backend) -> pd.DataFrame:
    """Every token-bounded occurrence; what comes to the host is what was found."""
    automaton, said = compile_words(lexicon, tokens.vocabulary)
    moved = Automaton(*map(backend.from_host, automaton))
    ids, gaps = backend.from_host(tokens.ids), backend.from_host(tokens.gaps)
    is_word = backend.xp.max(moved.emits, axis=1) > 0
    first, last, states = [], [], []
    for length, (at, reached) in enumerate(walk(moved, ids, gaps, len(tokens.vocabulary))):
        whole = backend.xp.take(is_word, reached)
        last.append(backend.to_host(at[whole]).astype(np.int64))
        first.append(last[-1] - length)
        states.append(backend.to_host(reached[whole]).astype(np.int64))
    none = [np.zeros(0, dtype=np.int64)]
    begin, end, state = (np.concatenate(none + parts) for parts in (first, last, states))
    meant = [(own, *pair) for own, pairs in said.items() for pair in pairs]
    words = pd.DataFrame(meant, columns=["state", "column", "word"]).astype({"word": "str"})
    rows = pd.DataFrame({"state": state, "first": begin, "last": end})
    rows = rows.merge(words, on="state")
    rows = rows.sort_values(["first", "last", "column"], ignore_index=True)
    begin, end = rows["first"].to_numpy(np.int64), rows["last"].to_numpy(np.int64)
    places = tokens.text_ids[begin], tokens.starts[begin], tokens.ends[end]
    return _table(places, rows["word"], rows["column"], negated(tokens, begin), lexicon)


def _present(tokens: Tokens, texts: Sequence[str], lexicon: Lexicon) -> pd.DataFrame:
    """The first place of each word in each text, white space and case apart."""
    parts = [
        pd.DataFrame({"text": rows, "place": places, "column": column, "word": word})
        for column, word, rows, places in present_words(texts, lexicon)
    ]
    rows = pd.concat(parts, ignore_index=True).sort_values("text", ignore_index=True)
    text = rows["text"].to_numpy(dtype=np.int64)
    spans = np.zeros((len(rows), 2), dtype=np.int64)
    begin = dict(zip(*np.unique(text, return_index=True), strict=True))
    edges = [*begin.values(), len(rows)]
    for number, (one, other) in zip(begin, pairwise(edges), strict=True):
        places = _characters(texts[number])
        first = rows["place"].to_numpy()[one:other]
        long = np.array([len(squeeze(word)) for word in rows["word"].iloc[one:other]])
        spans[one:other, 0], spans[one:other, 1] = places[first], places[first + long - 1] + 1
    rows = rows.assign(start=spans[:, 0], end=spans[:, 1])
    rows = rows.sort_values(["text", "start", "end", "column"], ignore_index=True)
    text, start = (rows[name].to_numpy(dtype=np.int64) for name in ("text", "start"))
    return _table(
        (text, start, rows["end"].to_numpy(dtype=np.int64)),
        rows["word"],
        rows["column"],
        _negated_at(tokens, text, start),
        lexicon,
    )


def _characters(text: str) -> Int64s:
    """Of each character of the squeezed text, the one of the text that it comes from."""
    places = [i for i, c in enumerate(text) if not c.isspace() for _ in squeeze(c)]
    return np.array(places, dtype=np.int64)


def _negated_at(tokens: Tokens, text: Int64s, start: Int64s) -> Bools:
    """(m,) whether the token that each place (text, character) lies in is negated."""
    if not len(tokens.ids):
        return np.zeros(len(text), dtype=bool)
    length = int(max(tokens.starts.max(), start.max(initial=0))) + 1
    begins = tokens.text_ids * length + tokens.starts
    at = np.maximum(np.searchsorted(begins, text * length + start, side="right") - 1, 0)
    return (tokens.text_ids[at] == text) & negated(tokens, at)


def _table(
    places: tuple[Int64s, Int64s, Int64s],
    words: pd.Series,
    columns: pd.Series,
    no: Bools,
    lexicon: Lexicon,
) -> pd.DataFrame:
    text, start, end = places
    names = np.array(lexicon.categories, dtype=object)[columns.to_numpy(dtype=np.int64)]
    return pd.DataFrame(
        {
            "text_id": text.astype(np.int64),
            "start": start.astype(np.int64),
            "end": end.astype(np.int64),
            "word": pd.array(words.to_numpy(dtype=object), dtype="str"),
            "category": pd.array(names, dtype="str"),
            "negated": no,
        }
    )
