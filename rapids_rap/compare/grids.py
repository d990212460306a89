"""Grids of an ablation: a question, and the cells whose runs answer it. Data, read from TOML."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from rapids_rap.config import OWN_WORD, Config, Section
from rapids_rap.data import data_path
from rapids_rap.errors import ConfigError
from rapids_rap.runs.files import read_plain
from rapids_rap.settings import change_config, own_words, parse_toml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OWN_FILES = ("ablation.csv", "ablation.html")  # beside the cells' folders
Setting = str | bool | int | float | list[str]


class Cell(Section):
    """One run of a grid: its name (and folder), its settings, the view it is trained on, if any."""

    name: str
    about: str = ""
    set: dict[str, Setting] = Field(default_factory=dict)
    view: str = ""

    @field_validator("name")
    @classmethod
    def _is_a_folder_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a cell's name is made of letters, digits, '.', '_' and '-'")
        if name.casefold() in OWN_FILES:
            raise ValueError(f"{name} is a file that the ablation writes; name the cell otherwise")
        return name

    @field_validator("set")
    @classmethod
    def _keeps_to_results(cls, given: dict[str, Setting]) -> dict[str, Setting]:
        for key in OWN_WORD:
            if key in given:
                raise ValueError(
                    f"a grid can't set {key}: what may run and where files lie is said in the "
                    "configuration or with --set"
                )
        return given

    def configure(self, config: Config) -> Config:
        """The configuration of this cell's run; its settings win over `config`'s.

        Raises `ConfigError` that names the cell.
        """
        given = [f"{key}={json.dumps(value)}" for key, value in self.set.items()]
        given += [f"train.views={json.dumps([self.view])}"] if self.view else []
        try:
            changed = change_config(config, given)
        except ConfigError as error:
            raise ConfigError(f"cell {self.name}: {error}") from None
        # Whatever a key looks like (blanks, a comment): what it came to counts.
        if own_words(changed) != own_words(config):
            raise ConfigError(
                f"cell {self.name}: sets what may run or where files lie ({', '.join(OWN_WORD)}), "
                "which is said in the configuration or with --set."
            )
        return changed


class Grid(Section):
    """A question and its cells, the first of which the others are compared with."""

    name: str = ""
    question: str = ""
    cells: tuple[Cell, ...] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _is_no_path(cls, name: str) -> str:
        if {"/", "\\", "\0"} & set(name):  # it becomes part of the folder runs/ablate-NAME
            raise ValueError("a grid's name has no slashes")
        return name

    @field_validator("cells")
    @classmethod
    def _names_differ(cls, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        names = [cell.name.casefold() for cell in cells]  # folders, also where case is ignored
        if len(set(names)) < len(names):
            raise ValueError("two cells have one name")
        return cells

    def only(self, names: Sequence[str]) -> Grid:
        """The grid with these cells, and the first, which is what cells are compared with."""
        known = [cell.name for cell in self.cells]
        for name in names:
            if name not in known:
                raise ConfigError(f"grid {self.name}: has no cell {name}; it has {listed(known)}.")
        wanted = {known[0], *(names or known)}
        kept = tuple(cell for cell in self.cells if cell.name in wanted)
        return self.model_copy(update={"cells": kept})


def bundled_grids() -> dict[str, Grid]:
    """The grids that come with the software, by name."""
    path = data_path("grids.toml")
    return {
        name: _grid(name, entry, str(path))
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()
    }


def load_grid(name: str) -> Grid:
    """A bundled grid by its name, or a TOML file with `question` and `[[cells]]`.

    Raises `ConfigError` for an unknown name (with the nearest right one) and for a wrong file.
    """
    path = Path(name)
    if path.suffix.lower() != ".toml" and not path.is_file():
        grids = bundled_grids()
        if name in grids:
            return grids[name]
        near = difflib.get_close_matches(name, grids, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are {listed(list(grids))}."
        raise ConfigError(f"--grid {name}: no such grid; {hint} A file of your own ends in .toml.")
    if path.exists() and not path.is_file():  # a device may never end, a pipe never begin
        raise ConfigError(f"{path}: can't be read: a folder, a device or a pipe, not a TOML file.")
    try:
        text = read_plain(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read as UTF-8 text ({error}).") from None
    entry = parse_toml(text, str(path))
    return _grid(path.stem, entry, str(path))


def _grid(name: str, entry: dict[str, Any], origin: str) -> Grid:
    try:
        return Grid.model_validate({"name": name, **entry})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{origin}: {where}: {first['msg'].lower()}.") from None


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
