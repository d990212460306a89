"""Counting the words of an emotion lexicon, and what each cluster says of itself by them.

The default counts every occurrence whose span begins and ends where a token does, overlapping ones
included: 操 counts in 操 and not in 操场, 酒 not in 酒店, city not in capacity. A negated word is
still an occurrence (不 快乐), unless segmentation takes it as one word (不爱); which are negated
`words.hits` says.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Int64s
from rapids_rap.backend.kept import require_array, require_between
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.corpus.normalize import normalize
from rapids_rap.corpus.pair_tables import read_pairs
from rapids_rap.data import data_path
from rapids_rap.errors import InputError
from rapids_rap.words.segment import BREAK, SPACE, Tokens, fold, is_chinese, split_words

log = logging.getLogger(__name__)

VERSION = 1  # raise it when the same arguments give another result

_LONGEST_WORD = 200  # it is looked for in every way of cutting it: its length squared

UNDECIDED = "未判定"
"""The label of a cluster without a hit."""


@dataclass(frozen=True)
class Lexicon:
    """Categories in the order of the file, and the words of each, NFKC and case-folded.

    A word may be in several categories: it counts in each of them.
    """

    categories: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]

    @property
    def all_words(self) -> tuple[str, ...]:
        """Every distinct word, which segmentation should keep whole."""
        return tuple(dict.fromkeys(word for words in self.words for word in words))


def load_lexicon(
    path: str | Path | None = None, script: Literal["simplified", "keep"] = "simplified"
) -> Lexicon:
    """The lexicon of a UTF-8 CSV with the columns category, word; the bundled one without a path.

    Words are normalised as the lyrics are (`[corpus] script`), so either script may be used.

    A word twice in a category counts once, which is logged. Raises `InputError` for a file that
    can't be read, other columns, an empty cell or no words at all.
    """
    source = Path(path) if path else data_path("lexicon.csv")
    found: dict[str, dict[str, int]] = {}
    for line, category, cell in read_pairs(source, ("category", "word")):
        word = fold(normalize([cell], script)[0])
        if len(word) > _LONGEST_WORD:
            raise InputError(
                f"{source}:{line}: the word has {len(word):,} characters; a lexicon holds words of "
                f"{_LONGEST_WORD} characters at most."
            )
        words = found.setdefault(category, {})
        if word in words:
            log.warning(
                "%s:%d: %s is in %s already (line %d); it counts once",
                source,
                line,
                word,
                category,
                words[word],
            )
        words.setdefault(word, line)
    if not found:
        raise InputError(f"{source}: no words; expected rows of category,word below the header.")
    return Lexicon(tuple(found), tuple(tuple(words) for words in found.values()))


def count_hits(
    tokens: Tokens,
    texts: Sequence[str],
    lexicon: Lexicon,
    mode: Literal["occurrence", "presence"],
    backend: Backend,
) -> Array:
    """(n, categories) int64: hits of each category in each text, a text counted once.

    occurrence: every token-bounded occurrence; white space in a word is white space (or a hyphen)
    in the text, and no space is none. presence: 1 for each word that is a substring of the text,
    both without white space and case-folded, as the poster counted; on the host, where texts are.
    """
    if mode == "presence":
        return backend.from_host(_presence(texts, lexicon))
    _warn_of_unfindable(lexicon)
    automaton = Automaton(*map(backend.from_host, compile_words(lexicon, tokens.vocabulary)[0]))
    flat = (tokens.ids, tokens.gaps, tokens.text_ids)
    ids, gaps, text_ids = map(backend.from_host, flat)
    size, n = len(tokens.vocabulary), len(tokens.offsets) - 1
    return _match(automaton, (ids, gaps, text_ids), size, n)


def _warn_of_unfindable(lexicon: Lexicon) -> None:
    unfindable = [word for word in lexicon.all_words if not split_words(word)]
    if unfindable:
        log.warning(
            "the lexicon holds punctuation, which is never part of a word, so these are not "
            "counted: %s",
            ", ".join(unfindable),
        )


def check_kept(
    kept: Array, tokens: Tokens, texts: Sequence[str], lexicon: Lexicon, *_: object
) -> None:
    """Raises ValueError for hits that these arguments can't have given."""
    require_array("hits", kept, "i", (len(texts), len(lexicon.categories)))
    require_between("hits", kept, 0, 2**31)


