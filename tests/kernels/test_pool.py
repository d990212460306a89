"""Tests of the pooling kernel, in Triton's interpreter, against one text at a time in float64."""

import math

import hypothesis
import pytest
import torch
from hypothesis import strategies as st

from rapids_rap.errors import CapabilityError
from rapids_rap.kernels import launches, pool_reference
from rapids_rap.kernels.pool import cost, pool

# NaN and 0/0 are what some tests are about; NumPy, under the interpreter, mentions them.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")

FLOATS = [torch.float32, torch.float16, torch.bfloat16]
POOLINGS = ["mean", "last", "cls"]
POISON = -9.0
RAGGED = [1, 0, 3, 9, 1, 17, 0, 0, 2, 40, 5]

# Of a value rounded to the type; a float32 sum of a few terms and two quotients for float32 itself.
# Triton's interpreter cuts bfloat16 off where a GPU rounds, hence a whole unit in the last place.
TOLERANCE = {
    torch.float32: {"atol": 2e-7, "rtol": 1e-6},
    torch.float16: {"atol": 1e-7, "rtol": 2**-10},
    torch.bfloat16: {"atol": 1e-7, "rtol": 2**-7},
}


def make_batch(lengths, d, dtype=torch.float32, seed=0):
    """States with a mean of their own (no text's norm is small) and borders."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(sum(lengths), d, generator=generator) + torch.randn(d, generator=generator)
    borders = torch.tensor([0, *torch.tensor(lengths, dtype=torch.int64).cumsum(0)])
    return hidden.to(dtype), borders.int()


def scattered(texts, n, seed=0):
    """Distinct rows in no order."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:texts]


def expected(hidden, borders, pooling):
    """Each text's norm and unit vector, by its definition."""
    pooled = torch.zeros(len(borders) - 1, hidden.shape[1], dtype=torch.float64)
    for i in range(len(pooled)):
        text = hidden[borders[i] : borders[i + 1]].double()
        if len(text):
            pooled[i] = {"mean": text.mean(0), "last": text[-1], "cls": text[0]}[pooling]
    norms = pooled.norm(dim=1)
    units = pooled / norms[:, None]
    return norms, torch.where(norms[:, None] > 0, units, 0.0)


def check(hidden, borders, pooling, out_dtype=torch.float32, run=pool):
    """Run on poisoned rows: the targets follow the definition, all others keep their poison."""
    texts, d = len(borders) - 1, hidden.shape[1]
    rows = scattered(texts, 2 * texts + 1)
    out = torch.full((2 * texts + 1, d), POISON, dtype=out_dtype)
    norms = run(hidden, borders, rows, out, pooling)
    lengths, units = expected(hidden, borders, pooling)
    assert norms.dtype == torch.float32
    torch.testing.assert_close(norms.double(), lengths, atol=0, rtol=1e-6)
    torch.testing.assert_close(out[rows].double(), units, **TOLERANCE[out_dtype])
    others = torch.ones(len(out), dtype=torch.bool)
    others[rows] = False
    assert bool((out[others] == POISON).all())


@pytest.mark.parametrize("out_dtype", FLOATS, ids=str)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_ragged_texts_in_every_type(pooling, dtype, out_dtype):
    """Any mixture of types: summed in float32, rounded once, empty texts zeros."""
    check(*make_batch(RAGGED, 70, dtype), pooling, out_dtype)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("d", [1, 2, 63, 64, 65, 127, 384, 1000, 1536, 3584])
def test_widths_that_are_no_power_of_two(d, pooling):
    """Columns beyond d are neither read nor written, whatever the width of the block."""
    check(*make_batch([1, 6, 0, 3], d, torch.bfloat16), pooling)


@pytest.mark.parametrize("lengths", [[], [0], [0] * 3, [1], [7], [8], [9], [999], [1] * 9], ids=str)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_lengths_at_the_edges_of_a_tile(lengths, pooling):
    """No text, only empty ones, a tile less one, a tile, a tile and one, and a very long text."""
    check(*make_batch(lengths, 5), pooling)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_reference_itself(pooling):
    """What runs on the CPU follows the definition too, empty texts included."""
    for lengths in (RAGGED, [], [0, 0], [3]):
        check(*make_batch(lengths, 33), pooling, run=pool_reference.pool)


