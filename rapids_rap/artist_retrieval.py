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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace, device

from rapids_rap.artist_spaces import Space
from rapids_rap.backend import Array, Backend
from rapids_rap.bootstrap import Floats, Ints, draw_units, grouped_sums, interval, macro_means
from rapids_rap.geometry import TIE
from rapids_rap.grouped import one_hot, row_blocks
from rapids_rap.lexical import Weighted, products

FUSIONS = {
    "characters+dense_whitened": ("characters", "dense_whitened"),
    "words+dense_whitened": ("words", "dense_whitened"),
    "words_svd_whitened+dense_whitened": ("words_svd_whitened", "dense_whitened"),
}
"""Equal weights, tuned on nothing: the parts' vectors end to end."""
BASELINE, PRIOR = "characters", "artist_frequency"


@dataclass(frozen=True)
class Contest:
    """Songs, and who must be found. In host memory: S songs, A artists, G groups, C components.

    artists, groups, components: (S,) int64 from 0. own_artist, own_group: (C,) of each component.
    asked: (A,) bool, the artists with components in two groups or more.
    """

    artists: Ints
    groups: Ints
    components: Ints
    own_artist: Ints
    own_group: Ints
    asked: npt.NDArray[np.bool_]

    @property
    def weights(self) -> Floats:
        """(S,) the share of each song in its component."""
        return np.asarray(1.0 / np.bincount(self.components)[self.components])


def hold_contest(artists: Ints, groups: Ints) -> Contest:
    """The contest of songs (S,) by artist and leakage group, both numbered from 0."""
    width = int(artists.max(initial=-1)) + 1
    keys, components = np.unique(groups * max(1, width) + artists, return_inverse=True)
    own_artist, own_group = keys % max(1, width), keys // max(1, width)
    asked = np.bincount(own_artist, minlength=width) >= 2
    return Contest(artists, groups, components, own_artist, own_group, asked)


@dataclass(frozen=True)
class Products:
    """All that a space says of a contest; those of spaces put end to end are the sums.

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


def multiply(space: Space, contest: Contest, backend: Backend) -> Products:
    """The products of one space; songs of no words, or of no direction, are rows of zeros."""
    xp = backend.xp
    shares = backend.from_host(contest.weights)
    artists = backend.from_host(contest.artists)
    members = one_hot(artists, len(contest.asked), xp.float64) * shares[:, None]
    crowd = np.flatnonzero(_crowded(contest))
    rows = backend.from_host(crowd)
    if not isinstance(space, Weighted):
        sums = xp.matrix_transpose(members) @ space
        some = xp.take(space, rows, axis=0)
        return Products(
            space @ xp.matrix_transpose(sums), some @ xp.matrix_transpose(some),
            xp.sum(space * space, axis=1),
        )  # fmt: skip
    matrix = space.matrix
    parts = [
        matrix @ (matrix.T @ members[:, block])
        for block in row_blocks(int(members.shape[1]), 8 * int(matrix.shape[1]))
    ]
    # Words of a single song meet only that song's own share in its artist's profile.
    profiles = xp.concat(parts, axis=1) + members * space.rest[:, None]
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
    return Products(profiles, shared, xp.where(kept, ones, xp.zeros_like(ones)))


def _squared_lengths(matrix: Any, backend: Backend) -> Array:
    """(rows,) the squared length of each row of a sparse matrix of the backend."""
    squared = matrix.copy()
    squared.data = squared.data * squared.data
    return squared @ backend.from_host(np.ones(int(matrix.shape[1])))


def _crowded(contest: Contest) -> npt.NDArray[np.bool_]:
    """(S,) whether a song shares its group with another one."""
    return np.asarray(np.bincount(contest.groups)[contest.groups] > 1)


def score_artists(found: Products, contest: Contest, backend: Backend) -> Array:
    """(S, A) float64: the cosine of each song with each profile less its group; -inf without one.

    Of component u, in the group of song q, and full profile p: the profile's product with q loses
    q·u, and its squared length 2 p·u - u·u.
    """
    xp = backend.xp
    shares = backend.from_host(contest.weights)
    artists = backend.from_host(contest.artists)
    own = one_hot(artists, len(contest.asked), xp.float64)
    lengths = xp.sum(own * found.profiles * shares[:, None], axis=0)
    tally = np.bincount(contest.own_artist, minlength=len(contest.asked)).astype(np.float64)
    counts = backend.from_host(tally)[None, :] - own
    mine = xp.sum(own * found.profiles, axis=1)  # a song alone in its group is its component
    numerator = found.profiles - own * found.own[:, None]
    squares = lengths[None, :] - own * (2.0 * mine - found.own)[:, None]
    crowd = _crowded(contest)
    if crowd.any():
        changed = _without_groups(found, contest, np.flatnonzero(crowd), lengths, backend)
        order = np.argsort(np.concatenate((np.flatnonzero(~crowd), np.flatnonzero(crowd))))
        alone, back = backend.from_host(np.flatnonzero(~crowd)), backend.from_host(order)
        plain = (numerator, squares, counts)
        numerator, squares, counts = (
            xp.take(xp.concat([xp.take(a, alone, axis=0), b]), back, axis=0)
            for a, b in zip(plain, changed, strict=True)
        )
    # What is left of a profile by rounding alone has no direction.
    sound = squares > 1e-12
    cosine = numerator / xp.sqrt(xp.where(sound, squares, xp.ones_like(squares)))
    cosine = xp.where(sound, cosine, xp.zeros_like(cosine))
    return xp.where(counts > 0.5, cosine, xp.full_like(cosine, -math.inf))


def _without_groups(
    found: Products, contest: Contest, crowd: Ints, lengths: Array, backend: Backend
) -> tuple[Array, Array, Array]:
    """Numerator, squared length and component count, (M, A), of the songs `crowd` (M,)."""
    xp = backend.xp
    names, place = np.unique(contest.components[crowd], return_inverse=True)
    own_artist, own_group = contest.own_artist[names], contest.own_group[names]
    members = one_hot(backend.from_host(place), len(names), xp.float64)
    members = members * backend.from_host(contest.weights[crowd])[:, None]
    with_component = found.shared @ members  # (M, C')
    squares = xp.sum(members * with_component, axis=0)
    profiles = xp.take(found.profiles, backend.from_host(crowd), axis=0)
    to_artist = one_hot(backend.from_host(own_artist), len(contest.asked), xp.float64)
    met = xp.sum(xp.matrix_transpose(members) @ profiles * to_artist, axis=1)
    groups = backend.from_host(contest.groups[crowd])
    here = groups[:, None] == backend.from_host(own_group)[None, :]
    here = xp.astype(here, xp.float64)
    tally = np.bincount(contest.own_artist, minlength=len(contest.asked)).astype(np.float64)
    return (
        profiles - (here * with_component) @ to_artist,
        lengths[None, :] - (here * (2.0 * met - squares)[None, :]) @ to_artist,
        backend.from_host(tally)[None, :] - here @ to_artist,
    )


def prior_scores(contest: Contest, backend: Backend) -> Array:
    """(S, A): how many components each artist has outside the song's group: names, no words."""
    tally = np.zeros((int(contest.groups.max(initial=-1)) + 1, len(contest.asked)))
    tally[contest.own_group, contest.own_artist] = 1.0
    everywhere = tally.sum(axis=0)
    rows = backend.xp.take(backend.from_host(tally), backend.from_host(contest.groups), axis=0)
    return backend.from_host(everywhere)[None, :] - rows


