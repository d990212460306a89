"""Songs that a model was trained on: what it finds among them is memory, and counts for nothing.

A song is seen if two of its neighbouring lines, or one long line, were trained on; so is every song
of its leakage group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s, UInt64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.corpus.normalize import normalize
from rapids_rap.embedding.trained_on import are_among, hash_lines, hash_pairs, is_long
from rapids_rap.quality.leakage import leakage_groups, song_entries
from rapids_rap.quality.lines import follow_on

FEWEST = 10  # songs that must be left, for a figure with an interval over songs
UNKNOWN = (
    "not computed: the model was trained, but its folder holds no record of the songs; train it "
    "again"
)


def seen_songs(
    lines: pd.DataFrame, texts: Sequence[str], trained_on: UInt64s, backend: Backend
) -> Int64s:
    """The `song_id`s of the songs that were seen, ascending.

    lines: a row an occurrence in reading order, with song_id, stanza, line_no and text_id, and of
    stanzas and songs `text` and `lines`; texts: the distinct texts; trained_on: (m,) what a model
    folder says of itself.
    """
    known = lines[lines["song_id"].notna()]
    if not len(trained_on) or known.empty:
        return np.zeros(0, np.int64)
    sung = _line_by_line(known) if "lines" in known.columns else (known, texts)
    songs = song_ids(known)
    seen = np.isin(songs, _read_songs(*sung, trained_on))
    if not seen.any():
        return np.zeros(0, np.int64)
    groups = leakage_groups(song_entries(known, songs), texts, backend)
    return np.asarray(songs[np.isin(groups, groups[seen])])


def memorised_songs(
    lines: pd.DataFrame, texts: Sequence[str], trained_on: UInt64s | None, backend: Backend
) -> tuple[Int64s, str]:
    """The `song_id`s that figures of memory leave out, and what to say of it.

    As of `seen_songs`; trained_on None, where it can't be known: all songs.
    """
    if trained_on is None:
        return song_ids(lines), UNKNOWN
    seen = seen_songs(lines, texts, trained_on, backend)
    return seen, left_out_note(int(lines["song_id"].nunique()), len(seen))


def song_ids(lines: pd.DataFrame) -> Int64s:
    """The `song_id`s of a corpus, ascending."""
    return np.unique(lines["song_id"].dropna().to_numpy(np.int64))


def _read_songs(lines: pd.DataFrame, texts: Sequence[str], trained_on: UInt64s) -> Int64s:
    """The `song_id`s, in any order, of which a pair of lines or a long line is in `trained_on`."""
    song = lines["song_id"].to_numpy(np.int64)
    text = lines["text_id"].to_numpy(np.int64)
    joined = follow_on(song, lines["stanza"].to_numpy(), lines["line_no"].to_numpy())
    ends = zip(text[:-1][joined].tolist(), text[1:][joined].tolist(), strict=True)
    pairs = hash_pairs((texts[a], texts[b]) for a, b in ends)
    by_pair = song[1:][joined][are_among(pairs, trained_on)]
    long = np.array([t for t in np.unique(text).tolist() if is_long(texts[t])], np.int64)
    read = long[are_among(hash_lines(texts[t] for t in long.tolist()), trained_on)]
    return np.concatenate([by_pair, song[np.isin(text, read)]])


def _line_by_line(units: pd.DataFrame) -> tuple[pd.DataFrame, Sequence[str]]:
    """The lines of stanzas or songs, a row a line: what is trained on are lines."""
    parts = [str(text).split("\n") for text in units["text"]]
    count = np.array([len(part) for part in parts], np.int64)
    rows = units.loc[units.index.repeat(count), ["song_id", "stanza", "line_no"]]
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    lines = normalize([line for unit in parts for line in unit], "simplified")
    ids, texts = pd.factorize(np.array(lines, dtype=object))
    number = rows["line_no"].to_numpy(np.int64) + within
    return rows.assign(line_no=number, text_id=ids.astype(np.int64)), texts.tolist()


def without_songs(lines: pd.DataFrame, songs: Int64s) -> pd.DataFrame:
    """The rows of all other songs, and of none."""
    return lines[~lines["song_id"].isin(songs.tolist())]


def left_out_note(songs: int, seen: int) -> str:
    """What a figure says of the songs that it leaves out; why it is missing where too few are left.

    songs: of the corpus; seen: of them.
    """
    left = songs - seen
    if left < FEWEST:
        return (
            f"not computed: the model was trained on {seen} of the {songs} songs; {left} are left, "
            f"and {FEWEST} are the least"
        )
    return f"{seen} of {songs} songs are left out, because the model was trained on them"
