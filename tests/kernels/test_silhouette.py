"""Tests of the silhouette kernel, in Triton's interpreter, against float64 and known figures."""

import math

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from rapids_rap.backend._cpu_dense import euclidean_silhouette
from rapids_rap.kernels import launches, silhouette_reference
from rapids_rap.kernels.silhouette import cost, silhouette

# Points that aren't finite are what some tests are about; NumPy, under the interpreter, says so.
pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|overflow):RuntimeWarning")

TOLERANCE = {"atol": 5e-7, "rtol": 0.0}  # both means of float32 distances, and their quotient


def blobs(n, d, clusters, seed=0, spread=1.0):
    """Groups side by side on a line, overlapping a little, with noise, in any order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, clusters, (n,), generator=generator)
    centers = 3.0 * torch.arange(clusters + 1).repeat(d, 1).T
    return centers[labels] + spread * torch.randn(n, d, generator=generator), labels


def check(points, labels):
    """Equal to the float64 reference, NaN exactly where that has NaN; returns the values."""
    values = silhouette(points, labels)
    assert values.dtype == torch.float32
    torch.testing.assert_close(
        values, silhouette_reference.silhouette(points, labels), equal_nan=True, **TOLERANCE
    )
    return values


@pytest.fixture
def short_runs(monkeypatch):
    """Sums that leave float32 after two tiles, so that small data crosses the border often."""
    from rapids_rap.kernels import silhouette_triton

    monkeypatch.setattr(silhouette_triton, "RUN", 2)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 10, 33, 128])
def test_dimensions(d):
    """Unrolled or not, every dimension counts once."""
    values = check(*blobs(150, d, 3))
    assert float(values.nanmean()) > 0.1


@pytest.mark.parametrize("n", [2, 31, 32, 33, 63, 64, 65, 127, 257])
def test_rows_at_the_edges_of_a_tile(n):
    """Rows and columns beyond the last point count nowhere."""
    points, _ = blobs(n, 2, 2)
    check(points, torch.arange(n) % 2)


@pytest.mark.parametrize(
    "sizes", [(64, 64), (63, 1, 65), (129, 2), (1, 1, 128), (200, 150)], ids=str
)
def test_clusters_at_the_edges_of_a_tile(sizes, short_runs):
    """A tile never mixes two clusters, and no run of tiles loses a cluster's last columns."""
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    points, _ = blobs(len(labels), 2, 2)
    check(points, labels)


def test_a_cluster_longer_than_a_run_of_tiles(monkeypatch):
    """The real length of a run: 4,096 columns and a few more."""
    from rapids_rap.kernels import silhouette_triton

    monkeypatch.setattr(silhouette_triton, "BLOCK_M", 1024)  # or the interpreter takes long
    points, _ = blobs(4300, 1, 2)
    labels = (torch.arange(4300) % 86 == 0).long()
    check(points, labels)


def test_a_long_sum_loses_no_small_terms(monkeypatch):
    """In float32, 170 tiles' distances of 1 would vanish beside 16 of 3e7, and a mean with them."""
    from rapids_rap.kernels import silhouette_triton

    for name, value in {"RUN": 1, "BLOCK_N": 16, "BLOCK_M": 1024}.items():
        monkeypatch.setattr(silhouette_triton, name, value)
    points = torch.tensor([3e7] * 16 + [1.0] * 2720 + [0.0, 1e5])[:, None]
    check(points, torch.tensor([0] * 2736 + [1, 1]))


def test_known_figures():
    """By hand: 0 and 1 against 5 and 6; a singleton at 20 has 0, noise nothing."""
    points = torch.tensor([[5.0], [0.0], [100.0], [1.0], [6.0], [20.0]])
    labels = torch.tensor([1, 0, -1, 0, 1, 2])
    values = silhouette(points, labels).tolist()
    assert math.isnan(values.pop(2))
    assert values == pytest.approx([3.5 / 4.5, 4.5 / 5.5, 3.5 / 4.5, 4.5 / 5.5, 0.0], abs=1e-6)


def test_it_is_what_the_cpu_backend_computes():
    """The two backends agree on a map with noise."""
    points, labels = blobs(400, 2, 6)
    np.testing.assert_allclose(
        silhouette(points, labels).numpy(),
        euclidean_silhouette(points.numpy(), labels.numpy()),
        atol=5e-7,
    )


def test_many_clusters():
    """Mostly singletons and pairs: each is a loop of its own."""
    points, labels = blobs(120, 2, 80)
    values = check(points, labels)
    alone = torch.bincount(labels[labels >= 0], minlength=80)[labels] == 1
    assert bool((values[alone & (labels >= 0)] == 0.0).all())


def test_labels_are_names():
    """Ids may leave gaps, and their order says nothing."""
    points, labels = blobs(90, 2, 4)
    names = torch.tensor([900, 3, 2**40, 17])
    renamed = torch.where(labels >= 0, names[labels], labels * 5)
    torch.testing.assert_close(
        silhouette(points, renamed), silhouette(points, labels), equal_nan=True
    )


