"""An artist's own theme is found, a song's is not, and divergence is SciPy's."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from rapids_rap.quality.profiles import exchanges, song_profiles
from rapids_rap.quality.who_writes_what import (
    _chance,
    _Exchange,
    _exchange,
    _sums,
    who_writes_what,
)
from rapids_rap.tables.artists import UNKNOWN_REGION, artist_tables
from tests.quality.planted import BACKEND, Corpus


def tables(corpus, permutations=199, regions=None, lines=None):
    lines = corpus.lines if lines is None else lines
    labels = corpus.labels.astype(np.int64)
    profiles = song_profiles(lines, corpus.texts, BACKEND)
    themes = np.where(labels < 0, -1, labels % 3)
    return who_writes_what(lines, labels, themes, regions, profiles, permutations, BACKEND, seed=5)


@pytest.fixture(scope="module")
def planted():
    """Artist a3 writes of cluster 2 in nearly every song; the others of anything."""
    corpus = Corpus(seed=2)
    own = (corpus.artist == 3) & (np.arange(len(corpus.labels)) % 4 > 0)
    corpus.labels[own] = 2
    return corpus, tables(corpus)


def test_a_planted_artist_is_found_in_his_cluster_and_theme(planted):
    """Of all artists he alone has a q below 0.05 and a lift above 1."""
    _, found = planted
    for table, column, group in (
        (found.cluster_artists, "cluster", 2),
        (found.artist_themes, "theme", 2),
    ):
        more = table[(table["q"] < 0.05) & (table["lift"] > 1)]
        assert set(zip(more["artist"], more[column], strict=True)) == {("a3", group)}
        assert (more["lift_low"] > 1).all()


def test_his_divergence_is_beyond_chance_and_nobody_else_s(planted):
    """It lies above what songs exchanged among artists give, with its interval."""
    _, found = planted
    table = found.artist_divergence.set_index("artist")
    assert set(table.index[table["q"] < 0.05]) == {"a3"}
    assert table.loc["a3", "divergence_low"] > table.loc["a3", "by_chance"]
    assert (table["divergence_low"] <= table["divergence"]).all()


def test_divergence_is_scipy_s_and_shares_are_the_run_s(planted):
    """The square of SciPy's Jensen-Shannon distance in base 2."""
    corpus, found = planted
    everyone = np.bincount(corpus.labels + 1)
    for row in found.artist_divergence.itertuples():
        own = np.bincount(corpus.labels[corpus.artist == int(row.artist[1:])] + 1, minlength=5)
        assert row.divergence == pytest.approx(jensenshannon(own, everyone, base=2) ** 2)


