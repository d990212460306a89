"""The stage cache: a stage's result on disk, found again by the content it was made from.

A key is the hash of the stage's name, its declared version, its config and the keys of the stages
before it, so changing `[lexicon]` re-runs the lexicon and never the embedding. A result is any
frozen dataclass: arrays go to `.npy`, pandas tables to Parquet, the rest to JSON; what lay on a
device lies there again when it is loaded. Nothing is pickled.
`commit.json` is written last; a folder without it never counts.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import time
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from rapids_rap.backend.failures import device_failure, is_device_error, is_out_of_memory
from rapids_rap.backend.protocol import Backend
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.files import (
    digest,
    explain_os_errors,
    json_bytes,
    sha256_file,
    sweep_partials,
    write_array,
    write_json,
    write_parquet,
)
from rapids_rap.runs.peak_memory import PeakMemory
from rapids_rap.runs.received import load_array, read_parquet
from rapids_rap.runs.run import read_json

log = logging.getLogger(__name__)
Result = TypeVar("Result")

COMMIT = "commit.json"  # written last, with the checksum of every other file


@dataclasses.dataclass(frozen=True)
class StageRecord:
    """What the manifest says of a stage. `seconds` of a cached stage are those of its loading.

    peak_memory: bytes of main memory during the stage; device_peak: the most bytes that the array
    libraries had held of the device when the stage ended, torch's and FAISS' own not counted; 0 on
    the CPU.
    """

    name: str
    seconds: float
    cached: bool
    peak_memory: int
    device_peak: int
    key: str


def stage_key(name: str, version: int, *parts: object) -> str:
    """The content key of a stage: SHA-256 over its name, version, config and inputs' keys."""
    text = json.dumps([name, version, *parts], sort_keys=True, default=str, ensure_ascii=False)
    return digest(text)


class StageCache:
    """Runs stages, or finds their results under `root`, and records time and memory of each.

    keep_older: results of other keys stay, for a `root` that runs of several configurations share.
    """

    def __init__(
        self,
        root: Path,
        backend: Backend,
        announce: Callable[[str], None] = lambda name: None,
        *,
        keep_older: bool = False,
    ) -> None:
        self.root = root
        self.keep_older = keep_older
        self.backend = backend
        self.announce = announce
        self.records: list[StageRecord] = []

    def run(
        self,
        kind: type[Result],
        name: str,
        key: str,
        compute: Callable[[], Result],
        check: Callable[[Result], None] = lambda result: None,
    ) -> Result:
        """The result of stage `name` with this key: loaded if it was kept, else computed and kept.

        A newer result of the same stage replaces the older one, unless `keep_older` says otherwise.
        check: raises ValueError for what was kept and can't be a result.
        """
        folder = self.root / name / key
        self.announce(name)
        with self.measured(name, key) as cached:
            if (folder / COMMIT).exists():
                try:
                    result = load_result(kind, folder, self.backend)
                    check(result)
                    cached.append(True)
                    return result
                except Exception as error:  # each library's reader raises errors of its own
                    if is_device_error(error):
                        raise
                    log.warning("stage %s: its kept result is damaged (%s); run again", name, error)
            result = compute()
            shutil.rmtree(folder, ignore_errors=True)  # whatever lies there
            save_result(result, folder, self.backend)
            for other in folder.parent.iterdir():
                if other.name != key and not self.keep_older:
                    shutil.rmtree(other, ignore_errors=True)
        return result

    def holds(self, name: str, key: str) -> bool:
        """Whether there is a result of stage `name` with this key, as far as can be seen."""
        return (self.root / name / key / COMMIT).exists()

    def measured(self, name: str, key: str = "") -> _Measurement:
        """A context that records a stage's time and peak memory without keeping its result."""
        return _Measurement(self, name, key)


class _Measurement:
    def __init__(self, cache: StageCache, name: str, key: str) -> None:
        self.cache, self.name, self.key = cache, name, key
        self.cached: list[bool] = []

    def __enter__(self) -> list[bool]:
        self.peak, self.start = PeakMemory(), time.perf_counter()
        return self.cached

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        seconds, peak = time.perf_counter() - self.start, self.peak.bytes()
        if error is not None and is_out_of_memory(error):
            raise CapabilityError(
                f"Stage {self.name} ran out of memory ({error}). What was finished is kept; use "
                "--limit or a machine with more, and see `rapids-rap doctor --lines N`."
            ) from error
        if error is not None and is_device_error(error):
            raise device_failure(
                error, f"Stage {self.name} broke off; what was finished is kept."
            ) from error
        if kind is None:
            record = StageRecord(
                self.name,
                round(seconds, 3),
                bool(self.cached),
                peak,
                self.cache.backend.usage().peak,
                self.key,
            )
            self.cache.records.append(record)
            log.info(
                "stage %s: %.1f s%s",
                self.name,
                seconds,
                " (kept)" if record.cached else "",
                extra={"stage": dataclasses.asdict(record)},
            )


@dataclasses.dataclass(frozen=True)
class _Single:
    """How a result that is no dataclass, such as one array, is kept."""

    value: Any


def save_result(result: Any, folder: Path, backend: Backend) -> None:
    """Write a frozen dataclass or one array into `folder`; `commit.json`, last, makes it count."""
    if not dataclasses.is_dataclass(result):
        result = _Single(result)
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sweep_partials(folder)
    hints = typing.get_type_hints(type(result))
    kinds: dict[str, str] = {}
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, np.ndarray):
            kinds[field.name] = "host array"
            write_array(folder / f"{field.name}.npy", value)
        elif hasattr(value, "__dlpack__"):
            kinds[field.name] = "device array"
            write_array(folder / f"{field.name}.npy", backend.to_host(value))
        elif isinstance(value, pd.DataFrame):
            kinds[field.name] = "table"
            write_parquet(folder / f"{field.name}.parquet", value)
        else:
            kinds[field.name] = "plain"
            plain[field.name] = TypeAdapter(hints[field.name]).dump_python(value, mode="json")
    write_json(folder / "plain.json", plain)
    contents = {path.name: sha256_file(path) for path in folder.iterdir() if path.name != COMMIT}
    write_json(folder / COMMIT, {"kinds": kinds, "sha256": contents})


def load_result(kind: type[Result], folder: Path, backend: Backend) -> Result:
    """Read back what `save_result` wrote. Raises whatever a reader says of a damaged file."""
    if not dataclasses.is_dataclass(kind):
        return load_result(_Single, folder, backend).value
    commit = read_json(folder / COMMIT)
    kinds: Mapping[str, str] = commit["kinds"]
    for file, content in commit["sha256"].items():
        if sha256_file(folder / file) != content:
            raise ValueError(f"{file} is not as it was written")
    plain = read_json(folder / "plain.json")
    json_bytes(plain)  # raises ValueError for a number that no JSON document may hold
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        name, how = field.name, kinds[field.name]
        if how == "table":
            values[name] = read_parquet(folder / f"{name}.parquet")
        elif how.endswith("array"):
            array = load_array(folder / f"{name}.npy")
            values[name] = array if how == "host array" else backend.from_host(array)
        else:
            values[name] = TypeAdapter(hints[name]).validate_python(plain[name])
    return kind(**values)
