"""A run, a grid, a model folder from elsewhere decide nothing about code, commands, places."""

import json
import os
import shutil
import sys

import numpy as np
import pytest

from rapids_rap.backend import load_backend
from rapids_rap.compare.grids import load_grid
from rapids_rap.config import OWN_WORD, Config, EmbeddingConfig
from rapids_rap.data import data_path
from rapids_rap.embedding.embed import load_encoder
from rapids_rap.embedding.model import read_model_config, resolve_model
from rapids_rap.errors import CapabilityError, ConfigError, InputError
from rapids_rap.reading.run_space import run_config
from rapids_rap.runs.run import open_run
from rapids_rap.settings import load_config, without_own_word
from tests.conftest import ROOT, rap
from tests.run_factory import make_run

TEXTS = tuple(f"{who}{what}" for who in "我你他" for what in ("爱城市", "想念故乡", "走过夜路"))
CODE = """
from pathlib import Path
Path({mark!r}).touch()
from transformers import Qwen2Config, Qwen2Model
class OwnConfig(Qwen2Config): pass
class OwnModel(Qwen2Model):
    config_class = OwnConfig
"""


@pytest.fixture(scope="module")
def vectors():
    return load_encoder(EmbeddingConfig(model="demo"), load_backend("cpu")).encode(TEXTS)


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """What the code of the model folder leaves behind, should it run."""
    cache = tmp_path / "modules"
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(cache))
    monkeypatch.setattr(sys, "path", [*sys.path, str(cache)])
    return tmp_path / "ran"


@pytest.fixture
def received(tmp_path, vectors, mark):
    """A run that came from elsewhere: its model lies in it, brings code, and the run trusts it."""
    folder = tmp_path / "received"
    make_run(folder, TEXTS, np.arange(len(TEXTS)) % 2, vectors=vectors)
    model = folder / "model"
    shutil.copytree(data_path("demo_model"), model)
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (model / "config.json").write_text(json.dumps(config))
    (model / "own.py").write_text(CODE.format(mark=str(mark)))
    own = EmbeddingConfig(model=str(model))
    set_manifest(
        folder,
        {"model": str(model), "trust_remote_code": True, "store": str(tmp_path / "store")},
        resolve_model(own, "float32").fingerprint,
    )
    return folder


def set_manifest(folder, embedding, fingerprint="f00d", **sections):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["config"]["embedding"] |= embedding
    for name, values in sections.items():
        manifest["config"][name] |= values
    manifest["model"]["fingerprint"] = fingerprint
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("verb", ["search", "assign"])
def test_a_run_does_not_say_that_its_code_may_run(received, mark, tmp_path, verb):
    """The run's word runs nothing and ends in a sentence that tells how to say so oneself."""
    (tmp_path / "new.txt").write_text("我爱你城市\n")
    asked = "我爱你" if verb == "search" else tmp_path / "new.txt"
    say = "--set", "embedding.trust_remote_code=true"
    out = () if verb == "search" else ("--out", tmp_path / "out.csv")
    outcome = rap(verb, received, asked, "--backend", "cpu", *out)
    assert outcome.code == 2
    assert " ".join(say) in outcome.err
    assert not mark.exists()
    outcome = rap(verb, received, asked, "--backend", "cpu", *out, *say)
    assert outcome.code == 0, outcome.err
    assert mark.exists()


@pytest.mark.parametrize("verb", ["summary", "verify", "export", "compare"])
def test_no_other_verb_runs_it(received, mark, tmp_path, verb):
    """Whatever is done with a received run but search and assign needs no model at all."""
    rap(verb, received, *([received, "--backend", "cpu"] if verb == "compare" else []))
    assert not mark.exists()
    assert not (tmp_path / "store").exists()


def test_code_that_was_not_asked_for_is_not_asked_about(received, mark):
    """A run made without it is searched without it, though the folder brings some."""
    set_manifest(
        received,
        {"trust_remote_code": False},
        json.loads((received / "manifest.json").read_text())["model"]["fingerprint"],
    )
    assert rap("search", received, "我爱你", "--backend", "cpu").code == 0
    assert not mark.exists()


def test_only_the_user_says_what_may_run_and_where_files_lie(received, tmp_path):
    """Of a manifest's configuration, what names code, commands and places to write is default."""
    hostile = {
        "nightly": {
            "notify_command": f"touch {tmp_path / 'told'}",
            "root": str(tmp_path / "root"),
            "metrics": str(tmp_path / "metrics"),
        },
        "maps": {"font": str(tmp_path / "font")},
        "report": {"certificate": str(tmp_path / "certificate")},
        "input": {"paths": ["/etc"]},
    }
    set_manifest(received, {}, **hostile)
    plain = Config().model_dump(mode="json")
    found = run_config(open_run(received)).model_dump(mode="json")
    for key in OWN_WORD:
        section, name = key.split(".")
        assert found[section][name] == plain[section][name], key
    said = run_config(open_run(received), ["embedding.trust_remote_code=true"])
    assert said.embedding.trust_remote_code
    for setting in ("embedding.store=x", "nightly.notify_command=x", "embedding.pooling=last"):
        with pytest.raises(ConfigError, match="may be said here"):
            run_config(open_run(received), [setting])


def test_the_users_own_configuration_keeps_its_word():
    """What is taken from a run's configuration is nothing else, and nothing from one's own."""
    own = load_config(None, ["embedding.trust_remote_code=true", "layout.epochs=7"])
    assert own.embedding.trust_remote_code
    assert without_own_word(own) == load_config(None, ["layout.epochs=7"])


