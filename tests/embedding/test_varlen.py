"""Tests of the calls of the fused kernels, on doubles that demand what the real ones demand.

Neither kernel has been run on a GPU.
"""

import builtins
import inspect
import logging
import sys

import numpy as np
import pytest
import torch
from torch.nn.attention import varlen

from rapids_rap.backend.lanes import CpuLane
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.attention import BY_KERNEL
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.forward import Runner
from rapids_rap.embedding.model import load_weights, resolve_model
from rapids_rap.embedding.packing import TokenBatchIds, make_batch
from rapids_rap.embedding.varlen import Packed, flash_attn_kernel, torch_kernel, varlen_kernel
from rapids_rap.errors import CapabilityError
from tests.embedding.conftest import texts_of
from tests.embedding.doubles import FlashAttn, TorchVarlen, by_text, torch_2_10, torch_2_11

LENGTHS = [1, 3, 1, 7]
TEXTS = texts_of([9, 2, 2, 5, 2, 5, 9, 1, 9, 30, 3, 64])
DOUBLES = {"flash-attn": FlashAttn, "torch": TorchVarlen}
KERNELS = {"flash-attn": flash_attn_kernel, "torch": torch_kernel}


@pytest.fixture(autouse=True)
def choose_anew():
    """The choice of a kernel is remembered for the process; not from test to test."""
    varlen_kernel.cache_clear()
    yield
    varlen_kernel.cache_clear()


def packed_of(groups=2, dim=16, dtype=torch.bfloat16, causal=True, scale=None, device="cpu"):
    """Random queries, keys and values of texts of `LENGTHS`, four heads."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(sum(LENGTHS), heads, dim) for heads in (4, 4 // groups, 4 // groups)]
    q, k, v = (torch.randn(s, generator=generator).to(device, dtype) for s in shapes)
    borders = torch.tensor(np.cumsum([0, *LENGTHS]), dtype=torch.int32, device=device)
    return Packed(q, k, v, borders, borders, max(LENGTHS), max(LENGTHS), scale, causal)


@pytest.mark.parametrize("which", DOUBLES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("scale", [None, 0.5])
def test_each_kernel_is_called_as_it_demands(monkeypatch, which, dtype, causal, groups, scale):
    """Borders, lengths, causality, scale and grouped heads must reach the kernel as they are."""
    double = DOUBLES[which](monkeypatch)
    packed = packed_of(groups, dtype=dtype, causal=causal, scale=scale)
    out = KERNELS[which](packed)
    borders = packed.borders, packed.key_borders
    expected = by_text(packed.query, packed.key, packed.value, *borders, causal, scale)
    torch.testing.assert_close(out, expected)
    (call,) = double.calls
    if which == "torch":
        assert call["window_size"] == ((-1, 0) if causal else (-1, -1))
        assert call["enable_gqa"] == (groups > 1)
        assert call.get("num_splits") is None
        assert call["scale"] == scale
    else:
        assert call["causal"] == causal
        assert call["softmax_scale"] == scale


def test_the_installed_torch_takes_the_call():
    """Through torch's own function on meta tensors: names, types and shapes are the real ones."""
    out = torch_kernel(packed_of(device="meta"))
    assert out.shape == (sum(LENGTHS), 4, 16)
    assert out.dtype == torch.bfloat16


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dim": 12}, "multiple of 8"),
        ({"dim": 264}, "up to 256"),
        ({"dtype": torch.float32}, "float16 and bfloat16"),
    ],
)
def test_what_no_kernel_can_do_is_said(monkeypatch, kernel, settings, said):
    """The sentence becomes the reason for another plan, in place of a message from C++."""
    FlashAttn(monkeypatch)
    with pytest.raises(ValueError, match=said):
        kernel(packed_of(**settings))


def test_flash_attn_is_used_where_it_is_installed(monkeypatch):
    """And torch's kernel where it isn't, without a word."""
    FlashAttn(monkeypatch)
    assert (varlen_kernel().name, varlen_kernel().attend) == ("flash-attn 2.8.3", flash_attn_kernel)
    TorchVarlen(monkeypatch)
    assert varlen_kernel().attend is torch_kernel


