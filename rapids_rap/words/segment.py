"""Chinese word segmentation, once a run: texts in, one flat array of word ids out.

Everything that counts words (terms, lexicon, coherence) reads `Tokens` and never segments again.
Chinese is cut by jieba's dictionary and hidden Markov model (the Rust port, `rjieba`); words of
other scripts are cut here, because jieba splits `don't`, `r&b` and every accented word, and takes
the vowel signs of Tibetan, Devanagari or Thai for the end of one. Single
characters and Latin words are kept: 操 and yeah are what the lexicon looks for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import rjieba

from rapids_rap.arrays import Bools, Int32s, Int64s, UInt8s
from rapids_rap.backend.kept import require_array, require_between
from rapids_rap.data import data_path
from rapids_rap.errors import InputError
from rapids_rap.runs.files import read_plain

VERSION = 2  # raise it when the same texts and words give other tokens
READS = ("slang.txt",)

GLUED, SPACE, BREAK = 0, 1, 2
"""What stands before a token: nothing; white space or hyphens; punctuation or the text's start."""

_HAN = "〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_CHAR = re.compile(f"[{_HAN}]")
# Combining marks, which `\w` leaves out: vowel signs, and accents without a composed form (tsi̍t).
# Above U+1FFFF there are none but variation selectors.
_MARKS = "".join(c for c in map(chr, range(0x20000)) if unicodedata.category(c) in ("Mn", "Mc"))
_NO_MARK = "[\x00-\u02ff\u3100-\u9fff]"  # tells quickly what nearly always stands behind a word
# A word of any other script, with its marks, and with the joiners of don't and r&b inside it but
# not around it.
_LETTERS = f"[^\\W_{_HAN}]+(?:(?!{_NO_MARK})[{_MARKS}]+[^\\W_{_HAN}]*)*"
_WORD = re.compile(f"{_LETTERS}(?:['’&]{_LETTERS})*")
_RUN = re.compile(f"[{_HAN}]+|{_WORD.pattern}")
_SOFT = tuple(ord(c) for c in map(chr, range(0x3001)) if c.isspace() or c in "-‐‑")
# Texts joined for one call of jieba: few enough calls, and lists that stay small in memory.
_BLOCK = 20_000
_SHORT, _CODE_BITS = 3, 21  # characters, of 21 bits, that one int64 holds
_SHIFTS = tuple(_CODE_BITS * place for place in reversed(range(_SHORT)))


@dataclass(frozen=True)
class Tokens:
    """The words of n texts, T in all, in host memory, in reading order.

    vocabulary: V distinct words, case-folded and sorted: position = word id.
    ids: (T,) int32 word id. offsets: (n + 1,) int64, text i has tokens offsets[i]:offsets[i + 1].
    starts, ends: (T,) int32, characters from the text's start; tokens neither overlap nor contain
    white space or punctuation. gaps: (T,) uint8, `GLUED`, `SPACE` or `BREAK`.
    """

    vocabulary: tuple[str, ...]
    ids: Int32s
    offsets: Int64s
    starts: Int32s
    ends: Int32s
    gaps: UInt8s

    @property
    def text_ids(self) -> Int64s:
        """(T,) int64, the text of each token."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def chinese(self) -> Bools:
        """(V,) bool, whether a word has a Chinese character."""
        lengths = np.fromiter(map(len, self.vocabulary), np.int64, count=len(self.vocabulary))
        ends = np.cumsum(lengths)
        codes = np.frombuffer("".join(self.vocabulary).encode("utf-32-le"), dtype="<u4")
        return _count_of(_is_han(codes), ends - lengths, ends) > 0


def check_kept(kept: Tokens, texts: Sequence[str], *_: object) -> None:
    """Raises ValueError for tokens that these texts can't have given."""
    total = len(kept.ids)
    for name in ("ids", "starts", "ends", "gaps"):
        require_array(name, getattr(kept, name), "i", (total,))
    require_between("ids", kept.ids, 0, len(kept.vocabulary) - 1)
    require_between("gaps", kept.gaps, GLUED, BREAK)
    require_array("offsets", kept.offsets, "i", (len(texts) + 1,))
    steps = np.diff(kept.offsets)
    if kept.offsets[0] != 0 or kept.offsets[-1] != total or (steps < 0).any():
        raise ValueError("offsets do not divide the tokens")
    lengths = np.repeat(np.array([len(text) for text in texts], dtype=np.int64), steps)
    if ((kept.starts < 0) | (kept.starts >= kept.ends) | (kept.ends > lengths)).any():
        raise ValueError("tokens lie outside their texts")


