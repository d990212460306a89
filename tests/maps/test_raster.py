"""From points to pixels: scale, strays, lots, density, on any array library."""

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.maps import raster
from rapids_rap.maps.raster import (
    densest_spots,
    density_image,
    density_level,
    disc,
    disc_radius,
    paint,
    rasterize,
    to_pixels,
)
from tests.strict_backend import StrictBackend

CPU = load_backend("cpu")
COLOURS = np.array([[200, 200, 200], [255, 0, 0], [0, 0, 255]], dtype=np.uint8)


def points(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)


def test_a_stray_point_does_not_shrink_the_map():
    """One point far away is left out and counted; the rest still fills the picture."""
    xy = points(500)
    xy[7] = [1e6, -1e6]
    pixels, outside = to_pixels(xy, 400, 300)
    assert outside == 1
    kept = np.delete(pixels, 7, axis=0)
    assert np.ptp(kept[:, 1]) > 200


def test_nothing_is_lost_without_strays():
    """Ordinary points are all inside, and both axes have one scale."""
    _, outside = to_pixels(points(2000), 400, 300)
    assert outside == 0
    square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float32)
    corners, _ = to_pixels(square, 400, 300)
    assert abs(np.ptp(corners[:, 0]) - np.ptp(corners[:, 1])) <= 1


@pytest.mark.parametrize("xy", [np.zeros((0, 2)), np.zeros((1, 2)), np.full((5, 2), 3.0)])
def test_degenerate_layouts_are_drawn(xy):
    """No point, one point and coinciding points neither divide by zero nor disappear."""
    pixels, outside = to_pixels(xy.astype(np.float32), 60, 40)
    drawn = rasterize(pixels, {"clusters": np.zeros(len(xy), dtype=np.int64)}, 60, 40, CPU)
    image = paint(drawn, "clusters", COLOURS, CPU)
    assert outside == 0
    assert (image < 255).any() == bool(len(xy))
    assert density_image(drawn, len(xy), CPU)[0].shape == (40, 60, 3)


def test_points_that_are_no_numbers_are_counted_outside():
    """NaN and infinity, which UMAP gives for lonely points, neither crash nor stretch the map."""
    xy = points(100)
    xy[0] = np.nan
    xy[1, 0] = np.inf
    _, outside = to_pixels(xy, 400, 300)
    assert outside == 2


def test_each_pixel_has_a_colour_of_one_of_its_points():
    """Overlapping clusters mix as dots of their own colours, never as a third colour."""
    n = 20_000
    pixels, _ = to_pixels(points(n), 200, 150)
    drawn = rasterize(pixels, {"clusters": np.arange(n) % 2}, 200, 150, CPU)
    image = paint(drawn, "clusters", COLOURS, CPU).astype(int)
    red, blue = image[:, :, 0] > image[:, :, 2] + 20, image[:, :, 2] > image[:, :, 0] + 20
    coloured = image.min(axis=2) < 250
    assert (red | blue)[coloured].all()
    assert 0.4 < red.sum() / (red | blue).sum() < 0.6


def test_noise_lies_beneath_the_clusters():
    """On a shared pixel the clustered point is seen, whatever the order of the rows."""
    pixels = np.full((50, 2), 20.5, dtype=np.float32)
    group = np.full(50, -1)
    group[17] = 1
    drawn = rasterize(pixels, {"clusters": group}, 41, 41, CPU)
    assert drawn.layers["clusters"].max() == 3
    assert set(np.unique(drawn.layers["clusters"])) == {0, 3}


def test_few_points_are_large_and_many_are_pixels():
    """300 points can be seen and a million are no blob."""
    assert disc_radius(300, 1800, 1500) >= 5
    assert disc_radius(1_400_000, 1800, 1500) == 0
    many = np.repeat(to_pixels(points(300), 400, 300)[0], 50, axis=0)
    assert rasterize(many, {}, 400, 300, CPU).radius == disc_radius(300, 400, 300)
    assert len(disc(0)) == 1
    assert len(disc(1)) == 5


