"""The words of the lines around a line, which say what it is about without being any of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.words.segment import Tokens, fold

REACH = 4  # lines before and after, in the same song
LEAST, MOST_WORDS = 20, 2_000  # lines that a word must be around; words, the most frequent first


class WordsAround(NamedTuple):
    """Pairs of a text and a word that is around it, each once. texts, words: (m,) int64 ids."""

    texts: Int64s
    words: Int64s


def words_around(
    lines: pd.DataFrame, texts: Sequence[str], wanted: Bools, tokens: Tokens, stop: Sequence[str]
) -> WordsAround:
    """The words within `REACH` lines of the texts that are `wanted` (n,), in the same song.

    lines: a row an occurrence in reading order, with song_id, file, line_no and text_id; without a
    song a file counts as one. Stop words are left out, and every word that shares a character with
    the text itself: a space that sees characters can't have found these.
    """
    near, other = _neighbours(lines, wanted)
    sizes = np.diff(tokens.offsets)[other]
    text = np.repeat(near, sizes)
    first = np.repeat(tokens.offsets[other] - np.cumsum(sizes) + sizes, sizes)
    word = tokens.ids[first + np.arange(len(first))].astype(np.int64)
    listed = {fold(one) for one in stop}
    said = np.array([one not in listed for one in tokens.vocabulary], dtype=bool)
    vocabulary = max(1, len(tokens.vocabulary))
    pairs = np.unique(text[said[word]] * vocabulary + word[said[word]])
    text, word = pairs // vocabulary, pairs % vocabulary
    kept = ~_share_characters(text, word, texts, tokens.vocabulary)
    text, word = text[kept], word[kept]
    counts = np.bincount(word, minlength=vocabulary)
    order = np.argsort(-counts, kind="stable")[:MOST_WORDS]
    common = np.isin(word, order[counts[order] >= LEAST])
    return WordsAround(text[common], word[common])


def _neighbours(lines: pd.DataFrame, wanted: Bools) -> tuple[Int64s, Int64s]:
    """Pairs of a wanted text and another one within `REACH` lines of its song, each once."""
    song = lines["song_id"].to_numpy(np.float64, na_value=-1.0)
    unknown = -1.0 - pd.factorize(lines["file"])[0]
    song = np.where(song < 0, unknown, song)
    text = lines["text_id"].to_numpy(np.int64)
    order = np.lexsort((lines["line_no"].to_numpy(), song))
    song, text = song[order], text[order]
    pairs = []
    for step in range(1, min(REACH, len(text) - 1) + 1):
        together = song[step:] == song[:-step]
        one, other = text[:-step][together], text[step:][together]
        pairs += [np.stack([one, other], axis=1), np.stack([other, one], axis=1)]
    if not pairs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    both = np.concatenate(pairs)
    both = np.unique(both[wanted[both[:, 0]] & (both[:, 0] != both[:, 1])], axis=0)
    return both[:, 0], both[:, 1]


def _share_characters(
    text: Int64s, word: Int64s, texts: Sequence[str], vocabulary: Sequence[str]
) -> Bools:
    """(m,) bool: whether a text and a word, pair by pair, have a character in common."""
    held = np.unique(text)
    code: dict[str, int] = {}
    own = [
        (t, code.setdefault(c, len(code)))
        for t in held.tolist()
        for c in set(fold("".join(texts[t].split())))
    ]
    letters = [[code.get(c, -1) for c in set(entry)] for entry in vocabulary]
    if not own or not len(word):
        return np.zeros(len(word), dtype=bool)
    keys = np.unique([t * len(code) + c for t, c in own])
    lengths = np.fromiter(map(len, letters), np.int64, len(letters))
    flat = np.fromiter((c for entry in letters for c in entry), np.int64, int(lengths.sum()))
    begins = np.cumsum(lengths) - lengths
    each = lengths[word]
    pair = np.repeat(np.arange(len(word)), each)
    at = np.repeat(begins[word] - np.cumsum(each) + each, each) + np.arange(len(pair))
    character = flat[at]
    shared = (character >= 0) & np.isin(text[pair] * len(code) + character, keys)
    return np.bincount(pair[shared], minlength=len(word)) > 0
