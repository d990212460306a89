"""One attention function for every batch: dense (equal lengths), packed (end to end), or a trie.

Registered with transformers under three names: under `BY_TEXT` packed texts are attended to one
after the other, under `BY_KERNEL` by the fused kernel of a GPU (`varlen.py`), which takes tries as
well, and under `BY_PATH` tries are attended to on a CPU. No mask is ever built: a
dense batch needs none, and in a packed one the borders are `cu_seq_lens_q`. (transformers can
derive block-diagonal masks from position ids, but quadratically in the batch, and silently not at
all with a cache or an attention mask; that is why a packed batch without borders is an error here.)
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from rapids_rap.embedding.varlen import Packed, varlen_kernel

BY_TEXT = "rap_varlen"
BY_KERNEL = "rap_varlen_kernel"
BY_PATH = "rap_paths"
# Variants of attention that a plain softmax(QK)V is not. Their presence is an error, not a detail.
UNSUPPORTED = ("softcap", "s_aux", "position_bias", "head_mask")


def varlen_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    cu_seq_lens_k: torch.Tensor | None = None,
    max_length_k: int | None = None,
    key_places: torch.Tensor | None = None,
    *,
    fused: bool = False,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within each text. query: (B, H, T, D); key and value: (B, H_kv, T, D).

    B > 1: every row is one text of T tokens. B == 1: texts end to end, bordered by `cu_seq_lens_q`
    (texts + 1,) int32. Looks back only where `module.is_causal` says so. Returns (B, T, H, D).

    key_places: (K,) int64, of a trie's paths in T, bordered by `cu_seq_lens_k` (`trie.Trie.keys`);
    then the T are nodes. None: every text's keys are its own.

    Raises `ValueError` for a packed batch without borders, a mask, an unsupported variant, and with
    `fused` for what the kernel can't do.
    """
    _refuse_variants(attention_mask, others)
    longest = query.shape[2] if max_length_q is None else int(max_length_q)
    longest_key = longest if max_length_k is None else int(max_length_k)
    _refuse_window(sliding_window, longest_key)
    causal = bool(module.is_causal)
    if query.shape[0] > 1:
        return _dense(query, key, value, scaling, causal).transpose(1, 2), None
    if cu_seq_lens_q is None:
        raise ValueError("a packed batch came without cu_seq_lens_q: texts would see each other")
    if fused:
        q, k, v = (t[0].transpose(0, 1) for t in (query, key, value))  # (T, H, D)
        if key_places is not None and len(key_places) > len(k):  # of as many, nothing is shared
            k, v = k.index_select(0, key_places), v.index_select(0, key_places)
        borders_k = cu_seq_lens_q if cu_seq_lens_k is None else cu_seq_lens_k
        packed = Packed(q, k, v, cu_seq_lens_q, borders_k, longest, longest_key, scaling, causal)
        return varlen_kernel().attend(packed)[None], None
    if key_places is not None:
        raise ValueError("texts one after the other have no keys in common")
    if max_length_q is not None and longest == query.shape[2]:  # one text
        # Reading its borders would wait for a device, once in every layer.
        return _dense(query, key, value, scaling, causal).transpose(1, 2), None
    out = torch.empty_like(query)
    borders = cu_seq_lens_q.tolist()
    for a, b in itertools.pairwise(borders):
        q, k, v = (t[:, :, a:b] for t in (query, key, value))
        out[:, :, a:b] = _dense(q, k, v, scaling, causal)
    return out.transpose(1, 2), None


def path_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    key_places: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """`varlen_attention` on a CPU, for tries in float32; a batch without `key_places` as there.

    Raises `ValueError` as there, and for a model that looks ahead, another type of number, or
    values of another width than keys.
    """
    if key_places is None:
        return varlen_attention(
            module, query, key, value, attention_mask, scaling, sliding_window, **others
        )
    _refuse_variants(attention_mask, others)
    _refuse_window(sliding_window, int(others["max_length_k"]))
    if not module.is_causal or query.dtype != torch.float32 or value.shape != key.shape:
        raise ValueError("tries are for float32 models that look back only, keys as wide as values")
    from rapids_rap.backend.path_attention import attend_paths  # numba takes a while to import

    q, k, v = (t[0].transpose(0, 1).contiguous().numpy() for t in (query, key, value))
    borders, key_borders = (others[f"cu_seq_lens_{name}"].numpy() for name in "qk")
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    out = attend_paths(q, k, v, borders, key_places.numpy(), key_borders, scale)
    return torch.from_numpy(out)[None], None


def _dense(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None, causal: bool
) -> torch.Tensor:
    return scaled_dot_product_attention(
        query,
        key,
        value,
        scale=scale,
        is_causal=causal and query.shape[2] > 1,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _refuse_window(sliding_window: int | None, longest: int) -> None:
    if sliding_window is not None and sliding_window < longest:
        raise ValueError(f"a sliding window of {sliding_window} tokens is shorter than the texts")


def _refuse_variants(attention_mask: torch.Tensor | None, others: dict[str, Any]) -> None:
    if attention_mask is not None:
        raise ValueError("this attention takes no mask")
    for name in UNSUPPORTED:
        if others.get(name) is not None:
            raise ValueError(f"attention with {name} is not supported")


# Only the attention is registered: for a name without a mask function transformers builds no mask
# and, unlike with one that returns None, does not look for packed positions (a GPU sync).
AttentionInterface.register(BY_TEXT, varlen_attention)
AttentionInterface.register(BY_PATH, path_attention)
AttentionInterface.register(BY_KERNEL, functools.partial(varlen_attention, fused=True))
