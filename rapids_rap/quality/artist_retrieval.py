"""Whose song is this? Each song against profiles of the artists, its own leakage group left out.

Songs of a leakage group by one artist are a component. A component is the mean of its songs; an
artist's profile is the sum of their components *outside the group of the song that is asked*, by
cosine. The rank of the song's own artist among all artists gives its reciprocal rank; songs are
averaged within components, components within artists, and artists among each other (macro), so that
neither a second upload nor a prolific artist counts more. Artists without a component outside the
group stand last. Only artists with two groups or more are asked; all of them are candidates.

Nothing is approximated, and no profile is built twice: a group's part is taken off the products
with the full profiles (`Products`), so a space costs one product of its songs with the artists.
Intervals: paired bootstrap over leakage groups, the same draws for every space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from rapids_rap.arrays import Bools, Float64s, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.backend.rows import one_hot, row_blocks
from rapids_rap.quality.artist_spaces import Space
from rapids_rap.quality.bootstrap import Estimate, draw_units, grouped_sums, macro_means, trusted
from rapids_rap.quality.lines import first_ranks
from rapids_rap.words.tfidf import Weighted, products

FUSIONS = {
    "characters+dense_whitened": ("characters", "dense_whitened"),
    "words+dense_whitened": ("words", "dense_whitened"),
    "words_svd_whitened+dense_whitened": ("words_svd_whitened", "dense_whitened"),
}
"""Equal weights, tuned on nothing: the parts' vectors end to end."""
BASELINE, PRIOR = "characters", "artist_frequency"


@dataclass(frozen=True)
class ArtistTask:
    """Songs, and who must be found. In host memory: S songs, A artists, G groups, C components.

    artists, groups, components: (S,) int64 from 0. own_artist, own_group: (C,) of each component.
    asked: (A,) bool, the artists with components in two groups or more.
    """

    artists: Int64s
    groups: Int64s
    components: Int64s
    own_artist: Int64s
    own_group: Int64s
    asked: Bools

    @property
    def tally(self) -> Float64s:
        """(A,) how many components each artist has."""
        return np.bincount(self.own_artist, minlength=len(self.asked)).astype(np.float64)

    @property
    def weights(self) -> Float64s:
        """(S,) the share of each song in its component."""
        return np.asarray(1.0 / np.bincount(self.components)[self.components])


def leave_group_out(artists: Int64s, groups: Int64s) -> ArtistTask:
    """The task of songs (S,) by artist and leakage group, both numbered from 0."""
    width = int(artists.max(initial=-1)) + 1
    keys, components = np.unique(groups * max(1, width) + artists, return_inverse=True)
    own_artist, own_group = keys % max(1, width), keys // max(1, width)
    asked = np.bincount(own_artist, minlength=width) >= 2
    return ArtistTask(artists, groups, components, own_artist, own_group, asked)


@dataclass(frozen=True)
class Products:
    """All that a space says of a task; those of spaces put end to end are the sums.

    profiles: (S, A) float64, each song with the sum of each artist's components. shared: (M, M)
    float64, songs with songs, of the M songs in groups of more than one, in order; own: (S,).
    """

    profiles: Array
    shared: Array
    own: Array

    def __add__(self, other: Products) -> Products:
        return Products(
            self.profiles + other.profiles, self.shared + other.shared, self.own + other.own
        )


def multiply(space: Space, task: ArtistTask, backend: Backend) -> Products:
    """The products of one space; songs of no words, or of no direction, are rows of zeros."""
    xp = backend.xp
    members = _members(task, backend)
    crowd = np.flatnonzero(_crowded(task))
    rows = backend.from_host(crowd)
    if not isinstance(space, Weighted):
        some = xp.take(space, rows, axis=0)
        return Products(
            space @ xp.matrix_transpose(members @ space),
            some @ xp.matrix_transpose(some),
            xp.sum(space * space, axis=1),
        )
    matrix = space.matrix
    shared = backend.from_host(np.zeros((len(crowd), len(crowd))))
    if len(crowd):
        some = matrix[rows]
        blocks = row_blocks(len(crowd), 8 * (len(crowd) + int(matrix.shape[1])))
        shared = xp.concat([products(some, block, backend) for block in blocks])
        diagonal = one_hot(xp.arange(len(crowd), device=device(rows)), len(crowd), xp.float64)
        shared = shared + diagonal * xp.take(space.rest, rows)[:, None]
    # A row has length 1, or is empty: then nothing of it is anywhere.
    ones = xp.ones_like(space.rest)
    kept = (_squared_lengths(matrix, backend) + space.rest) > 0.5
    own = xp.where(kept, ones, xp.zeros_like(ones))
    return Products(_sparse_profiles(space, members, task, backend), shared, own)