def test_what_a_run_names_is_not_downloaded(received, monkeypatch):
    """A run that names a model of the Hub asks no network; the user's --set may."""
    asked = []

    def gone(name, *, local_files_only=False, **options):
        asked.append((name, local_files_only))
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", gone)
    set_manifest(received, {"model": "some/model"})
    outcome = rap("search", received, "我爱你", "--backend", "cpu")
    assert outcome.code == 3
    assert "is not downloaded" in outcome.err
    assert asked == [("some/model", True)]
    say = "--set", "embedding.model=other/model"
    assert rap("search", received, "我爱你", "--backend", "cpu", *say).code == 3
    assert asked[-1] == ("other/model", False)


@pytest.mark.parametrize("key", OWN_WORD)
def test_a_grid_does_not_say_it_either(tmp_path, key):
    """A grid file that sets what may run or where files lie is refused before its first cell."""
    section, name = key.split(".")
    value = Config().model_dump(mode="json")[section][name]
    given = "true" if value is False else '["x"]' if value == [] else '"x"'
    grid = tmp_path / "grid.toml"
    grid.write_text(f'question = "?"\n[[cells]]\nname = "a"\nset = {{ "{key}" = {given} }}\n')
    lyrics, out = ROOT / "examples" / "lyrics", tmp_path / "out"
    outcome = rap("ablate", lyrics, "--grid", grid, "--model", "demo", "--out", out)
    assert outcome.code == 2
    assert key in outcome.err
    assert not out.exists()


@pytest.mark.parametrize(
    "key",
    [
        " embedding.trust_remote_code",
        "embedding.trust_remote_code ",
        "embedding.trust_remote_code=true #",
        "embedding.trust_remote_code=true\n#",
        "nightly.notify_command='touch x' #",
    ],
)
def test_a_grid_does_not_say_it_by_an_odd_key(tmp_path, key):
    """A key that becomes such a setting only when it is read is refused for what it came to."""
    grid = tmp_path / "grid.toml"
    lines = f"{json.dumps(key)} = true"
    grid.write_text(f'question = "?"\n[[cells]]\nname = "a"\nset = {{ {lines} }}\n')
    with pytest.raises(ConfigError):
        load_grid(str(grid)).cells[0].configure(Config())


@pytest.mark.parametrize("name", ["lexicon.path", "terms.user_words", "terms.stop_words"])
def test_lists_of_words_that_a_run_names_are_files(received, tmp_path, name):
    """A pipe would be waited for and a device read without end."""
    os.mkfifo(tmp_path / "pipe")
    section, key = name.split(".")
    for path in (str(tmp_path / "pipe"), "/dev/zero", "/", "x" * 5000):
        set_manifest(received, {}, **{section: {key: path}})
        with pytest.raises(InputError, match="as a list of words, which is no file"):
            run_config(open_run(received))


PLAIN_TEXT = {  # the settings that are words and name nothing
    *("input.artist", "input.song", "input.text", "embedding.prompt", "maps.title"),
    *("report.title", "embedding.model"),
}


def test_every_setting_that_names_something_is_listed():
    """A new path, command or switch in the configuration has to be put into docs/security.md."""
    words = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert "`embedding.model`" in words
    for section, model in Config().model_dump(mode="json").items():
        for name, value in model.items() if isinstance(model, dict) else ():
            key = f"{section}.{name}"
            if (value == "" and key not in PLAIN_TEXT) or key in OWN_WORD:
                assert f"`{key}`" in words, key


@pytest.mark.parametrize(
    ("file", "key", "value", "says"),
    [
        ("config.json", "quantization_config", {"quant_method": "fp8"}, "quantised weights"),
        ("config.json", "transformers_weights", "../x.safetensors", "another file"),
        ("tokenizer_config.json", "fast_tokenizer_files", ["../tokenizer.9.json"], "another file"),
    ],
)
def test_a_model_folder_names_no_other_code_or_file(tmp_path, file, key, value, says):
    """Keys by which a library would read other files, or code, are refused and named."""
    model = tmp_path / "model"
    shutil.copytree(data_path("demo_model"), model)
    old = json.loads((model / file).read_text()) if (model / file).exists() else {}
    (model / file).write_text(json.dumps(old | {key: value}))
    with pytest.raises(InputError, match=f"{key}: {says}"):
        resolve_model(EmbeddingConfig(model=str(model)), "float32")


@pytest.mark.parametrize("name", ["evil/kernel", "flash_attention_2"])
@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_a_model_folder_chooses_no_kernel(tmp_path, monkeypatch, key, name):
    """By such a name transformers would fetch code from the Hub and run it."""
    model = tmp_path / "model"
    shutil.copytree(data_path("demo_model"), model)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {key: name}))
    assert read_model_config(model, trust_remote_code=False)._attn_implementation is None

    def fetched(*args, **options):
        raise AssertionError("a kernel was asked for")

    monkeypatch.setattr("transformers.modeling_utils.lazy_import_flash_attention", fetched)
    load_encoder(EmbeddingConfig(model=str(model)), load_backend("cpu"))


def test_steps_of_a_model_lie_in_its_folder(tmp_path):
    """No step of modules.json, pooling included, is read from elsewhere."""
    model = tmp_path / "model"
    shutil.copytree(data_path("demo_model"), model)
    for path in ("../elsewhere", "/etc", "a\0b", "x" * 5000):
        for kind in ("Transformer", "Pooling", "Dense"):
            modules = [{"type": f"sentence_transformers.models.{kind}", "path": path}]
            (model / "modules.json").write_text(json.dumps(modules))
            with pytest.raises((InputError, CapabilityError)) as caught:
                resolve_model(EmbeddingConfig(model=str(model)), "float32")
            assert "modules.json" in str(caught.value) or "config.json" in str(caught.value)