def reciprocal_ranks(scores: Array, contest: Contest, backend: Backend) -> Floats:
    """(C,) of each component, the mean over its songs, on the host. Ties share their mean rank."""
    artists = backend.from_host(contest.artists)
    right = array_namespace(scores).take_along_axis(scores, artists[:, None], axis=1)
    xp = array_namespace(scores)
    above = xp.astype(xp.count_nonzero(scores > right + TIE, axis=1), xp.float64)
    level = (scores <= right + TIE) & (scores >= right - TIE)
    equal = xp.astype(xp.count_nonzero(level, axis=1), xp.float64)
    gain = backend.to_host(1.0 / (above + (equal + 1.0) / 2.0))
    total = np.bincount(contest.components, weights=gain)
    return np.asarray(total / np.bincount(contest.components))


@dataclass(frozen=True)
class Ranking:
    """A space's macro mean reciprocal rank and its bootstrap draws (b,)."""

    name: str
    mrr: float
    draws: Floats


def rank_spaces(
    spaces: Mapping[str, Space], contest: Contest, backend: Backend, *, draws: int, seed: int
) -> list[Ranking]:
    """Every space, the fusions of those, and the prior, on the same draws of groups."""
    units = int(contest.groups.max(initial=-1)) + 1
    weights = draw_units(units, draws, seed)
    asked = contest.asked[contest.own_artist]
    places = (contest.own_group[asked], contest.own_artist[asked])
    shape = (units, len(contest.asked))
    counts = grouped_sums(np.ones(int(asked.sum())), *places, shape)

    def ranking(name: str, scores: Array) -> Ranking:
        gain = reciprocal_ranks(scores, contest, backend)[asked]
        sums = grouped_sums(gain, *places, shape)
        whole = macro_means(np.ones((1, units)), sums, counts)
        return Ranking(name, float(whole[0]), macro_means(weights, sums, counts))

    found = {name: multiply(space, contest, backend) for name, space in spaces.items()}
    for name, parts in FUSIONS.items():
        first, *rest = (found[part] for part in parts)
        found[name] = sum(rest, start=first)
    rankings = [ranking(name, score_artists(part, contest, backend))
                for name, part in found.items()]  # fmt: skip
    return [*rankings, ranking(PRIOR, prior_scores(contest, backend))]


def space_rows(rankings: Sequence[Ranking]) -> list[dict[str, Any]]:
    """name, value, interval, and the difference to the characters with its paired interval."""
    base = next(r for r in rankings if r.name == BASELINE)
    return [
        {
            "name": r.name,
            "value": r.mrr,
            "interval": interval(r.draws),
            "difference": None if r is base else r.mrr - base.mrr,
            "difference_interval": None if r is base else interval(r.draws - base.draws),
        }
        for r in rankings
    ]
