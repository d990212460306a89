"""Nothing is stolen: an index over the training text that follows the writing.

The index holds hashes, no text, though it could be found again by trying. Only Chinese characters
count, in simplified form and in the order they are sung, so that neither a blank nor a line's end
hides a copy. Runs of `RUN` characters are looked up while a line is written; runs of `GRAM`, with
the place where they stand, tell afterwards which song a text is nearest to and the longest run that
it shares with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

Codes = npt.NDArray[np.uint32]

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a product loses nothing
_HAN = ((0x3007, 0x3008), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x40000))
_FILES = {
    "runs": (np.uint64, 1),  # (r,) the hashes of all runs, ascending, each once
    "grams": (np.uint64, 1),  # (g,) the hash of every run of `GRAM`, ascending
    "places": (np.int64, 1),  # (g,) where it stands: characters of the songs before, and of its own
    "songs": (np.int64, 2),  # (s, 2) each song's number and the place where it begins
}


@dataclass(frozen=True)
class Nearest:
    """What a text shares with a song: the longest run of both, of those with the longest.

    song: its number; None where no run of `GRAM` characters is shared, and then overlap, the number
    of characters, is 0. text: the run itself.
    """

    song: int | None
    overlap: int
    text: str


class CopyIndex:
    """The index of a folder, mapped into memory. An empty one finds nothing."""

    def __init__(self, folder: Path) -> None:
        """Raises `InputError` where the folder holds no whole index."""
        held = {name: _read(folder, name, *shape) for name, shape in _FILES.items()}
        self._runs, self._grams, self._places, self._songs = held.values()
        whole = len(self._grams) == len(self._places) and self._songs.shape[1:] == (2,)
        if not whole or (len(self._grams) and not len(self._songs)):
            raise InputError(f"{label_of(folder)}: is not whole; train the writer again.")

    @property
    def songs(self) -> list[int]:
        """The numbers of the songs that it holds."""
        return [int(number) for number in self._songs[:, 0]]

    def joins(self, before: Codes, candidates: Codes, after: Codes) -> Bools:
        """(c,) bool: whether a candidate between `before` and `after` completes a run of a song.

        `before` and `after` may be of any length.
        """
        found = np.zeros(len(candidates), dtype=np.bool_)
        for left in range(max(0, RUN - 1 - len(after)), min(RUN - 1, len(before)) + 1):
            windows = np.empty((len(candidates), RUN), dtype=np.uint32)
            windows[:, :left] = before[len(before) - left :]
            windows[:, left] = candidates
            windows[:, left + 1 :] = after[: RUN - 1 - left]
            found |= self._known(_hashes(windows))
        return found

    def has_run(self, text: str) -> bool:
        """Whether a text shares `RUN` characters in a row with a song."""
        return bool(self._known(_windows(han_codes(text), RUN)).any())

    def _known(self, hashes: UInt64s) -> Bools:
        if not len(self._runs):
            return np.zeros(len(hashes), dtype=np.bool_)
        at = np.searchsorted(self._runs, hashes)
        return np.asarray(self._runs[np.minimum(at, len(self._runs) - 1)] == hashes, dtype=np.bool_)

    def nearest(self, text: str) -> Nearest:
        """The song that shares the longest run with a text; of several that with most runs."""
        codes = han_codes(text)
        hashes = _windows(codes, GRAM)
        low, high = (np.searchsorted(self._grams, hashes, side) for side in ("left", "right"))
        place = np.concatenate(
            [np.sort(self._places[a:b]) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
            or [np.zeros(0, np.int64)]
        ).astype(np.int64)
        at = np.repeat(np.arange(len(hashes)), high - low)
        if not len(place):
            return Nearest(None, 0, "")
        # Runs that go on from one place to the next lie on one diagonal, one after another.
        order = np.lexsort((at, place - at))
        place, at = place[order], at[order]
        breaks = (np.diff(place - at) != 0) | (np.diff(at) != 1)
        first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
        length = np.diff(np.concatenate([first, [len(at)]])) + GRAM - 1
        song = np.searchsorted(self._songs[:, 1], place[first], "right") - 1
        if song.min() < 0:
            raise InputError("The writer's index is damaged; train the writer again.")
        shared = np.bincount(song, weights=length, minlength=len(self._songs))
        best = int(np.lexsort((song, -shared[song], -length))[0])
        begin, number = int(at[first[best]]), int(length[best])
        run = "".join(map(chr, codes[begin : begin + number].tolist()))
        return Nearest(int(self._songs[song[best], 0]), number, run)


def write_index(folder: Path, songs: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Write the index of songs, each its number and its lines, into a new folder.

    A run never spans two songs. Takes about 45 bytes a character while it is made, and 24 on disk.
    """
    runs, grams, places, begins = [], [], [], []
    at = 0
    for number, lines in songs:
        codes = han_codes("\n".join(lines))
        begins.append((number, at))
        runs.append(np.unique(_windows(codes, RUN)))
        grams.append(_windows(codes, GRAM))
        places.append(np.arange(len(grams[-1]), dtype=np.int64) + at)
        at += len(codes)
    every = np.concatenate([np.zeros(0, np.uint64), *grams])
    order = np.argsort(every, kind="stable")
    folder.mkdir(parents=True, exist_ok=True)
    held: dict[str, HostArray] = {
        "runs": np.unique(np.concatenate([np.zeros(0, np.uint64), *runs])),
        "grams": every[order],
        "places": np.concatenate([np.zeros(0, np.int64), *places])[order],
        "songs": np.array(begins, dtype=np.int64).reshape(-1, 2),
    }
    for name, array in held.items():
        write_array(folder / f"{name}.npy", array)


def han_codes(text: str) -> Codes:
    """(n,) uint32: the Chinese characters of a text, simplified one by one."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype="<u4")
    kept = codes[is_han(codes)]
    distinct, where = np.unique(kept, return_inverse=True)
    plain = np.array([ord(_plain(chr(code))) for code in distinct.tolist()], dtype=np.uint32)
    return plain[where] if len(kept) else np.zeros(0, np.uint32)


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
