"""Reading over shards: files, and parts of large files, by workers; then their lines end to end."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.backend import load_backend
from rapids_rap.config import InputConfig
from rapids_rap.corpus import ranges
from rapids_rap.corpus.all_lines import AllLines, FileHead, end_to_end, join_lines, read_file
from rapids_rap.corpus.columns import log as reading_log
from rapids_rap.corpus.parts import Part, Parts
from rapids_rap.corpus.ranges import find_parts, join_parts, may_have_parts, read_part
from rapids_rap.corpus.source import Group
from rapids_rap.corpus.texts import of_column
from rapids_rap.errors import InputError
from rapids_rap.runs.files import explain_os_errors, write_json
from rapids_rap.runs.run import read_json
from rapids_rap.runs.stages import load_result
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.results import leave_result
from rapids_rap.scale.texts import ABOUT, Task, about, shared_folder
from rapids_rap.scale.workers import check_here, own_facts

log = logging.getLogger(__name__)

SHARD_BYTES = 2**24  # of files that follow each other, or one that is larger
SHARD_FILES = 1_000  # small ones


@dataclass(frozen=True)
class ReadShard:
    """The files of a shard. lines: text, mark, line, group, block; fields as `AllLines` has them.

    refused: what is wrong with the file after the last one, "" where all were read. said: of what
    reading warned.
    """

    files: tuple[FileHead, ...]
    names: tuple[Group, ...]
    second: tuple[int, ...]
    lines: pd.DataFrame
    refused: str
    said: tuple[str, ...]


@dataclass(frozen=True)
class Survey:
    """Where a large file may be cut; None where it is read whole. said: as of `ReadShard`."""

    parts: Parts | None
    said: tuple[str, ...]


def read_by_shards(
    paths: Sequence[Path], config: InputConfig, *, executor: Executor, beside: Path
) -> AllLines:
    """`corpus.all_lines.read_files` by the executor's workers. beside: a folder all of them see.

    Raises InputError for the first file, in their order, that can't be read.
    """
    with shared_folder(beside) as folder:
        sizes = [ranges.PART_BYTES, ranges.PART_ROWS]
        wanted = {"input": config.model_dump(mode="json"), "facts": own_facts(), "parts": sizes}
        write_json(folder / ABOUT, wanted)
        shards = cut_files(paths)
        for number, shard in enumerate(shards):
            files = [[str(path), str(path.absolute())] for path in shard]
            write_json(folder / f"files-{number}.json", files)
        _read_parts(folder, shards, executor)
        tasks = [Task(str(folder.absolute()), number) for number in range(len(shards))]
        executor.map(read_shard, tasks)
        return join_lines([_loaded(task) for task in tasks])


def cut_files(paths: Sequence[Path]) -> list[list[Path]]:
    """The files in their order, in shards of so many bytes or files; a large one is alone."""
    shards: list[list[Path]] = []
    full = True
    size = 0
    for path in paths:
        with explain_os_errors(path):
            own = path.stat().st_size
        if full or own >= SHARD_BYTES or len(shards[-1]) >= SHARD_FILES:
            shards.append([])
            size = 0
        shards[-1].append(path)
        size += own
        full = size >= SHARD_BYTES
    return shards


def survey_shard(task: Task) -> int:
    """Find where the only file of a shard may be cut; the number of its parts, or 0."""
    config = _config(task)
    ((path, where),) = _files(task)
    with _heard() as said:
        parts = find_parts(path, config, where, *about(task)["parts"])
    leave_result(Survey(parts, tuple(said)), _place(task, "survey"))
    return len(parts.spans) if parts else 0


def read_part_of(task: tuple[str, int, int]) -> int:
    """Read a part (folder, number of the shard, of the part); how many rows it has."""
    folder, number, part = task
    shard = Task(folder, number)
    config = _config(shard)
    ((path, where),) = _files(shard)
    parts = _survey(shard).parts
    assert parts is not None
    with _heard():  # the survey has said it
        found = read_part(path, config, where, parts, part)
    none = Part(pd.DataFrame(), np.zeros((0, 2), np.int64), complete=False)
    leave_result(found or none, _place(shard, f"part-{part}"))
    return len(found.rows) if found else 0


def read_shard(task: Task) -> int:
    """Leave the lines of a shard's files beside the task; how many there are."""
    config = _config(task)
    files, refused = [], ""
    with _heard() as said:
        for path, where in _files(task):
            try:
                files.append(_from_parts(task, path) or read_file(path, config, where))
            except InputError as error:
                refused = str(error)
                break
    lines = end_to_end(files)
    del files  # numbers of Python, several times as large as the arrays that were made of them
    own: dict[str, Any] = {
        name: getattr(lines, name) for name in ("mark", "line", "group", "block")
    }
    frame = pd.DataFrame({"text": pd.array(lines.text, dtype="str"), **own})
    names, second = tuple(lines.names), tuple(lines.second)
    part = ReadShard(lines.files, names, second, frame, refused, tuple(said))
    leave_result(part, _place(task, "read"))
    return len(frame)