def _members(task: ArtistTask, backend: Backend) -> Any:
    """Sparse (A, S): the share of each song in its component, in its artist's row."""
    songs = np.arange(len(task.artists), dtype=np.int32)
    places = (backend.from_host(task.artists.astype(np.int32)), backend.from_host(songs))
    shape = (len(task.asked), len(songs))
    return backend.sparse.csr_matrix((backend.from_host(task.weights), places), shape=shape)


def _sparse_profiles(space: Weighted, members: Any, task: ArtistTask, backend: Backend) -> Array:
    """(S, A) float64: songs with the sums of artists. Most words are no other artist's.

    A song's words meet only the artists that have them, so the product is of sparse matrices, by
    blocks of songs: at most every word meets every artist.
    """
    xp, matrix = backend.xp, space.matrix
    artists = backend.from_host(task.artists)
    count, songs = len(task.asked), len(task.artists)
    sums = (members @ matrix).T
    # Words of a single song meet only that song's own share in its artist's profile.
    alone = space.rest * backend.from_host(task.weights)
    words = int(matrix.data.shape[0]) // max(1, songs) + 1
    profiles = xp.empty((songs, count), dtype=xp.float64, device=device(artists))
    for part in row_blocks(songs, 16 * words * count):
        own = one_hot(artists[part], count, xp.float64) * alone[part, None]
        profiles[part, :] = (matrix[part] @ sums).toarray() + own
    return profiles


def _squared_lengths(matrix: Any, backend: Backend) -> Array:
    """(rows,) the squared length of each row of a sparse matrix of the backend."""
    squared = matrix.copy()
    squared.data = squared.data * squared.data
    return squared @ backend.from_host(np.ones(int(matrix.shape[1])))


def _crowded(task: ArtistTask) -> Bools:
    """(S,) whether a song shares its group with another one."""
    return np.asarray(np.bincount(task.groups)[task.groups] > 1)


def score_artists(
    found: Products, task: ArtistTask, backend: Backend
) -> Iterator[tuple[Int64s, Array]]:
    """Songs (s,) and, (s, A) float64, their cosines with each profile less their group.

    Every song once, in blocks that fit a processor's cache. -inf where nothing is left of an
    artist. Of component u, in the group of song q, and full profile p: the profile's product with q
    loses q·u, and its squared length 2 p·u - u·u. A song alone in its group is its component, so
    that only its own artist's score changes.
    """
    xp = backend.xp
    artists = backend.from_host(task.artists)
    mine = xp.take_along_axis(found.profiles, artists[:, None], axis=1)[:, 0]
    lengths = _members(task, backend) @ mine
    crowded = _crowded(task)
    if crowded.any():
        crowd = np.flatnonzero(crowded)
        yield crowd, _cosines(*_without_groups(found, task, crowd, lengths, backend))
    squares = xp.take(lengths, artists) - (2.0 * mine - found.own)
    others = backend.from_host(task.tally[task.artists] - 1.0)
    own = _cosines(mine - found.own, squares, others)
    ones = xp.ones_like(lengths)
    scale = _cosines(ones, lengths, ones)
    names = xp.arange(len(task.asked), dtype=artists.dtype, device=device(artists))
    alone = np.flatnonzero(~crowded)
    for part in row_blocks(len(alone), 24 * len(task.asked), backend.cache_bytes):
        rows = backend.from_host(alone[part])
        scores = xp.take(found.profiles, rows, axis=0) * scale[None, :]
        theirs = xp.take(artists, rows)[:, None] == names[None, :]
        yield alone[part], xp.where(theirs, xp.take(own, rows)[:, None], scores)


def _cosines(numerator: Array, squares: Array, counts: Array) -> Array:
    """Numerators over lengths: 0 for what rounding alone left, -inf without a component."""
    xp = array_namespace(numerator)
    sound = squares > 1e-12
    cosine = numerator / xp.sqrt(xp.where(sound, squares, xp.ones_like(squares)))
    cosine = xp.where(sound, cosine, xp.zeros_like(cosine))
    return xp.where(counts > 0.5, cosine, xp.full_like(cosine, -math.inf))


