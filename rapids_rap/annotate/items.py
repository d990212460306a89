"""What people are asked: drawn over songs, artists and clusters, by centre, edge, doubt and noise.

No judge sees a cluster's number, size or words: a cluster is shown by its lines, as in ProxAnn
(Hoyle et al., ACL 2025), and an intruder is sought among lines, as among words by Chang et al.
(2009). Lines of a song are alike, so no task takes two of one, as long as songs last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from rapids_rap.annotate import FITS, NONE, Item, Task
from rapids_rap.arrays import Float64s, HostArray, Int64s
from rapids_rap.errors import InputError
from rapids_rap.runs.run import Run
from rapids_rap.tables.doubts import find_doubts

NOISE = -1
SHOWN = 5  # lines by which a cluster is shown
AMONG = 4  # lines of one cluster, among which an intruder stands
CHOICES = 4  # names to choose from
STRATA = ("centre", "edge", "doubtful", "noise")
MOST_MEMBERS = 2000  # of a cluster that are looked at, drawn
LONGEST = 600  # characters of a text that are shown: a whole song is cut
LEAST_DOUBT = 0.1  # where no stability is known: the tenth of the clustered texts with fewest votes


@dataclass(frozen=True)
class Pool:
    """The distinct texts of a run. Everything is (n,), row = text_id."""

    run: Run
    texts: Sequence[str]
    clusters: Int64s
    songs: Sequence[str]
    artists: Sequence[str]
    doubtful: HostArray
    random: np.random.Generator

    @cached_property
    def ids(self) -> list[int]:
        """Clusters that have lines enough to be shown, in a drawn order."""
        own, sizes = np.unique(self.clusters, return_counts=True)
        fit = own[(own != NOISE) & (sizes > SHOWN + 1)]
        return [int(i) for i in self.random.permutation(fit)]

    @cached_property
    def members(self) -> dict[int, Int64s]:
        """Texts of each cluster, the nearest to its middle first; of a large one a sample."""
        return {i: self._by_nearness(i) for i in self.ids}

    @cached_property
    def middles(self) -> HostArray:
        """(clusters, d) unit vectors, in the order of `ids`."""
        return np.stack([self._middle(self.members[i]) for i in self.ids])

    def _by_nearness(self, cluster: int) -> Int64s:
        own = np.flatnonzero(self.clusters == cluster)
        if len(own) > MOST_MEMBERS:
            own = np.sort(self.random.choice(own, MOST_MEMBERS, replace=False))
        return own[np.argsort(-self.nearness(own, self._middle(own)), kind="stable")]

    def _middle(self, rows: Int64s) -> HostArray:
        middle = unit(self.run.vectors[rows]).mean(axis=0)
        return middle / max(float(np.linalg.norm(middle)), 1e-12)

    def nearness(self, rows: Int64s, middle: HostArray) -> Float64s:
        """Cosines of texts with a cluster's middle."""
        return unit(self.run.vectors[rows]) @ middle

    def shown(self, cluster: int, count: int, without: int = -1) -> list[int]:
        """Texts that stand for a cluster: the nearest to its middle, of different songs."""
        rows = [int(i) for i in self.members[cluster] if i != without]
        songs = {self.songs[without]} if without >= 0 and self.songs[without] else set()
        return spread(rows, self.songs, self.artists, count, songs)


