"""The configuration: what is accepted, what is refused, and how a refusal reads."""

import os
from pathlib import Path

import pytest

from rapids_rap.config import Config
from rapids_rap.errors import ConfigError
from rapids_rap.settings import load_config, render_config, render_defaults


def test_defaults_round_trip_through_toml(tmp_path):
    """The printed defaults are valid TOML and read back as the defaults."""
    path = tmp_path / "rap.toml"
    path.write_text(render_defaults(), encoding="utf-8")
    assert load_config(path) == Config()


def test_any_config_round_trips(tmp_path):
    """Quotes, Chinese and lists in values survive being printed and read."""
    settings = ['maps.title="说唱 \\"地图\\""', 'input.paths=["a b.txt", "歌词/"]', "seed=none"]
    config = load_config(None, settings)
    path = tmp_path / "rap.toml"
    path.write_text(render_config(config), encoding="utf-8")
    assert load_config(path) == config


def test_every_key_has_a_comment():
    """`rapids-rap config` explains every key it prints."""
    keys = [line for line in render_defaults().splitlines() if " = " in line]
    assert len(keys) > 40
    assert all(len(line.partition("  # ")[2]) > 5 for line in keys)


def test_set_wins_over_file(tmp_path):
    """A `--set` value replaces the file's, and other keys of the section stay."""
    path = tmp_path / "rap.toml"
    path.write_text("seed = 7\n[layout]\nepochs = 50\ndimensions = 3\n")
    config = load_config(path, ["layout.epochs=60"])
    assert (config.seed, config.layout.epochs, config.layout.dimensions) == (7, 60, 3)


@pytest.mark.parametrize(
    ("setting", "suggestion"),
    [
        ("layot.epochs=3", "layout.epochs"),
        ("layout.epoch=3", "layout.epochs"),
        ("clusters.min_cluster=3", "clusters.min_cluster_size"),
        ("embedding.selection=leaf", "clusters.selection"),
        ("epochs=3", "layout.epochs"),
    ],
)
def test_unknown_key_suggests_the_nearest(setting, suggestion):
    """A misspelt or misplaced key is refused with the right one named."""
    with pytest.raises(ConfigError, match=suggestion) as caught:
        load_config(None, [setting])
    assert "unknown key" in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    [
        "layout.epochs=x",
        "layout.min_dist=2",
        "seed=often",
        "clusters.epsilon=inf",
        "seed=-1",
        "seed=4294967296",
        "lexicon.mode=presense",
        "layout=3",
        "neighbors.k=true",
        "input.paths=3",
        "seed.x=1",
        "corpus.credits=maybe",
    ],
)
def test_wrong_value_names_key_and_origin(setting):
    """A value of the wrong kind or range is refused with the key and where it came from."""
    with pytest.raises(ConfigError) as caught:
        load_config(None, [setting])
    message = str(caught.value)
    assert setting.partition("=")[0].split(".")[0] in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["[layout\nepochs=3", "epochs = ", "\x00"])
def test_broken_toml_names_file(tmp_path, text):
    """A file that isn't TOML is named, with the parser's position."""
    path = tmp_path / "rap.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"rap\.toml"):
        load_config(path)


def test_missing_file_and_binary_file(tmp_path):
    """A configuration that isn't there or isn't text is one sentence."""
    with pytest.raises(ConfigError, match="no such configuration"):
        load_config(tmp_path / "none.toml")
    binary = tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(binary)
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path)


def test_file_with_bom_is_read(tmp_path):
    """An editor's byte-order mark does no harm."""
    path = tmp_path / "rap.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 3\n")
    assert load_config(path).seed == 3


def test_a_number_can_be_text():
    """A column called 2024 or a title of digits needs no quoting."""
    config = load_config(None, ["input.text=2024", "maps.title=1999", "layout.epochs=5"])
    assert (config.input.text, config.maps.title, config.layout.epochs) == ("2024", "1999", 5)


def test_a_device_is_no_configuration(tmp_path):
    """A file without end or a pipe without a writer is refused, not waited for."""
    os.mkfifo(tmp_path / "rap.toml")
    for path in (tmp_path / "rap.toml", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="a device or a pipe"):
            load_config(path)