def test_the_picture_is_not_upside_down():
    """The highest point is in the upper half of the image."""
    xy = np.array([[0, 0], [0, 10], [5, 0]], dtype=np.float32)
    pixels, _ = to_pixels(xy, 100, 100)
    drawn = rasterize(pixels, {"clusters": np.array([-1, 0, 1])}, 100, 100, CPU)
    image = paint(drawn, "clusters", COLOURS, CPU).astype(int)
    red = np.argwhere(image[:, :, 0] > image[:, :, 2] + 20)
    assert red[:, 0].mean() < 50


def test_the_density_adds_up():
    """The peak of many points on one pixel is theirs, spread by the kernel, and drawn darkest."""
    pixels = np.full((1000, 2), 50.5, dtype=np.float32)
    drawn = rasterize(pixels, {}, 101, 101, CPU)
    image, peak = density_image(drawn, 1000, CPU)
    assert 0 < peak <= 1000
    assert 0 < density_level(peak / 9, peak) < density_level(peak, peak) == 1
    darkest = np.argwhere(image.sum(axis=2) == image.sum(axis=2).min()).mean(axis=0)
    assert np.abs(darkest - 50).max() < 2
    assert (image[0, 0] == 255).all()


def test_the_densest_spot_is_where_most_points_are():
    """A label's anchor is in the crowd, not at the mean; an unseen group has none."""
    xy = np.concatenate([np.full((90, 2), 10.0), np.full((60, 2), 90.0)]).astype(np.float32)
    spots = densest_spots(xy, np.zeros(150, dtype=np.int64), 2, 10, CPU)
    assert spots[0].tolist() == [10, 10]
    assert np.isnan(spots[1]).all()


@pytest.mark.parametrize("n", [0, 1, 600])
def test_the_densest_square_is_found_on_any_arrays(n):
    """The fullest square of each group, the first of equals, by a loop and on strict arrays."""
    rng = np.random.default_rng(n)
    pixels = rng.integers(0, 12, (n, 2)).astype(np.float32) + 0.5
    pixels[::7] = -(10.0**6)  # outside
    groups = rng.integers(-1, 3, n)
    found = densest_spots(pixels, groups, 4, 3.0, CPU)
    strict = StrictBackend()
    again = densest_spots(strict.from_host(pixels), strict.from_host(groups), 4, 3.0, strict)
    np.testing.assert_array_equal(found, again)
    for group in range(4):
        mine = pixels[(groups == group) & (pixels[:, 0] > 0)]
        squares = (mine // 3).astype(int)
        counts = {}
        for x, y in squares.tolist():
            counts[y, x] = counts.get((y, x), 0) + 1
        if not counts:
            assert np.isnan(found[group]).all()
            continue
        y, x = min(counts, key=lambda square: (-counts[square], square))
        np.testing.assert_allclose(found[group], mine[(squares == [x, y]).all(axis=1)].mean(axis=0))


@pytest.mark.parametrize("n", [0, 1, 500])
def test_pixels_are_the_same_on_strict_arrays(n, monkeypatch):
    """Placing, drawing lots and painting run where the arrays are; only images are copied."""
    monkeypatch.setattr(raster, "_aggregate", strict_aggregate)
    xy, group = points(n), np.arange(n) % 3 - 1
    images = []
    for backend in (CPU, StrictBackend()):
        pixels, outside = to_pixels(backend.from_host(xy), 90, 60)
        drawn = rasterize(pixels, {"clusters": backend.from_host(group)}, 90, 60, backend)
        density, peak = density_image(drawn, n, backend)
        images.append((paint(drawn, "clusters", COLOURS, backend), density, peak, outside))
    for one, two in zip(*images, strict=True):
        np.testing.assert_array_equal(one, two)


def test_memory_does_not_grow_with_the_number_of_clusters():
    """A thousand clusters need one layer, as two do."""
    pixels, _ = to_pixels(points(5000), 200, 150)
    drawn = rasterize(pixels, {"clusters": np.arange(5000) % 1000}, 200, 150, CPU)
    assert drawn.layers["clusters"].shape == (150, 200)
    assert drawn.layers["clusters"].max() == 1001


def strict_aggregate(columns, names, width, height, backend):
    """One pass of datashader on the host, between two strict sides."""
    host = {name: backend.to_host(column) for name, column in columns.items()}
    found = aggregate(host, names, width, height, CPU)
    return {name: backend.from_host(value) for name, value in found.items()}


aggregate = raster._aggregate
