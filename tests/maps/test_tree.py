"""The pictures of the tree and of the sweep: repeatable, right for one cluster and many."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from rapids_rap.backend.protocol import ClusterTree
from rapids_rap.clustering.sweep import sweep_sizes
from rapids_rap.config import MapsConfig
from rapids_rap.maps.sizes import draw_sizes
from rapids_rap.maps.tree import ROWS, draw_tree
from tests.clustering.test_hierarchy import planted, tree_of
from tests.clustering.test_sweep import votes_of
from tests.maps.test_draw import view

SMALL = MapsConfig(width=480, height=360)


def drawn(families, each, themes, config=SMALL):
    vectors, labels = planted(families, each, texts=6, d=1 + families * (1 + each))
    tree = tree_of(vectors, labels, themes)
    data = dataclasses.replace(
        view(n=30, clusters=3, artists=0),
        cluster_terms=tuple(f"词语{k}·兄弟" for k in range(families * each)),
        theme_labels=tuple(f"江湖{t}·码头" for t in range(tree.theme_count)),
    )
    colours = {theme: (20 * theme % 256, 90, 120) for theme in range(tree.theme_count)}
    return draw_tree(tree, data, colours, config)


def size_of(png):
    return Image.open(io.BytesIO(png)).size


@pytest.mark.parametrize(("families", "each", "themes"), [(1, 1, 7), (2, 1, 1), (3, 4, 3)])
def test_any_tree_is_drawn_the_same_twice(families, each, themes):
    """From a single cluster on; the same bytes each time."""
    picture = drawn(families, each, themes)
    assert size_of(picture) == (480, 360)
    assert picture == drawn(families, each, themes)


def test_many_clusters_make_a_higher_picture():
    """A row a cluster that stays legible; beyond a page's worth the first by number are drawn."""
    width, height = size_of(drawn(4, 20, 4))
    assert width == 480
    assert height > 360
    assert size_of(drawn(4, 45, 4))[1] == size_of(drawn(4, ROWS // 4, 4))[1]


def test_themes_have_their_colours():
    """What joins within a theme is drawn in the theme's colour of the maps."""
    picture = np.asarray(Image.open(io.BytesIO(drawn(3, 4, 3, MapsConfig(width=1200, height=900)))))
    for theme in range(3):
        assert (picture == np.array([20 * theme, 90, 120])).all(axis=2).sum() > 100


def test_no_cluster_is_no_picture():
    """Everything noise: nothing to draw, and no error."""
    tree = tree_of(np.eye(3, dtype=np.float32), np.full(3, -1))
    data = dataclasses.replace(view(n=3, clusters=0), cluster_terms=(), theme_labels=())
    assert draw_tree(tree, data, {}, SMALL) is None


def test_the_sweep_is_drawn_the_same_twice():
    """With its spread over layouts, and of a single layout without."""
    halves = ClusterTree(np.array([-1, 0, 0, 1, 1]), np.array([200, 90, 80, 40, 35]))
    for trees in ([halves], [halves, ClusterTree(np.array([-1]), np.array([200]))]):
        sweep = sweep_sizes(votes_of(trees, 200), 0)
        picture = draw_sizes(sweep, SMALL)
        assert size_of(picture) == (480, 360)
        assert picture == draw_sizes(sweep, SMALL)
    assert draw_sizes(sweep_sizes(votes_of([], 200), 0), SMALL) is None
