"""The GPU's choices: what fits is said to fit, what does not says what would."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapids_rap.backend import gpu_plan as plan
from rapids_rap.backend.gpu_plan import GIB

LINES = (60_000, 600_000, 6_000_000, 60_000_000)
CARDS = (16, 24, 48, 80)
WIDTHS = (256, 896, 1536)
HOST = 128 * GIB

lines = st.integers(2, 10**8)
widths = st.integers(1, 4096)
neighbors = st.integers(1, 512)


def free_on(card):
    """What a card of so many GiB has free before anything is loaded."""
    return int(card * 0.95 * GIB)


@pytest.mark.parametrize("n", LINES)
@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("d", WIDTHS)
def test_every_stage_fits_or_says_what_would(n, card, d):
    """A choice marked as fitting peaks below what is free; any other names need and remedy."""
    free = free_on(card)
    stages = plan.plan_run(n, d, free, HOST)
    assert [s.stage for s in stages] == [
        "vectors",
        "embedding",
        "neighbors",
        "layout",
        "clusters",
        "evidence",
        "maps",
    ]
    for choice in stages:
        assert choice.fits == (choice.peak <= free)
        if not choice.fits:
            assert "--limit" in choice.because
            assert f"{choice.peak / GIB:.1f} GiB" in choice.because


@pytest.mark.parametrize(
    ("n", "d", "card", "fits"),
    [
        (60_000, 1536, 16, True),
        (600_000, 1536, 16, True),
        (6_000_000, 1536, 16, True),
        (6_000_000, 896, 24, True),
        (6_000_000, 1536, 80, True),
        (60_000_000, 256, 80, False),
        (60_000_000, 1536, 80, False),
    ],
)
def test_what_the_issue_asks_about(n, d, card, fits):
    """Six million lines run on every card; sixty million need more than one GPU of today."""
    assert all(choice.fits for choice in plan.plan_run(n, d, free_on(card), HOST)) == fits


@pytest.mark.parametrize("n", LINES)
@pytest.mark.parametrize("d", WIDTHS)
def test_no_plan_holds_the_matrix_of_distances(n, d):
    """Whatever is chosen is far smaller than n x n float32, and grows like n."""
    for choice in plan.plan_run(n, d, free_on(80), HOST):
        assert choice.peak < 4 * n * n
    ten = plan.plan_run(10 * n, d, free_on(10_000), 10_000 * GIB)
    one = plan.plan_run(n, d, free_on(10_000), 10_000 * GIB)
    for large, small in zip(ten, one, strict=True):
        assert large.peak <= 31 * small.peak  # an inverted file takes three times the vectors


@settings(max_examples=200, deadline=None)
@given(n=lines, more=lines, d=widths, wider=widths, k=neighbors, m=neighbors)
def test_no_algorithm_needs_more_for_a_smaller_problem(n, more, d, wider, k, m):
    """Every byte count grows with every size."""
    small, large = (
        (min(n, more), min(d, wider), min(k, m)),
        (max(n, more), max(d, wider), max(k, m)),
    )
    for count in (plan.exact_bytes, plan.tiles_bytes, plan.ivf_bytes, plan.nn_descent_bytes):
        assert 0 < count(*small) <= count(*large)
    for batches in (4, 64):
        assert plan.batched_bytes(*small, batches) <= plan.batched_bytes(*large, batches)
    assert plan.layout_bytes(small[0], small[2], [2, 5]) <= plan.layout_bytes(
        large[0], large[2], [2, 5]
    )
    assert plan.clusters_bytes(*small) <= plan.clusters_bytes(*large)


@settings(max_examples=200, deadline=None)
@given(n=lines, more=lines, d=widths, free=st.integers(4, 200), host=st.integers(8, 2000))
def test_what_fits_fits_for_fewer_lines(n, more, d, free, host):
    """Fewer lines never turn a plan that fits into one that does not."""
    few, many = sorted((n, more))
    if all(c.fits for c in plan.plan_run(many, d, free * GIB, host * GIB)):
        assert all(c.fits for c in plan.plan_run(few, d, free * GIB, host * GIB))


@settings(max_examples=200, deadline=None)
@given(n=lines, d=widths, free=st.integers(4, 200), host=st.integers(8, 2000))
def test_what_fits_fits_with_more_memory(n, d, free, host):
    """More device memory never turns a plan that fits into one that does not."""
    if all(c.fits for c in plan.plan_run(n, d, free * GIB, host * GIB)):
        assert all(c.fits for c in plan.plan_run(n, d, (free + 7) * GIB, host * GIB))


def test_exact_search_while_it_is_affordable():
    """Brute force, which is exact and deterministic, up to an hour; then lists, then NN-descent."""
    big = 1000 * GIB
    assert plan.plan_neighbors(600_000, 1536, 30, big).algorithm == "faiss exact"
    assert plan.plan_neighbors(6_000_000, 1536, 30, big).algorithm == "faiss ivf"
    tight = plan.plan_neighbors(6_000_000, 1536, 30, 80 * GIB)
    assert tight.algorithm == "cuvs nn_descent"
    assert "not deterministic" in tight.because
    assert tight.host > 0


@pytest.mark.parametrize(
    ("engine", "home", "algorithm"),
    [
        ("exact", "device", "faiss exact"),
        ("exact", "host", "faiss exact by tiles"),
        ("ivf", "device", "faiss ivf"),
        ("cuvs", "device", "cuvs brute_force"),
        ("cuvs", "host", "cuvs brute_force by tiles"),
        ("auto", "host", "faiss exact by tiles"),
    ],
)
def test_the_engine_that_was_asked_for_runs(engine, home, algorithm):
    """A configured engine is used, in the form that suits where the vectors live."""
    choice = plan.plan_neighbors(100_000, 256, 30, 40 * GIB, home=home, engine=engine)
    assert choice.algorithm == algorithm


def test_host_vectors_are_searched_in_batches_that_fit():
    """Too many host rows for brute force go through NN-descent, in batches that fit."""
    small, large = (
        plan.plan_neighbors(6_000_000, 1536, 30, card * GIB, home="host") for card in (14, 46)
    )
    assert small.algorithm == large.algorithm == "cuvs nn_descent"
    assert small.fits
    assert large.fits
    assert small.n_clusters > large.n_clusters > plan.OVERLAP


def test_a_few_queries_are_cheap():
    """Looking for the neighbours of one line never builds an index over all of them."""
    choice = plan.plan_neighbors(6_000_000, 1536, 20, 80 * GIB, queries=1)
    assert choice.algorithm == "faiss exact"


def test_queries_never_go_through_a_graph_of_all_rows():
    """NN-descent knows the neighbours of its own rows only."""
    n = 50_000_000
    for home in ("device", "host"):
        choice = plan.plan_neighbors(n, 1536, 20, 16 * GIB, home=home, queries=n)
        assert "nn_descent" not in choice.algorithm


def test_rows_that_must_be_scaled_count_twice():
    """A copy at unit length is part of the peak."""
    plain = plan.plan_neighbors(10_000, 64, 5, GIB * 40)
    copied = plan.plan_neighbors(10_000, 64, 5, GIB * 40, copied=True)
    assert copied.peak - plain.peak == plan.vector_bytes(10_000, 64)


def test_the_vectors_move_to_host_memory_rather_than_fail():
    """Where a later stage would not fit beside them, the vectors are pinned in main memory."""
    free = free_on(24)
    choice = plan.plan_vectors(6_000_000, 1536, free, HOST)
    assert (choice.algorithm, choice.fits) == ("host", True)
    assert choice.host == plan.vector_bytes(6_000_000, 1536)
    poor = plan.plan_vectors(6_000_000, 1536, free, 16 * GIB)
    assert (poor.algorithm, poor.fits) == ("device", False)
    assert "can't be pinned" in poor.because


def test_the_model_has_its_place_beside_the_vectors():
    """Vectors that would leave the model no room are not put on the device."""
    sizes = plan.Sizes(model=14 * GIB)
    assert plan.plan_vectors(400_000, 1536, 16 * GIB, HOST).algorithm == "device"
    assert plan.plan_vectors(400_000, 1536, 16 * GIB, HOST, sizes).algorithm == "host"


def test_samples_not_cluster_sizes_decide_the_memory_of_hdbscan():
    """The peak grows with min_samples, and a plan that does not fit names the most that would."""
    few, many = (plan.plan_clusters(1_000_000, 5, s, 400 * GIB).peak for s in (5, 100))
    assert many > 4 * few
    choice = plan.plan_clusters(6_000_000, 5, 100, 40 * GIB)
    assert not choice.fits
    fewer = int(choice.because.rsplit("min_samples=", 1)[1].split()[0])
    assert plan.plan_clusters(6_000_000, 5, fewer, 40 * GIB).fits
    assert not plan.plan_clusters(6_000_000, 5, fewer + 1, 40 * GIB).fits


def test_clusters_are_deterministic_while_brute_force_can_compare_all():
    """Exact neighbours first; NN-descent only where they would take hours."""
    assert plan.plan_clusters(6_000_000, 5, 5, 400 * GIB).algorithm == "brute_force"
    assert plan.plan_clusters(60_000_000, 5, 5, 400 * GIB).algorithm == "nn_descent"


def test_the_plan_needs_no_gpu_library():
    """`doctor` can plan for a GPU on a machine that has none."""
    code = (
        "import sys, rapids_rap.backend.gpu_plan\n"
        "heavy = {'torch', 'cupy', 'cuml', 'faiss', 'rmm', 'cudf', 'cuvs'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
