"""The page tells themes over the years, or nothing where no line has a year."""

import pandas as pd

from rapids_rap.config import ReportConfig
from rapids_rap.report.page import render_report
from rapids_rap.report.years import year_rows
from tests.report.test_page import a_run

TABLE = pd.DataFrame(
    {
        "year": [2018, 2018],
        "theme": [-1, 0],
        "lines": [1, 3],
        "songs": [1, 3],
        "artists": [1, 1],
        "year_lines": [4, 4],
        "year_songs": [3, 3],
        "share": [0.25, 0.75],
        "share_low": [None, 0.5],
        "share_high": [None, 0.9],
        "note": ["too few songs", None],
    }
)


def test_an_interval_or_why_there_is_none():
    """In both languages, in the interval's place; a year has no thousands set apart."""
    rows = year_rows(a_run(theme_years=TABLE))
    assert [row["interval"] for row in rows] == ["歌曲太少 too few songs", "50.0–90.0%"]
    assert rows[0]["year"] == "2018"


def test_the_section_is_there_where_years_are():
    """With its figures and its entry at the top; absent without."""
    page = render_report(a_run(theme_years=TABLE), ReportConfig())
    assert 'id="years"' in page
    assert 'href="#years"' in page
    assert "50.0–90.0%" in page
    assert 'id="years"' not in render_report(a_run(), ReportConfig())
