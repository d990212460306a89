"""Themes over the years as a picture: any years, any themes, the same bytes."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rapids_rap.config import MapsConfig
from rapids_rap.maps.years import Panels, draw_years

SMALL = MapsConfig(width=600, height=450)


def panels(years, themes, share=0.2):
    rows = [
        {"year": year, "theme": theme, "lines": 5, "songs": 3, "year_lines": 50, "year_songs": 9}
        | {
            "share": share,
            "share_low": np.nan if year % 2 else share / 2,
            "share_high": share * 1.5,
        }
        for year in years
        for theme in (-1, *themes)
    ]
    names = {theme: f"主题{theme}" for theme in themes}
    return Panels(pd.DataFrame(rows), names, dict.fromkeys(themes, (0, 114, 178)))


@pytest.mark.parametrize("years", [[2001, 2002], range(1900, 2101), [1990, 2020]])
@pytest.mark.parametrize("themes", [1, 2, 7, 40])
def test_any_years_and_themes_are_drawn(years, themes):
    """Two years or two hundred, a gap between them, one theme or forty."""
    png = draw_years(panels(years, range(themes)), SMALL)
    assert Image.open(io.BytesIO(png)).size == (600, 450)


def test_one_year_or_no_theme_is_no_picture():
    """There is nothing to compare."""
    assert draw_years(panels([2001], range(3)), SMALL) is None
    assert draw_years(panels([2001, 2002], []), SMALL) is None


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.5, 1.0])
def test_any_share_has_a_scale(share):
    """From none to all."""
    assert draw_years(panels([2001, 2002], range(2), share), SMALL)


def test_the_same_table_gives_the_same_bytes():
    """Pictures are compared by their checksums."""
    one, other = (draw_years(panels([2001, 2002], range(3)), SMALL) for _ in range(2))
    assert one == other