def unit(vectors: HostArray) -> HostArray:
    """Rows of length 1, float64; rows of nothing stay so."""
    rows = np.asarray(vectors, dtype=np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def draw_items(run: Run, tasks: Sequence[Task], count: int, seed: int) -> dict[Task, list[Item]]:
    """Up to `count` items of each task; a task that the run is too small for has none.

    The same run, tasks, count and seed give the same items. Raises `InputError` for a run without
    clusters.
    """
    pool = _pool(run, seed)
    if not pool.ids:
        raise InputError(
            f"{run.path}: has no cluster of {SHOWN + 2} distinct texts, so there is nothing that "
            "people could judge."
        )
    makers: dict[Task, Callable[[Pool, int], Iterator[Item]]] = {
        "fit": _fits,
        "intruder": _intruders,
        "names": _names,
        "emotion": _emotions,
    }
    found: dict[Task, list[Item]] = {}
    for task in tasks:
        own = replace(pool, random=np.random.default_rng([seed, *map(ord, task)]))
        made = list(makers[task](own, count))
        places = own.random.permutation(len(made))
        found[task] = [
            replace(made[place], id=f"{task}-{number + 1:03d}")
            for number, place in enumerate(places)
        ]
    return found


def _pool(run: Run, seed: int) -> Pool:
    first = run.lines.drop_duplicates("text_id").sort_values("text_id", ignore_index=True)
    doubts = find_doubts(run.clusters, run.manifest)
    clusters = first["cluster"].to_numpy(np.int64)
    if doubts.by == "stability":
        doubtful = np.isin(clusters, list(doubts.marks))
    elif "agreement" in first and (clusters != NOISE).any():
        votes = first["agreement"].fillna(1.0).to_numpy(np.float64)
        bound = np.quantile(votes[clusters != NOISE], LEAST_DOUBT)
        doubtful = (votes <= bound) & (votes < 1.0) & (clusters != NOISE)
    else:
        doubtful = np.zeros(len(first), dtype=bool)
    songs = first["song_id"].map(lambda song: "" if pd.isna(song) else str(int(song)))
    return Pool(
        run=run,
        texts=first["text_norm"].str.slice(0, LONGEST).tolist(),
        clusters=clusters,
        songs=songs.tolist(),
        artists=first["artist"].fillna("").astype(str).tolist(),
        doubtful=doubtful,
        random=np.random.default_rng(seed),
    )


def spread(
    rows: Sequence[int],
    songs: Sequence[str],
    artists: Sequence[str],
    count: int,
    taken: set[str] | None = None,
) -> list[int]:
    """The first `count` of `rows`, one a song and the artists in turn, as long as they last.

    taken: songs that are not to be used; those that are taken are added to it.
    """
    used: set[str] = set() if taken is None else taken
    turns: dict[str, int] = {}
    waiting = [row for row in rows if not songs[row] or songs[row] not in used]
    chosen: list[int] = []
    while waiting and len(chosen) < count:
        row = min(waiting, key=lambda row: turns.get(artists[row], 0))  # the first of the fewest
        chosen.append(row)
        turns[artists[row]] = turns.get(artists[row], 0) + 1
        song = songs[row]
        used |= {song} if song else set()
        waiting = [
            other for other in waiting if other != row and not (song and songs[other] == song)
        ]
    return chosen


def _fits(pool: Pool, count: int) -> Iterator[Item]:
    """A line and a group of lines: does it belong? A quarter each of centre, edge, doubt, noise."""
    taken: set[str] = set()
    lists = {stratum: _stratum(pool, stratum, count) for stratum in STRATA}
    lists = {stratum: rows for stratum, rows in lists.items() if rows}
    for number, stratum in enumerate(lists):
        share = count // len(lists) + (number < count % len(lists))
        for row in spread(lists[stratum], pool.songs, pool.artists, share, taken):
            own = int(pool.clusters[row])
            cluster = own if own != NOISE else _nearest(pool, row)
            group = pool.shown(cluster, SHOWN, row)
            if len(group) < SHOWN:
                continue
            yield Item(
                id="",
                task="fit",
                group=tuple(pool.texts[i] for i in group),
                line=pool.texts[row],
                options=FITS,
                truth="no" if own == NOISE else "yes",
                cluster=cluster,
                stratum=stratum,
                unit=pool.songs[row],
            )


def _stratum(pool: Pool, stratum: str, count: int) -> list[int]:
    """Texts of a stratum, in a drawn order, the clusters in turn."""
    if stratum == "noise":
        rows = np.flatnonzero(pool.clusters == NOISE)
        return [int(i) for i in pool.random.permutation(rows)[: 20 * count]]
    parts = []
    for cluster in pool.ids:
        own = pool.members[cluster]
        third = max(1, len(own) // 3)
        if stratum == "doubtful":
            own = own[pool.doubtful[own]]
        else:
            own = own[:third] if stratum == "centre" else own[-third:]
        parts.append([int(i) for i in pool.random.permutation(own)[: 2 * count]])
    longest = max(map(len, parts), default=0)
    return [part[i] for i in range(longest) for part in parts if i < len(part)]


def _nearest(pool: Pool, row: int) -> int:
    cosines = pool.middles @ unit(pool.run.vectors[row : row + 1])[0]
    return pool.ids[int(np.argmax(cosines))]


def _intruders(pool: Pool, count: int) -> Iterator[Item]:
    """Lines of one cluster and one of another: which does not belong."""
    if len(pool.ids) < 2:
        return
    for number in range(count):
        cluster = pool.ids[number % len(pool.ids)]
        others = [other for other in pool.ids if other != cluster]
        other = others[int(pool.random.integers(len(others)))]
        songs: set[str] = set()
        rows = [int(i) for i in pool.random.permutation(pool.members[cluster])]
        group = spread(rows, pool.songs, pool.artists, AMONG, songs)
        stranger = pool.shown(other, 3 * AMONG)
        free = [row for row in stranger if not pool.songs[row] or pool.songs[row] not in songs]
        if len(group) < AMONG or not free:
            continue
        intruder = free[int(pool.random.integers(len(free)))]
        place = int(pool.random.integers(AMONG + 1))
        lines = [*group[:place], intruder, *group[place:]]
        yield Item(
            id="",
            task="intruder",
            group=tuple(pool.texts[i] for i in lines),
            line="",
            options=tuple(str(i + 1) for i in range(len(lines))),
            truth=str(place + 1),
            cluster=cluster,
            stratum=f"against {other}",
            unit=f"cluster {cluster}",
        )


def _names(pool: Pool, count: int) -> Iterator[Item]:
    """Lines of a cluster, and four names, its own among them. A cluster is asked about once."""
    names = name_clusters(pool.run)
    known = [cluster for cluster in pool.ids if names.get(cluster)]
    for cluster in known[:count]:
        others = [i for i in known if names[i] != names[cluster]]
        different = {names[i]: i for i in pool.random.permutation(others).tolist()}
        if len(different) < CHOICES - 1:
            return
        wrong = list(different)[: CHOICES - 1]
        place = int(pool.random.integers(CHOICES))
        choices = [*wrong[:place], names[cluster], *wrong[place:]]
        rows = [int(i) for i in pool.random.permutation(pool.members[cluster])]
        group = spread(rows, pool.songs, pool.artists, SHOWN + 1)
        yield Item(
            id="",
            task="names",
            group=tuple(pool.texts[i] for i in group),
            line="",
            options=tuple(str(i + 1) for i in range(CHOICES)),
            names=tuple(choices),
            truth=str(place + 1),
            cluster=cluster,
            stratum="cluster",
            unit=f"cluster {cluster}",
        )


def name_clusters(run: Run) -> dict[int, str]:
    """What each cluster is called: by people, else by a model, else its first three terms."""
    labels = run.names_of("cluster")
    rows = zip(run.clusters["cluster"], run.clusters["top_terms"].fillna(""), strict=True)
    terms = {int(i): "、".join(str(own).split("、")[:3]) for i, own in rows}
    return {i: labels.get(i) or own for i, own in terms.items() if i != NOISE}


def _emotions(pool: Pool, count: int) -> Iterator[Item]:
    """A line and the lexicon's categories: half of the lines have a word of the lexicon."""
    lines = pool.run.lines.drop_duplicates("text_id").sort_values("text_id", ignore_index=True)
    columns = [name for name in lines if str(name).startswith("hits_")]
    categories = tuple(str(name).removeprefix("hits_") for name in columns)
    if not categories:
        return
    hits = lines[columns].to_numpy(np.int64)
    some = hits.sum(axis=1) > 0
    taken: set[str] = set()
    for stratum, rows, share in (
        ("with a word", np.flatnonzero(some), count // 2),
        ("without", np.flatnonzero(~some), count - count // 2),
    ):
        drawn = [int(i) for i in pool.random.permutation(rows)[: 40 * count]]
        for row in spread(drawn, pool.songs, pool.artists, share, taken):
            most = np.flatnonzero(hits[row] == hits[row].max())
            said = categories[int(most[0])] if len(most) == 1 else ""
            yield Item(
                id="",
                task="emotion",
                group=(),
                line=pool.texts[row],
                options=(*categories, NONE),
                truth=said if some[row] else NONE,
                cluster=int(pool.clusters[row]),
                stratum=stratum,
                unit=pool.songs[row],
            )