def test_means_are_accumulated_in_float32():
    """4,096 ones summed in bfloat16 would stop growing at 256."""
    hidden = torch.ones(4096, 4, dtype=torch.bfloat16)
    out = torch.zeros(1, 4)
    norms = pool(hidden, torch.tensor([0, 4096]).int(), torch.tensor([0]), out, "mean")
    assert norms.tolist() == [2.0]
    assert out.tolist() == [[0.5] * 4]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_only_the_given_tokens_and_columns_are_touched(pooling):
    """Views into wider matrices: NaN around the states is never read, nothing around `out` lost."""
    states, borders = make_batch([3, 0, 10], 37)
    wide = torch.full((20, 48), torch.nan)
    hidden = wide[2:15, 5:42].copy_(states)
    page = torch.full((8, 64), POISON)
    out = page[:, 9:46]
    rows = torch.tensor([6, 1, 3])
    pool(hidden, borders, rows, out, pooling)
    torch.testing.assert_close(
        out[rows].double(), expected(states, borders, pooling)[1], **TOLERANCE[torch.float32]
    )
    out[rows] = POISON
    assert bool((page == POISON).all())


def test_borders_may_leave_tokens_out():
    """Tokens before the first and after the last border belong to no text."""
    hidden, _ = make_batch([12], 9)
    hidden[:3] = hidden[10:] = torch.nan
    out = torch.full((2, 9), POISON)
    pool(hidden, torch.tensor([3, 7, 10]).int(), torch.tensor([1, 0]), out, "mean")
    _, units = expected(hidden[3:10], torch.tensor([0, 4, 7]), "mean")
    torch.testing.assert_close(out[[1, 0]].double(), units, **TOLERANCE[torch.float32])


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("run", [pool, pool_reference.pool], ids=["kernel", "reference"])
def test_a_broken_text_is_zeros_and_told_by_its_norm(run, broken, pooling, dtype):
    """A state that isn't finite spoils its own text only, and never reaches the matrix."""
    hidden, borders = make_batch([4, 2, 3, 0], 11, dtype)
    hidden[4:6, 7] = broken
    out = torch.full((4, 11), POISON)
    norms = run(hidden, borders, torch.tensor([2, 0, 3, 1]), out, pooling)
    assert norms.isfinite().tolist() == [True, False, True, True]
    assert float(norms[1]) == math.inf or math.isnan(broken)
    assert out[[0, 1]].eq(0.0).all()
    _, units = expected(hidden, borders, pooling)
    torch.testing.assert_close(out[[2, 3]].double(), units[[0, 2]], **TOLERANCE[torch.float32])


def test_a_mean_of_zero_has_no_direction():
    """Opposite states cancel to a vector without a direction: zeros, norm 0, no NaN."""
    hidden = torch.tensor([[1.0, -2.0], [-1.0, 2.0]])
    out = torch.full((1, 2), POISON)
    norms = pool(hidden, torch.tensor([0, 2]).int(), torch.tensor([0]), out, "mean")
    assert (norms.tolist(), out.tolist()) == ([0.0], [[0.0, 0.0]])


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(
    lengths=st.lists(st.integers(0, 20), max_size=6),
    d=st.integers(1, 140),
    pooling=st.sampled_from(POOLINGS),
    types=st.tuples(st.sampled_from(FLOATS), st.sampled_from(FLOATS)),
    seed=st.integers(0, 1000),
)
def test_any_batch(lengths, d, pooling, types, seed):
    """Whatever the batch, it is the definition."""
    check(*make_batch(lengths, d, types[0], seed), pooling, types[1])


@pytest.fixture
def far_matrix(monkeypatch, tmp_path):
    """Makes a float16 matrix with a row beyond 2**31 values, in a file that is nearly all hole.

    As much again lies before it, so that an address cut to 32 bits is wrong, not a crash.
    """
    from triton.runtime.interpreter import GridExecutor

    # The interpreter copies a CPU tensor's storage onto itself at the end: gigabytes of pages.
    monkeypatch.setattr(GridExecutor, "_restore_args_dev", lambda *_: None)
    file = tmp_path / "sparse"

    def make(d):
        rows = 2**31 // d + 2
        size = 2**31 + rows * d
        values = torch.from_file(str(file), shared=True, size=size, dtype=torch.float16)
        return values[2**31 :].view(rows, d)

    yield make
    file.unlink()