@pytest.mark.parametrize("labels", [[], [0], [-1, -1], [3, 3, 3], [2, -1, 2]], ids=str)
def test_fewer_than_two_clusters_have_no_figure(labels):
    """Undefined is NaN, without a launch."""
    before = launches["silhouette"]
    values = check(torch.randn(len(labels), 2), torch.tensor(labels, dtype=torch.int64))
    assert bool(values.isnan().all())
    assert launches["silhouette"] == before


def test_duplicates():
    """Equal lines are at distance 0: a perfect figure, or 0 where all points are equal."""
    pair = torch.tensor([[1e3, 2e3], [-7.0, 0.1]])
    labels = torch.arange(2).repeat_interleave(40)
    assert check(pair[labels], labels).tolist() == [1.0] * 80
    assert check(torch.full((80, 2), 0.1), labels).tolist() == [0.0] * 80


@pytest.mark.parametrize("d", [2, 40])
def test_a_layout_far_from_the_origin(d):
    """Squared norms of 1e12 would leave no digit of distances of 1; differences lose none."""
    points, labels = blobs(120, d, 3)
    far = points + 1e6
    check(far, labels)
    check(far - far.mean(0), labels)


@pytest.mark.parametrize("scale", [1e-15, 1e15])
def test_scale_does_not_matter(scale):
    """Squares of any coordinate that a layout has fit into float32."""
    points, labels = blobs(70, 2, 3)
    check(points * scale, labels)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("clusters", [2, 4])
def test_points_that_are_not_finite(clusters, broken):
    """They make NaN of the figures they enter, never a number that looks like one."""
    points, labels = blobs(80, 3, clusters)
    labels[0] = 0
    points[0, 1] = broken
    values = check(points, labels)
    assert bool(values[labels == 0].isnan().all())
    if math.isnan(broken):
        assert bool(values.isnan().all())


def test_noise_is_not_even_looked_at():
    """What noise holds changes nothing."""
    points, labels = blobs(60, 2, 3)
    spoiled = points.clone()
    spoiled[labels < 0] = torch.nan
    torch.testing.assert_close(
        silhouette(spoiled, labels), silhouette(points, labels), atol=0, rtol=0, equal_nan=True
    )


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(
    labels=st.lists(st.integers(-1, 5), max_size=90),
    d=st.integers(1, 7),
    digits=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_any_labelling(labels, d, digits, seed):
    """Also with points rounded until many coincide; the order of the points changes nothing."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(len(labels), d, generator=generator).round(decimals=digits)
    names = torch.tensor(labels, dtype=torch.int64)
    values = check(points, names)
    order = torch.randperm(len(labels), generator=generator)
    torch.testing.assert_close(
        silhouette(points[order], names[order]), values[order], equal_nan=True, **TOLERANCE
    )


def test_a_dimension_beyond_two_to_the_31_values(tmp_path, monkeypatch):
    """600,000 points of 3,584 dimensions: where a dimension starts no longer fits into 32 bits."""
    from triton.runtime.interpreter import GridExecutor

    from rapids_rap.kernels.silhouette_triton import shape_of, silhouette_kernel

    # The interpreter copies a CPU tensor's storage onto itself at the end: gigabytes of pages.
    monkeypatch.setattr(GridExecutor, "_restore_args_dev", lambda *_: None)
    stride, d = 2**27, 17
    file = tmp_path / "sparse"
    # As much again lies before, so that an address cut to 32 bits is wrong, not a crash.
    size = 2**31 + d * stride
    columns = torch.from_file(str(file), shared=True, size=size, dtype=torch.float32)[2**31 :]
    columns[16 * stride : 16 * stride + 4] = torch.tensor([0.0, 1.0, 5.0, 6.0])
    members = torch.zeros(64, dtype=torch.int32)
    members[2:4] = 1
    values = torch.zeros(64)
    borders = torch.tensor([0, 2, 4], dtype=torch.int32)
    silhouette_kernel[(1,)](columns, members, borders, values, stride, 2, **shape_of(d))
    file.unlink()
    expected = [4.5 / 5.5, 3.5 / 4.5, 3.5 / 4.5, 4.5 / 5.5]
    assert values[:4].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_launch_is_counted():
    """The counter is a run's evidence."""
    before = launches["silhouette"]
    check(*blobs(40, 2, 2))
    assert launches["silhouette"] == before + 1


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        (torch.zeros(4, 2, dtype=torch.float64), torch.zeros(4).long(), "points must be"),
        (torch.zeros(4), torch.zeros(4).long(), "points must be"),
        (torch.zeros(1, 1).expand(2**31, 1), torch.zeros(1).long(), "points must be"),
        (torch.zeros(4, 2), torch.zeros(4), "labels must be 4 int64"),
        (torch.zeros(4, 2), torch.zeros(3).long(), "labels must be 4 int64"),
        (torch.zeros(4, 2), torch.zeros(4, device="meta").long(), "labels on meta"),
    ],
)
def test_tensors_that_the_kernel_would_misread_are_refused(points, labels, message):
    """A wrong type would be read as other numbers, on a GPU without a word."""
    with pytest.raises(ValueError, match=message):
        silhouette(points, labels)


def test_the_cost_of_a_map():
    """1,000 points in the plane: a million pairs of 8 operations; 20 bytes a point, once."""
    assert cost(1000, 2) == (8_000_000, 20_000)
