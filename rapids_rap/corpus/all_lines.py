"""The lines of all files before cleaning: each file read, then all of them end to end."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rapids_rap.arrays import Int8s, Int64s
from rapids_rap.config import InputConfig
from rapids_rap.corpus import texts
from rapids_rap.corpus.readers import read_source
from rapids_rap.corpus.source import Group, Source
from rapids_rap.errors import CapabilityError, InputError, NoLyricsError
from rapids_rap.runs.files import label_of, open_plain
from rapids_rap.runs.received import require_room

_COPIES = 3  # of a file in main memory at least: its bytes, its text, its lines


@dataclass(frozen=True)
class FileHead:
    """What is known of a file beside its lines. label: its path as given; lines: how many.

    format, notes: as `Source` has them. without: why no lyrics could be read, where none could.
    """

    label: str
    sha256: str
    encoding: str
    format: str
    lines: int
    notes: tuple[str, ...] = ()
    without: str = ""


@dataclass(frozen=True)
class ReadFile:
    """A file and its lines; the source's positions and numbers are the file's own."""

    head: FileHead
    source: Source


@dataclass(frozen=True)
class AllLines:
    """All lines of all files in reading order; groups and blocks are unique across files.

    text, mark (`source.Mark`), line, group (positions in `names`), block and file (positions in
    `files`) are parallel. second: positions of lines at the stamp of the line before them.
    """

    files: tuple[FileHead, ...]
    text: Sequence[str]
    mark: Int8s
    line: Int64s
    group: Int64s
    block: Int64s
    file: Int64s
    names: list[Group]
    second: list[int]


def read_files(paths: Sequence[Path], config: InputConfig) -> AllLines:
    """The lines of all files, in order. Raises as `read_file` for the first that can't be read."""
    return end_to_end([read_file(path, config) for path in paths])


def read_file(path: Path, config: InputConfig, where: Path | None = None) -> ReadFile:
    """The lines of one file. where: its path for who has another working folder.

    Raises InputError for what can't be read, CapabilityError for more than main memory.
    """
    label, where = label_of(path), where or path
    try:
        with open_plain(where) as file:
            size = os.fstat(file.fileno()).st_size
            require_room(label, _COPIES * size, f"{size:,} bytes of lyrics")
            data = file.read(size)  # no more, if it grows: what is read is what is hashed
    except OSError as error:
        raise InputError(f"{label}: can't be read ({error.strerror}).") from error
    except MemoryError:
        raise CapabilityError(
            f"{label}: main memory does not suffice to read it ({where.stat().st_size:,} bytes); "
            "split the file."
        ) from None
    digest = hashlib.sha256(data).hexdigest()
    try:
        source, encoding = read_source(data, path, label, config)
    except NoLyricsError as error:
        return file_of(label, digest, "utf-8", Source("other"), str(error))
    return file_of(label, digest, encoding, source)


def file_of(label: str, sha256: str, encoding: str, source: Source, without: str = "") -> ReadFile:
    """A file from what was read of it."""
    notes, lines = tuple(source.notes), len(source.text)
    return ReadFile(FileHead(label, sha256, encoding, source.format, lines, notes, without), source)


def end_to_end(files: Sequence[ReadFile]) -> AllLines:
    """The lines of files in their order, groups and blocks numbered on."""
    return join_lines([_alone(file) for file in files])


def join_lines(parts: Sequence[AllLines]) -> AllLines:
    """Lines end to end; associative: joined by twos or at once, parts give the same lines."""
    empty = np.zeros(0, dtype=np.int64)
    names: list[Group] = []
    before = 0
    second: list[int] = []
    columns: dict[str, list[Int64s]] = {name: [empty] for name in ("line", "group", "block")}
    files: list[FileHead] = []
    block = 0
    for part in parts:
        second += [before + position for position in part.second]
        columns["line"].append(part.line)
        columns["group"].append(part.group + len(names))
        columns["block"].append(part.block + block)
        before += len(part.text)
        names += part.names
        files += part.files
        block += int(part.block.max(initial=-1)) + 1
    sizes = [head.lines for head in files]
    return AllLines(
        files=tuple(files),
        text=texts.end_to_end([part.text for part in parts]),
        mark=np.concatenate([np.zeros(0, np.int8), *(part.mark for part in parts)]),
        file=np.repeat(np.arange(len(files)), sizes).astype(np.int64),
        names=names,
        second=second,
        **{name: np.concatenate(values) for name, values in columns.items()},
    )


def _alone(file: ReadFile) -> AllLines:
    source = file.source
    line, group, block = (
        np.asarray(values, dtype=np.int64) for values in (source.line, source.group, source.block)
    )
    return AllLines(
        files=(file.head,),
        text=source.text,
        mark=np.asarray(source.mark, dtype=np.int8),
        line=line,
        group=group,
        block=block,
        file=np.zeros(len(line), dtype=np.int64),
        names=source.groups,
        second=sorted(source.second),
    )
