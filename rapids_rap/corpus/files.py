"""Which files are read: paths and folders in, an ordered list of distinct files out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rapids_rap.errors import InputError
from rapids_rap.runs.files import label_of, listed
from rapids_rap.runs.names import DROPPED, IDENTITY

KNOWN_SUFFIXES = (
    *(".txt", ".lrc", ".krc", ".qrc", ".yrc", ".srt", ".vtt", ".ass", ".ssa"),
    *(".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".xlsm"),
)
_LOCK = "~$"  # how the names begin of the files with which Office locks a document

_SHOWN = 200  # characters of a path in a sentence


@dataclass
class _Found:
    files: list[Path] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    repeated: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    unusual: list[Path] = field(default_factory=list)
    locks: list[Path] = field(default_factory=list)


def find_files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files to read, in the order given (folders: recursive, sorted), and what to say about it.

    A file is read once however often it is reached. In a folder, hidden files, files without a
    known suffix and Office's locks are left out (all but the first listed); a file named by the
    user is always read.
    Links are followed wherever they lead, each folder once, so that a loop of links ends. Pipes and
    devices, which may never begin or never end, are no files: left out and listed.
    Raises InputError for a path that doesn't exist and when nothing is left to read.
    """
    if not paths:
        raise InputError("No input: name at least one file or folder with lyrics.")
    found = _Found()
    warnings: list[str] = []
    for path in paths:
        _refuse_unreachable(path)
        if path.is_dir():
            _add_folder(path, found, warnings)
        elif path.is_file():
            _add_file(path, found)
        else:
            raise InputError(
                f"{label_of(path)} is neither a file nor a folder (a pipe or a device); write the "
                "lyrics to a file first."
            )
    warnings += _left_out(found)
    if not found.files:
        raise InputError("; ".join(["No lyric file to read", *warnings]) + ".")
    return found.files, warnings


def _refuse_unreachable(path: Path) -> None:
    """A folder on the way that is closed, a name too long for any file, a NUL in it."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{label_of(path)}: no such file or folder.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{label_of(path)[:200]}: can't be reached ({reason}).") from None


def _left_out(found: _Found) -> list[str]:
    """What to say about the files that are not read, by reason."""
    reasons = (
        (found.skipped, f"not read, because the suffix is none of {' '.join(KNOWN_SUFFIXES)}"),
        (found.locks, "not read, because Office writes them while a document is open"),
        (
            found.unusual,
            "not read, because they are no files (pipes, devices, links to nothing)",
        ),
        (found.repeated, "given more than once, read once"),
    )
    return [
        f"{why}: {listed([label_of(path) for path in paths])}" for paths, why in reasons if paths
    ]


def _add_file(path: Path, found: _Found) -> None:
    real = os.path.realpath(path)
    if real in found.seen:
        found.repeated.append(path)
        return
    found.seen.add(real)
    found.files.append(path)


def _add_folder(folder: Path, found: _Found, warnings: list[str]) -> None:
    before = len(found.files) + len(found.repeated)
    for path in _walk(folder):
        if path.name.startswith(_LOCK):
            found.locks.append(path)
        elif path.suffix.lower() not in KNOWN_SUFFIXES:
            found.skipped.append(path)
        elif path.is_file():
            _add_file(path, found)
        else:
            found.unusual.append(path)
    if len(found.files) + len(found.repeated) == before:
        warnings.append(f"no lyric file in the folder {label_of(folder)}")


def _walk(folder: Path) -> Iterator[Path]:
    """Every file under the folder that isn't hidden, sorted by name within each folder.

    What this program wrote is no input: run folders, and lists of dropped lines. Each folder once,
    by its number on its disk; as deep as the system lets folders lie.
    """
    visited = {_number(folder)}  # a run folder that is named is read
    waiting = [_entries(folder)]
    while waiting:
        path = next(waiting[-1], None)
        if path is None:
            waiting.pop()
        elif _is_folder(path):
            number = _number(path)
            if number is not None and number not in visited:
                visited.add(number)
                waiting.append(_entries(path))
        elif path.name != DROPPED:
            yield path


def _entries(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise InputError(f"{label_of(folder)}: can't be listed ({error.strerror}).") from error
    return iter([path for path in entries if not path.name.startswith(".")])


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what keeps a path from being looked at, its length perhaps, into a sentence."""
    try:
        yield
    except OSError as error:
        shown = label_of(path)
        shown = shown if len(shown) <= _SHOWN else "…" + shown[-_SHOWN:]
        raise InputError(f"{shown}: can't be looked at ({error.strerror}).") from error


def _is_folder(path: Path) -> bool:
    with _explained(path):
        return path.is_dir()


def _number(folder: Path) -> tuple[int, int] | None:
    """The folder's number on its disk; None for a run folder."""
    with _explained(folder):
        if (folder / IDENTITY).exists():
            return None
        known = folder.stat()
        return known.st_dev, known.st_ino