def cluster_emotions(
    hits: Array, labels: Array, weights: Array, lexicon: Lexicon, backend: Backend
) -> pd.DataFrame:
    """cluster_emotions.csv, on the host: a row a cluster, noise (-1) first where there is any.

    hits: (n, categories) int64. labels, weights: (n,) int64. Columns: cluster, chunks (units, that
    is the sum of weights), hits, then hit_<category> and ratio_<category> = hit / hits (0 without
    a hit) in the lexicon's order, suggested_label: the category of the largest ratio, the first
    of equals, `UNDECIDED` without a hit.
    """
    names = [f"hit_{category}" for category in lexicon.categories]
    columns = {name: hits[:, i] * weights for i, name in enumerate(names)}
    rows = backend.frames.DataFrame({"cluster": labels, "chunks": weights, **columns})
    sums = rows.groupby("cluster", sort=True).sum().reset_index()
    host = {name: backend.to_host(sums[name].values) for name in ("cluster", "chunks", *names)}
    counts = np.stack([host[name] for name in names], axis=1)
    total = counts.sum(axis=1)
    table = pd.DataFrame({"cluster": host["cluster"], "chunks": host["chunks"], "hits": total})
    for i, category in enumerate(lexicon.categories):
        table[names[i]] = counts[:, i]
        table[f"ratio_{category}"] = counts[:, i] / np.maximum(total, 1)
    best = np.array(lexicon.categories)[counts.argmax(axis=1)]
    table["suggested_label"] = pd.array(np.where(total > 0, best, UNDECIDED), dtype="str")
    return table


class Automaton(NamedTuple):
    """A scanner of word ids. A state is a prefix of lexicon words; 0 is the empty one.

    keys: (transitions,) int64, sorted: (state * V + word id) * 2 + (1 if after white space).
    targets: (transitions,) int64, the next state. emits: (states, categories) int64, 1 where the
    state is a word of the category.
    """

    keys: Array
    targets: Array
    emits: Array


def compile_words(
    lexicon: Lexicon, vocabulary: Sequence[str]
) -> tuple[Automaton, dict[int, list[tuple[int, str]]]]:
    """Every way of spelling a lexicon word in words of the vocabulary, as one automaton.

    And the words that each state is: (category, word). States are prefixes rather than spellings,
    so a long word costs its length squared and not two to its length.
    """
    index = dict(zip(vocabulary, range(len(vocabulary)), strict=True))
    states = {"": 0}
    moves: dict[int, int] = {}
    for word in lexicon.all_words:
        for prefix, piece, spaced, longer in _spellings(word, index):
            key = (states[prefix] * len(index) + index[piece]) * 2 + spaced
            moves[key] = states.setdefault(longer, len(states))
    emits = np.zeros((len(states), len(lexicon.categories)), dtype=np.int64)
    said: dict[int, list[tuple[int, str]]] = {}
    for column, words in enumerate(lexicon.words):
        for word in words:
            state = states.get(_canonical(word), 0)
            if state and not emits[state, column]:
                said.setdefault(state, []).append((column, word))
            emits[state, column] = state > 0
    keys = np.array(sorted(moves), dtype=np.int64)
    return Automaton(keys, np.array([moves[k] for k in keys], dtype=np.int64), emits), said


def _canonical(word: str) -> str:
    return "".join(" " * spaced + run for run, spaced in split_words(word))


def _spellings(word: str, index: Mapping[str, int]) -> Iterator[tuple[str, str, bool, str]]:
    """Steps (prefix, next token, whether white space comes between, longer prefix), in order."""
    whole = _canonical(word)
    cuts, end = {0}, 0
    for run, spaced in split_words(word):
        start, end = end + spaced, end + spaced + len(run)
        # Chinese may be cut anywhere, a word of another script only around it.
        cuts |= set(range(start + 1, end)) if is_chinese(run) else set()
        cuts.add(end)
    reached = {0}
    for first in sorted(cuts):
        for last in sorted(cut for cut in cuts if cut > first and first in reached):
            piece = whole[first:last]
            if " " not in piece.lstrip() and piece.lstrip() in index:
                reached.add(last)
                yield whole[:first], piece.lstrip(), piece.startswith(" "), whole[:last]


