"""Artists and regions by cluster: shares, lift, and intervals that are honest about songs."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.errors import InputError
from rapids_rap.tables.artists import (
    FEWEST,
    NO_SONGS,
    TOO_FEW_ARTISTS,
    TOO_FEW_SONGS,
    TOO_WIDE,
    UNKNOWN_REGION,
    WIDEST,
    artist_tables,
    lift_interval,
    line_regions,
    load_regions,
)
from tests.strict_backend import StrictBackend

BACKEND = CpuBackend()


def lines_of(artists, songs=None):
    """The columns of `Corpus.lines` that are read."""
    songs = artists if songs is None else songs
    return pd.DataFrame({"artist": artists, "song_id": songs})


def tables(artists, clusters, songs=None, regions=None):
    """Tables of a row a line."""
    clusters = np.array(clusters, dtype=np.int64)
    return artist_tables(lines_of(artists, songs), clusters, regions, BACKEND)


def test_shares_and_lift():
    """Percentages are of the cluster, lift against the artist's share of all lines."""
    found = tables(list("aaab") + ["b"] * 4, [0, 0, 1, 0, 1, 1, 1, -1]).cluster_artists
    rows = found.set_index(["cluster", "artist"])
    assert list(found.columns) == [
        "cluster",
        "artist",
        "percentage",
        "lines",
        "lift",
        "lift_low",
        "lift_high",
        "note",
    ]
    assert found[["cluster", "artist"]].to_numpy().tolist() == [
        [-1, "b"],
        [0, "a"],
        [0, "b"],
        [1, "b"],
        [1, "a"],
    ]
    assert rows.loc[(0, "a"), "percentage"] == pytest.approx(200 / 3)
    assert rows.loc[(0, "a"), "lift"] == pytest.approx((2 / 3) / (3 / 8))
    assert rows.loc[(1, "b"), "lines"] == 3
    assert found.groupby("cluster")["percentage"].sum().tolist() == pytest.approx([100.0] * 3)


def test_artist_clusters():
    """A row an artist, most lines first; a column a cluster, noise among them; shares sum to 1."""
    found = tables(list("abbbb"), [0, 0, 1, 1, -1]).artist_clusters
    assert list(found.columns) == ["artist", "lines", "-1", "0", "1"]
    assert found.to_numpy().tolist() == [["b", 4, 0.25, 0.25, 0.5], ["a", 1, 0.0, 1.0, 0.0]]


def test_no_artist_is_not_an_artist():
    """Null artists are never listed but count in the base; with none known nothing is computed."""
    found = tables(["a", None, None, "a"], [0, 0, 1, 1])
    assert found.cluster_artists["artist"].unique().tolist() == ["a"]
    assert found.cluster_artists["percentage"].tolist() == [50.0, 50.0]
    nobody = tables([None, None], [0, 1], regions={"a": "b"})
    assert nobody.cluster_artists is nobody.artist_clusters is nobody.cluster_regions is None


