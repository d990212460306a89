"""Configurations are merged, checked and printed here.

`load_config` merges, weakest first: the defaults of `config`, a TOML file, `section.key=value`
settings. `render_defaults` prints the defaults as a commented TOML file.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rapids_rap.config import OWN_WORD, Config, Section
from rapids_rap.errors import ConfigError


def load_config(path: Path | None, settings: Sequence[str] = ()) -> Config:
    """The resolved configuration: defaults, then the TOML file, then `section.key=value` settings.

    Raises `ConfigError` for a file that is missing or not TOML, for an unknown section or key
    (with the nearest right one suggested) and for a value out of range.
    """
    return _resolve(_read_toml(path) if path else {}, str(path), settings)


def change_config(config: Config, settings: Sequence[str]) -> Config:
    """The configuration with some `section.key=value` settings changed; errors as `load_config`."""
    return _resolve(config.model_dump(mode="json"), "configuration", settings)


def own_words(config: Config) -> dict[str, Any]:
    """What only the reader of a configuration may decide (`config.OWN_WORD`), by key."""
    tree = config.model_dump(mode="json")
    return {key: tree[key.partition(".")[0]][key.partition(".")[2]] for key in OWN_WORD}


def without_own_word(config: Config) -> Config:
    """The configuration with defaults in place of its `own_words`."""
    plain = own_words(Config())
    return change_config(config, [f"{key}={json.dumps(value)}" for key, value in plain.items()])


def _resolve(tree: dict[str, Any], source: str, settings: Sequence[str]) -> Config:
    origins = dict.fromkeys(_flat_keys(tree), source)
    for setting in settings:
        key, value = _parse_setting(setting)
        value = setting.partition("=")[2].strip() if _wants_text(key, value) else value
        _assign(tree, key, value)
        origins[key] = f"--set {setting}"
    for key in _flat_keys(tree):
        _check_key(key, origins.get(key, source))
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None


def render_defaults() -> str:
    """The defaults as a TOML file with a comment for each key."""
    return render_config(Config())


def render_config(config: Config) -> str:
    """Any configuration as a commented TOML file that `load_config` reads back unchanged."""
    out = [_render_key("seed", config.seed, Config.model_fields["seed"].description)]
    for name, section in _sections(config).items():
        out.append(f"\n[{name}]  # {(type(section).__doc__ or '').strip()}")
        fields = type(section).model_fields
        out += [_render_key(k, getattr(section, k), fields[k].description) for k in fields]
    return "\n".join(out) + "\n"


def _sections(config: Config) -> dict[str, Section]:
    values = {name: getattr(config, name) for name in Config.model_fields}
    return {name: value for name, value in values.items() if isinstance(value, Section)}


def _render_key(key: str, value: object, comment: str | None) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's too.
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
    return f"{f'{key} = {text}':<32}  # {comment}"


def _read_toml(path: Path) -> dict[str, Any]:
    if path.exists() and not path.is_file():  # a device may never end, a pipe never begin
        raise ConfigError(f"{path}: can't be read: a folder, a device or a pipe, not a TOML file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such configuration file; `rapids-rap config` prints one to start from."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read as UTF-8 text ({error}).") from None
    return parse_toml(text, str(path))


def parse_toml(text: str, origin: str) -> dict[str, Any]:
    """A TOML document. Raises `ConfigError` naming `origin` for whatever isn't one."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{origin}: not valid TOML: nested too deeply.") from None
    except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
        reason = str(error).partition(";")[0]
        raise ConfigError(f"{origin}: not valid TOML: {reason}.") from None


def _parse_setting(setting: str) -> tuple[str, Any]:
    key, equals, raw = setting.partition("=")
    key, raw = key.strip(), raw.strip()
    if not equals or not key:
        raise ConfigError(f"--set {setting}: expected section.key=value, as in layout.epochs=200.")
    try:
        return key, parse_toml(f"value = {raw}", setting)["value"]
    except ConfigError:
        return key, raw  # a bare word: lexicon.mode=presence


def _wants_text(key: str, value: Any) -> bool:
    """Whether a bare 2024 is meant as text, because the key holds text."""
    section, _, name = key.partition(".")
    fields = getattr(Config.model_fields.get(section), "annotation", None)
    field = getattr(fields, "model_fields", {}).get(name)
    return field is not None and field.annotation is str and not isinstance(value, str | list)


def _assign(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for name in sections:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {key}: {name} is a key, not a section.")
    tree[last] = value


def _flat_keys(tree: dict[str, Any]) -> list[str]:
    keys: list[str] = []
    for name, value in tree.items():
        keys += [f"{name}.{k}" for k in value] if isinstance(value, dict) else [name]
    return keys


def _check_key(key: str, origin: str) -> None:
    known = _flat_keys(Config().model_dump())
    if key in known:
        return
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    # A right key in the wrong section is the likeliest slip that spelling can't see.
    near = [k for k in known if k.split(".")[-1] == key.split(".")[-1]] or near
    hint = f"did you mean {near[0]}?" if near else "`rapids-rap config` lists all keys."
    raise ConfigError(f"{origin}: unknown key {key}; {hint}")


def _explain(error: ValidationError, origins: dict[str, str]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part not in _UNION_TAGS)
    key = ".".join(key.split(".")[:2])
    where = origins.get(key, "configuration")
    return f"{where}: {key} = {first['input']!r}: {first['msg'].lower()}."


_UNION_TAGS = ("int", "constrained-int", "literal['none']")
