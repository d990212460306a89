"""writer.json: what a writer folder says of itself, and reading it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from rapids_rap.errors import InputError
from rapids_rap.runs.files import label_of
from rapids_rap.runs.run import read_json
from rapids_rap.runs.shape import check_document
from rapids_rap.tables.doubts import ASK

RECORD = "writer.json"
INDEX = "index"  # over the training text, by which copies are found
SCHEMA_VERSION = 1
PACKAGES = ("torch", "transformers", "peft", "pypinyin", "rapids-rap")
SHOWN = 30  # of what is no condition, on the terminal
MEND = "train the writer again"

Count = Annotated[int, Field(ge=0)]


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Named(_Loose):
    id: int
    name: str


class _Conditions(_Loose):
    themes: list[_Named]
    regions: list[str]
    emotions: list[str]


class _Base(_Loose):
    model: str
    fingerprint: str


class _Settings(_Loose):
    longest: Annotated[int, Field(ge=8)]  # tokens


class _Song(_Loose):
    song_id: int
    sha256: str


class _Run(_Loose):
    path: str
    lines_sha256: str


class _Writer(_Loose):
    schema_version: Annotated[int, Field(ge=1)]
    base: _Base
    run: _Run
    conditions: _Conditions
    seen_songs: list[_Song]
    held_out_songs: list[_Song]
    settings: _Settings
    from_end: bool = False


def read_record(folder: Path) -> dict[str, Any]:
    """The writer.json of a writer folder. Raises `InputError` where there is none, or another's."""
    path = folder / RECORD
    if not path.is_file():
        raise InputError(
            f"{label_of(folder)}: is no writer (it has no {RECORD}); name a folder that "
            "`rapids-rap writer train` wrote."
        )
    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{label_of(path)}: can't be read ({error}); {MEND}.") from None
    later = value.get("schema_version") if isinstance(value, dict) else None
    if isinstance(later, int) and later > SCHEMA_VERSION:
        raise InputError(
            f"{label_of(path)}: was written by a newer version (schema {later}; this one reads "
            f"{SCHEMA_VERSION}); upgrade rapids-rap."
        )
    check_document(path, value, _Writer, MEND)
    found: dict[str, Any] = value
    return found


def known_songs(record: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """By number, the songs of a writer.json that its model has read: also held out, by the base."""
    held = [one for one in record["held_out_songs"] if one.get("read_by_base")]
    return {int(one["song_id"]): one for one in [*record["seen_songs"], *held]}


def versions() -> dict[str, str]:
    """The installed versions of what trained."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def training_sentences(record: Mapping[str, Any]) -> Sequence[str]:
    """What to print when a training is over."""
    songs, loss = record["songs"], record["loss"]
    wanted = round(record["settings"]["held_out"] * (songs["train"] + songs["held_out"]))
    whole = (
        "" if songs["held_out"] == wanted else f" ({wanted:,} were asked for; groups stay whole)"
    )
    said = [
        f"{songs['train']:,} songs read as {record['examples']:,} examples, {record['steps']:,} "
        f"steps; {songs['held_out']:,} songs of {songs['held_out_groups']:,} leakage groups were "
        f"held out{whole}."
    ]
    if loss["held_out_after"] is None:
        said.append(f"Loss on held-out songs: not computed; {loss['note']}.")
    else:
        before, after = loss["held_out_before"], loss["held_out_after"]
        word = "lower" if after < before else "no lower: this training did not help"
        said.append(
            f"Nats by character on held-out songs: {before:.4f} before, {after:.4f} after ({word})."
        )
    if not record["conditions"]["by"]:
        said.append(
            "Nothing is known of which clusters may not be there again, so no theme was left out "
            f"for that; {ASK} tells it, before another training."
        )
    left = record["conditions"]["left_out"]
    if left:
        names = "; ".join(f"{one['kind']} {one['name']}: {one['why']}" for one in left[:SHOWN])
        more = f"; and {len(left) - SHOWN:,} more in {RECORD}" if len(left) > SHOWN else ""
        said.append(f"No conditions: {names}{more}.")
    return said
