"""Nothing is stolen: an index over the training text that follows the writing.

The index holds hashes, no text, though it could be found again by trying. Chinese characters count,
in simplified form and in the order they are sung, so that neither a blank nor a line's end hides a
copy; beside them, in an index of their own, Latin words in small letters, over whatever stands
between them. Runs of `RUN` characters and of `WORD_RUN` words are looked up while a line is
written; runs of `GRAM` and of `WORD_GRAM`, with the place where they stand, tell afterwards which
song a text is nearest to and the longest run that it shares with one.

A folder holds the Chinese index, below `words` that of Latin words, which older folders lack, and
below `base` a folder of the same kind: of the songs that the base model was tuned on before.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from opencc import OpenCC

from rapids_rap.arrays import Bools, HostArray, UInt64s
from rapids_rap.errors import InputError
from rapids_rap.runs.files import label_of, write_array
from rapids_rap.runs.received import load_array

RUN = 12  # characters that a text may not share with a song
GRAM = 5  # characters of the shortest run that is told
WORD_RUN = 6  # Latin words that a text may not share with a song
WORD_GRAM = 3  # Latin words of the shortest run that is told

WORDS, BASE = "words", "base"  # folders of an index

Codes = npt.NDArray[np.uint32]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a product loses nothing
_HAN = ((0x3007, 0x3008), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x40000))
_WORD = re.compile(r"[a-zß-öø-ɏ]+(?:['’][a-zß-öø-ɏ]+)*")
_FILES = {
    "runs": (np.uint64, 1),  # (r,) the hashes of all runs, ascending, each once
    "grams": (np.uint64, 1),  # (g,) the hash of every short run, ascending
    "places": (np.int64, 1),  # (g,) where it stands: codes of the songs before, and of its own
    "songs": (np.int64, 2),  # (s, 2) each song's number and the place where it begins
}


@dataclass(frozen=True)
class Nearest:
    """What a text shares with a song: the longest run of both, of those with the longest.

    song: its number; None where no run is shared that is long enough to be told, and then overlap,
    the number of characters or words, is 0. text: the run itself. of_base: it is a song that the
    base model was tuned on, which has no number here, so song is None though there is an overlap.
    """

    song: int | None
    overlap: int
    text: str
    of_base: bool = False


class _Runs:
    """The runs of one kind of codes, mapped into memory: of `size`, and of `gram` with places."""

    def __init__(self, folder: Path, size: int, gram: int) -> None:
        held = {name: _read(folder, name, *shape) for name, shape in _FILES.items()}
        self.runs, self.grams, self.places, self.songs = held.values()
        self.size, self.gram = size, gram
        whole = len(self.grams) == len(self.places) and self.songs.shape[1:] == (2,)
        if not whole or (len(self.grams) and not len(self.songs)):
            raise InputError(f"{label_of(folder)}: is not whole; train the writer again.")

    def joins(self, before: Codes, candidates: Codes, after: Codes) -> Bools:
        """(c,) bool: whether a candidate between `before` and `after` completes a run."""
        most = self.size - 1
        found = np.zeros(len(candidates), dtype=np.bool_)
        for left in range(max(0, most - len(after)), min(most, len(before)) + 1):
            windows = np.empty((len(candidates), self.size), dtype=np.uint32)
            windows[:, :left] = before[len(before) - left :]
            windows[:, left] = candidates
            windows[:, left + 1 :] = after[: most - left]
            found |= self._known(_hashes(windows))
        return found

    def has_run(self, codes: Codes) -> bool:
        return bool(self._known(_windows(codes, self.size)).any())

    def _known(self, hashes: UInt64s) -> Bools:
        if not len(self.runs):
            return np.zeros(len(hashes), dtype=np.bool_)
        at = np.searchsorted(self.runs, hashes)
        return np.asarray(self.runs[np.minimum(at, len(self.runs) - 1)] == hashes, dtype=np.bool_)

    def longest(self, codes: Codes) -> tuple[int, int, int]:
        """A song's number, where in the codes the longest run shared with it begins, its length.

        Of several songs that with most runs; length 0 where none is shared.
        """
        hashes = _windows(codes, self.gram)
        low, high = (np.searchsorted(self.grams, hashes, side) for side in ("left", "right"))
        place = np.concatenate(
            [np.sort(self.places[a:b]) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
            or [np.zeros(0, np.int64)]
        ).astype(np.int64)
        at = np.repeat(np.arange(len(hashes)), high - low)
        if not len(place):
            return -1, 0, 0
        # Runs that go on from one place to the next lie on one diagonal, one after another.
        order = np.lexsort((at, place - at))
        place, at = place[order], at[order]
        breaks = (np.diff(place - at) != 0) | (np.diff(at) != 1)
        first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
        length = np.diff(np.concatenate([first, [len(at)]])) + self.gram - 1
        song = np.searchsorted(self.songs[:, 1], place[first], "right") - 1
        if song.min() < 0:
            raise InputError("The writer's index is damaged; train the writer again.")
        shared = np.bincount(song, weights=length, minlength=len(self.songs))
        best = int(np.lexsort((song, -shared[song], -length))[0])
        return int(self.songs[song[best], 0]), int(at[first[best]]), int(length[best])

    def arrays(self) -> dict[str, HostArray]:
        return dict(zip(_FILES, (self.runs, self.grams, self.places, self.songs), strict=True))


class CopyIndex:
    """The index of a folder, and of those that it carries. An empty one finds nothing."""

    def __init__(self, folder: Path) -> None:
        """Raises `InputError` where the folder holds no whole index."""
        self._han: list[_Runs] = []  # a part each, the writer's own first
        self._words: list[_Runs | None] = []
        part = folder
        while part == folder or part.is_dir():
            self._han.append(_Runs(part, RUN, GRAM))
            words = part / WORDS
            held = _Runs(words, WORD_RUN, WORD_GRAM) if words.is_dir() else None
            if held is not None and not np.array_equal(held.songs[:, 0], self._han[-1].songs[:, 0]):
                raise InputError(
                    f"{label_of(words)}: is of other songs than the index that it lies in; train "
                    "the writer again."
                )
            self._words.append(held)
            part = part / BASE

    @property
    def songs(self) -> list[int]:
        """The numbers of the songs that it holds, without those of its base."""
        return [int(number) for number in self._han[0].songs[:, 0]]

    @property
    def has_base(self) -> bool:
        """Whether it carries the index of a base."""
        return len(self._han) > 1

    @property
    def has_words(self) -> bool:
        """Whether Latin words are followed too, in each of its parts."""
        return all(part is not None for part in self._words)

    def joins(self, before: Codes, candidates: Codes, after: Codes) -> Bools:
        """(c,) bool: whether a character between `before` and `after` completes a run of a song.

        `before` and `after` may be of any length.
        """
        return _any_joins(self._han, before, candidates, after)

    def joins_words(self, before: Codes, candidates: Codes, after: Codes) -> Bools:
        """(c,) bool: whether a Latin word does; all as of `word_codes`."""
        return _any_joins([part for part in self._words if part], before, candidates, after)

    def has_run(self, text: str) -> bool:
        """Whether a text shares `RUN` characters or `WORD_RUN` Latin words in a row with a song."""
        return self.is_copy(han_codes(text), word_codes(text))

    def is_copy(self, han: Codes, words: Codes) -> bool:
        """Whether characters or words, as of `han_codes` and `word_codes`, hold a run of a song."""
        return any(part.has_run(han) for part in self._han) or any(
            part.has_run(words) for part in self._words if part
        )

    def nearest(self, text: str) -> Nearest:
        """The song that shares the longest run of characters with a text."""
        codes = han_codes(text)

        def told(begin: int, number: int) -> str:
            return "".join(map(chr, codes[begin : begin + number].tolist()))

        return _nearest(self._han, codes, told)

    def nearest_words(self, text: str) -> Nearest | None:
        """The song that shares the longest run of Latin words with a text.

        None where that isn't known: nothing was found, and a part does not follow words.
        """
        words = latin_words(text)

        def told(begin: int, number: int) -> str:
            return " ".join(words[begin : begin + number])

        found = _nearest(self._words, word_codes(text), told)
        return found if found.overlap or self.has_words else None

    def write(self, folder: Path) -> None:
        """Write the same index, with all that it carries, into a new folder."""
        for han, words in zip(self._han, self._words, strict=True):
            _write(folder, han.arrays())
            if words is not None:
                _write(folder / WORDS, words.arrays())
            folder = folder / BASE


def _any_joins(parts: Sequence[_Runs], before: Codes, candidates: Codes, after: Codes) -> Bools:
    found = np.zeros(len(candidates), dtype=np.bool_)
    for part in parts:
        found |= part.joins(before, candidates, after)
    return found


def _nearest(
    parts: Sequence[_Runs | None], codes: Codes, told: Callable[[int, int], str]
) -> Nearest:
    """Over all parts, the first of those with the longest run; told: the text of a run."""
    best = Nearest(None, 0, "")
    for place, part in enumerate(parts):
        song, begin, length = part.longest(codes) if part is not None else (-1, 0, 0)
        if length > best.overlap:
            own = song if place == 0 else None
            best = Nearest(own, length, told(begin, length), of_base=place > 0)
    return best


def write_index(
    folder: Path, songs: Iterable[tuple[int, Sequence[str]]], base: CopyIndex | None = None
) -> None:
    """Write the index of songs, each its number and its lines, into a new folder.

    base: an index that is carried with it. A run never spans two songs. Takes about 45 bytes a
    character or word while it is made, and 24 on disk.
    """
    texts = [(number, "\n".join(lines)) for number, lines in songs]
    _write(folder, _indexed(((n, han_codes(text)) for n, text in texts), RUN, GRAM))
    words = ((n, word_codes(text)) for n, text in texts)
    _write(folder / WORDS, _indexed(words, WORD_RUN, WORD_GRAM))
    if base is not None:
        base.write(folder / BASE)


def _indexed(songs: Iterable[tuple[int, Codes]], size: int, gram: int) -> dict[str, HostArray]:
    """The arrays of `_FILES`."""
    runs, grams, places, begins = [], [], [], []
    at = 0
    for number, codes in songs:
        begins.append((number, at))
        runs.append(np.unique(_windows(codes, size)))
        grams.append(_windows(codes, gram))
        places.append(np.arange(len(grams[-1]), dtype=np.int64) + at)
        at += len(codes)
    every = np.concatenate([np.zeros(0, np.uint64), *grams])
    order = np.argsort(every, kind="stable")
    return {
        "runs": np.unique(np.concatenate([np.zeros(0, np.uint64), *runs])),
        "grams": every[order],
        "places": np.concatenate([np.zeros(0, np.int64), *places])[order],
        "songs": np.array(begins, dtype=np.int64).reshape(-1, 2),
    }


def _write(folder: Path, arrays: dict[str, HostArray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        write_array(folder / f"{name}.npy", array)


def han_codes(text: str) -> Codes:
    """(n,) uint32: the Chinese characters of a text, simplified one by one."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype="<u4")
    kept = codes[is_han(codes)]
    distinct, where = np.unique(kept, return_inverse=True)
    plain = np.array([ord(_plain(chr(code))) for code in distinct.tolist()], dtype=np.uint32)
    return plain[where] if len(kept) else np.zeros(0, np.uint32)


