"""Tests of pooling against one text at a time."""

import pytest
import torch

from rapids_rap.embedding.pooling import normalize_rows, pool_into

BORDERS = [0, 1, 4, 5, 12]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_each_text_is_pooled_into_its_own_row(pooling, dtype):
    """Rows are scattered on purpose: the result must land where the text id says."""
    hidden = torch.randn(12, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
    out = torch.full((6, 7), -9.0)
    rows = torch.tensor([5, 0, 3, 2])
    pool_into(hidden, torch.tensor(BORDERS, dtype=torch.int32), rows, out, pooling)
    for i, row in enumerate(rows):
        text = hidden[BORDERS[i] : BORDERS[i + 1]].float()
        expected = {"mean": text.mean(0), "last": text[-1], "cls": text[0]}[pooling]
        torch.testing.assert_close(out[row], expected, atol=1e-6, rtol=0)
    assert bool((out[[1, 4]] == -9.0).all())


def test_means_are_accumulated_in_float32():
    """1,000 values of 1.001 summed in bfloat16 would stop growing at 256."""
    hidden = torch.ones(1000, 1, dtype=torch.bfloat16)
    out = torch.zeros(1, 1)
    pool_into(hidden, torch.tensor([0, 1000], dtype=torch.int32), torch.tensor([0]), out, "mean")
    assert float(out) == 1.0


def test_rows_become_unit_length_or_are_reported():
    """A vector without a direction is found, and nothing is written then."""
    out = torch.tensor([[3.0, 4.0], [0.0, 0.0], [torch.nan, 1.0], [torch.inf, 1.0]])
    assert normalize_rows(out, torch.tensor([0])).tolist() == []
    torch.testing.assert_close(out[0], torch.tensor([0.6, 0.8]))
    before = out.clone()
    assert normalize_rows(out, torch.tensor([3, 0, 1, 2])).tolist() == [3, 1, 2]
    torch.testing.assert_close(out, before, equal_nan=True)
