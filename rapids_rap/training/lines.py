"""What is trained on and what is held out: the lines of a corpus with their neighbours.

The development set is songs, not lines: two lines of one song are no independent test. Leakage is
removed on both sides, by the near form of a text (letters, digits and characters alone): a song
that repeats two neighbouring lines of a held-out song is not trained on, and a pair of held-out
lines is not asked about where training has either line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Int64s, UInt64s
from rapids_rap.embedding.trained_on import are_among, hash_pairs
from rapids_rap.errors import InputError
from rapids_rap.quality.lines import follow_on
from rapids_rap.runs.files import read_plain
from rapids_rap.training import generator
from rapids_rap.training.masks import UNKNOWN, near_form


@dataclass(frozen=True, slots=True)
class TrainingLines:
    """Lines in the order of their songs.

    text: (n,) `text_norm`, never changed again. song: (n,) int64, `UNKNOWN` where no song is known.
    text_id: (n,) int64, equal for equal texts. following, preceding: (n,) int64, the neighbouring
    line of the stanza, or -1; lines of which no song is known have no neighbours, because nothing
    says that they belong together.
    """

    text: tuple[str, ...]
    song: Int64s
    text_id: Int64s
    following: Int64s
    preceding: Int64s

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class DevPairs:
    """Neighbouring lines of held-out songs. All (m,): texts, and int64 song and target's text."""

    queries: tuple[str, ...]
    targets: tuple[str, ...]
    song: Int64s
    target_id: Int64s


@dataclass(frozen=True, slots=True)
class HeldOutSplit:
    """Lines to train on, pairs to judge by, and what became of the songs, in numbers."""

    train: TrainingLines
    dev: DevPairs
    songs: int
    dev_songs: int
    leaking_songs: int
    leaking_pairs: int


def make_lines(frame: pd.DataFrame) -> TrainingLines:
    """The lines of a corpus table (`corpus.LINE_COLUMNS`), songs together, in reading order."""
    frame = frame.sort_values(["song_id", "line_no"], kind="stable", na_position="last")
    song = frame["song_id"].fillna(UNKNOWN).to_numpy(np.int64)
    number, stanza = frame["line_no"].to_numpy(np.int64), frame["stanza"].to_numpy(np.int64)
    joined = follow_on(song, stanza, number) & (song[1:] != UNKNOWN)
    at = np.arange(len(frame))
    following, preceding = np.full(len(frame), -1), np.full(len(frame), -1)
    following[:-1][joined] = at[1:][joined]
    preceding[1:][joined] = at[:-1][joined]
    ids = frame["text_id"].to_numpy(np.int64)
    return TrainingLines(tuple(frame["text_norm"]), song, ids, following, preceding)


def chosen_lines(lines: TrainingLines, keep: Bools) -> TrainingLines:
    """The lines of whole songs; keep: (n,) bool."""
    new = np.cumsum(keep) - 1
    at = np.flatnonzero(keep)

    def moved(neighbour: Int64s) -> Int64s:
        old = neighbour[at]
        return np.where(old < 0, -1, new[old])

    return TrainingLines(
        tuple(lines.text[i] for i in at.tolist()),
        lines.song[at],
        lines.text_id[at],
        moved(lines.following),
        moved(lines.preceding),
    )


def held_out_songs(frame: pd.DataFrame, listed: str, share: float) -> set[int]:
    """The `song_id` of the songs nothing may be trained on.

    `listed` names a file of `artist<TAB>song` lines, the artist empty where none is known; without
    one a share of the songs is chosen by
    a hash of artist and title, which does not move when songs are added. Raises `InputError` where
    the file can't be read or names a song that isn't there.
    """
    songs = frame.dropna(subset=["song_id"]).drop_duplicates("song_id")
    names = {
        int(number): ("" if pd.isna(artist) else str(artist), str(song))
        for number, artist, song in zip(
            songs["song_id"], songs["artist"], songs["song"], strict=True
        )
    }
    if not listed:
        return {number for number, name in names.items() if _hash_share(name) < share}
    wanted = _read_list(Path(listed).expanduser())
    missing = sorted(wanted - set(names.values()))
    if missing:
        raise InputError(
            f"train.heldout: {listed} names {len(missing)} songs that the lyrics don't have, for "
            f"example {missing[0][0]} / {missing[0][1]}; expected artist, tab, title as in them."
        )
    return {number for number, name in names.items() if name in wanted}


