"""Tests of the registered attention function itself, against plain softmax(QK)V."""

import inspect
import itertools
from types import SimpleNamespace

import pytest
import torch

from rapids_rap.embedding import attention
from rapids_rap.embedding.attention import varlen_attention


def reference(q, k, v, causal):
    """Attention of one text by its definition, in float64. q: (H, T, D); k, v: (H_kv, T, D)."""
    groups = q.shape[0] // k.shape[0]
    k, v = (t.double().repeat_interleave(groups, 0) for t in (k, v))
    scores = q.double() @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[1:]).tril().bool(), -torch.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1).float()


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
        SimpleNamespace(is_causal=causal), q, k, v, None, 8**-0.5,
        cu_seq_lens_q=torch.tensor(borders, dtype=torch.int32),
    )  # fmt: skip
    for a, b in itertools.pairwise(borders):
        expected = reference(q[0, :, a:b], k[0, :, a:b], v[0, :, a:b], causal)
        torch.testing.assert_close(out[0, a:b], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("causal", [True, False])
def test_rows_of_a_dense_batch_are_texts(causal):
    """Batches of equal length need no borders."""
    q, k, v = random_qkv(3, 5)
    out, _ = varlen_attention(SimpleNamespace(is_causal=causal), q, k, v, None, 8**-0.5)
    for i in range(3):
        torch.testing.assert_close(out[i], reference(q[i], k[i], v[i], causal), atol=1e-5, rtol=0)


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


@pytest.mark.parametrize("causal", [True, False])
def test_the_gpu_kernel_gets_arguments_that_torch_accepts(monkeypatch, causal):
    """Binds the call to torch's real signature, with an exact stand-in for the CUDA kernel."""
    from torch.nn.attention import varlen

    signature = inspect.signature(varlen.varlen_attn)

    def double(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        assert given["window_size"] == ((-1, 0) if causal else (-1, -1))
        assert given["enable_gqa"]
        assert given["max_q"] == given["max_k"] == 4
        q, k, v = (given[name].transpose(0, 1) for name in ("query", "key", "value"))
        cu = given["cu_seq_q"].tolist()
        parts = [
            reference(q[:, a:b], k[:, a:b], v[:, a:b], causal) for a, b in itertools.pairwise(cu)
        ]
        return torch.cat(parts)

    monkeypatch.setattr(varlen, "varlen_attn", double)
    q, k, v = random_qkv(1, 7)
    borders = torch.tensor([0, 3, 7], dtype=torch.int32)
    packed = (t[0].transpose(0, 1) for t in (q, k, v))
    out = attention._torch_kernel(*packed, borders, 4, 8**-0.5, causal)
    module = SimpleNamespace(is_causal=causal)
    expected, _ = varlen_attention(module, q, k, v, None, 8**-0.5, cu_seq_lens_q=borders)
    torch.testing.assert_close(out, expected[0], atol=1e-5, rtol=0)
