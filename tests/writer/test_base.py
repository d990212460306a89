"""Which model is tuned: what can't write is refused, and what can't be had names what can."""

import shutil

import pytest

from rapids_rap.data import data_path
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.writer.base import find_base, load_causal, load_tokenizer
from tests.writer.bases import write_tiny_base


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


def test_a_folder_is_found_and_loaded(tiny):
    base = find_base(str(tiny))
    assert (base.origin, len(base.fingerprint)) == ("a folder", 64)
    assert load_causal(tiny, "cpu", half=False).config.hidden_size == 32
    assert load_tokenizer(tiny)("今晚\n")["input_ids"][-1] == 11


def test_the_bundled_writer_is_single_characters_within_its_size():
    base = find_base("demo")
    tokenizer = load_tokenizer(base.folder)
    size = sum(path.stat().st_size for path in base.folder.iterdir())
    assert size <= 12e6
    text = "今晚的月亮照着城市，我在路上"
    assert len(tokenizer(text)["input_ids"]) == len(text)
    assert tokenizer.decode(tokenizer("今晚 Yeah\n出发")["input_ids"]) == "今晚 yeah\n出发"


@pytest.mark.parametrize("name", ["e5-small", "/no/such/folder", "./none", "a b c", "x\0y"])
def test_what_is_no_model_ends_with_two(name):
    with pytest.raises(InputError, match="--model"):
        find_base(name)


def test_an_encoder_can_not_write():
    with pytest.raises(InputError, match="an encoder without the head"):
        find_base(str(data_path("demo_model")))


def test_a_model_that_can_not_be_had_names_others(monkeypatch):
    """The default model on a machine without it: exit code 3, and what to take instead."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CapabilityError, match="--model demo") as told:
        find_base("Qwen/Qwen2-1.5B", download=False)
    assert told.value.exit_code == 3
    assert "e5-small" not in str(told.value)


def test_a_model_of_another_kind_is_refused(tiny, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(tiny, folder)
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"qwen2"', '"clip"'))
    with pytest.raises(InputError):
        find_base(str(folder))


def test_weights_that_are_missing_are_said(tiny, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "part"
    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.layers.0.mlp.up_proj.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="lacks 1 tensors"):
        load_causal(folder, "cpu", half=False)


@pytest.mark.parametrize("kept", [0, 0.5, 0.999])
def test_weights_that_were_cut_off_are_said(tiny, tmp_path, kept):
    """As a copy that ran out of room leaves them."""
    folder = tmp_path / "cut"
    shutil.copytree(tiny, folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: int(len(weights) * kept)])
    with pytest.raises(InputError, match="can't be read"):
        load_causal(folder, "cpu", half=False)


def test_a_configuration_without_a_number_is_said(tiny, tmp_path):
    folder = tmp_path / "none"
    shutil.copytree(tiny, folder)
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"hidden_size": 32', '"hidden_size": null'))
    with pytest.raises(InputError, match="can't be read"):
        load_causal(folder, "cpu", half=False)