def _read_parts(folder: Path, shards: Sequence[Sequence[Path]], executor: Executor) -> None:
    """Have the parts of large files read, which their shards then put together."""
    large = [
        Task(str(folder.absolute()), number)
        for number, shard in enumerate(shards)
        if len(shard) == 1 and may_have_parts(shard[0]) and shard[0].stat().st_size >= SHARD_BYTES
    ]
    counts = executor.map(survey_shard, large)
    parts = [
        (task.folder, task.number, part)
        for task, count in zip(large, counts, strict=True)
        for part in range(count)
    ]
    executor.map(read_part_of, parts)


def _from_parts(task: Task, path: Path) -> Any:
    """The file put together of its parts; None where it has none, or one could not be read."""
    if not _place(task, "survey").exists():
        return None
    survey = _survey(task)
    parts = survey.parts
    if parts is None:
        return None
    backend = load_backend("cpu")
    places = [_place(task, f"part-{number}") for number in range(len(parts.spans))]
    if not all(load_result(Part, place, backend).complete for place in places):
        return None
    for words in survey.said:
        reading_log.warning("%s", words)
    loaded = (load_result(Part, place, backend) for place in places)
    return join_parts(path, _config(task), parts, loaded)


def _loaded(task: Task) -> AllLines:
    """The lines of a shard. Raises InputError where a file of it can't be read."""
    part = load_result(ReadShard, _place(task, "read"), load_backend("cpu"))
    for words in part.said:
        log.warning("%s", words)
    if part.refused:
        raise InputError(part.refused)
    sizes = [head.lines for head in part.files]
    own = {name: part.lines[name].to_numpy() for name in ("mark", "line", "group", "block")}
    return AllLines(
        files=part.files,
        text=of_column(part.lines, "text"),
        file=np.repeat(np.arange(len(sizes)), sizes).astype(np.int64),
        names=list(part.names),
        second=list(part.second),
        **own,
    )


def _config(task: Task) -> InputConfig:
    wanted = about(task)
    check_here(wanted["facts"])
    return InputConfig(**wanted["input"])


def _files(task: Task) -> list[tuple[Path, Path]]:
    """(path as given, path from the root) of the files of a shard."""
    files = read_json(Path(task.folder) / f"files-{task.number}.json")
    return [(Path(path), Path(where)) for path, where in files]


def _survey(task: Task) -> Survey:
    return load_result(Survey, _place(task, "survey"), load_backend("cpu"))


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """Of what reading warns meanwhile: nobody may look at a worker's log, so the run says it."""
    said: list[str] = []
    thread = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        said.append(record.getMessage())
        return False

    reading_log.addFilter(keep)
    try:
        yield said
    finally:
        reading_log.removeFilter(keep)


def _place(task: Task, what: str) -> Path:
    return Path(task.folder) / f"{what}-{task.number}"