def test_a_row_beyond_two_to_the_31_values_of_the_matrix(far_matrix):
    """6 million vectors of 1024 values: a row's place no longer fits into 32 bits."""
    hidden, borders = make_batch([3, 2], 96)
    out = far_matrix(96)
    rows = torch.tensor([len(out) - 1, 0])
    pool(hidden, borders, rows, out, "mean")
    torch.testing.assert_close(
        out[rows].double(), expected(hidden, borders, "mean")[1], **TOLERANCE[torch.float16]
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_token_beyond_two_to_the_31_values_of_the_states(far_matrix, pooling):
    """A batch of 2**20 tokens of 2,048 values is one that a large GPU can hold."""
    hidden = far_matrix(96)
    states, _ = make_batch([3], 96, torch.float16)
    hidden[-3:] = states
    out = torch.full((1, 96), POISON)
    end = len(hidden)
    pool(hidden, torch.tensor([end - 3, end]).int(), torch.tensor([0]), out, pooling)
    _, units = expected(states, torch.tensor([0, 3]), pooling)
    torch.testing.assert_close(out.double(), units, **TOLERANCE[torch.float32])


def test_a_launch_is_counted_where_there_is_one():
    """The counter is a run's evidence: one a batch, none for a batch without texts."""
    before = launches["pool"]
    check(*make_batch([2, 3], 4), "mean")
    assert launches["pool"] == before + 1
    check(*make_batch([], 4), "mean")
    assert launches["pool"] == before + 1


def test_vectors_too_wide_for_registers_are_refused():
    """Rather than spill them, or pool some of the columns."""
    hidden, borders = make_batch([2], 16385)
    with pytest.raises(CapabilityError, match="16384"):
        pool(hidden, borders, torch.tensor([0]), torch.zeros(1, 16385), "mean")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "max"}, "pooling must be"),
        ({"hidden": torch.zeros(5, 3, dtype=torch.float64)}, "hidden must be a matrix"),
        ({"hidden": torch.zeros(3, 5).T}, "hidden must be a matrix"),
        ({"hidden": torch.zeros(5, 4)}, "hidden has 4 columns and out 3"),
        ({"out": torch.zeros(9, 3, dtype=torch.int32)}, "out must be a matrix"),
        ({"out": torch.zeros(27)}, "out must be a matrix"),
        ({"borders": torch.tensor([0, 2, 5])}, "borders must be"),
        ({"borders": torch.tensor([0, 5]).int()}, "2 rows need 3 borders, got 2"),
        ({"rows": torch.tensor([0, 1]).int()}, "rows must be"),
        ({"rows": torch.arange(4)[::2]}, "rows must be"),
        ({"out": torch.zeros(9, 3, device="meta")}, "one device"),
    ],
)
def test_tensors_that_the_kernel_would_misread_are_refused(change, message):
    """A wrong type or stride would be read as other numbers, on a GPU without a word."""
    good = {
        "hidden": torch.zeros(5, 3),
        "borders": torch.tensor([0, 2, 5]).int(),
        "rows": torch.tensor([0, 1]),
        "out": torch.zeros(9, 3),
        "pooling": "mean",
    }
    pool(**good)
    with pytest.raises(ValueError, match=message):
        pool(**(good | change))


def test_the_cost_of_a_batch():
    """1,000 tokens of 8 bfloat16 in 100 texts, written as float32: every byte once."""
    flops, moved = cost(1000, 100, 8, "mean", 2, 4)
    assert moved == 1000 * 8 * 2 + 100 * 8 * 4 + 100 * (4 + 8 + 4)
    assert flops == 1000 * 8 + 100 * 8 * 4
    assert cost(1000, 100, 8, "last", 2, 4) == (100 * 8 * 4, 100 * 8 * 2 + 100 * (8 * 4 + 16))
