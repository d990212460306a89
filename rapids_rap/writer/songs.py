"""A run's songs, and what is known of each that a writer can be asked for.

A song's theme is that of most of its lines; of themes with as many, the one that comes first in the
song. Lines of noise and of clusters that may not be there again have no say. Its emotion is the
lexicon's category with most hits in it, in the lexicon's order where two have as many; its region
is its artist's. What rests on clusters that may not be there again, or on fewer than `FEWEST`
songs to learn from, is no condition, and is listed with the reason.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s, UInt64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.corpus.normalize import normalize
from rapids_rap.errors import InputError
from rapids_rap.quality.leakage import leakage_groups, song_entries
from rapids_rap.quality.seen import seen_songs, song_ids
from rapids_rap.runs.files import digest
from rapids_rap.runs.run import Run
from rapids_rap.runs.shape import Kind, check_table
from rapids_rap.tables.artists import UNKNOWN_REGION
from rapids_rap.tables.doubts import find_doubts

NOISE = -1
FEWEST = 3  # songs that a condition is learnt from
WHOLE: Kind = "whole or none"
GONE = ("unstable", "few votes")  # marks of clusters that may not be there again


@dataclass(frozen=True)
class Song:
    """lines: its texts, in order; stanzas: the number of each line's stanza.

    theme, region, emotion: None where it has none. group: its leakage group. read: whether the base
    model was trained on it.
    """

    song_id: int
    artist: str
    title: str
    lines: tuple[str, ...]
    stanzas: tuple[int, ...]
    theme: int | None
    region: str | None
    emotion: str | None
    group: int
    read: bool

    @property
    def sha256(self) -> str:
        """Of its text: what tells it, whatever its number in another run."""
        return digest("\n".join(self.lines))


@dataclass(frozen=True)
class LeftOut:
    """What can't be asked for, and why."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True)
class SongSplit:
    """Songs to train on and songs that are held out, whole leakage groups each.

    themes: the names of those that can be asked for, by id. A song's theme, region or emotion that
    can't be asked for is None. by: what tells which clusters may not be there again, as of
    `find_doubts`; "" where nothing is known of it, so that none was left out for it.
    """

    train: tuple[Song, ...]
    held_out: tuple[Song, ...]
    themes: Mapping[int, str]
    regions: tuple[str, ...]
    emotions: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    by: str


def read_songs(run: Run, backend: Backend, trained_on: UInt64s | None) -> list[Song]:
    """The songs of a run, by `song_id`.

    trained_on: what the base model says it has read; None where it can't be known, and then it
    counts as having read everything. Raises `InputError` where the lyrics have no songs, and where
    the lexicon's hits are no numbers.
    """
    lines = run.lines
    hits = dict.fromkeys((f"hits_{name}" for name in run.emotions), WHOLE)
    check_table(run.path / "lines.parquet", lines, hits)
    known = lines[lines["song_id"].notna()]
    if known.empty:
        raise InputError(
            f"{run.path}: its lyrics have no songs (plain text has none), and a writer learns "
            "songs; give a run of lyrics with titles."
        )
    texts = run.texts["text_norm"].astype(str).tolist()
    chosen = song_ids(known)
    groups = leakage_groups(song_entries(known, chosen), texts, backend)
    group = dict(zip(chosen.tolist(), groups.tolist(), strict=True))
    read = _read_by_base(known, texts, trained_on, chosen, backend)
    gone = _gone_clusters(run)
    ordered = known.sort_values(["song_id", "line_no"], kind="stable")
    parts = {int(part["song_id"].iloc[0]): part for _, part in ordered.groupby("song_id")}
    return [
        _song(number, parts[number], group[number], number in read, gone, run.emotions)
        for number in sorted(parts)
    ]


def _read_by_base(
    lines: pd.DataFrame,
    texts: Sequence[str],
    trained_on: UInt64s | None,
    chosen: Int64s,
    backend: Backend,
) -> set[int]:
    if trained_on is None:
        return set(chosen.tolist())
    return set(seen_songs(lines, texts, trained_on, backend).tolist())


def _gone_clusters(run: Run) -> set[int]:
    doubts = find_doubts(run.clusters, run.manifest)
    return {cluster for cluster, mark in doubts.marks.items() if mark in GONE}


def _song(
    number: int,
    part: pd.DataFrame,
    group: int,
    read: bool,
    gone: set[int],
    categories: Sequence[str],
) -> Song:
    texts, stanzas = _line_by_line(part)
    first = part.iloc[0]
    region = first["region"] if "region" in part.columns else None
    return Song(
        song_id=number,
        artist="" if pd.isna(first["artist"]) else str(first["artist"]),
        title="" if pd.isna(first["song"]) else str(first["song"]),
        lines=texts,
        stanzas=stanzas,
        theme=song_theme(part["theme"], part["cluster"], gone),
        region=None if region is None or region in ("", UNKNOWN_REGION) else str(region),
        emotion=song_emotion(part, categories),
        group=group,
        read=read,
    )


def _line_by_line(part: pd.DataFrame) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The lines of a song, also where a run's rows are stanzas or songs."""
    if "lines" not in part.columns:
        return tuple(part["text_norm"].astype(str)), tuple(part["stanza"].astype(int).tolist())
    units = [normalize(str(text).split("\n"), "simplified") for text in part["text"]]
    numbers = [i for i, unit in enumerate(units) for line in unit if line]
    return tuple(line for unit in units for line in unit if line), tuple(numbers)


