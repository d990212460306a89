"""The maps: their files, their determinism, their edge cases, and no hidden trip to the host."""

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from numba.core.dispatcher import Dispatcher
from PIL import Image

from rapids_rap.backend import load_backend
from rapids_rap.config import MapsConfig
from rapids_rap.errors import CapabilityError
from rapids_rap.maps import raster
from rapids_rap.maps.draw import MapData, draw_maps, prepare_drawing
from rapids_rap.maps.pages import artist_page, cluster_page
from rapids_rap.maps.raster import sums_by_group, to_pixels
from rapids_rap.maps.scene import build_scene, text_groups
from rapids_rap.maps.sketch import Sheet
from tests.maps.test_raster import strict_aggregate
from tests.strict_backend import StrictBackend

CPU = load_backend("cpu")
SMALL = MapsConfig(width=480, height=360)
NAMES = {"clusters.png", "density.png", "categories.png", "themes.png"}


def view(n=400, clusters=6, artists=5, seed=0):
    """Random clusters with a third of noise."""
    random = np.random.default_rng(seed)
    themes = np.arange(clusters) % 3
    labels = random.integers(-3, clusters, n) if clusters else np.full(n, -1)
    labels = np.maximum(labels, -1).astype(np.int64)
    centres = np.append(random.normal(size=(clusters, 2)) * 8, [[0, 0]], axis=0)
    table = None
    if artists:
        table = pd.DataFrame(random.dirichlet(np.ones(clusters + 1), artists))
        table.columns = [str(k) for k in range(-1, clusters)]
        table.insert(0, "artist", [f"歌手{i}" for i in range(artists)])
        table.insert(1, "lines", np.arange(artists) * 10 + 7)
    return MapData(
        xy=(centres[labels] + random.normal(size=(n, 2))).astype(np.float32),
        labels=labels,
        themes=themes.astype(np.int64),
        weights=random.integers(1, 4, n),
        category=random.integers(-1, 3, n),
        category_names=("积极", "城市/意象", "爱情"),
        cluster_terms=tuple(f"词语{k}·兄弟" for k in range(clusters)),
        theme_labels=("江湖·码头", "爱情·月光", "梦想·舞台")[: max(1, min(clusters, 3))],
        artist_clusters=table,
        model="demo",
        seed=42,
    )


def scene_of(data):
    sheet = Sheet(SMALL.width, SMALL.height)
    pixels, outside = to_pixels(data.xy, sheet.panel_width, sheet.panel_height)
    return build_scene(data, text_groups(data), pixels, outside, sheet, CPU)


@pytest.fixture(scope="module")
def drawn():
    return draw_maps(view(), SMALL, CPU)


def test_every_map_is_a_picture_of_the_size_asked_for(drawn):
    """Five PNG files of the configured size, none of one colour."""
    assert set(drawn.pages) == NAMES | {"artists.png"}
    for png in drawn.pages.values():
        image = Image.open(io.BytesIO(png))
        assert image.format == "PNG"
        assert image.size == (480, 360)
        assert len(image.convert("RGB").getcolors(480 * 360)) > 20


def test_the_same_input_gives_the_same_bytes(drawn):
    """Nothing in a picture depends on the time or on chance."""
    assert draw_maps(view(), SMALL, CPU) == drawn


def test_no_metadata_names_the_day_or_the_software(drawn):
    """Text chunks would make equal pictures differ."""
    for png in drawn.pages.values():
        assert set(Image.open(io.BytesIO(png)).info) <= {"dpi"}


def test_artists_are_absent_where_unknown():
    """Plain text names no artist, so there is no chart of artists."""
    assert set(draw_maps(view(artists=0), SMALL, CPU).pages) == NAMES


@pytest.mark.parametrize("data", [view(n=30, clusters=0), view(n=1, clusters=1), view(n=0)])
def test_degenerate_runs_are_drawn(data):
    """No cluster at all, a single text and no text give pictures, not errors."""
    assert set(draw_maps(data, SMALL, CPU).pages) >= NAMES


