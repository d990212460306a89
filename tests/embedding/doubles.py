"""Stand-ins on the CPU for the fused attention kernels: their signatures and demands, exact sums.

They refuse what the real functions refuse, demand besides that the maximum lengths are the right
ones, and note every call.
"""

import importlib.machinery
import inspect
import itertools
import sys
import types

import torch
from torch.nn.attention import varlen

from rapids_rap.embedding.varlen import varlen_kernel

TORCH_SIGNATURE = inspect.signature(varlen.varlen_attn)


def torch_2_10(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, is_causal=False, return_aux=None
):
    """`varlen_attn` as the documentation of torch 2.10 has it."""


def torch_2_11(
    query,
    key,
    value,
    cu_seq_q,
    cu_seq_k,
    max_q,
    max_k,
    *,
    return_aux=None,
    scale=None,
    window_size=(-1, -1),
):
    """As that of torch 2.11 has it: heads are grouped unasked."""


def plain_attention(q, k, v, causal, scale=None):
    """Attention of one text by its definition, in float64. q: (H, T, D); k, v: (H_kv, K, D)."""
    groups = q.shape[0] // k.shape[0]
    k, v = (t.double().repeat_interleave(groups, 0) for t in (k, v))
    scores = q.double() @ k.transpose(1, 2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        last = k.shape[1] - q.shape[1]  # the queries belong to the last keys
        scores = scores.masked_fill(~torch.ones(scores.shape[1:]).tril(last).bool(), -torch.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1)


def by_text(q, k, v, borders, key_borders, causal, scale):
    """(T, H, D) attention within each text of a packed batch, in the dtype of `q`."""
    parts = zip(*(itertools.pairwise(b.tolist()) for b in (borders, key_borders)), strict=True)
    out = [
        plain_attention(
            q[a:b].transpose(0, 1), *(t[c:d].transpose(0, 1) for t in (k, v)), causal, scale
        )
        for (a, b), (c, d) in parts
    ]
    return torch.cat(out).to(q.dtype)


def check_like_the_kernel(q, k, v, cu_q, cu_k, max_q, max_k):
    """What flash-attn 2.8.3 demands: csrc/flash_attn/flash_api.cpp, `mha_varlen_fwd`, 544 to 624.

    (https://github.com/Dao-AILab/flash-attention; PyTorch's kernel is built from the same file.)
    """
    assert q.dtype in (torch.float16, torch.bfloat16), q.dtype  # line 545
    assert k.dtype == v.dtype == q.dtype  # 547
    assert cu_q.dtype == cu_k.dtype == torch.int32  # 549
    assert q.stride(-1) == k.stride(-1) == v.stride(-1) == 1  # 565
    assert cu_q.is_contiguous()  # 568
    assert cu_k.is_contiguous()
    tokens, heads, dim = q.shape
    assert dim <= 256  # 604
    assert dim % 8 == 0
    assert heads % k.shape[1] == 0  # 606
    assert k.shape == v.shape == (len(k), k.shape[1], dim)  # 614
    assert len(cu_q) == len(cu_k)
    assert bool((cu_q.diff() <= cu_k.diff()).all())
    for cu, longest, total in ((cu_q, max_q, tokens), (cu_k, max_k, len(k))):
        lengths = cu.diff()
        assert (int(cu[0]), int(cu[-1])) == (0, total)
        assert bool((lengths > 0).all())
        assert type(longest) is int
        assert longest == int(lengths.max())


class FlashAttn:
    """The module `flash_attn` 2.8.3 with its `flash_attn_varlen_func`; `calls` holds arguments."""

    def __init__(self, patch):
        self.calls = []
        module = types.ModuleType("flash_attn")
        module.__spec__ = importlib.machinery.ModuleSpec("flash_attn", None)
        module.__version__ = "2.8.3"
        module.flash_attn_varlen_func = self._function()
        patch.setitem(sys.modules, "flash_attn", module)
        varlen_kernel.cache_clear()

    def _function(self):
        calls = self.calls

        # The signature is flash_attn/flash_attn_interface.py, lines 1370 to 1387, of 2.8.3.
        def flash_attn_varlen_func(
            q,
            k,
            v,
            cu_seqlens_q,
            cu_seqlens_k,
            max_seqlen_q,
            max_seqlen_k,
            dropout_p=0.0,
            softmax_scale=None,
            causal=False,
            window_size=(-1, -1),
            softcap=0.0,
            alibi_slopes=None,
            deterministic=False,
            return_attn_probs=False,
            block_table=None,
        ):
            calls.append(dict(locals()))
            check_like_the_kernel(q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k)
            assert dropout_p == softcap == 0.0
            assert window_size == (-1, -1)
            assert alibi_slopes is block_table is None
            assert not return_attn_probs
            return by_text(q, k, v, cu_seqlens_q, cu_seqlens_k, causal, softmax_scale)

        return flash_attn_varlen_func


class TorchVarlen:
    """`torch.nn.attention.varlen.varlen_attn` of the installed torch; `calls` holds arguments.

    signature: another torch's.
    """

    def __init__(self, patch, signature=TORCH_SIGNATURE):
        self.calls = []
        patch.setitem(sys.modules, "flash_attn", None)  # as if it weren't installed
        patch.setattr(varlen, "varlen_attn", self._function(signature))
        varlen_kernel.cache_clear()

    def _function(self, signature):
        calls = self.calls

        def varlen_attn(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            calls.append(dict(given))
            q, k, v = given["query"], given["key"], given["value"]
            borders = given["cu_seq_q"], given["cu_seq_k"]
            check_like_the_kernel(q, k, v, *borders, given["max_q"], given["max_k"])
            # varlen.py of torch 2.13: ValueError
            assert given.get("enable_gqa", True) or q.shape[1] == k.shape[1]
            assert given["window_size"] in ((-1, 0), (-1, -1))
            assert given["return_aux"] is None
            assert given.get("seqused_k") is given.get("block_table") is None
            return by_text(q, k, v, *borders, given["window_size"] == (-1, 0), given["scale"])

        varlen_attn.__signature__ = signature
        return varlen_attn