def segment(texts: Sequence[str], user_words: Iterable[str] = ()) -> Tokens:
    """The words of every text; the same texts and user words give the same tokens.

    `user_words` (a user's own list, the lexicon's words) and the bundled slang are kept whole
    where the dictionary would cut them. A word of mixed script that the dictionary or the lists
    know (T恤) is one token.
    """
    slang = load_words(data_path("slang.txt"))
    jieba = _segmenter(frozenset(word.strip() for word in (*slang, *user_words)))
    long: dict[str, int] = {}
    blocks = [
        _cut_block(jieba, texts[first : first + _BLOCK], long)
        for first in range(0, len(texts), _BLOCK)
    ]
    blocks = blocks or [_cut_block(jieba, [""], long)]
    keys, counts, starts, ends, gaps = map(np.concatenate, zip(*blocks, strict=True))
    vocabulary, ids = _fold(keys, long)
    return Tokens(
        vocabulary,
        ids,
        np.concatenate(([0], np.cumsum(counts)))[: len(texts) + 1].astype(np.int64),
        starts.astype(np.int32),
        ends.astype(np.int32),
        gaps.astype(np.uint8),
    )


def fold(word: str) -> str:
    """The form in which words are compared: case-folded, with the plain apostrophe."""
    return word.casefold().replace("’", "'")


def is_chinese(word: str) -> bool:
    """Whether the word has a Chinese character."""
    return _HAN_CHAR.search(word) is not None


def split_words(text: str) -> list[tuple[str, bool]]:
    """The runs of Chinese characters and words of other scripts in `text`, case-folded.

    The flag says whether white space or a hyphen stands before the run. Empty if the text holds
    anything that never becomes part of a token (punctuation): such a text can't be found.
    """
    runs: list[tuple[str, bool]] = []
    end = 0
    for match in _RUN.finditer(text):
        gap = text[end : match.start()]
        if not _is_soft(gap):
            return []
        runs.append((fold(match.group()), bool(gap and runs)))
        end = match.end()
    return runs if _is_soft(text[end:]) else []


def _is_soft(gap: str) -> bool:
    return all(ord(c) in _SOFT for c in gap)


def load_words(path: str | Path) -> tuple[str, ...]:
    """The words of a UTF-8 file, a word a line, in order; blank and # lines are left out.

    Raises `InputError` where the file can't be read.
    """
    try:
        lines = read_plain(Path(path)).decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a word list, a word a line.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read as UTF-8 text ({error}); save it so.") from None
    words = (line.strip() for line in lines)
    return tuple(dict.fromkeys(w for w in words if w and not w.startswith("#")))


@lru_cache(maxsize=1)
def _segmenter(words: frozenset[str]) -> rjieba.Jieba:
    """Jieba with these words; the last one is kept, as loading its dictionary takes a while."""
    jieba = rjieba.Jieba()
    # Sorted: the frequency jieba gives a new word depends on those it already knows.
    for word in sorted(w for w in words if len(w) > 1 and is_chinese(w)):
        jieba.add_word(word, None, None)
    return jieba


def _cut_block(
    jieba: rjieba.Jieba, texts: Sequence[str], long: dict[str, int]
) -> tuple[Int64s, Int64s, Int64s, Int64s, Int64s]:
    """Surface keys, tokens a text, starts, ends and gaps; `long` as `_surface_keys` has it."""
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le"), dtype="<u4")
    starts, ends = _token_spans(jieba, joined, codes)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    text_starts = np.concatenate(([0], np.cumsum(lengths + 1)[:-1]))
    begun = np.zeros(len(codes) + 1, dtype=np.int64)
    begun[text_starts[1:]] = 1  # also where an empty text begins: a break divides it from the next
    text_ids = np.cumsum(begun)[starts]
    keys = _surface_keys(joined, codes, starts, ends, long)
    base = text_starts[text_ids]
    counts = np.bincount(text_ids, minlength=len(texts))
    return keys, counts, starts - base, ends - base, _gaps(codes, starts, ends, text_ids)


def _surface_keys(
    joined: str,
    codes: npt.NDArray[np.uint32],
    starts: Int64s,
    ends: Int64s,
    long: dict[str, int],
) -> Int64s:
    """(T,) int64, one number for each surface: the code points of up to three characters.

    Most Chinese words are that short, and need no string each; the first character lies highest,
    so that numbers are in the order of their strings. A longer one is -1 - its place in `long`,
    which grows by the new ones.
    """
    lengths = ends - starts
    keys = np.zeros(len(starts), dtype=np.int64)
    for place in range(_SHORT):
        inside = np.flatnonzero(lengths > place)
        keys[inside] |= codes[starts[inside] + place].astype(np.int64) << _SHIFTS[place]
    rest = np.flatnonzero(lengths > _SHORT)
    spans = zip(starts[rest].tolist(), ends[rest].tolist(), strict=True)
    found = (long.setdefault(joined[a:b], len(long)) for a, b in spans)
    keys[rest] = -1 - np.fromiter(found, dtype=np.int64, count=len(rest))
    return keys