def test_hundreds_of_clusters_and_any_characters_are_drawn():
    """300 clusters, emoji, mathematics and control characters in terms and names."""
    data = view(n=3000, clusters=300, artists=30)
    odd = ("🔥$x_1$\\frac", "\ud800\x07", "", "한국어", "很长的标签" * 20)
    data = dataclasses.replace(data, cluster_terms=odd + data.cluster_terms[5:], model="$a^b")
    assert "artists.png" in draw_maps(data, SMALL, CPU).pages


def test_no_stage_of_the_drawing_leaves_the_device(monkeypatch, drawn):
    """On arrays that refuse NumPy, the same pictures come out: only images are copied."""
    monkeypatch.setattr(raster, "_aggregate", strict_aggregate)
    strict, data = StrictBackend(), view()
    arrays = {
        name: strict.from_host(getattr(data, name))
        for name in ("xy", "labels", "themes", "weights", "category")
    }
    assert draw_maps(dataclasses.replace(data, **arrays), SMALL, strict) == drawn


def test_a_missing_font_stops_the_maps(tmp_path):
    """A font that can't be had is exit code 3, not a map of boxes."""
    config = MapsConfig(width=480, height=360, font=str(tmp_path / "gone.otf"))
    with pytest.raises(CapabilityError, match=r"gone\.otf"):
        draw_maps(view(), config, CPU)


def test_shares_count_occurrences():
    """Legends speak of lines, so a text that is repeated counts as often as it is sung."""
    groups = np.array([0, 1, -1, 1])
    assert sums_by_group(groups, np.array([5, 1, 2, 3]), 3, CPU).tolist() == [2, 5, 4, 0]


def test_noise_is_in_the_legend():
    """Noise is reported, never hidden."""
    data = view()
    page = cluster_page(data, scene_of(data), SMALL)
    assert "noise" in page.entries[-1].name
    assert page.entries[-1].figure != "0.0%"
    total = sum(float(e.figure.rpartition(" ")[2].rstrip("%")) for e in page.entries)
    assert total == pytest.approx(100, abs=0.4)


@pytest.mark.parametrize("clusters", [6, 20, 200])
def test_bars_of_artists_add_up(clusters):
    """Each artist's bar and that of all lyrics are whole: clusters, the rest, and noise."""
    data = view(n=4000, clusters=clusters, artists=25)
    page, bars, marks = artist_page(data, data.artist_clusters, scene_of(data), SMALL)
    assert len(bars) == 1 + SMALL.artists
    assert len(marks) == len(page.entries) == len(bars[0].shares)
    for bar in bars:
        assert sum(bar.shares) == pytest.approx(1)
    assert bars[1].name == "歌手24"
    assert len(page.entries) <= 14
    own = data.artist_clusters.set_index("artist").loc["歌手24"]
    assert bars[1].shares[-1] == pytest.approx(own["-1"])


def test_many_small_clusters_are_charted_by_theme():
    """Where the largest clusters hold little, a chart of them would be grey: themes are shown."""
    data = view(n=4000, clusters=200, artists=5)
    page, _, _ = artist_page(data, data.artist_clusters, scene_of(data), SMALL)
    assert [entry.name for entry in page.entries[:-1]] == list(data.theme_labels)


def test_preparing_leaves_nothing_to_compile(monkeypatch):
    """It runs beside the layouts: were its table of another kind, maps would compile again."""
    prepare_drawing(CPU)
    compiled = []
    compile_for = Dispatcher._compile_for_args

    def noted(self, *arguments, **keywords):
        compiled.append(self.py_func.__name__)
        return compile_for(self, *arguments, **keywords)

    monkeypatch.setattr(Dispatcher, "_compile_for_args", noted)
    draw_maps(view(), SMALL, CPU, ["clusters", "density"])
    assert compiled == []