def _without_groups(
    found: Products, task: ArtistTask, crowd: Int64s, lengths: Array, backend: Backend
) -> tuple[Array, Array, Array]:
    """Numerator, squared length and component count, (M, A), of the songs `crowd` (M,)."""
    xp = backend.xp
    names, place = np.unique(task.components[crowd], return_inverse=True)
    own_artist, own_group = task.own_artist[names], task.own_group[names]
    members = one_hot(backend.from_host(place), len(names), xp.float64)
    members = members * backend.from_host(task.weights[crowd])[:, None]
    with_component = found.shared @ members  # (M, C')
    squares = xp.sum(members * with_component, axis=0)
    profiles = xp.take(found.profiles, backend.from_host(crowd), axis=0)
    to_artist = one_hot(backend.from_host(own_artist), len(task.asked), xp.float64)
    met = xp.sum(xp.matrix_transpose(members) @ profiles * to_artist, axis=1)
    groups = backend.from_host(task.groups[crowd])
    here = groups[:, None] == backend.from_host(own_group)[None, :]
    here = xp.astype(here, xp.float64)
    return (
        profiles - (here * with_component) @ to_artist,
        lengths[None, :] - (here * (2.0 * met - squares)[None, :]) @ to_artist,
        backend.from_host(task.tally)[None, :] - here @ to_artist,
    )


def prior_scores(task: ArtistTask, backend: Backend) -> Iterator[tuple[Int64s, Array]]:
    """How many components each artist has outside the song's group: names, no words.

    Blocks of songs (s,) and (s, A), as `score_artists`; counted on the host.
    """
    shape = (int(task.groups.max(initial=-1)) + 1, len(task.asked))
    there = grouped_sums(np.ones(len(task.own_group)), task.own_group, task.own_artist, shape)
    songs = np.arange(len(task.groups))
    for part in row_blocks(len(songs), 24 * shape[1], backend.cache_bytes):
        here = there[task.groups[part]].toarray()
        yield songs[part], backend.from_host(task.tally[None, :] - here)


def reciprocal_ranks(
    blocks: Iterable[tuple[Int64s, Array]], task: ArtistTask, backend: Backend
) -> Float64s:
    """(C,) of each component, the mean over its songs, on the host. Ties share their mean rank.

    NaN where nothing is left of a song's own artist: such an artist is not `asked`.
    blocks: songs (s,) and their scores (s, A), every song once.
    """
    xp = backend.xp
    gain = np.zeros(len(task.artists))
    for songs, scores in blocks:
        artists = backend.from_host(task.artists[songs])
        right = xp.take_along_axis(scores, artists[:, None], axis=1)
        gain[songs] = backend.to_host(1.0 / first_ranks(scores, right))
    total = np.bincount(task.components, weights=gain)
    return np.asarray(total / np.bincount(task.components))


@dataclass(frozen=True)
class Ranking(Estimate):
    """A space's macro mean reciprocal rank, drawing leakage groups."""

    name: str


def rank_spaces(
    spaces: Mapping[str, Space], task: ArtistTask, backend: Backend, *, draws: int, seed: int
) -> list[Ranking]:
    """Every space, the fusions of those, and the prior, on the same draws of groups."""
    units = int(task.groups.max(initial=-1)) + 1
    weights = draw_units(units, draws, seed)
    asked = task.asked[task.own_artist]
    places = (task.own_group[asked], task.own_artist[asked])
    shape = (units, len(task.asked))
    counts = grouped_sums(np.ones(int(asked.sum())), *places, shape)

    def ranking(name: str, blocks: Iterable[tuple[Int64s, Array]]) -> Ranking:
        gain = reciprocal_ranks(blocks, task, backend)[asked]
        sums = grouped_sums(gain, *places, shape)
        whole = macro_means(np.ones((1, units)), sums, counts)
        return Ranking(float(whole[0]), trusted(macro_means(weights, sums, counts), counts), name)

    found = {name: multiply(space, task, backend) for name, space in spaces.items()}
    for name, parts in FUSIONS.items():
        first, *rest = (found[part] for part in parts)
        found[name] = sum(rest, start=first)
    rankings = [ranking(name, score_artists(part, task, backend)) for name, part in found.items()]
    return [*rankings, ranking(PRIOR, prior_scores(task, backend))]


def space_rows(rankings: Sequence[Ranking]) -> list[dict[str, Any]]:
    """name, value, interval, and the difference to the characters with its paired interval."""
    base = next(r for r in rankings if r.name == BASELINE)
    nothing = {"difference": None, "difference_interval": None}
    return [
        {"name": r.name, "value": r.value, "interval": r.interval}
        | (nothing if r is base else r.above(base))
        for r in rankings
    ]