def latin_words(text: str) -> list[str]:
    """The Latin words of a text in the order they are sung, in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall("".join(one for one in plain if not unicodedata.combining(one)))


def word_codes(text: str) -> Codes:
    """(n,) uint32: the Latin words of a text, a hash each; an apostrophe makes no other word."""
    return np.array([_word_code(word) for word in latin_words(text)], dtype=np.uint32)


@lru_cache(maxsize=65536)
def _word_code(word: str) -> int:
    bare = word.replace("'", "").replace("’", "")
    return int.from_bytes(hashlib.blake2b(bare.encode(), digest_size=4).digest(), "little")


def is_han(codes: HostArray) -> Bools:
    """(n,) bool: which code points (n,) are Chinese characters."""
    found = np.zeros(len(codes), dtype=np.bool_)
    for low, high in _HAN:
        found |= (codes >= low) & (codes < high)
    return found


@cache
def _plain(character: str) -> str:
    simple = _converter().convert(character)
    return simple if len(simple) == 1 else character


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    return OpenCC("t2s")


def _windows(codes: Codes, size: int) -> UInt64s:
    """(n - size + 1,) uint64: the hash of every run of `size`, in order."""
    if len(codes) < size:
        return np.zeros(0, dtype=np.uint64)
    return _hashes(np.lib.stride_tricks.sliding_window_view(codes, size))


def _hashes(windows: Codes) -> UInt64s:
    """(n,) uint64 of (n, size): a polynomial modulo 2**64 of the mixed characters."""
    found = np.zeros(len(windows), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in range(windows.shape[1]):
            mixed = windows[:, column].astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
            found = (found * _BASE) ^ (mixed ^ (mixed >> np.uint64(29)))
        found ^= found >> np.uint64(31)
    return found


def _read(folder: Path, name: str, dtype: type, dimensions: int) -> HostArray:
    path = folder / f"{name}.npy"
    try:
        array = load_array(path, mapped=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}); train the writer again.") from None
    if array.dtype != dtype or array.ndim != dimensions:
        raise InputError(f"{label_of(path)}: is no part of an index; train the writer again.")
    return array
