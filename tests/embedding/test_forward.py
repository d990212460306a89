"""Proof that a text's vector never depends on its batch: packed = dense = padded = alone."""

import logging

import numpy as np
import pytest
import torch

from rapids_rap.backend.lanes import CpuLane
from rapids_rap.backend.linears import LaidOutLinear
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.attention import BY_PATH, BY_TEXT
from rapids_rap.embedding.forward import Runner, _probe, _probe_tokens
from rapids_rap.embedding.model import load_weights, resolve_model
from rapids_rap.embedding.packing import make_batch
from rapids_rap.embedding.presets import PRESETS, Preset
from rapids_rap.errors import CapabilityError
from tests.embedding.conftest import texts_of

LENGTHS = [1, 1, 2, 3, 3, 3, 5, 7, 7, 11, 13, 29, 30, 31, 64]
TEXTS = texts_of(LENGTHS)


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
@pytest.mark.parametrize(
    ("family", "causal"), [("qwen2", "yes"), ("qwen2", "no"), ("bert", "no"), ("xlm-roberta", "no")]
)
def test_every_layout_gives_the_vectors_of_one_at_a_time(
    family, causal, pooling, make_model, encoder_of
):
    """The promise of the encoder, for ragged lengths, single tokens and grouped-query attention."""
    folder = make_model(family)
    settings = {"causal": causal, "pooling": pooling, "token_budget": 40}
    reference = encoder_of(folder, attention="padded", **settings)
    alone = np.concatenate([reference.encode([text]) for text in TEXTS])
    chosen = "trie" if causal == "yes" else "dense"
    for layout, attention in (("padded", "padded"), (chosen, "auto"), ("packed", "packed")):
        encoder = encoder_of(folder, attention=attention, **settings)
        assert encoder.plan.layout == layout, encoder.plan.reason
        np.testing.assert_allclose(encoder.encode(TEXTS), alone, atol=1e-5, err_msg=layout)


def test_causality_changes_the_vectors(qwen2, encoder_of):
    """The equalities above would also hold if the flag did nothing."""
    causal = encoder_of(qwen2, causal="yes").encode(TEXTS[6:])
    both = encoder_of(qwen2, causal="no").encode(TEXTS[6:])
    assert np.abs(causal - both).max() > 0.01


def _states(folder, change):
    """Packed states with something changed in the call, and the states of each text alone."""
    spec = resolve_model(EmbeddingConfig(model=str(folder)), "float32")
    model = load_weights(spec, CpuLane())
    runner = Runner(model, CpuLane())
    tokens = _probe_tokens(model.config, [5, 3, 7])
    with torch.inference_mode():
        alone = [_probe(runner, tokens, [i], "dense") for i in range(3)]
        batch = make_batch(tokens, np.arange(3))
        inputs = {
            "input_ids": torch.from_numpy(batch.ids)[None],
            "position_ids": torch.from_numpy(batch.positions)[None],
            "use_cache": False,
        }
        packed = model(**(inputs | change)).last_hidden_state[0]
    return packed, torch.cat(alone)


@pytest.mark.parametrize(
    "change",
    [{"use_cache": True}, {"position_ids": None}, {"attention_mask": torch.ones(1, 15).long()}],
    ids=["with a cache", "positions not reset", "with a mask of ones"],
)
def test_naive_packing_leaks(qwen2, change):
    """Shows that the proof above can fail: three usual ways to pack mix the texts, silently."""
    packed, alone = _states(qwen2, change)
    assert float((packed - alone).abs().max()) > 0.1


def test_a_packed_call_without_borders_raises_in_the_model(qwen2):
    """Through a whole model: the registered attention refuses what would leak."""
    spec = resolve_model(EmbeddingConfig(model=str(qwen2)), "float32")
    model = load_weights(spec, CpuLane())
    model.set_attn_implementation(BY_TEXT)
    with pytest.raises(ValueError, match="cu_seq_lens_q"):
        model(input_ids=torch.arange(6)[None], use_cache=False)


@pytest.mark.parametrize("attention", ["auto", "packed"])
def test_a_family_without_the_attention_interface_says_so_and_stays_exact(
    make_model, encoder_of, caplog, attention
):
    """BLOOM's position bias (ALiBi) is not a plain softmax: it keeps its own attention."""
    folder = make_model("bloom")
    with caplog.at_level(logging.WARNING):
        encoder = encoder_of(folder, attention=attention)
    assert encoder.plan.layout == "dense"
    assert not encoder.plan.registered
    assert "does not use transformers' attention interface" in encoder.plan.reason
    assert "BloomModel" in caplog.text
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), alone, atol=1e-5)
    padded = encoder_of(folder, attention="padded").encode(TEXTS)
    np.testing.assert_allclose(padded, alone, atol=1e-5)


