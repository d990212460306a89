"""A folder of files for other people's use: there whole or not at all, and never over theirs.

Written beside its place and renamed. What this program wrote there before is replaced only while
each file is still as it was written, which a list in the folder vouches for.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from rapids_rap.errors import InputError, RapError
from rapids_rap.runs.files import (
    PARTIAL,
    explain_os_errors,
    files_below,
    json_bytes,
    label_of,
    sha256_file,
    sync_folder,
    write_bytes,
)
from rapids_rap.runs.outputs import check_output_folder
from rapids_rap.runs.run import read_json

LIST = "files.json"  # what is in the folder, with checksums


def check_bundle(
    out: Path, kind: str, reading: tuple[Path, ...] = (), option: str = "--out"
) -> None:
    """Raise `InputError` where a bundle may not be written at `out`.

    kind: what it is, such as "paper". reading: files and folders that the command reads.
    """
    check_output_folder(out, reading)
    with explain_os_errors(out):
        if not os.path.lexists(out):
            return
        if out.is_symlink() or not out.is_dir():
            raise InputError(f"{label_of(out)}: is no folder; {option} names one that is new.")
        if any(out.iterdir()):
            _require_ours(out, kind, option)


def write_bundle(out: Path, kind: str, files: Mapping[str, bytes], option: str = "--out") -> None:
    """Make a folder with these files (relative name, bytes) appear at `out` in one step.

    Raises as `check_bundle` does, and `CapabilityError` on a full disk; then nothing has changed.
    """
    check_bundle(out, kind, option=option)
    place = out.absolute()
    fresh, old = (
        place.with_name(f".{out.name}.{os.getpid()}.{n}{PARTIAL}") for n in ("new", "old")
    )
    listed = {name: sha256(data).hexdigest() for name, data in files.items()}
    with explain_os_errors(out):
        place.parent.mkdir(parents=True, exist_ok=True)
        _sweep_killed(place)
        try:
            fresh.mkdir()
            for name, data in files.items():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                _write(fresh / name, data)
            _write(fresh / LIST, json_bytes({"kind": kind, "files": listed}))
            if place.exists():
                place.rename(old)
            try:
                fresh.rename(place)
            except OSError:
                if old.exists():
                    old.rename(place)
                raise
            sync_folder(place.parent)
        finally:
            for folder in (fresh, old):
                with contextlib.suppress(OSError):
                    shutil.rmtree(folder)


def _write(path: Path, data: bytes) -> None:
    """Write a file of the folder being made; what the system says is raised as it said it.

    For whoever reads it, the folder they named is what has no room, not one that is gone again.
    """
    try:
        write_bytes(path, data)
    except RapError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        raise


def _sweep_killed(place: Path) -> None:
    """Remove what a writer of this folder left that was killed; one that lives is left alone."""
    for partial in place.parent.glob(f".{glob.escape(place.name)}.*.new{PARTIAL}"):
        number = partial.name.removesuffix(f".new{PARTIAL}").rpartition(".")[2]
        if number.isdecimal() and not _lives(int(number)):
            shutil.rmtree(partial, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)  # no signal; only whether one could be sent
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another account's; no number of a process
        return True
    return True


def _require_ours(out: Path, kind: str, option: str) -> None:
    """Raise `InputError` where any file there is not as a bundle of this kind was written."""
    listed: Any = None
    with contextlib.suppress(OSError, ValueError):
        listed = read_json(out / LIST)
    known = listed.get("files") if isinstance(listed, dict) and listed.get("kind") == kind else None
    names = {str(path.relative_to(out)): path for path in files_below(out)}
    choose = f"choose an empty or new folder with {option}."
    if not isinstance(known, dict):
        first = min(names, default=min(path.name for path in out.iterdir()))
        raise InputError(
            f"{label_of(out)}: holds files that are not ours (such as {first}); {choose}"
        )
    for name, path in names.items():
        same = path.is_file() and not path.is_symlink() and sha256_file(path) == known.get(name)
        if name != LIST and not same:
            raise InputError(f"{label_of(path)}: is not as it was written here; {choose}")
