"""Colours: distinct for any number of clusters, and neighbours further apart than chance."""

import numpy as np
import pytest

from rapids_rap.maps.palette import cluster_colours, darkened, theme_colours, to_oklab


@pytest.mark.parametrize("count", [0, 1, 7, 40, 600])
def test_every_cluster_has_a_colour_of_its_own(count):
    """No two clusters share a colour, however many there are and however the themes divide them."""
    random = np.random.default_rng(0)
    themes = random.integers(0, 7, count)
    colours = cluster_colours(themes, random.random((count, 2)), random.integers(1, 99, count))
    assert colours.shape == (count, 3)
    assert len(np.unique(colours, axis=0)) == count


def test_neighbours_on_the_map_differ():
    """Two clusters beside each other can be told apart, also by lightness and blue-yellow alone."""
    random = np.random.default_rng(1)
    places = random.random((60, 2))
    colours = cluster_colours(random.integers(0, 7, 60), places, np.ones(60, dtype=np.int64))
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(60)
    look = to_oklab(colours) * [2.0, 0.0, 1.0]
    nearest = np.linalg.norm(look - look[gaps.argmin(axis=1)], axis=1)
    assert np.median(nearest) > 0.2
    assert nearest.min() > 0.03


def test_a_theme_keeps_its_hue():
    """Clusters of one theme are shades of one hue, so that themes can be seen on the map."""
    themes = np.repeat(np.arange(7), 10)
    places = np.random.default_rng(2).random((70, 2))
    lab = to_oklab(cluster_colours(themes, places, np.arange(70)))
    hues = np.arctan2(lab[:, 2], lab[:, 1])
    own = to_oklab(theme_colours(7))
    turned = np.angle(np.exp(1j * (hues - np.arctan2(own[:, 2], own[:, 1])[themes])))
    assert np.abs(turned).max() < 0.6


def test_many_themes_and_dark_text():
    """More themes than base colours still differ, and label text is dark enough on white."""
    colours = theme_colours(30)
    assert len(np.unique(colours, axis=0)) == 30
    assert to_oklab(darkened(colours))[:, 0].max() < 0.45


def test_kept_colours_are_kept_and_the_others_stay_apart():
    """What had a colour last night has it tonight; what is new gets one that nobody has."""
    random = np.random.default_rng(3)
    themes, places = random.integers(0, 5, 40), random.random((40, 2))
    before = cluster_colours(themes, places, np.arange(40))
    kept = [tuple(map(int, before[k])) if k % 3 else None for k in range(40)]
    # Themes and sizes have changed: the colours of those that are kept have not.
    after = cluster_colours((themes + 1) % 5, places, np.arange(40)[::-1], theme_colours(5), kept)
    for k, colour in enumerate(kept):
        assert colour is None or tuple(after[k]) == colour
    assert len(np.unique(after, axis=0)) == 40


def test_themes_keep_their_colour():
    """A theme that is born takes the first colour that is free, not that of another."""
    base = [tuple(map(int, c)) for c in theme_colours(12)]
    found = theme_colours(4, [base[2], None, base[0], None])
    assert [tuple(map(int, c)) for c in found] == [base[2], base[1], base[0], base[3]]
    assert theme_colours(0, []).shape == (0, 3)
    many = theme_colours(12, [base[11], *[None] * 11])
    assert len(np.unique(many, axis=0)) == 12
