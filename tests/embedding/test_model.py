"""Tests of how a model's reading is settled, and of loading: nothing random passes for a model."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file
from transformers import T5Config

from rapids_rap.backend.lanes import CpuLane
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.model import load_tokenizer, load_weights, resolve_model
from rapids_rap.embedding.presets import PRESETS, Preset
from rapids_rap.errors import CapabilityError, InputError
from tests.embedding.conftest import declare_pooling


def resolve(folder, **settings):
    return resolve_model(EmbeddingConfig(model=str(folder), **settings), "float32")


@pytest.fixture
def copy(qwen2, tmp_path):
    """A copy of a good model folder, to change."""
    return shutil.copytree(qwen2, tmp_path / "model")


def test_nothing_declared_means_mean_pooling_by_architecture(qwen2, bert):
    """A decoder looks back, an encoder both ways, and the source of each says so."""
    spec = resolve(qwen2)
    assert (spec.pooling, spec.causal, spec.dim, spec.dtype) == ("mean", True, 32, "float32")
    assert "default" in spec.pooling_source
    assert spec.causal_source == "architecture qwen2"
    assert resolve(bert).causal is False


@pytest.mark.parametrize("mode", ["mean", "last", "cls"])
def test_pooling_comes_from_sentence_transformers_files(copy, mode):
    """A folder that declares its pooling is read that way."""
    declare_pooling(copy, mode)
    spec = resolve(copy)
    assert (spec.pooling, spec.pooling_source) == (mode, "1_Pooling/config.json")


def test_newer_spelling_of_pooling_is_read(copy):
    """Newer sentence-transformers write one `pooling_mode`."""
    declare_pooling(copy, "mean")
    (copy / "1_Pooling" / "config.json").write_text('{"pooling_mode": "lasttoken"}')
    assert resolve(copy).pooling == "last"


def test_unsupported_pooling_is_refused_unless_overridden(copy):
    """Max pooling must not quietly become mean pooling."""
    declare_pooling(copy, "max")
    with pytest.raises(InputError, match="max_tokens isn't supported"):
        resolve(copy)
    assert resolve(copy, pooling="mean").pooling_source == "configuration"


def test_a_step_after_pooling_is_refused(copy):
    """A Dense layer that is left out would give other vectors than the model's."""
    declare_pooling(copy, "mean")
    modules = json.loads((copy / "modules.json").read_text())
    modules.append({"path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(InputError, match="Dense"):
        resolve(copy)


def test_configuration_wins_over_preset_and_preset_over_folder(copy, monkeypatch):
    """The order of authority, each with its source in the report."""
    declare_pooling(copy, "cls")
    monkeypatch.setitem(PRESETS, str(copy), Preset("last", causal=False, prompt="p: "))
    spec = resolve(copy)
    assert (spec.pooling, spec.causal, spec.prompt) == ("last", False, "p: ")
    assert {spec.pooling_source, spec.causal_source, spec.prompt_source} == {"preset"}
    spec = resolve(copy, pooling="mean", causal="yes", prompt="")
    assert (spec.pooling, spec.causal, spec.prompt) == ("mean", True, "")
    assert {spec.pooling_source, spec.causal_source, spec.prompt_source} == {"configuration"}


def test_is_causal_in_config_json_is_obeyed(copy):
    """A decoder trained to look both ways says so in its config.json."""
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"is_causal": False}))
    spec = resolve(copy)
    assert (spec.causal, spec.causal_source) == (False, "config.json")


def test_a_default_prompt_is_read(copy):
    """sentence-transformers' default prompt belongs before every text."""
    declared = {"prompts": {"doc": "文档："}, "default_prompt_name": "doc"}
    (copy / "config_sentence_transformers.json").write_text(json.dumps(declared))
    assert resolve(copy).prompt == "文档："


def test_the_models_own_length_limit_wins(make_model, qwen2, bert):
    """Beyond its positions BERT fails and RoBERTa has two fewer than it says."""
    assert resolve(bert, max_tokens=512).max_tokens == 130
    assert resolve(make_model("xlm-roberta"), max_tokens=512).max_tokens == 128
    (qwen2 / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    assert resolve(qwen2).max_tokens == 20
    (qwen2 / "sentence_bert_config.json").unlink()


def test_an_encoder_decoder_is_refused(copy):
    """T5 needs decoder inputs; the message says what to give instead."""
    (copy / "config.json").write_text(T5Config(d_model=8).to_json_string())
    with pytest.raises(CapabilityError, match="encoder-decoder"):
        resolve(copy)


def test_an_unknown_architecture_names_the_switch(copy):
    """Remote code is off until the user says otherwise."""
    (copy / "config.json").write_text('{"model_type": "never-heard-of"}')
    with pytest.raises(CapabilityError, match="trust_remote_code"):
        resolve(copy)


def test_weights_that_lack_a_layer_are_refused(copy):
    """The library would fill the gap with random numbers and give vectors all the same."""
    weights = load_file(copy / "model.safetensors")
    gone = next(name for name in weights if "o_proj" in name)
    del weights[gone]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack 1 tensors .*o_proj"):
        load_weights(resolve(copy), CpuLane())


def test_damaged_weights_and_tokenizers_are_input_errors(copy):
    """A truncated download ends in a sentence, not in a Rust traceback."""
    spec = resolve(copy)
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[:100])
    with pytest.raises(InputError, match="can't be loaded"):
        load_weights(spec, CpuLane())
    (copy / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="tokenizer"):
        load_tokenizer(spec)


@pytest.mark.parametrize("causal", ["yes", "no"])
def test_every_attention_module_gets_the_declared_causality(qwen2, causal):
    """One layer left at its default would look the other way."""
    model = load_weights(resolve(qwen2, causal=causal), CpuLane())
    flags = [m.is_causal for m in model.modules() if hasattr(m, "is_causal")]
    assert flags == [causal == "yes"] * 2
    assert not model.training
