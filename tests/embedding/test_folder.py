"""Tests of model folders: each way one can be incomplete has its own sentence."""

import json
import shutil

import pytest

from rapids_rap.embedding import folder as folder_module
from rapids_rap.embedding.declared import check_weights_fit, read_declared
from rapids_rap.embedding.folder import fingerprint, locate_model, transformer_folder
from rapids_rap.errors import CapabilityError, InputError


@pytest.fixture
def copy(qwen2, tmp_path):
    """A copy of a good model folder, to damage."""
    return shutil.copytree(qwen2, tmp_path / "model")


def test_a_complete_folder_is_found_by_path(copy):
    """The plain case: a path is a model."""
    assert locate_model(str(copy)) == copy


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer.json", "no tokenizer"),
    ],
)
def test_an_incomplete_folder_says_what_is_missing(copy, remove, message):
    """Protects against a traceback from deep inside a library for a forgotten file."""
    (copy / remove).unlink()
    with pytest.raises(InputError, match=message):
        locate_model(str(copy))


def test_an_adapter_beside_the_weights_is_refused(copy):
    """With adapter_config.json transformers loads the base model that it names, wherever it is."""
    (copy / "adapter_config.json").write_text('{"base_model_name_or_path": "../other"}')
    with pytest.raises(InputError, match="another model than this one"):
        locate_model(str(copy))


@pytest.mark.parametrize("name", ["../other/model.safetensors", "/model.safetensors", "w.bin", 3])
def test_an_index_names_safetensors_of_its_folder_alone(copy, name):
    """Weights from elsewhere, or in a pickle, can't come in by the index."""
    index = {"weight_map": {"a": "model.safetensors", "b": name}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="no safetensors file of this folder"):
        locate_model(str(copy))


def test_pickled_weights_are_refused_with_the_way_out(copy):
    """A pickle runs code when it is read; the message must name the conversion."""
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"only safetensors are read.*save_pretrained"):
        locate_model(str(copy))


def test_a_missing_weight_shard_is_named(copy):
    """A half-copied sharded model must not load the other half."""
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"lacks 1 of 2 .*model-00002"):
        locate_model(str(copy))


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "not there"])
def test_a_path_that_is_not_there_is_the_users_error(name):
    """A mistyped path must not be looked up on the network."""
    with pytest.raises(InputError, match="there is no model folder"):
        locate_model(name)


def test_a_named_model_that_cannot_be_had_offers_the_offline_ones(monkeypatch):
    """No model stands in for another: exit 3 and a sentence with the two ways out."""

    def unreachable(name, **options):
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(CapabilityError, match=r"Qwen/Qwen2-1.5B .*--model demo .*folder"):
        locate_model("Qwen/Qwen2-1.5B")


def test_a_cached_model_is_used_without_the_network(monkeypatch, qwen2):
    """A node without internet must run from its cache: only local lookups are made."""
    asked = []

    def cached(name, *, local_files_only=False, **options):
        asked.append(local_files_only)
        return str(qwen2)

    monkeypatch.setattr("huggingface_hub.snapshot_download", cached)
    assert locate_model("some/model") == qwen2
    assert asked == [True]


def test_an_incomplete_cache_is_completed_by_a_download(monkeypatch, copy, qwen2):
    """A cache that holds the configuration alone must not count as the model."""
    (copy / "model.safetensors").unlink()
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download",
        lambda name, *, local_files_only=False, **options: str(copy if local_files_only else qwen2),
    )
    assert locate_model("some/model") == qwen2


def test_an_unusable_cache_is_named_where_the_network_fails_too(monkeypatch, copy):
    """Offline with pickled weights in the cache: the reason is the pickle, not the network."""
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")

    def offline(name, *, local_files_only=False, **options):
        if not local_files_only:
            raise OSError("no route to host")
        return str(copy)

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(CapabilityError, match=r"no route.*cache can't be used.*a pickle"):
        locate_model("some/model")


def test_a_missing_demo_model_is_an_installation_error(monkeypatch, tmp_path):
    """`demo` never falls back to another model."""
    monkeypatch.setattr(folder_module, "data_path", lambda name: tmp_path / name)
    with pytest.raises(CapabilityError, match="demo model is missing"):
        locate_model("demo")


def test_the_fingerprint_follows_what_decides_vectors_and_nothing_else(copy):
    """A changed weight or tokenizer must re-embed; a README must not."""
    before = fingerprint(copy)
    (copy / "README.md").write_text("notes")
    assert fingerprint(copy) == before
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:-1] + b" ")
        assert fingerprint(copy) != before, name
        (copy / name).write_bytes(content)
    assert fingerprint(copy) == before


def test_a_transformer_in_a_subfolder_is_found(copy, tmp_path):
    """Older sentence-transformers models keep the transformer in 0_Transformer."""
    outer = tmp_path / "outer"
    outer.mkdir()
    shutil.move(copy, outer / "0_Transformer")
    modules = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (outer / "modules.json").write_text(json.dumps(modules))
    assert transformer_folder(outer) == outer / "0_Transformer"
    assert locate_model(str(outer)) == outer


def test_a_broken_modules_file_is_named(copy):
    """Bad JSON in a model folder is the folder's fault, not a traceback."""
    (copy / "modules.json").write_text("{")
    with pytest.raises(InputError, match=r"modules\.json"):
        locate_model(str(copy))


@pytest.mark.parametrize("key", ["num_hidden_layers", "vocab_size"])
def test_a_description_of_more_than_the_weights_is_refused(copy, key):
    """Thousands of layers would be built one by one before the first was missed."""
    config = json.loads((copy / "config.json").read_text())
    check_weights_fit(copy)
    (copy / "config.json").write_text(
        json.dumps(config | {key: 4000 if "layers" in key else 2**25})
    )
    with pytest.raises(InputError, match=f"{key} = .* is more than the weights"):
        check_weights_fit(copy)


@pytest.mark.parametrize("value", ["x", -1, 0, 1.5, True, None, {"x": 1}, [], ["x"], 10**30])
@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size"])
def test_a_size_that_is_none_is_named(copy, key, value):
    """Each family of a library fails in its own way; here the file and the field are named."""
    config = json.loads((copy / "config.json").read_text())
    for changed in ({key: value}, {"text_config": {key: value}}):
        (copy / "config.json").write_text(json.dumps(config | changed))
        with pytest.raises(InputError, match=rf"config\.json: (text_config\.)?{key} = .*expected"):
            read_declared(copy)
