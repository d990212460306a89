"""A sheet of print has the width of two columns, and type that can be read there."""

import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from rapids_rap.backend.cpu import CpuBackend
from rapids_rap.config import MapsConfig
from rapids_rap.maps.fonts import load_typeface
from rapids_rap.maps.plates import DPI, MILLIMETRES, plate, plate_config
from rapids_rap.maps.raster import rasterize
from rapids_rap.maps.sketch import Sheet, Sketch


def test_type_is_six_to_ten_points():
    """The design's 21, 28 and 36, at 600 dots per inch."""
    sheet = plate(1000)
    points = [sheet.px(size) * 72 / DPI for size in (21, 28, 36)]
    assert 6 <= points[0] < points[1] < points[2] <= 11
    assert abs(sheet.width / DPI * 25.4 - MILLIMETRES) < 0.1


def test_the_panel_lies_within_the_sheet():
    """Legend and panel share the width, header and footer the height."""
    sheet = plate(1000)
    assert sheet.panel_left + sheet.panel_width < sheet.legend_left < sheet.width
    assert sheet.panel_bottom + sheet.panel_height < sheet.height


def test_a_sheet_of_the_design_is_as_it_was():
    """The maps of a run keep their geometry."""
    sheet = Sheet(2400, 1800)
    assert (sheet.scale, sheet.panel_width, sheet.panel_height) == (1.0, 1792, 1520)


def test_a_point_of_print_can_be_seen():
    """Of many points, too: a disc a tenth of a millimetre wide, not a pixel of 1/600 inch."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 900, (20_000, 2)).astype(np.float32)
    group = {"clusters": np.zeros(len(pixels), dtype=np.int64)}
    assert rasterize(pixels, group, 900, 900, CpuBackend()).radius < plate(1000).dot
    assert rasterize(pixels, group, 900, 900, CpuBackend(), plate(1000).dot).radius == 2


def test_no_title_and_fewer_labels():
    """A caption says what a picture is; the user's own smaller numbers stay."""
    config = plate_config(MapsConfig(title="我的", labels=5))
    assert (config.title, config.labels, config.artists) == ("", 5, 20)


def test_a_picture_keeps_no_state_between_formats():
    """PNG, SVG, TIFF in any order: the same pixels."""
    sketch = Sketch(Sheet(300, 200), load_typeface(MapsConfig(), ["山城"]))
    sketch.text("山城", 10, 100, 200)
    first = sketch.png()
    svg = sketch.svg(50, "t", "a & b")
    assert sketch.png() == first
    assert sketch.svg(50, "t", "a & b") == svg
    for hostile in ("\x00\x1b]0;\u202e<script>&\"'", "\ud800"):
        ElementTree.fromstring(sketch.svg(50, hostile, hostile))
        sketch.tiff(600, hostile)
    tiff = Image.open(io.BytesIO(sketch.tiff(600, "说明")))
    assert tiff.tobytes() == Image.open(io.BytesIO(first)).tobytes()