@pytest.mark.parametrize("guests", [0, 60])
def test_interval_is_the_linearised_one(guests):
    """The closed form equals the sum of squared influences written out song by song.

    Also where songs have lines of several artists, which then move together.
    """
    rng = np.random.default_rng(1)
    songs = rng.integers(0, 16, 300)
    artists = np.array(list("abcd"))[songs % 4]
    artists[:guests] = np.array(list("abcd"))[(songs[:guests] // 4) % 4]
    clusters = rng.integers(-1, 3, 300) * (songs % 3 > 0)
    found = tables(artists.tolist(), clusters, songs.tolist()).cluster_artists
    told = found[found["note"] == ""]
    assert len(told) > 8
    for row in told.itertuples():
        own, inside = artists == row.artist, clusters == row.cluster
        influence = (
            (own & inside) / (own & inside).sum()
            - inside / inside.sum()
            - own / own.sum()
            + 1 / 300
        )
        by_song = np.bincount(songs, influence) ** 2
        mine = np.isin(np.arange(16), songs[own])
        m, rest = mine.sum(), (~mine).sum()
        variance = by_song[mine].sum() * m / (m - 1) + by_song[~mine].sum() * rest / (rest - 1)
        here = len(np.unique(songs[own & inside]))
        spread = student.ppf(0.975, here - 1) * np.sqrt(variance)
        assert row.lift_low == pytest.approx(row.lift * np.exp(-spread))
        assert row.lift_high == pytest.approx(row.lift * np.exp(spread))


def test_intervals_hold_what_they_promise():
    """Over many corpora nine of ten intervals of planted lifts hold the truth, of few songs too.

    Songs are of a cluster's theme or not, which is as far from independent lines as lyrics are. The
    nominal 95 % is reached with a dozen songs; what is kept here is that three do not lie.
    """
    rng = np.random.default_rng(0)
    theme = np.linspace(0.05, 0.6, 12)  # the chance that a song is of the cluster's theme
    held: dict[bool, list[bool]] = {False: [], True: []}
    for _ in range(60):
        sizes = rng.integers(4, 16, len(theme))
        artist = np.repeat(np.arange(len(theme)), sizes)
        share = np.where(rng.random(len(artist)) < theme[artist], 0.5, 0.03)
        songs = np.repeat(np.arange(len(artist)), 40)
        inside = rng.random(len(songs)) < share[songs]
        truth = theme * 0.5 + (1 - theme) * 0.03
        truth /= np.average(truth, weights=sizes)
        names = [f"{one:02}" for one in artist[songs]]
        found = tables(names, np.where(inside, 0, 1).tolist(), songs.tolist()).cluster_artists
        for row in found[(found["cluster"] == 0) & (found["note"] == "")].itertuples():
            true = truth[int(row.artist)]
            few = sizes[int(row.artist)] < 8
            held[bool(few)].append(row.lift_low <= true <= row.lift_high)
    assert np.mean(held[True]) > 0.85
    assert np.mean(held[False]) > 0.88


def test_lines_of_few_songs_are_less_sure():
    """The same lines from fewer songs give a wider interval, from two songs none, which is said."""
    artists, clusters = ["a"] * 60 + ["b"] * 60, ([0, 0, 1] * 20) + ([0, 1, 1] * 20)
    other = list(range(100, 160))
    widths = []
    for length in (3, 10, 15):
        blocks = np.repeat(np.arange(60 // length), length).tolist()
        ordered = sorted(clusters[:60]) + clusters[60:]
        row = tables(artists, ordered, blocks + other).cluster_artists.query(
            "artist == 'a' and cluster == 0"
        )
        widths.append(float((row["lift_high"] - row["lift_low"]).iloc[0]))
    assert widths == sorted(widths)
    halves = np.repeat([0, 1], 30).tolist()
    few = tables(artists, clusters, halves + other).cluster_artists.query("artist == 'a'")
    assert few["lift_low"].isna().all()
    assert few["lift"].notna().all()
    assert set(few["note"]) == {TOO_FEW_SONGS}


@given(
    cells=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(-1, 2)), min_size=1, max_size=60
    )
)
def test_an_interval_rests_on_three_songs_and_tells_something(cells):
    """Whatever the lyrics, an interval has three songs behind it and holds the lift, or a note."""
    artists, songs, clusters = (list(part) for part in zip(*cells, strict=True))
    keys = [f"{artist} {song}" for artist, song in zip(artists, songs, strict=True)]
    found = tables([f"a{one}" for one in artists], clusters, keys).cluster_artists
    held = pd.DataFrame({"artist": artists, "song": keys, "cluster": clusters})
    held["artist"] = "a" + held["artist"].astype(str)
    behind = held.groupby(["cluster", "artist"])["song"].nunique()
    for row in found.itertuples():
        limits = [row.lift_low, row.lift_high]
        assert (row.note == "") == bool(np.isfinite(limits).all())
        assert (row.note == TOO_FEW_SONGS) == (behind[(row.cluster, row.artist)] < FEWEST)
        if not row.note:
            assert row.lift_low <= row.lift <= row.lift_high <= WIDEST * row.lift_low * (1 + 1e-9)


def test_unknown_songs_are_one_song():
    """Lines without a song claim no independence: with only such lines there is no interval."""
    found = tables(["a"] * 4 + ["b"] * 8, [0, 1, 0, 0] * 3, [None] * 4 + list("qrstwxyz"))
    rows = found.cluster_artists.set_index(["artist", "cluster"])
    assert rows.loc["a", "lift_low"].isna().all()
    assert pd.notna(rows.loc[("b", 0), "lift_low"])
    nowhere = tables(["a"] * 4, [0, 1, 0, 0], [None] * 4).cluster_artists
    assert set(nowhere["note"]) == {NO_SONGS}


def test_a_region_rests_on_artists_too():
    """Two artists say little of a region, whatever they sang, and the note says which it is."""
    artists = np.repeat(list("abcde"), 6).tolist()
    regions = {"a": "华东", "b": "华东", "c": "华南", "d": "华南", "e": "华南"}
    found = tables(artists, [0, 0, 0, 0, 1, 1] * 5, list(range(30)), regions).cluster_regions
    notes = found.set_index(["region", "cluster"])["note"]
    assert notes["华东"].tolist() == [TOO_FEW_ARTISTS] * 2
    assert notes["华南"].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("limits", "read"),
    [
        ((0.5, 2.0, None), "0.50–2.00"),
        ((0.0, 68_190_200.0, None), TOO_WIDE),
        ((np.nan, np.nan, TOO_FEW_SONGS), TOO_FEW_SONGS),
        ((np.nan, np.nan, None), ""),
        ((None, None, None), ""),
    ],
)
def test_an_interval_is_read_alike_everywhere(limits, read):
    """Page and terminal say one thing, of runs that an earlier version wrote too."""
    assert lift_interval(*limits) == read


def test_regions(caplog):
    """Regions are counted as artists are; artists without one are named and listed as unknown."""
    regions = {"a": "华东", "b": "华东", "c": "华南"}
    with caplog.at_level(logging.WARNING):
        found = tables(["A", "b", "c", "d", None], [0, 0, 1, 1, 1], regions=regions).cluster_regions
    rows = found.set_index(["cluster", "region"])
    assert rows.loc[(0, "华东"), "percentage"] == 100.0
    assert rows.loc[(1, UNKNOWN_REGION), "lines"] == 2
    assert rows["lines"].sum() == 5
    assert "1 of 4 artists have no region" in caplog.text
    assert tables(["a"], [0]).cluster_regions is None


@pytest.mark.parametrize("n", [0, 1, 300])
def test_strict_arrays_and_tables_pass_through(n):
    """On arrays and tables that refuse NumPy, and merges in any order, the tables are the same."""
    rng = np.random.default_rng(n)
    songs = rng.integers(0, 40, n)
    lines = pd.DataFrame(
        {
            "artist": pd.array([None if s % 7 == 0 else f"a{s % 5}" for s in songs], dtype="str"),
            "song_id": pd.array([None if s % 11 == 0 else f"s{s}" for s in songs], dtype="str"),
        }
    )
    clusters, regions = rng.integers(-1, 6, n), {"a1": "华南", "a2": "华北"}
    plain = artist_tables(lines, clusters, regions, BACKEND)
    strict = StrictBackend()
    found = artist_tables(lines, strict.from_host(clusters), regions, strict)
    for name, table in vars(plain).items():
        if table is None:
            assert getattr(found, name) is None
        else:
            pd.testing.assert_frame_equal(getattr(found, name), table)
    assert (plain.cluster_artists is not None) == (n > 0)


def test_load_regions(tmp_path):
    """Names are compared folded; a repeat of the same region is fine, another one is an error."""
    path = tmp_path / "regions.csv"
    path.write_text("\ufeffartist,region\nＫＩＬＯ,华南\nkilo,华南\n", encoding="utf-8")
    assert load_regions(path) == {"kilo": "华南"}
    path.write_text("artist,region\nkilo,华南\n\nKilo,华北\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"regions\.csv:4: Kilo is in 华北 here and in 华南 in line 2"
    ):
        load_regions(path)
    path.write_text("artist,region\n", encoding="utf-8")
    with pytest.raises(InputError, match="no rows"):
        load_regions(path)


def test_a_line_has_its_artist_s_region():
    """In the order of the lines; unknown where the artist is, or the table does not name it."""
    artists = pd.Series(["b", None, "Ａ", "c"], index=[5, 6, 7, 9], dtype="str")
    found = line_regions(artists, {"a": "北京", "b": "重庆"})
    assert found.tolist() == ["重庆", UNKNOWN_REGION, "北京", UNKNOWN_REGION]
    assert found.index.tolist() == artists.index.tolist()
    assert line_regions(pd.Series([], dtype="str"), {}).tolist() == []
