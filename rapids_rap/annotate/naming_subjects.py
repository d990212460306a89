"""What a model is shown of each cluster and theme, and the lines that its name is tested by.

Lines are those nearest to the centre and those on the boundary, of different songs and artists as
long as these last. The lines of the test are of songs of which nothing is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import near_rows, row_blocks, unit_rows
from rapids_rap.clustering.clusters import cluster_centers
from rapids_rap.runs.run import Run
from rapids_rap.tables.names import KINDS, Kind, label_of_terms

SHOWN = 12  # lines nearest to the centre, and as many on the boundary
TERMS = 12
NEIGHBOURS = 3  # whose labels stand beside, for contrast
CHOICES = 4
LEAST_SONGS = 3  # below, nothing is said with an interval
LONGEST = 120  # characters of a line that are shown: a whole song is cut
_LOOKED_AT = 5000  # candidates of a list, at most
_TRIES = 50  # to draw a distractor of another song


@dataclass(frozen=True)
class Question:
    """CHOICES lines, of which only `lines[right]` is of the group."""

    lines: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class Subject:
    """A cluster or theme to be named.

    label: what its terms say. terms: with the number of songs of each, None where nobody counted.
    contrast: what people, or its terms, call each of the nearest groups. questions: its test;
    untested: why there is none, else "".
    """

    kind: Kind
    id: int
    label: str
    terms: tuple[tuple[str, int | None], ...]
    medoids: tuple[str, ...]
    boundary: tuple[str, ...]
    contrast: tuple[str, ...]
    questions: tuple[Question, ...]
    untested: str = ""


@dataclass(frozen=True)
class _Texts:
    """The n distinct texts, row = text_id; a text without a song stands for itself."""

    lines: Sequence[str]
    songs: Int64s
    artists: Sequence[str]
    known: bool


@dataclass(frozen=True)
class _Places:
    """labels: (n,) by number, -1 none. own, rival: (n,) cosine to the own and next nearest center.

    near: (K, NEIGHBOURS) at most. ids: (K,).
    """

    labels: Int64s
    own: Float32s
    rival: Float32s
    near: Int64s
    ids: Int64s


def find_subjects(
    run: Run, vectors: Array, tests: int, seed: int, backend: Backend
) -> list[Subject]:
    """Clusters, the largest first, then themes; noise has no name.

    vectors: (n, d) of the run's distinct texts. tests: lines of each test, at most. The cosines to
    the centers are copied to the host on purpose: two numbers a text.
    """
    texts = _texts(run)
    found = []
    for kind in KINDS:
        places = _places(run, kind, vectors, backend)
        table = run.clusters if kind == "cluster" else run.themes
        terms = dict(zip(table[kind].tolist(), table["top_terms"].tolist(), strict=True))
        labels = {own: label_of_terms(terms.get(own), kind, own) for own in places.ids.tolist()}
        found += _of_kind(run, kind, texts, places, labels, tests, seed)
    return found


def _texts(run: Run) -> _Texts:
    first = run.lines.drop_duplicates("text_id").sort_values("text_id")
    songs = first["song_id"]
    alone = -1 - np.arange(len(first), dtype=np.int64)
    known = songs.notna().to_numpy(dtype=bool)
    numbers = songs.fillna(0).to_numpy(dtype=np.int64)
    return _Texts(
        first["text_norm"].tolist(),
        np.where(known, numbers, alone),
        first["artist"].fillna("").astype("str").tolist(),
        bool(known.any()),
    )


def _places(run: Run, kind: Kind, vectors: Array, backend: Backend) -> _Places:
    xp = backend.xp
    named = run.texts[kind].to_numpy(np.int64)
    table = run.clusters if kind == "cluster" else run.themes
    ids = np.sort(table.loc[table[kind] >= 0, kind].to_numpy(np.int64))
    labels = np.where(named >= 0, np.searchsorted(ids, named), -1).astype(np.int64)
    if not len(ids):
        none = np.full(len(named), -1, dtype=np.float32)
        return _Places(labels, none, none, np.zeros((0, 0), np.int64), ids)
    centers = cluster_centers(vectors, backend.from_host(labels), len(ids))
    own, rival = [], []
    for block in row_blocks(len(labels), 8 * (len(ids) + int(vectors.shape[1]))):
        near = unit_rows(near_rows(vectors, block)) @ xp.matrix_transpose(centers)
        mine = backend.from_host(np.maximum(labels[block], 0))
        here = xp.arange(len(ids), dtype=mine.dtype)[None, :] == mine[:, None]
        own.append(backend.to_host(xp.max(xp.where(here, near, -1.0 + 0 * near), axis=1)))
        rival.append(backend.to_host(xp.max(xp.where(here, -1.0 + 0 * near, near), axis=1)))
    alike = backend.to_host(centers @ xp.matrix_transpose(centers)).astype(np.float64)
    np.fill_diagonal(alike, -2.0)
    order = np.argsort(-alike, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(ids) - 1)]
    return _Places(labels, np.concatenate(own), np.concatenate(rival), order, ids)


def _of_kind(
    run: Run,
    kind: Kind,
    texts: _Texts,
    places: _Places,
    labels: dict[int, str],
    tests: int,
    seed: int,
) -> list[Subject]:
    order = np.argsort(places.labels, kind="stable")
    ends = np.searchsorted(places.labels[order], np.arange(-1, len(places.ids) + 1))
    groups = {k: order[a:b] for k, (a, b) in enumerate(pairwise(ends.tolist()), -1)}
    terms, called = _terms(run, kind), labels | run.labels_of(kind)
    by_size = sorted(range(len(places.ids)), key=lambda k: (-len(groups[k]), k))
    found = []
    for k in by_size:
        own = int(places.ids[k])
        random = np.random.default_rng([seed, KINDS.index(kind), own])
        kept, why = _held_out(groups[k], texts, tests, random)
        rest = groups[k][~np.isin(texts.songs[groups[k]], texts.songs[kept])]
        inner = rest[np.argsort(-places.own[rest], kind="stable")]
        medoids = _spread(inner, texts, SHOWN)
        margin = (places.own - places.rival)[rest]
        outer = rest[np.argsort(margin, kind="stable")]
        boundary = _spread(outer[~np.isin(outer, medoids)], texts, SHOWN, medoids)
        questions = [] if why else _questions(kept, k, groups, texts, random)
        found.append(
            Subject(
                kind,
                own,
                labels[own],
                terms.get(own) or _plain_terms(labels[own]),
                tuple(texts.lines[i][:LONGEST] for i in medoids),
                tuple(texts.lines[i][:LONGEST] for i in boundary),
                tuple(called[int(places.ids[j])] for j in places.near[k]),
                tuple(questions),
                why or ("" if questions else "no other cluster to compare with"),
            )
        )
    return found


def _terms(run: Run, kind: Kind) -> dict[int, tuple[tuple[str, int | None], ...]]:
    """The first terms of each group, and in how many of its songs each occurs, where counted."""
    if kind == "theme":
        rows = zip(run.themes["theme"], run.themes["top_terms"].fillna(""), strict=True)
        return {int(k): tuple((t, None) for t in _split(text)[:TERMS]) for k, text in rows}
    table = run.cluster_terms
    if "method" in table and len(table):
        table = table[table["method"] == table["method"].iloc[0]]
    counted = _songs_of_terms(run.cluster_keyness)
    found: dict[int, tuple[tuple[str, int | None], ...]] = {}
    best = table[table["rank"] <= TERMS].sort_values(["cluster", "rank"])
    for own, term in zip(best["cluster"].tolist(), best["term"].tolist(), strict=True):
        found[own] = (*found.get(own, ()), (term, counted.get((own, term))))
    return found


def _songs_of_terms(keyness: pd.DataFrame | None) -> dict[tuple[int, str], int]:
    if keyness is None or not {"cluster", "term", "songs"} <= set(keyness):
        return {}
    rows = keyness[keyness["songs"].notna()]
    columns = (rows["cluster"], rows["term"], rows["songs"])
    return {(int(k), str(t)): int(n) for k, t, n in zip(*columns, strict=True)}


def _split(text: str) -> list[str]:
    return [term for term in text.split("、") if term]


def _plain_terms(label: str) -> tuple[tuple[str, int | None], ...]:
    return tuple((term, None) for term in label.split("·"))


def _held_out(
    members: Int64s, texts: _Texts, tests: int, random: np.random.Generator
) -> tuple[Int64s, str]:
    """A line of each of some songs that are kept for the test, or why there is none."""
    none = np.zeros(0, dtype=np.int64)
    if not texts.known:
        return none, "no songs known"
    drawn = random.permutation(members)
    _, first = np.unique(texts.songs[drawn], return_index=True)
    one_a_song = drawn[np.sort(first)]
    room = max(LEAST_SONGS, len(one_a_song) // 3)
    if len(one_a_song) <= LEAST_SONGS or tests < LEAST_SONGS:
        return none, "too few songs"
    return one_a_song[: min(tests, room)], ""


def _spread(order: Int64s, texts: _Texts, most: int, taken: Iterable[int] = ()) -> list[int]:
    """The first texts of `order`: of new songs and artists, then of new songs, then of any."""
    songs = {int(texts.songs[i]) for i in taken}
    artists = {texts.artists[i] for i in taken}
    chosen: list[int] = []
    candidates = order[:_LOOKED_AT].tolist()
    for known_songs, known_artists in ((songs, artists), (songs, set()), (set(), set())):
        own_songs, own_artists = set(known_songs), set(known_artists)
        own_songs |= {int(texts.songs[i]) for i in chosen}
        for i in candidates:
            if len(chosen) == most:
                return chosen
            song, artist = int(texts.songs[i]), texts.artists[i]
            new_artist = not artist or artist not in own_artists
            if i not in chosen and song not in own_songs and (new_artist or not known_artists):
                chosen.append(i)
                own_songs.add(song)
                own_artists.add(artist)
    return chosen


def _questions(
    kept: Int64s,
    own: int,
    groups: Mapping[int, Int64s],
    texts: _Texts,
    random: np.random.Generator,
) -> list[Question]:
    """Each held-out line among lines of other groups, of other songs and artists."""
    others = [k for k, members in groups.items() if k not in (own, -1) and len(members)]
    if not others:
        others = [-1] if len(groups.get(-1, ())) else []
    found = []
    for line in kept.tolist() if others else ():
        picked = random.choice(others, CHOICES - 1, replace=len(others) < CHOICES - 1)
        wrong: list[int] = []
        for k in picked.tolist():
            other = _of_another_song(groups[k], [line, *wrong], texts, random)
            if other is not None:
                wrong.append(other)
        if len(wrong) < CHOICES - 1:
            continue
        lines = [texts.lines[i][:LONGEST] for i in (line, *wrong)]
        if len(set(lines)) < CHOICES:
            continue
        places = random.permutation(CHOICES)
        found.append(Question(tuple(lines[i] for i in places), int(np.argmin(places))))
    return found if len(found) >= LEAST_SONGS else []


def _of_another_song(
    members: Int64s, taken: Sequence[int], texts: _Texts, random: np.random.Generator
) -> int | None:
    songs = {int(texts.songs[i]) for i in taken}
    artists = {texts.artists[i] for i in taken} - {""}
    fallback = None
    for i in random.choice(members, min(_TRIES, len(members)), replace=False).tolist():
        if int(texts.songs[i]) in songs:
            continue
        if texts.artists[i] not in artists:
            return int(i)
        fallback = int(i) if fallback is None else fallback
    return fallback