def _hash_share(name: tuple[str, str]) -> float:
    digest = hashlib.blake2b("\0".join(name).encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _read_list(path: Path) -> set[tuple[str, str]]:
    try:
        rows = read_plain(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"train.heldout: {path}: can't be read as UTF-8 text ({error}).") from None
    wanted = set()
    for number, row in enumerate(rows, start=1):
        artist, tab, song = row.partition("\t")
        if row.strip() and not tab:
            raise InputError(f"{path} line {number}: expected artist, a tab, and the song's title.")
        if row.strip():
            wanted.add((artist.strip(), song.strip()))
    return wanted


def split_lines(
    lines: TrainingLines, held_out: set[int], most_pairs: int, seed: int
) -> HeldOutSplit:
    """Divide songs into training and development, without leakage.

    At most `most_pairs` pairs are asked about, each pair of texts once.
    """
    out = np.isin(lines.song, sorted(held_out))
    forms = near_forms(lines.text)
    queries = np.flatnonzero(out & (lines.following >= 0))
    asked = {(forms[i], forms[j]) for i, j in _pairs(lines, queries)}
    rest = np.flatnonzero(~out & (lines.following >= 0))
    leaking = {int(lines.song[i]) for i, j in _pairs(lines, rest) if (forms[i], forms[j]) in asked}
    train = ~out & ~np.isin(lines.song, sorted(leaking))
    trained = {forms[i] for i in np.flatnonzero(train).tolist()}
    once = {(lines.text[i], lines.text[j]): i for i, j in reversed(_pairs(lines, queries))}
    starts = np.array(sorted(once.values()), np.int64)
    clean = np.array(
        [not {forms[i], forms[j]} & trained for i, j in _pairs(lines, starts)], np.bool_
    )
    kept = starts[clean] if len(starts) else starts
    if len(kept) > most_pairs:
        kept = np.sort(generator(seed, 3).choice(kept, most_pairs, replace=False))
    return HeldOutSplit(
        chosen_lines(lines, train),
        _dev_pairs(lines, kept),
        songs=len(np.unique(lines.song[lines.song != UNKNOWN])),
        dev_songs=len(held_out),
        leaking_songs=len(leaking),
        leaking_pairs=len(starts) - int(clean.sum()),
    )


def unseen_pairs(dev: DevPairs, trained_on: UInt64s | None) -> DevPairs:
    """The pairs of songs of which the base model has read none.

    trained_on: (h,) its hashes; None where they can't be known, and then no pair is unseen.
    """
    pairs = hash_pairs(zip(dev.queries, dev.targets, strict=True))
    seen = dev.song if trained_on is None else dev.song[are_among(pairs, trained_on)]
    kept = np.flatnonzero(~np.isin(dev.song, seen)).tolist()
    return DevPairs(
        tuple(dev.queries[i] for i in kept),
        tuple(dev.targets[i] for i in kept),
        dev.song[kept],
        dev.target_id[kept],
    )


def near_forms(texts: Sequence[str]) -> list[str]:
    """`masks.near_form` of each text."""
    return [near_form(text) for text in texts]


def _pairs(lines: TrainingLines, starts: Int64s) -> list[tuple[int, int]]:
    return list(zip(starts.tolist(), lines.following[starts].tolist(), strict=True))


def _dev_pairs(lines: TrainingLines, starts: Int64s) -> DevPairs:
    after = lines.following[starts]
    return DevPairs(
        tuple(lines.text[i] for i in starts.tolist()),
        tuple(lines.text[i] for i in after.tolist()),
        lines.song[starts],
        lines.text_id[after],
    )
