"""Tests of the registered attention function itself, against plain softmax(QK)V."""

import itertools
from types import SimpleNamespace

import pytest
import torch

from rapids_rap.embedding.attention import varlen_attention
from tests.embedding.doubles import plain_attention


def random_qkv(batch, length, heads=4, groups=2, dim=8):
    generator = torch.Generator().manual_seed(length)
    shapes = (batch, heads, length, dim), (batch, heads // groups, length, dim)
    return (torch.randn(shapes[i], generator=generator) for i in (0, 1, 1))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
def test_packed_texts_see_only_themselves(causal, groups):
    """Each packed text must equal its own attention, ragged lengths and single tokens included."""
    borders = [0, 1, 4, 5, 12]
    q, k, v = random_qkv(1, 12, groups=groups)
    out, _ = varlen_attention(
        SimpleNamespace(is_causal=causal),
        q,
        k,
        v,
        None,
        8**-0.5,
        cu_seq_lens_q=torch.tensor(borders, dtype=torch.int32),
    )
    for a, b in itertools.pairwise(borders):
        expected = plain_attention(q[0, :, a:b], k[0, :, a:b], v[0, :, a:b], causal).float()
        torch.testing.assert_close(out[0, a:b], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("causal", [True, False])
def test_rows_of_a_dense_batch_are_texts(causal):
    """Batches of equal length need no borders."""
    q, k, v = random_qkv(3, 5)
    out, _ = varlen_attention(SimpleNamespace(is_causal=causal), q, k, v, None, 8**-0.5)
    for i in range(3):
        expected = plain_attention(q[i], k[i], v[i], causal).float()
        torch.testing.assert_close(out[i], expected, atol=1e-5, rtol=0)


def test_a_packed_batch_without_borders_is_an_error():
    """Without borders every text would read its neighbours, silently."""
    with pytest.raises(ValueError, match="cu_seq_lens_q"):
        varlen_attention(SimpleNamespace(is_causal=True), *random_qkv(1, 5), None)


@pytest.mark.parametrize(
    "extra",
    [
        {"softcap": 30.0},
        {"s_aux": torch.zeros(1)},
        {"position_bias": torch.zeros(1)},
        {"sliding_window": 4},
    ],
)
def test_variants_of_attention_are_refused_not_ignored(extra):
    """A model with another attention must not run with this one."""
    with pytest.raises(ValueError, match=r"not supported|shorter"):
        varlen_attention(SimpleNamespace(is_causal=True), *random_qkv(2, 5), None, **extra)


def test_a_mask_is_refused():
    """A mask means that padding got in."""
    with pytest.raises(ValueError, match="no mask"):
        varlen_attention(SimpleNamespace(is_causal=True), *random_qkv(2, 5), torch.ones(2, 5))
