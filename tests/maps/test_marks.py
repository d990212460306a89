"""How clusters in doubt look: striped on every picture, with a sign and its meaning."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from rapids_rap.backend import load_backend
from rapids_rap.config import MapsConfig
from rapids_rap.maps.draw import draw_maps
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.marks import fade_table, footnote, legends, signed
from rapids_rap.maps.pages import artist_page, cluster_page, theme_page
from rapids_rap.maps.raster import Raster, paint, rasterize
from rapids_rap.maps.sketch import Sheet, Sketch
from tests.maps.test_draw import SMALL, scene_of, view
from tests.strict_backend import StrictBackend

CPU = load_backend("cpu")
MARKS = ("", "doubtful", "unstable", "", "unstable", "")


def marked():
    return dataclasses.replace(view(), marks=MARKS)


def test_only_what_is_marked_is_drawn_otherwise():
    """Points of other clusters keep every pixel; those of marked ones lose colour, none gain it."""
    plain, weak = view(), marked()
    pixels = np.random.default_rng(0).uniform(5, 195, (400, 2)).astype(np.float32)
    raster = rasterize(pixels, {"clusters": plain.labels}, 200, 200, CPU)
    colours = np.concatenate([[[205] * 3], np.full((6, 3), 60)]).astype(np.uint8)
    before = paint(raster, "clusters", colours, CPU).astype(int)
    after = paint(raster, "clusters", colours, CPU, fade_table(weak.marks), 3).astype(int)
    codes = np.flip(np.asarray(raster.layers["clusters"]), axis=0)
    own = np.isin(codes - 2, [1, 2, 4])
    assert (before[~own] == after[~own]).all()
    assert (after[own] >= before[own]).all()
    doubtful = codes == 3
    striped = (after[doubtful] > before[doubtful]).any(axis=1)
    assert 0.2 < striped.mean() < 0.8  # stripes, and full colour between them
    assert (after[codes == 4] > before[codes == 4]).all()  # unstable: paler between them, too


def test_the_stripes_make_no_trip_to_the_host():
    """Strict arrays of another library give the same picture."""
    backend = StrictBackend()
    codes = np.arange(400).reshape(20, 20) % 5
    colours = np.full((4, 3), 90, dtype=np.uint8)
    fades = fade_table(("doubtful", "unstable", ""))
    pictures = []
    for one in (CPU, backend):
        raster = Raster(
            one.from_host(np.ones((20, 20), dtype=np.int64)),
            {"clusters": one.from_host(codes.astype(np.int64))},
            0,
        )
        pictures.append(paint(raster, "clusters", colours, one, fades, 4))
    assert (pictures[0] == pictures[1]).all()


def test_signs_and_meanings_stand_on_the_pages():
    """Labels carry the sign, the legend says what it rests on, themes count their doubtful ones."""
    data = marked()
    scene = scene_of(data)
    page = cluster_page(data, scene, SMALL)
    assert any(label.text.endswith(" ??") for label in page.labels)
    assert [entry.mark for entry in page.meanings] == ["doubtful", "unstable"]
    assert "2 个" in page.meanings[1].figure
    themes = theme_page(data, scene, SMALL)
    assert any("1/2 聚类存疑 in doubt" in entry.figure for entry in themes.entries)
    artists, _, written = artist_page(data, data.artist_clusters, scene, SMALL)
    assert {entry.mark for entry in artists.entries} >= {"doubtful", "unstable"}
    assert any(text.endswith("??") for text in written)


def test_nothing_is_marked_where_nothing_is_known():
    """No sign, no meaning, and the very bytes of a map without marks."""
    data = dataclasses.replace(view(), marks=("",) * 6)
    assert draw_maps(data, SMALL, CPU).pages == draw_maps(view(), SMALL, CPU).pages
    assert cluster_page(data, scene_of(data), SMALL).meanings == ()
    assert legends(data.marks) == []
    assert footnote(data.marks) == ""
    assert signed("3 词", "") == "3 词"


def test_votes_below_one_half_are_named_as_that():
    """Where recurrence is unknown the legend does not speak of it."""
    (one,) = legends(["", "few votes"])
    assert "votes below one half" in one.rests_on
    assert "votes below one half" in footnote(["few votes"])


@pytest.mark.parametrize("mark", ["", "doubtful", "few votes", "unstable"])
def test_stripes_of_an_area_stay_within_it(mark):
    """Whatever its width, nothing outside of the rectangle is painted."""
    sheet = Sheet(200, 150)
    sketch = Sketch(sheet, load_typeface(MapsConfig(), ["x"]))
    sketch.area(50, 40, 60.5, 20, (0, 90, 180), mark)
    sketch.area(150, 40, 0.0, 20, (0, 90, 180), mark)
    picture = np.asarray(Image.open(io.BytesIO(sketch.png())).convert("RGB"))
    outside = np.ones(picture.shape[:2], dtype=bool)
    outside[150 - 62 : 150 - 38, 48:113] = outside[150 - 62 : 150 - 38, 148:153] = False
    assert (picture[outside] == 255).all()
    inside = picture[150 - 58 : 150 - 42, 54:108]
    assert (len(np.unique(inside.reshape(-1, 3), axis=0)) > 1) == bool(mark)