def test_a_planted_artist_is_found_among_many_of_few_songs():
    """Hundreds of artists of three songs have the largest chances, and hide nobody's theme.

    All songs are as long as each other, and an artist's stand together, as they do in a folder.
    """
    corpus = Corpus(seed=3, songs=700, clusters=20, lines=10)
    corpus.artist = np.where(corpus.song < 40, 0, 1 + (corpus.song - 40) // 3)
    corpus.labels[(corpus.artist == 0) & (np.arange(len(corpus.labels)) % 4 == 0)] = 2
    table = tables(corpus).cluster_artists
    more = table[(table["q"] < 0.05) & (table["lift"] > 1)]
    assert set(zip(more["artist"], more["cluster"], strict=True)) == {("a0", 2)}


def test_too_few_permutations_for_any_small_q_are_told(caplog):
    """And how many are enough; nothing is said where there are as many."""
    tables(Corpus(seed=2), 19)
    said = next(m for m in caplog.messages if m.startswith("artists by cluster: 19 permutations"))
    enough = int(said.split("quality.permutations = ")[1].split()[0])
    caplog.clear()
    found = tables(Corpus(seed=2), enough).cluster_artists
    assert not any(m.startswith("artists by cluster") for m in caplog.messages)
    rows = found["p"].notna().sum()
    assert 19 < enough < 999
    assert rows / (enough * 5 + 1) < 0.05  # one at the smallest p that five columns give


@pytest.mark.parametrize("lengths", [(6, 7), (4, 40), (8, 9)])
def test_the_chance_of_a_count_is_that_of_the_exchanges(lengths):
    """Mean and variance in closed form are those of many exchanges, whatever lengths are equal."""
    rng = np.random.default_rng(7)
    units, holder = 150, np.arange(150) // 15  # an artist's songs stand together
    sizes = rng.integers(*lengths, units)
    weights = np.where(np.arange(4) == holder[:, None] % 4, 4.0, 1.0)
    counts = np.stack(
        [rng.multinomial(n, w / w.sum()) for n, w in zip(sizes, weights, strict=True)]
    )
    held = _Exchange(counts.astype(np.float64), holder, [str(i) for i in range(10)])
    drawn = np.stack([_sums(held, holder[taken]) for taken in exchanges(sizes, 3000, 1)])
    mean, variance = _chance(held)
    np.testing.assert_allclose(mean, drawn.mean(axis=0), atol=6 * drawn.std() / 3000**0.5)
    assert np.median(variance / drawn.var(axis=0)) == pytest.approx(1, abs=0.1)


LINES = st.tuples(st.integers(0, 4), st.integers(-1, 3), st.integers(-1, 2))


@given(st.lists(LINES, max_size=30))
def test_a_song_is_held_by_whom_most_of_its_lines_name(lines):
    """Of as many the first; nobody's lines count as anybody's, and so does a song without lines."""
    units, holders, labels = np.array(lines, dtype=np.int64).reshape(-1, 3).T
    held = _exchange(units, holders, labels, list("abcd"))
    assert held.counts.sum() == len(lines)
    for unit in range(int(units.max(initial=-1)) + 1):
        own = holders[units == unit]
        counts = [int((own == name).sum()) for name in range(-1, 4)]
        assert held.holder[unit] == counts.index(max(counts)) - 1
        for label in range(-1, int(labels.max()) + 1):
            assert held.counts[unit, label + 1] == ((units == unit) & (labels == label)).sum()


def test_memory_does_not_grow_as_songs_times_artists():
    """100,000 songs of 50,000 artists would be a table of 40 GB."""
    units = np.repeat(np.arange(100_000), 2)
    tracemalloc.start()
    held = _exchange(units, units // 2, units % 3, [str(name) for name in range(50_000)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (held.holder == np.arange(100_000) // 2).all()
    assert peak < 100e6


def test_one_song_makes_no_artist(planted):
    """A single song that fills a cluster gives its artist a lift, a note, and no p."""
    corpus = Corpus(seed=4)
    corpus.labels[corpus.labels == 3] = 0
    corpus.labels[corpus.song == 9] = 3
    found = tables(corpus).cluster_artists
    row = found[(found["artist"] == "a1") & (found["cluster"] == 3)].iloc[0]
    assert row["lift"] > 1
    assert row["note"] == "too few songs"
    assert np.isnan(row["p"])


def test_a_region_is_of_artists(planted):
    """One artist's theme is no region's; a theme of all its artists is."""
    corpus, _ = planted
    regions = {f"a{i}": "north" if i < 4 else "south" for i in range(8)}
    one = tables(corpus, regions=regions).cluster_regions
    assert not (one["q"] < 0.05).any()
    many = Corpus(seed=6, songs=240, artists=24)
    own = (many.artist < 12) & (np.arange(len(many.labels)) % 3 > 0)
    many.labels[own] = 1
    regions = {f"a{i}": "north" if i < 12 else "south" for i in range(24)}
    all_of_them = tables(many, regions=regions).cluster_regions
    sure = all_of_them[(all_of_them["q"] < 0.05) & (all_of_them["lift"] > 1)]
    assert ("north", 1) in set(zip(sure["region"], sure["cluster"], strict=True))


@pytest.mark.parametrize("permutations", [0, 19])
def test_songs_that_share_text_are_one_song_of_an_artist(permutations):
    """Ten versions of one song give neither interval nor p, and the note says so."""
    corpus = Corpus(seed=2)
    lines = corpus.lines
    of = {
        song: np.flatnonzero(corpus.song == song) for song in set(corpus.song[corpus.artist == 3])
    }
    first = min(of)
    for rows in of.values():
        lines.loc[rows[:10], "text_id"] = of[first][:10]
    table = tables(corpus, permutations, lines=lines).cluster_artists
    own = table[table["artist"] == "a3"]
    assert set(own["note"]) <= {"too few songs", "interval too wide"}
    assert own[["lift_low", "lift_high", "p"]].isna().all(axis=None)
    assert (table["note"] == "").any()


def test_an_interval_counts_songs_that_share_text_once():
    """Two versions of each song leave every interval as wide as of one song with both's lines."""
    corpus = Corpus(seed=2)
    lines = corpus.lines
    twin = np.where(corpus.song % 16 < 8, corpus.song + 8, corpus.song)  # of the same artist
    for song in set(twin):
        first, second = (np.flatnonzero(corpus.song == of) for of in (song - 8, song))
        lines.loc[second[:10], "text_id"] = first[:10]
    corpus.labels = corpus.labels[lines["text_id"]]
    labels = corpus.labels.astype(np.int64)
    found = tables(corpus, 0, lines=lines).cluster_artists
    merged = artist_tables(lines.assign(song_id=twin), labels, None, BACKEND).cluster_artists
    apart = artist_tables(lines, labels, None, BACKEND).cluster_artists
    limits = ["lift_low", "lift_high"]
    told = found["note"] == ""
    assert told.sum() > 20
    pd.testing.assert_frame_equal(found.loc[told, limits], merged.loc[told, limits])
    width = np.log(found["lift_high"] / found["lift_low"])
    assert (width > np.log(apart["lift_high"] / apart["lift_low"]))[told].mean() > 0.9


def test_lines_of_nobody_have_no_other_region_s_p():
    """Where every artist has a region, the unknown region is of lines without an artist alone."""
    corpus = Corpus(seed=6, songs=120, artists=12)
    regions = {f"a{i}": "north" if i < 6 else "south" for i in range(12)}
    lines = corpus.lines
    lines.loc[lines["artist"].isin(["a10", "a11"]), "artist"] = None
    table = tables(corpus, regions=regions, lines=lines).cluster_regions
    known = table["region"] != UNKNOWN_REGION
    assert table.loc[known, "p"].notna().all()
    assert not known.all()
    assert table.loc[~known, "p"].isna().all()


def test_what_is_not_known_is_not_computed():
    """Without artists there are no tables; without songs, no p and a note."""
    corpus = Corpus(songs=12)
    nobody = tables(corpus, lines=corpus.lines.assign(artist=None))
    assert not len(nobody.cluster_artists.columns)
    unsung = tables(corpus, lines=corpus.lines.assign(song_id=None))
    assert unsung.cluster_artists["p"].isna().all()
    assert set(unsung.artist_divergence["note"]) == {"no songs known"}
    assert tables(corpus, permutations=0).artist_divergence["p"].isna().all()
