"""The artist retrieval of a run: which songs, which artists, every space side by side.

`artist_spaces` makes songs into vectors, `artist_retrieval` ranks artists by them; this is what
quality.json holds of it. The second table holds artists out: everything is fitted on the songs of
one half of the artists, and the other half, whom no fit has seen, are found among each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.quality.artist_retrieval import (
    BASELINE,
    ArtistTask,
    leave_group_out,
    rank_spaces,
    space_rows,
)
from rapids_rap.quality.artist_spaces import SongFeatures, song_features, song_spaces
from rapids_rap.quality.figures import Figure
from rapids_rap.quality.leakage import leakage_groups, song_entries
from rapids_rap.words.segment import Tokens

MEANING = (
    "from a song, is its artist the nearest of all artists' profiles made without its leakage "
    "group? macro mean reciprocal rank, 0 to 1"
)
NO_SONGS = "not computed: the input names no songs"
NO_ARTISTS = "not computed: no two artists of whom one has songs in two leakage groups"


@dataclass(frozen=True)
class SampledSongs:
    """The songs that are asked, S of them, in host memory.

    songs: (S,) song_ids, ascending. artists: (S,) int64 from 0. sampled: whether there are more.
    """

    songs: Int64s
    artists: Int64s
    sampled: bool


def sample_songs(lines: pd.DataFrame, most: int, seed: int) -> SampledSongs:
    """The songs of which the artist is known; above `most`, a seeded sample of them."""
    known = lines.loc[lines["song_id"].notna() & lines["artist"].notna(), ["song_id", "artist"]]
    first = known.drop_duplicates("song_id").sort_values("song_id")
    sampled = len(first) > most
    if sampled:
        rows = np.random.default_rng(seed).choice(len(first), most, replace=False)
        first = first.iloc[np.sort(rows)]
    artists = pd.factorize(first["artist"], sort=True)[0].astype(np.int64)
    return SampledSongs(first["song_id"].to_numpy(dtype=np.int64), artists, sampled)


def artist_figure(
    vectors: Array,
    raw_vectors: Array,
    lines: pd.DataFrame | None,
    texts: Sequence[str],
    tokens: Tokens,
    backend: Backend,
    *,
    most: int,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """The figure `artist_retrieval`: the run's own vectors against characters, and all spaces.

    lines: the corpus' rows; texts, tokens and vectors by distinct text; most: songs, above which a
    sample is asked; draws: of the bootstrap.
    """
    if lines is None or not lines["song_id"].notna().any():
        return _missing(NO_SONGS)
    chosen = sample_songs(lines, most, seed)
    entries = song_entries(lines, chosen.songs)
    groups = leakage_groups(entries, texts, backend)
    task = leave_group_out(chosen.artists, groups)
    if len(task.asked) < 2 or not task.asked.any():
        return _missing(NO_ARTISTS)
    features = song_features(entries, vectors, raw_vectors, texts, tokens, backend)
    everyone = np.ones(entries.size, dtype=bool)

    def rank_all() -> list[dict[str, Any]]:
        spaces = song_spaces(features, everyone, everyone, backend, seed)
        return space_rows(rank_spaces(spaces, task, backend, draws=draws, seed=seed))

    rows: Any
    held_out: Any
    rows, held_out = backend.together(
        [rank_all, lambda: _held_out(features, task, backend, draws, seed)]
    )
    by_name = {row["name"]: row for row in rows}
    used = by_name.get("dense_used", by_name["dense_raw"])
    sizes = np.bincount(groups)
    facts = {
        "baseline_interval": by_name[BASELINE]["interval"],
        "difference": used["difference"],
        "difference_interval": used["difference_interval"],
        "rows": entries.size,
        "sampled": chosen.sampled,
        "artists": len(task.asked),
        "artists_asked": int(task.asked.sum()),
        "leakage_groups": len(sizes),
        "largest_group": int(sizes.max()),
        "spaces": rows,
        "held_out_artists": held_out,
    }
    return Figure(
        value=used["value"],
        baseline=by_name[BASELINE]["value"],
        baseline_name="character 2-5-gram TF-IDF",
        meaning=MEANING,
        interval=used["interval"],
        facts=facts,
    ).with_interval()


def _missing(note: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"note": note, "spaces": [], "held_out_artists": None}
    return Figure(None, meaning=MEANING, facts=nothing).with_interval()


def _held_out(
    features: SongFeatures, task: ArtistTask, backend: Backend, draws: int, seed: int
) -> dict[str, Any] | None:
    """The same for the artists of one half, fitted on the others' songs; None where too few.

    A leakage group with artists of both halves is left out of the fit, so that nothing asked was
    seen.
    """
    artists = len(task.asked)
    out = np.zeros(artists, dtype=bool)
    out[np.random.default_rng([seed, artists]).permutation(artists)[: artists // 2]] = True
    asked: Bools = out[task.artists]
    mixed = np.isin(task.groups, task.groups[asked])
    fit = ~mixed
    if not asked.any() or int(fit.sum()) < 2:
        return None
    inner = leave_group_out(
        np.unique(task.artists[asked], return_inverse=True)[1].astype(np.int64),
        np.unique(task.groups[asked], return_inverse=True)[1].astype(np.int64),
    )
    if len(inner.asked) < 2 or not inner.asked.any():
        return None
    spaces = song_spaces(features, fit, asked, backend, seed)
    ranked = rank_spaces(spaces, inner, backend, draws=draws, seed=seed)
    return {
        "artists": len(inner.asked),
        "artists_asked": int(inner.asked.sum()),
        "rows": int(asked.sum()),
        "fitted_on": int(fit.sum()),
        "spaces": space_rows(ranked),
    }
