"""Some files of a finished run replaced by others: all of them or none, whenever it is stopped.

The new files are written into a folder of their own, and then a document that lists them; from
there on the rest is renaming, which whoever comes next can end. The manifest comes last.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rapids_rap import stopping
from rapids_rap.errors import InputError
from rapids_rap.runs.files import (
    explain_os_errors,
    sha256_file,
    sync_folder,
    write_bytes,
    write_json,
)
from rapids_rap.runs.names import MANIFEST, MAPS, OWN_FILES, PENDING
from rapids_rap.runs.run import read_json
from rapids_rap.runs.seal import write_manifest

_LIST = "list.json"
_RECORDS = {"stability", "people", "names"}  # in the manifest, of the commands that add to a run
_REPLACED = (*(name for name in OWN_FILES if name != MANIFEST), *(f"maps/{name}" for name in MAPS))


def replace_files(path: Path, files: Mapping[str, bytes], record: Mapping[str, Any]) -> None:
    """Put these files into the run at `path`, whose lock is held, and `record` into its manifest.

    A file that is new to the run is added. Raises `InputError` or `CapabilityError` where they
    can't be written; the run is then as it was.
    """
    folder = path / PENDING
    shutil.rmtree(folder, ignore_errors=True)
    _require_own_places(path, files)
    try:
        with explain_os_errors(folder):
            folder.mkdir()
        for name, data in files.items():
            write_bytes(_waiting(folder, name), data)
        entries = {name: _entry(_waiting(folder, name)) for name in files}
        with stopping.held():
            write_json(folder / _LIST, {"files": entries, "record": dict(record)})
            finish_replacing(path)
    except BaseException:
        if not was_interrupted(path):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def was_interrupted(path: Path) -> bool:
    """Whether files of the run at `path` were being replaced when somebody was stopped."""
    return os.path.lexists(path / PENDING / _LIST)


def finish_replacing(path: Path) -> bool:
    """End what an interrupted `replace_files` had begun; whether there was anything to end.

    Nothing but files that runs have is moved, and only those that are as they were written: a run
    may come from elsewhere. Raises `InputError` for anything else.
    """
    if not was_interrupted(path):
        return False
    folder = path / PENDING
    listed = _read_list(folder)
    _require_own_places(path, listed["files"])
    with explain_os_errors(path):
        for name, entry in listed["files"].items():
            new, old = _waiting(folder, name), path / name
            if os.path.lexists(new):
                _require_written(new, entry)
                new.replace(old)
            elif _entry(old) != entry:
                raise InputError(f"{new}: is missing; take {folder} away and verify the run.")
        for place in {(path / name).parent for name in (*listed["files"], MANIFEST)}:
            sync_folder(place)
    manifest = read_json(path / MANIFEST)
    files = dict(sorted({**manifest["files"], **listed["files"]}.items()))
    write_manifest(path, {**manifest, **listed["record"], "files": files})
    (folder / _LIST).unlink()
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _read_list(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        listed = read_json(folder / _LIST)
        files, record = listed["files"], listed["record"]
        own = files.keys() <= set(_REPLACED) and record.keys() <= _RECORDS
        if own and not folder.is_symlink():
            return {"files": files, "record": record}
    raise InputError(f"{folder}: holds something that no run does; take it away.")


def _waiting(folder: Path, name: str) -> Path:
    """Where a file waits: beside the others, for a folder within could lead elsewhere."""
    return folder / name.replace("/", "-")


def _require_own_places(path: Path, names: Iterable[str]) -> None:
    """Raise `InputError` where a folder of the run is none, or a link to one elsewhere."""
    for place in sorted({(path / name).parent for name in names} - {path}):
        if place.is_symlink() or not place.is_dir():
            raise InputError(f"{place}: is no folder of the run; take it away and run again.")


def _require_written(file: Path, entry: Mapping[str, Any]) -> None:
    if not stat.S_ISREG(file.lstat().st_mode) or _entry(file) != entry:
        raise InputError(f"{file}: is not as it was written; take {file.parent} away.")


def _entry(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": sha256_file(file)}
