"""A manifest that vouches for itself, and for the hidden marker beside it.

`seal` is the SHA-256 of manifest.json's own bytes, with nothing but noughts where it stands, so
that one file changes in one step and no byte of it changes unseen. `marker` is the SHA-256 of
`.run.json`, which a copy may have lost. Manifests of earlier versions have neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rapids_rap.runs.files import json_bytes, read_plain, sha256_file, write_bytes
from rapids_rap.runs.names import IDENTITY, MANIFEST

_NONE = "0" * 64


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write a run's manifest, sealed, whole or not at all; last of all files."""
    marker = folder / IDENTITY
    mark = sha256_file(marker) if marker.exists() else _NONE
    bare = json_bytes({**manifest, "marker": mark, "seal": _NONE})
    seal = hashlib.sha256(bare).hexdigest()
    head, _, tail = bare.rpartition(_NONE.encode())
    write_bytes(folder / MANIFEST, head + seal.encode() + tail)


def seal_faults(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """What of the manifest and its marker is not as it was written, a sentence each."""
    seal, mark = manifest.get("seal"), manifest.get("marker")
    if seal is None and mark is None:
        return []
    try:
        data = read_plain(folder / MANIFEST)
        head, found, tail = data.rpartition(str(seal).encode())
        bare = head + _NONE.encode() + tail
        faults = []
        if not found or hashlib.sha256(bare).hexdigest() != seal:
            faults.append(f"{folder / MANIFEST}: is not as it was written (its seal is broken).")
        marker = folder / IDENTITY
        if marker.exists() and sha256_file(marker) != mark:
            faults.append(f"{marker}: is not as it was written (its SHA-256 is another).")
    except OSError as error:
        return [f"{error.filename}: can't be read ({error.strerror})."]
    return faults


def seal_remarks(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """What can't be vouched for in a whole run, a sentence each."""
    if manifest.get("seal") is None:
        return [
            f"{folder}: was made before manifests were sealed: nothing vouches for {MANIFEST} and "
            f"{IDENTITY}."
        ]
    if not (folder / IDENTITY).exists():
        return [f"{folder}: has lost {IDENTITY} in copying, which only resuming a run needs."]
    return []
