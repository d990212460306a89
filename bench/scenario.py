"""A benchmark as data: what is compared on what, and what must hold for it to pass.

A scenario is a YAML file under `bench/scenarios/`. Its sides are functions of `bench/tasks/`; its
requirements gate speed, memory and quality together, so that no ratio is bought with a worse
result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rapids_rap.bench.extras import require_extra
from rapids_rap.errors import ConfigError
from rapids_rap.runs.files import read_plain

FOLDER = Path(__file__).parent / "scenarios"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CorpusSpec(_Strict):
    """Which lines. verse: the public corpus; lyrics: `--lyrics`, or the bundled sample without it.

    synthetic: made up, with planted clusters. lines 0: as many as there are; of `lyrics` always.
    """

    source: Literal["verse", "lyrics", "synthetic"] = "verse"
    lines: int = Field(0, ge=0)


class SideSpec(_Strict):
    """One of the things compared: `module:function` below `bench.tasks`; its own size, if any."""

    call: str = Field(pattern=r"^[a-z_]+:[a-z_0-9]+$")
    lines: int | None = Field(None, ge=0)


class Requirement(_Strict):
    """What must hold (`at_least`, `at_most`) and what is reached for (`reach`).

    figure: `speed` (seconds of `against` / seconds of `side`), `cpu_speed` (the same of processor
    seconds, for a machine that other work shares), `growth` and `memory_growth`
    (seconds and peak of `side` / those of `against`), `peak_gib` of `side`, `quality` (the worst
    difference of any figure to `against`, not below -`margin`), or a figure of the scorer: its
    value, or with `against` its difference. Seconds are those of `Scenario.measure`.
    """

    figure: str
    side: str = "ours"
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    reach: float | None = None
    margin: float | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Requirement:
        bounds = [b for b in (self.at_least, self.at_most, self.margin) if b is not None]
        if len(bounds) != 1:
            raise ValueError("one of at_least, at_most and margin is needed")
        if (
            self.figure in ("speed", "cpu_speed", "growth", "memory_growth", "quality")
            and not self.against
        ):
            raise ValueError(f"{self.figure} compares with another side: against is needed")
        return self


class Scenario(_Strict):
    """A benchmark.

    measure: which seconds count. process: of the whole process, imports included; cold: of the
    first call in a process; warm: the median of the calls after it. rounds: how often every side
    runs, in turn. warm: calls after the first. needs: importable names of the `bench` extra. score:
    `module:function` of the scorer, given what every side found.
    """

    name: str = Field(pattern=r"^\w[\w.-]*$")  # of the files of results
    question: str
    corpus: CorpusSpec = CorpusSpec()
    measure: Literal["process", "cold", "warm"] = "warm"
    rounds: int = Field(3, ge=1)
    warm: int = Field(2, ge=0)
    needs: tuple[str, ...] = ()
    prepare: str | None = None
    score: str | None = None
    sides: dict[str, SideSpec]
    requirements: tuple[Requirement, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _names_its_sides(self) -> Scenario:
        for requirement in self.requirements:
            for name in (requirement.side, requirement.against):
                if name is not None and name not in self.sides:
                    raise ValueError(f"{name!r} is no side; sides: {', '.join(self.sides)}")
        if self.measure == "warm" and not self.warm:
            raise ValueError("measure = warm needs warm >= 1")
        return self


def scenario_names(folder: Path = FOLDER) -> list[str]:
    """The bundled scenarios."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_scenario(name: str, folder: Path = FOLDER) -> Scenario:
    """A bundled scenario by name, or a YAML file by path.

    Raises `ConfigError` for one that is not there, no YAML, or not a scenario.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml"
    require_extra(["yaml"], "a scenario")
    import yaml

    try:
        content: Any = yaml.safe_load(read_plain(path).decode("utf-8"))
    except FileNotFoundError:
        known = ", ".join(scenario_names(folder))
        raise ConfigError(f"{path}: no such scenario; there are {known}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: can't be read as YAML ({error}).") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping with name, question and sides.")
    try:
        return Scenario(**{"name": path.stem, **content})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "scenario"
        raise ConfigError(f"{path}: {where}: {first['msg']}.") from None