def test_a_flash_attn_that_cannot_be_imported_is_said(monkeypatch, caplog):
    """Built for another torch it fails to load; nobody should think that it runs."""
    monkeypatch.delitem(sys.modules, "flash_attn", raising=False)
    real = builtins.__import__

    def fail(name, *args, **kwargs):
        if name == "flash_attn":
            raise ImportError("flash_attn_2_cuda.so: undefined symbol", name="flash_attn_2_cuda")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with caplog.at_level(logging.WARNING):
        assert varlen_kernel().attend is torch_kernel
    assert "flash-attn can't be imported (flash_attn_2_cuda.so: undefined symbol)" in caplog.text


def test_a_torch_that_groups_heads_unasked_is_not_asked(monkeypatch):
    """In torch 2.11 the kernel has no `enable_gqa`: grouped heads go to it as they are."""
    double = TorchVarlen(monkeypatch, inspect.signature(torch_2_11))
    assert varlen_kernel().attend is torch_kernel
    packed = packed_of(groups=2)
    borders = packed.borders, packed.key_borders
    expected = by_text(packed.query, packed.key, packed.value, *borders, True, None)
    torch.testing.assert_close(torch_kernel(packed), expected)
    (call,) = double.calls
    assert "enable_gqa" not in call


def test_an_older_torch_says_what_it_lacks(monkeypatch):
    """A TypeError from within a layer would be taken for a model that can't run packed."""
    TorchVarlen(monkeypatch)
    monkeypatch.setattr(varlen, "varlen_attn", torch_2_10)
    with pytest.raises(CapabilityError, match=r"lacks scale, window_size; install torch 2\.11"):
        varlen_kernel()


def test_a_torch_without_the_module_says_so(monkeypatch):
    """Before 2.10 there was none."""
    TorchVarlen(monkeypatch)
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", None)
    with pytest.raises(CapabilityError, match="or flash-attn"):
        varlen_kernel()


class PackingLane(CpuLane):
    """A lane of the CPU that plans as a GPU does."""

    dtype = "bfloat16"
    packs = True
    walks = 0


def encoder_on(lane, folder, **settings):
    config = EmbeddingConfig(model=str(folder), **settings)
    return Encoder(resolve_model(config, lane.dtype), lane, config.attention, config.token_budget)


@pytest.mark.parametrize("which", DOUBLES)
@pytest.mark.parametrize(
    ("family", "causal", "heads"),
    [("qwen2", "yes", 2), ("qwen2", "no", 4), ("bert", "no", 4), ("xlm-roberta", "no", 4)],
)
def test_a_packed_model_on_a_kernel_gives_the_vectors_of_one_at_a_time(
    monkeypatch, make_model, which, family, causal, heads
):
    """The whole way of a GPU: bfloat16, packed, through each kernel, in every family."""
    double = DOUBLES[which](monkeypatch)
    grouped = {"num_key_value_heads": heads} if family == "qwen2" else {}
    folder = make_model(family, **grouped)
    encoder = encoder_on(PackingLane(), folder, causal=causal, token_budget=40)
    layout = "trie" if causal == "yes" else "packed"
    assert (encoder.plan.layout, encoder.plan.registered) == (layout, True)
    assert varlen_kernel().name in encoder.plan.reason
    double.calls.clear()
    together = encoder.encode(TEXTS)
    assert len(double.calls) > 2
    assert max(len(call[next(iter(call))]) for call in double.calls) > 9  # several texts at once
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=0.02)
    exact = encoder_on(CpuLane(), folder, causal=causal).encode(TEXTS)
    assert (together * exact).sum(1).min() > 0.98


@pytest.mark.parametrize("which", DOUBLES)
def test_a_kernel_that_mixes_texts_is_not_used(monkeypatch, qwen2, which):
    """The check at loading also watches the kernels: one that ignores borders is found out."""
    double = DOUBLES[which](monkeypatch)
    monkeypatch.setattr(
        "tests.embedding.doubles.by_text",
        lambda q, k, v, borders, keys, causal, scale: by_text(
            q, k, v, borders[[0, -1]], keys[[0, -1]], causal, scale
        ),
    )
    encoder = encoder_on(PackingLane(), qwen2)
    assert double.calls
    assert encoder.plan.layout == "dense"
    assert "differ from one-at-a-time" in encoder.plan.reason


