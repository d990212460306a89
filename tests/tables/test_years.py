"""Themes by year: shares with intervals over songs, and none where they would rest on too few."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.tables.years import COLUMNS, theme_years


def lines(rows, **more):
    """rows: (year, song_id, theme), None where unknown."""
    frame = pd.DataFrame(rows, columns=["year", "song_id", "theme"])
    frame["year"] = pd.array(frame["year"].tolist(), dtype="Int64")
    frame["song_id"] = pd.array(frame["song_id"].tolist(), dtype="Int64")
    frame["artist"] = pd.array(more.pop("artist", ["某甲"] * len(rows)), dtype="str")
    return frame.assign(**more)


def row(table, year, theme):
    own = table[(table["year"] == year) & (table["theme"] == theme)]
    assert len(own) == 1
    return own.iloc[0]


def test_a_year_has_a_row_for_every_theme():
    """Shares of a year add up to 1, noise included; a theme that is absent has share 0."""
    table = theme_years(lines([(2018, 0, 0), (2018, 1, -1), (2019, 2, 1), (2019, 2, 0)]))
    assert tuple(table.columns) == COLUMNS
    assert table.groupby("year")["share"].sum().tolist() == pytest.approx([1, 1])
    assert table["theme"].tolist() == [-1, 0, 1] * 2
    assert row(table, 2018, 1)["share"] == 0
    assert row(table, 2018, 1)["lines"] == 0


def test_fewer_than_three_songs_have_no_interval():
    """The cell is empty and the note says why; with a third song there is one."""
    two = [(2018, s, s % 2) for s in (0, 1, 2, 3) for _ in range(5)]
    table = theme_years(lines(two))
    own = row(table, 2018, 0)
    assert np.isnan(own["share_low"])
    assert np.isnan(own["share_high"])
    assert own["note"] == "too few songs"
    table = theme_years(lines([*two, (2018, 4, 0), (2018, 4, 1)]))
    own = row(table, 2018, 0)
    assert 0 < own["share_low"] < own["share"] < own["share_high"] < 1
    assert own["note"] == ""
    assert own["songs"] == 3


def test_a_theme_of_all_lines_has_no_interval():
    """Nothing varies, and the note says so."""
    own = row(theme_years(lines([(2018, s, 0) for s in range(5)])), 2018, 0)
    assert own["share"] == 1
    assert np.isnan(own["share_low"])
    assert own["note"] == "every line of the year"


def test_without_songs_no_interval_and_no_count():
    """Lines that name no song: shares stand, intervals and counts of songs do not."""
    rows = [(2018, None, i % 2) for i in range(20)]
    own = row(theme_years(lines(rows, artist=[None] * 20)), 2018, 0)
    assert own["note"] == "no songs known"
    assert np.isnan(own["share_low"])
    assert pd.isna(own["songs"])
    assert pd.isna(own["year_songs"])
    assert pd.isna(own["artists"])


def test_no_year_no_table():
    """Plain text, and runs from before years were read."""
    assert theme_years(lines([(None, 0, 0), (None, 1, 0)])) is None
    assert theme_years(lines([(None, 0, 0)]).drop(columns="year")) is None


def test_a_row_of_several_lines_counts_them():
    """A stanza or a song counts as its lines, as in every table."""
    table = theme_years(lines([(2018, 0, 0), (2018, 1, 1)], lines=[3, 1]))
    assert row(table, 2018, 0)["share"] == 0.75


def test_the_interval_is_of_songs_and_not_of_lines():
    """The same lines in fewer songs tell less."""
    rng = np.random.default_rng(0)
    themes = (rng.random(400) < 0.3).astype(int)
    alone = theme_years(lines([(2018, i, t) for i, t in enumerate(themes)]))
    bunched = theme_years(lines([(2018, i // 20, themes[i // 20]) for i in range(400)]))
    width = [row(t, 2018, 1)["share_high"] - row(t, 2018, 1)["share_low"] for t in (alone, bunched)]
    assert width[1] > 2 * width[0]


def test_the_interval_of_independent_lines_is_the_textbooks():
    """A line a song: the linearised variance is that of a proportion (SciPy's Wilson is near)."""
    from scipy.stats import binomtest

    own = row(theme_years(lines([(2018, i, int(i < 120)) for i in range(400)])), 2018, 1)
    wilson = binomtest(120, 400).proportion_ci(method="wilson")
    assert own["share_low"] == pytest.approx(wilson.low, abs=0.004)
    assert own["share_high"] == pytest.approx(wilson.high, abs=0.004)


def test_nineteen_of_twenty_intervals_hold_the_truth():
    """Songs that differ in their leaning and length: about 95 % of 400 intervals hold the share."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        lean, size = rng.beta(2, 5, 30), rng.integers(5, 40, 30)
        rows = [(2018, s, int(t)) for s in range(30) for t in rng.random(size[s]) < lean[s]]
        own = row(theme_years(lines(rows)), 2018, 1)
        held += own["share_low"] <= 2 / 7 <= own["share_high"]
    assert 0.92 <= held / 400 <= 0.985


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, 2001, 2002]),
            st.none() | st.integers(0, 6),
            st.integers(-1, 2),
        ),
        min_size=1,
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_any_lines_give_shares_within_their_intervals(rows, random):
    """Whatever the songs, ends lie around the share and in 0 to 1, in any order of the rows."""
    table = theme_years(lines(rows))
    if table is None:
        assert all(year is None for year, _, _ in rows)
        return
    inside = table.dropna(subset="share_low")
    assert (
        (inside["share_low"] <= inside["share"]) & (inside["share"] <= inside["share_high"])
    ).all()
    assert (inside["share_low"] >= 0).all()
    assert (inside["share_high"] <= 1).all()
    assert ((table["note"] != "") == table["share_low"].isna()).all()
    random.shuffle(rows)
    again = theme_years(lines(rows))
    pd.testing.assert_frame_equal(table, again)
