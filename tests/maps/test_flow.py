"""The flow of lines: nothing is lost on the way, and the picture can be drawn for any table."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rapids_rap.compare.maps import draw_flows
from rapids_rap.config import MapsConfig
from rapids_rap.maps.flow import ClusterNames, flow_chart, flow_table


def names(count):
    return ClusterNames(
        tuple(f"{k} 词·语" for k in range(count)), tuple((k % 250, 90, 160) for k in range(count))
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 300),
    a=st.integers(0, 40),
    b=st.integers(0, 40),
    shown=st.integers(1, 30),
)
def test_every_line_arrives(seed, n, a, b, shown):
    """The sum of the ribbons is the number of lines, at both ends and bar by bar."""
    rng = np.random.default_rng(seed)
    left, right = rng.integers(-1, max(a, 1) - (a == 0), (n,)), rng.integers(-1, b or 0, (n,))
    left = np.minimum(left, a - 1)
    lines = rng.integers(1, 50, n)
    table = flow_table(left, right, lines, a, b)
    chart = flow_chart(table, names(a), names(b), shown)
    assert table.sum() == chart.ribbons.sum() == lines.sum()
    assert chart.ribbons.sum(axis=1).tolist() == chart.left.lines.tolist()
    assert chart.ribbons.sum(axis=0).tolist() == chart.right.lines.tolist()
    assert len(chart.left.names) <= shown + 2
    assert chart.left.lines.min() > 0


def test_bars_stand_for_the_clusters_they_name():
    """A ribbon from cluster 2 to cluster 0 joins the bars with those names; noise is last."""
    table = flow_table(
        np.array([2, 2, -1, 0]), np.array([0, 0, 0, -1]), np.array([5, 5, 1, 2]), 3, 1
    )
    chart = flow_chart(table, names(3), names(1))
    assert [name.split()[0] for name in chart.left.names] == ["2", "0", "噪声"]
    assert [name.split()[0] for name in chart.right.names] == ["0", "噪声"]
    assert chart.ribbons.tolist() == [[10, 0], [0, 2], [1, 0]]


def test_small_clusters_share_a_bar():
    """Beyond the largest, one bar says how many clusters it stands for."""
    labels = np.arange(30)
    chart = flow_chart(flow_table(labels, labels, labels + 1, 30, 30), names(30), names(30), 5)
    assert chart.left.names[-1] == "其余 25 个聚类 the rest"
    assert chart.right.names[-1] == "其余 25 个聚类 the rest"
    assert [name.split()[0] for name in chart.left.names[:5]] == ["29", "28", "27", "26", "25"]


@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 1), (60, 60), (1, 40)])
def test_the_picture_is_drawn_for_any_number_of_clusters(a, b):
    """All noise, one cluster or many: a picture of the right size with something on it."""
    rng = np.random.default_rng(0)
    left, right = (np.minimum(rng.integers(-1, 99, 500), count - 1) for count in (a, b))
    table = flow_table(left, right, np.ones(500, dtype=np.int64), a, b)
    chart = flow_chart(table, names(a), names(b))
    png = draw_flows(chart, ("流", "Flow"), "s", "f", ("A", "B"), MapsConfig())
    image = np.asarray(Image.open(io.BytesIO(png)))
    assert image.shape == (2000, 2400, 3)
    assert (image[400:1800, 1100:1300] != 255).any()