def _surfaces(keys: Int64s, long: Mapping[str, int]) -> list[str]:
    """The surfaces of distinct keys (m,)."""
    names = list(long)
    below = (1 << _CODE_BITS) - 1
    columns = [(keys >> shift) & below for shift in _SHIFTS]
    codes = np.stack(columns, axis=1).astype("<u4")
    short = codes.view(f"<U{_SHORT}")[:, 0].tolist()  # without the zeros at the end
    return [
        word if key >= 0 else names[-1 - key]
        for key, word in zip(keys.tolist(), short, strict=True)
    ]


def _token_spans(
    jieba: rjieba.Jieba, joined: str, codes: npt.NDArray[np.uint32]
) -> tuple[Int64s, Int64s]:
    """Where tokens begin and end in `joined`: jieba's for Chinese, `_WORD`'s for the rest."""
    ends = np.cumsum(np.fromiter(map(len, jieba.cut(joined)), dtype=np.int64))
    starts = np.concatenate(([0], ends[:-1])) if len(ends) else ends
    words = np.array([m.span() for m in _WORD.finditer(joined)], dtype=np.int64).reshape(-1, 2)
    han, word = _is_han(codes), _cover(words[:, 0], words[:, 1], len(codes))
    inside = _cover(words[:, 0] + 1, words[:, 1], len(codes))
    kept = _count_of(han, starts, ends) > 0
    # A piece that cuts another script's word in two (abcT|恤) or holds anything else gives all
    # but its Chinese back.
    whole = (_count_of(han, starts, ends) + _count_of(word, starts, ends)) == ends - starts
    torn = kept & (~whole | inside[starts] | inside[ends])
    pieces = starts[kept & ~torn], ends[kept & ~torn]
    rest = _runs(han & _cover(starts[torn], ends[torn], len(codes))[:-1])
    words = words[~_cover(*pieces, len(codes))[words[:, 0]]]
    starts = np.concatenate((pieces[0], rest[0], words[:, 0]))
    ends = np.concatenate((pieces[1], rest[1], words[:, 1]))
    order = np.argsort(starts, kind="stable")
    return starts[order], ends[order]


def _count_of(mask: Bools, starts: Int64s, ends: Int64s) -> Int64s:
    """How many positions of each span are in the mask."""
    before = np.concatenate(([0], np.cumsum(mask)))
    return before[ends] - before[starts]


def _runs(mask: Bools) -> tuple[Int64s, Int64s]:
    """Where the runs of true begin and end."""
    edges = np.diff(mask.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _cover(first: Int64s, last: Int64s, size: int) -> Bools:
    """(size + 1,) bool: the positions first <= p < last of the spans."""
    steps = np.bincount(first, minlength=size + 2) - np.bincount(last, minlength=size + 2)
    return np.cumsum(steps)[: size + 1] > 0


def _is_han(codes: npt.NDArray[np.uint32]) -> Bools:
    bounds = [(0x3007, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)]
    ranges = [*bounds, (0x20000, 0x3FFFF)]
    return np.logical_or.reduce([(codes >= low) & (codes <= high) for low, high in ranges])


def _gaps(codes: npt.NDArray[np.uint32], starts: Int64s, ends: Int64s, text_ids: Int64s) -> Int64s:
    hard = np.concatenate(([0], np.cumsum(~np.isin(codes, _SOFT))))
    gaps = np.full(len(starts), BREAK, dtype=np.int64)
    left, right = ends[:-1], starts[1:]
    soft = (hard[left] == hard[right]) & (text_ids[1:] == text_ids[:-1])
    gaps[1:][soft] = SPACE
    gaps[1:][soft & (left == right)] = GLUED
    return gaps


def _fold(keys: Int64s, long: Mapping[str, int]) -> tuple[tuple[str, ...], Int32s]:
    """Surface keys to the sorted vocabulary of their folded forms, and each token's word in it."""
    surface, distinct = pd.factorize(keys)
    # Numbers sort faster than strings, and sorting what is nearly in order costs little.
    order = np.argsort(distinct)
    # At once: a letter folds alike beside any other, and no token holds a line break.
    surfaces = _surfaces(distinct[order], long)
    folded = fold("\n".join(surfaces)).split("\n") if surfaces else []
    vocabulary = tuple(sorted(dict.fromkeys(folded)))
    position = dict(zip(vocabulary, range(len(vocabulary)), strict=True))
    table = np.empty(len(folded), dtype=np.int32)
    table[order] = np.fromiter(map(position.__getitem__, folded), np.int32, count=len(folded))
    return vocabulary, table[surface]