def _match(automaton: Automaton, tokens: tuple[Array, Array, Array], size: int, n: int) -> Array:
    """(n, categories) int64 hits. tokens: ids, gaps and text ids, (T,) each; size: V."""
    xp = array_namespace(automaton.keys)
    ids, gaps, texts = tokens
    shape = (n, automaton.emits.shape[1])
    hits = xp.zeros(shape, dtype=xp.int64, device=device(automaton.keys))
    for at, states in walk(automaton, ids, gaps, size):
        hits = hits + _sums(xp.take(automaton.emits, states, axis=0), xp.take(texts, at), n)
    return hits


def walk(automaton: Automaton, ids: Array, gaps: Array, size: int) -> Iterator[tuple[Array, Array]]:
    """Every beginning of a lexicon word in the text: its last token and its state, rising.

    ids, gaps: (T,) of the tokens; size: V. Every token starts a walk; each round moves all walks by
    one token and drops those that no lexicon word continues, so the rounds are as many as the
    longest word has tokens, and round r yields what has r tokens.
    """
    xp = array_namespace(automaton.keys)
    ids = xp.astype(ids, xp.int64)
    where = device(automaton.keys)
    transitions = int(automaton.keys.shape[0])
    at = xp.arange(ids.shape[0] if transitions else 0, dtype=xp.int64, device=where)
    keys = 2 * xp.take(ids, at)
    last = xp.asarray(max(0, transitions - 1), dtype=xp.int64, device=where)
    while at.shape[0]:
        found = xp.minimum(xp.searchsorted(automaton.keys, keys), last)
        known = xp.take(automaton.keys, found) == keys
        at, states = at[known], xp.take(automaton.targets, found[known])
        yield at, states
        inside = at + 1 < ids.shape[0]
        at, states = at[inside] + 1, states[inside]
        gap = xp.take(gaps, at)
        joined = gap != BREAK
        at, states, gap = at[joined], states[joined], gap[joined]
        keys = (states * size + xp.take(ids, at)) * 2 + xp.astype(gap == SPACE, xp.int64)


def _sums(values: Array, groups: Array, n: int) -> Array:
    """(n, columns): sums of the rows of each group; `groups` is sorted."""
    xp = array_namespace(values)
    running = xp.cumulative_sum(values, axis=0, include_initial=True)
    bounds = xp.searchsorted(groups, xp.arange(n + 1, dtype=groups.dtype, device=device(groups)))
    ends = xp.take(running, bounds, axis=0)
    return ends[1:, :] - ends[:-1, :]


def _presence(texts: Sequence[str], lexicon: Lexicon) -> Int64s:
    """The poster's count: one scan of all texts for each word instead of a test a text."""
    hits = np.zeros((len(texts), len(lexicon.categories)), dtype=np.int64)
    for column, _, rows, _ in present_words(texts, lexicon):
        hits[rows, column] += 1
    return hits


def present_words(
    texts: Sequence[str], lexicon: Lexicon
) -> Iterator[tuple[int, str, Int64s, Int64s]]:
    """Each word of each category, the texts that hold it, squeezed, and where it first begins.

    Two spellings of a category that are one when squeezed are one word, the first.
    """
    squeezed = [squeeze(text) for text in texts]
    joined = "\n".join(squeezed)
    lengths = np.fromiter(map(len, squeezed), dtype=np.int64, count=len(squeezed))
    starts = np.concatenate(([0], np.cumsum(lengths + 1)[:-1]))
    for column, words in enumerate(lexicon.words):
        spelled = {squeeze(word): word for word in reversed(words)}
        for word in dict.fromkeys(map(squeeze, words)):
            places = np.fromiter(_places(joined, word), dtype=np.int64)
            rows = np.searchsorted(starts, places, side="right") - 1
            found, first = np.unique(rows, return_index=True)
            yield column, spelled[word], found, places[first] - starts[found]


def squeeze(text: str) -> str:
    """A text as the poster looked at it: without white space, case-folded."""
    return fold("".join(text.split()))


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))