def test_a_head_dimension_the_kernels_lack_runs_in_equal_lengths(monkeypatch, make_model):
    """A model of head dimension 12 still runs, and the report says why it isn't packed."""
    TorchVarlen(monkeypatch)
    folder = make_model("bert", hidden_size=36, num_attention_heads=3)
    encoder = encoder_on(PackingLane(), folder)
    assert encoder.plan.layout == "dense"
    assert "multiple of 8" in encoder.plan.reason
    assert np.isfinite(encoder.encode(TEXTS)).all()


def test_grouped_heads_are_packed_by_torch_2_11(monkeypatch, make_model):
    """An encoder on a torch whose kernel lacks `enable_gqa` runs packed, and exact."""
    double = TorchVarlen(monkeypatch, inspect.signature(torch_2_11))
    folder = make_model("qwen2", num_key_value_heads=2)
    encoder = encoder_on(PackingLane(), folder, token_budget=40)
    assert (encoder.plan.layout, encoder.plan.registered) == ("trie", True)
    double.calls.clear()
    found = encoder.encode(TEXTS)
    assert double.calls
    exact = encoder_on(CpuLane(), folder).encode(TEXTS)
    assert (found * exact).sum(1).min() > 0.98


@pytest.mark.parametrize("attention", ["auto", "packed"])
def test_without_any_kernel_texts_of_equal_length_run(monkeypatch, qwen2, attention):
    """A torch too old for a kernel, and no flash-attn: slower and exact, not the end of the run."""
    TorchVarlen(monkeypatch)
    monkeypatch.setattr(varlen, "varlen_attn", torch_2_10)
    encoder = encoder_on(PackingLane(), qwen2, attention=attention)
    assert encoder.plan.layout == "dense"
    assert "install torch 2.11 or newer, or flash-attn" in encoder.plan.reason
    exact = encoder_on(CpuLane(), qwen2).encode(TEXTS)
    assert (encoder.encode(TEXTS) * exact).sum(1).min() > 0.98


def test_float32_on_a_gpu_is_not_packed(monkeypatch, qwen2):
    """The kernels have no float32; equal lengths need none."""
    TorchVarlen(monkeypatch)
    encoder = encoder_on(PackingLane(), qwen2, dtype="float32")
    assert encoder.plan.layout == "dense"


def test_a_shortage_while_trying_the_model_is_not_blamed_on_the_model(monkeypatch, qwen2):
    """Out of memory says nothing about attention; a dense plan would hide it."""
    TorchVarlen(monkeypatch)

    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    full.__signature__ = inspect.signature(varlen.varlen_attn)
    monkeypatch.setattr(varlen, "varlen_attn", full)
    with pytest.raises(torch.OutOfMemoryError):
        encoder_on(PackingLane(), qwen2)


@pytest.mark.parametrize("family", ["qwen2", "bert", "xlm-roberta"])
def test_nothing_between_ids_and_states_waits_for_the_device(monkeypatch, make_model, family):
    """On meta tensors, which have no values: a model that looks at one, as a sync does, fails."""
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    lane = PackingLane()
    spec = resolve_model(EmbeddingConfig(model=str(make_model(family))), lane.dtype)
    runner = Runner(load_weights(spec, lane).to("meta"), lane)
    runner.use(BY_KERNEL)
    tokens = TokenBatchIds(
        np.arange(9, dtype=np.int32), np.array([0, 4, 9]), np.zeros(2, dtype=bool)
    )
    batch = make_batch(tokens, np.arange(2)).moved(
        lambda *arrays: tuple(torch.from_numpy(array).to("meta") for array in arrays)
    )
    assert runner.run(batch, "packed").shape == (9, 32)
    with pytest.raises(RuntimeError, match="meta"):  # the proof that it would fail
        bool(batch.ids.any())