def test_a_sliding_window_shorter_than_the_texts_keeps_the_models_attention(make_model, encoder_of):
    """Dropping the window would change the vectors of long texts only: the hardest to notice."""
    settings = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0}
    folder = make_model("qwen2", **settings)
    encoder = encoder_of(folder, attention="packed")
    assert not encoder.plan.registered
    assert "sliding window of 4 tokens" in encoder.plan.reason
    plain = encoder_of(make_model("qwen2"))
    assert np.abs(encoder.encode(TEXTS) - plain.encode(TEXTS)).max() > 0.01


def test_a_loss_in_the_registered_attention_is_noticed(qwen2, encoder_of, monkeypatch):
    """The check at loading compares states: an attention that scales differently is not used."""
    from transformers import AttentionInterface

    from rapids_rap.embedding.attention import path_attention

    def other(module, query, *args, **kwargs):
        return path_attention(module, query * 2, *args, **kwargs)

    monkeypatch.setitem(AttentionInterface._global_mapping, BY_PATH, other)
    encoder = encoder_of(qwen2)  # not a trie
    assert encoder.plan.layout == "dense"
    monkeypatch.setitem(AttentionInterface._global_mapping, BY_TEXT, other)
    encoder = encoder_of(qwen2)
    assert "differ from one-at-a-time" in encoder.plan.reason
    monkeypatch.undo()
    np.testing.assert_allclose(encoder.encode(TEXTS), encoder_of(qwen2).encode(TEXTS), atol=1e-5)


def test_a_model_that_does_not_attend_as_declared_is_refused(make_model, encoder_of, monkeypatch):
    """A recurrent model always looks back: declaring it bidirectional must not pass in silence."""
    folder = make_model("mamba")
    with pytest.raises(CapabilityError, match=r"declared bidirectional \(configuration\)"):
        encoder_of(folder, causal="no")
    monkeypatch.setitem(PRESETS, str(folder), Preset("mean", causal=False))
    with pytest.raises(CapabilityError, match=r"declared bidirectional \(preset\)"):
        encoder_of(folder)


def test_a_padding_id_inside_a_text_is_an_ordinary_token(make_model, encoder_of):
    """XLM-R derives positions from ids unless told; a literal <pad> would shift them."""
    folder = make_model("xlm-roberta")  # its pad id is 1, which is [UNK] in the test's tokenizer
    texts = ["山?水", "山?水风?云"]
    encoder = encoder_of(folder)
    packed = encoder_of(folder, attention="packed")
    np.testing.assert_allclose(packed.encode(texts), encoder.encode(texts), atol=1e-5)
    moved = encoder.encode(["山水", "山?水"])
    assert np.abs(moved[0] - moved[1]).max() > 0.01


@pytest.mark.parametrize("family", ["qwen2", "bert", "xlm-roberta", "bloom"])
def test_weights_that_are_laid_out_give_the_same_vectors(family, make_model, encoder_of):
    """In every family, alone and together: only the last bits may differ."""
    folder = make_model(family)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CpuLane, "lay_out", lambda self, model: None)
        plain = encoder_of(folder).encode(TEXTS)
    encoder = encoder_of(folder)
    laid_out = [m for m in encoder._runner.model.modules() if isinstance(m, LaidOutLinear)]
    assert bool(laid_out) == torch.backends.mkldnn.is_available()
    np.testing.assert_allclose(encoder.encode(TEXTS), plain, atol=1e-5)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), alone, atol=1e-5)


@pytest.mark.parametrize("breaks", ["raises", "differs"])
def test_a_model_whose_states_move_keeps_its_own_layers(breaks, monkeypatch, qwen2, encoder_of):
    """A family that reads its weights itself must run as before, not end in an error."""
    plain = encoder_of(qwen2).encode(TEXTS)

    def forward(self, states):
        if breaks == "raises" and self.in_features > 16:  # the layer that is tried alone has 16
            raise RuntimeError("mkldnn tensors can't be read")
        return states.new_zeros(*states.shape[:-1], self.out_features)

    monkeypatch.setattr(LaidOutLinear, "forward", forward)
    encoder = encoder_of(qwen2)
    assert not [m for m in encoder._runner.model.modules() if isinstance(m, LaidOutLinear)]
    np.testing.assert_allclose(encoder.encode(TEXTS), plain, atol=1e-5)