def song_theme(themes: Iterable[int], clusters: Iterable[int], gone: set[int]) -> int | None:
    """The theme of most lines whose cluster will be there again; the first of several."""
    own = [int(t) for t, c in zip(themes, clusters, strict=True) if t != NOISE and c not in gone]
    return Counter(own).most_common(1)[0][0] if own else None  # ties: the first that was met


def song_emotion(part: pd.DataFrame, categories: Sequence[str]) -> str | None:
    """The category with most hits; the first in the lexicon's order of several, None without."""
    hits = [int(part[f"hits_{name}"].sum()) for name in categories]
    return categories[int(np.argmax(hits))] if any(hits) else None


def split_songs(run: Run, songs: Sequence[Song], share: float) -> SongSplit:
    """Hold whole leakage groups out (`held_out_groups`), and settle the conditions.

    Raises `InputError` where too few songs are left to train on.
    """
    held = held_out_groups(songs, share)
    train = [song for song in songs if song.group not in held]
    held_out = [song for song in songs if song.group in held]
    if len(train) < FEWEST and len(held_out) > round(share * len(songs)):
        raise InputError(
            f"{run.path}: {len(train)} of {len(songs)} songs are left to train on: leakage groups "
            f"are held out whole, and no fewer than {len(held_out)} songs could be. Give a run of "
            "more songs, or --heldout 0."
        )
    if not train or not any(song.lines for song in train):
        raise InputError(
            f"{run.path}: no song is left to train on: {len(songs)} songs form one leakage group. "
            "Give a run of more songs, or --heldout 0."
        )
    names = _theme_names(run)
    left: list[LeftOut] = []
    themes = _lasting_themes(run, names, left)
    regions = {song.region for song in songs if song.region is not None}
    kept = {
        "theme": _enough(train, held_out, "theme", themes, names, left),
        "region": _enough(train, held_out, "region", regions, {}, left),
        "emotion": _enough(train, held_out, "emotion", run.emotions, {}, left),
    }
    return SongSplit(
        tuple(_only(song, kept) for song in train),
        tuple(_only(song, kept) for song in held_out),
        {own: names[own] for own in sorted(kept["theme"])},
        tuple(sorted(kept["region"])),
        tuple(name for name in run.emotions if name in kept["emotion"]),
        tuple(left),
        find_doubts(run.clusters, run.manifest).by,
    )


def held_out_groups(songs: Sequence[Song], share: float) -> set[int]:
    """Leakage groups to hold out, whole, until `share` of the songs are.

    Groups that the base model has not read come first, then by a hash of their first song's artist
    and title, which does not move when songs are added. A group that would hold out more songs than
    are wanted and the smallest group together is passed over, so that a large one does not swallow
    what should be trained on; one group at least is never held out.
    """
    wanted = round(share * len(songs))
    sizes = Counter(song.group for song in songs)
    read = {song.group for song in songs if song.read}
    first: dict[int, Song] = {}
    for song in songs:
        first.setdefault(song.group, song)
    order = sorted(sizes, key=lambda own: (own in read, _hash(first[own])))
    most = wanted + min(sizes.values(), default=0)
    held: set[int] = set()
    count = 0
    for own in order:
        if count >= wanted or len(held) + 1 >= len(sizes):
            break
        if count + sizes[own] <= most:
            held.add(own)
            count += sizes[own]
    return held


def _hash(song: Song) -> bytes:
    text = f"{song.artist}\0{song.title}".encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=8).digest()


def _theme_names(run: Run) -> dict[int, str]:
    """What each theme is called: by people, else by a model, else by its terms."""
    labels = {
        int(own): str(label)
        for own, label in zip(run.themes["theme"], run.themes["label"], strict=True)
    }
    return {own: name for own, name in (labels | run.names_of("theme")).items() if own != NOISE}


def _lasting_themes(run: Run, names: Mapping[int, str], left: list[LeftOut]) -> set[int]:
    """Themes of which most lines lie in clusters that will be there again."""
    gone = _gone_clusters(run)
    clusters = run.clusters[run.clusters["cluster"] != NOISE]
    lasting = set()
    for own in names:
        part = clusters[clusters["theme"] == own]
        lines = int(part["lines"].sum())
        lost = int(part.loc[part["cluster"].isin(list(gone)), "lines"].sum())
        if 2 * lost > lines:
            why = f"{lost} of its {lines} lines lie in clusters that may not be there again"
            left.append(LeftOut("theme", names[own], why))
        else:
            lasting.add(own)
    return lasting


def _enough(
    train: Sequence[Song],
    held_out: Sequence[Song],
    kind: str,
    among: Iterable[Any],
    names: Mapping[int, str],
    left: list[LeftOut],
) -> set:
    """The values of a condition, of `among`, that enough songs have; of all others says why not."""
    taught, other = (Counter(getattr(song, kind) for song in part) for part in (train, held_out))
    kept = set()
    for own in sorted(among):
        if taught[own] >= FEWEST:
            kept.add(own)
        else:
            why = _too_few(taught[own], other[own])
            left.append(LeftOut(kind, names.get(own, str(own)), why))
    return kept


def _too_few(taught: int, held_out: int) -> str:
    none = f" ({held_out} held out)" if held_out else " (it prevails in no song)"
    return f"{taught} songs to learn from{'' if taught else none}, and {FEWEST} are the least"


def _only(song: Song, kept: Mapping[str, set]) -> Song:
    """The song without what can't be asked for."""
    return replace(
        song,
        theme=song.theme if song.theme in kept["theme"] else None,
        region=song.region if song.region in kept["region"] else None,
        emotion=song.emotion if song.emotion in kept["emotion"] else None,
    )
