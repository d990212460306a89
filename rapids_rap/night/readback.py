"""What a night reads of what earlier nights wrote, checked field by field before it is used.

These files lie open for years: they are edited by hand, restored from backups, copied between
machines. A field of another type is a sentence that names it, never a surprise after the work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from rapids_rap.errors import InputError
from rapids_rap.night.calendar import time_of

LONGEST = 64 * 2**20  # bytes: no file that a night reads back is a thousandth of it
Table = TypeVar("Table", bound=BaseModel)


def _is_name(name: str) -> str:
    if name and time_of(name) is None:
        raise ValueError("is no name of a night, such as 20261126T020000Z")
    return name


Name = Annotated[str, AfterValidator(_is_name)]
HIGHEST = 2**53  # ids are int64 in tables, and doubles in browsers
Count = Annotated[int, Field(ge=0, lt=HIGHEST)]
Word = Annotated[str, Field(pattern=r"\A[a-z_]{1,60}\z")]


class _Part(BaseModel):
    """Fields beside these are left alone: later versions may write more."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


class StateFile(_Part):
    """state.json."""

    schema_version: int = Field(ge=1)
    last: Name
    next_cluster: Count
    next_theme: Count
    pending: Name
    publish: bool
    number: Count = 0


class IdentityPart(_Part):
    """`identity` of manifest.json, as far as ids go on from it."""

    next_cluster: Count = 0
    next_theme: Count = 0


class JudgedGate(_Part):
    """A gate in nightly.json and status.json."""

    gate: Word
    value: float | None
    limit: float
    passed: bool | None
    why: str

    @model_validator(mode="after")
    def _has_value(self) -> JudgedGate:
        if self.passed is not None and self.value is None:
            raise ValueError("was judged, but has no value")
        return self


class StatusFile(_Part):
    """status.json, what of it goes on into the next."""

    last_success: float | None = Field(None, ge=0)
    figures: dict[Word, float] = {}
    gates: list[JudgedGate] = []


class _Inputs(_Part):
    new: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: Count


class _Flow(_Part):
    total: Count
    new: Count
    gone: Count


class _Texts(_Flow):
    embedded: Count


class _Split(_Part):
    into: list[Count]


class _ClusterSplit(_Split):
    cluster: Count


class _ThemeSplit(_Split):
    theme: Count


class _ClusterMerge(_Part):
    clusters: list[Count]
    into: Count


class _ThemeMerge(_Part):
    themes: list[Count]
    into: Count


class _Groups(_Part):
    total: Count
    kept: list[Count]
    born: list[Count]
    dead: list[Count]


class _Clusters(_Groups):
    split: list[_ClusterSplit]
    merged: list[_ClusterMerge]
    lost: list[Count] | None = None
    churned: list[Count] | None = None


class _Themes(_Groups):
    split: list[_ThemeSplit]
    merged: list[_ThemeMerge]


class _Growth(_Part):
    cluster: int
    before: Count
    now: Count
    effect: float
    ratio: float


class _Drift(_Part):
    beyond_chance: list[_Growth]


class _Unused(_Part):
    kind: str
    id: Count
    label: str


class RecordFile(_Part):
    """nightly.json."""

    name: Name
    previous: Name | None
    number: Count = 0
    published: bool
    seconds: float = Field(ge=0)
    inputs: _Inputs
    changes: list[str]
    texts: _Texts
    lines: _Flow
    noise_share: float = Field(ge=0, le=1)
    agreement: float | None = Field(None, ge=0, le=1)
    stability: float | None = Field(None, ge=0, le=1)
    clusters: _Clusters
    themes: _Themes
    unused_labels: list[_Unused]
    drift: _Drift
    gates: list[JudgedGate]
    basis: dict[str, Any]


def check_fields(kind: type[Table], value: object, path: Path, way_on: str) -> Table:
    """`value`, as read from `path`, as a `kind`.

    Raises `InputError` naming the first field that isn't as it must be; way_on: what to do then.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        shown = repr(first["input"]) if first["type"] != "missing" else "nothing"
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        reason = first["msg"].removeprefix("Value error, ").lower()
        raise InputError(f"{path}: {field} = {shown}: {reason}. {way_on}") from None


def read_table(path: Path, way_on: str) -> Mapping[str, Any]:
    """A JSON object from a file. Raises `InputError` where it is none or can't be read."""
    try:
        refuse_strange(path)
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).partition(";")[0]  # digits without end come with advice on Python
        raise InputError(f"{path}: can't be read ({reason}). {way_on}") from None
    if not isinstance(table, dict):
        raise InputError(f"{path}: is no JSON object. {way_on}")
    return table


def refuse_strange(path: Path) -> None:
    """Raises `ValueError` for what is no file, such as a pipe that never ends, or is too long."""
    if not path.is_file():
        raise ValueError("it is no regular file")
    if path.stat().st_size > LONGEST:
        raise ValueError(f"it has more than {LONGEST:,} bytes")
