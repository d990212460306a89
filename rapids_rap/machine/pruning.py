"""Taking out of a vector store what no kept run uses, beside jobs that may be at work in it.

A space that a job embeds in is left alone (`runs.lock.in_use`), a shard that a worker is making too
(its lease). Commits go first and then what they vouched for, so that a kill at any moment leaves a
store with fewer shards, each of them whole; the rest is swept when it is next opened or pruned.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from rapids_rap.embedding.store import PARTS, SPACE, is_being_made
from rapids_rap.machine.store_use import SHARD_FILE, SpaceUse, StoreUse
from rapids_rap.runs.files import explain_os_errors, sweep_partials, sync_folder
from rapids_rap.runs.lease import is_stale
from rapids_rap.runs.lock import alone_with

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pruned:
    """shards, size: removed, bytes. busy: spaces that were left alone, because a job is at work."""

    shards: int
    size: int
    busy: tuple[Path, ...]


def prune(use: StoreUse, shown: StoreUse) -> Pruned:
    """Remove what no kept run uses. shown: what somebody agreed to, of which none is exceeded.

    Raises `InputError` or `CapabilityError` where something can't be removed.
    """
    agreed = {space.folder: {shard.name for shard in space.unused} for space in shown.spaces}
    shards, size, busy = 0, 0, []
    for space in use.spaces:
        if space.folder not in agreed or not (space.folder / SPACE).exists():  # gone since
            continue
        with explain_os_errors(space.folder), alone_with(space.folder / SPACE) as alone:
            if not alone:
                busy.append(space.folder)
                continue
            removed, freed = _prune_space(space, agreed[space.folder])
            shards, size = shards + removed, size + freed
    return Pruned(shards, size, tuple(busy))


def _prune_space(space: SpaceUse, agreed: Collection[str]) -> tuple[int, int]:
    """How many shards were removed, and how many bytes with all else."""
    folder = space.folder
    gone = [
        shard.name
        for shard in space.unused
        if shard.name in agreed and not is_being_made(folder, shard.name)
    ]
    freed = _remove(folder / f"{name}.{PARTS[0]}" for name in gone)
    sync_folder(folder)
    freed += _remove(folder / f"{name}.{part}" for name in gone for part in PARTS[1:])
    freed += _remove(_leftovers(folder))
    sweep_partials(folder)
    if not space.used and not any(SHARD_FILE.fullmatch(path.name) for path in folder.iterdir()):
        _remove(path for path in folder.glob("shard-*.lease") if is_stale(path))
        _remove([folder / SPACE])
        with contextlib.suppress(OSError):  # something else lies there
            folder.rmdir()
    return len(gone), freed


def _leftovers(folder: Path) -> list[Path]:
    """Damaged files, and parts without a commit that nobody is writing."""
    found = []
    for path in folder.iterdir():
        match = SHARD_FILE.fullmatch(path.name)
        if match is None:
            continue
        # The lease first: whoever makes a shard writes its commit before the lease goes.
        being_made = is_being_made(folder, match[1])
        whole = (folder / f"{match[1]}.{PARTS[0]}").exists()
        if match[3] or not (whole or being_made):
            found.append(path)
    return found


def _remove(paths: Iterable[Path]) -> int:
    """Their bytes; one that is gone already is none."""
    freed = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            size = path.lstat().st_size
            path.unlink()
            freed += size
    return freed
