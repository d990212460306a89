"""How large a vector store is, by model, and what of it no kept run uses.

A store is for the next run: a finished one has its vectors in its own folder and loses nothing when
the store does. What "no kept run uses" are the shards none of whose texts are in any run that is
named or lies beside the store; a run elsewhere that shares it pays with time only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rapids_rap.embedding.store import PARTS, SPACE, Ids, hash_texts
from rapids_rap.errors import InputError
from rapids_rap.runs.files import PARTIAL, read_plain
from rapids_rap.runs.folder import being_made
from rapids_rap.runs.names import IDENTITY, MANIFEST
from rapids_rap.runs.outputs import is_run
from rapids_rap.runs.received import load_array
from rapids_rap.runs.run import Run, open_run

SPACE_NAME = re.compile(r"[0-9a-f]{32}")
SHARD_FILE = re.compile(r"(shard-[0-9a-f]{32})\.(json|ids\.npy|vectors\.npy)(\.damaged)?")
STORES = ("store", ".store")  # below a folder of nights, and below a run or a folder of runs


@dataclass(frozen=True)
class Shard:
    """name: its files' beginning. texts, size: how many, and bytes of its files."""

    name: str
    texts: int
    size: int


@dataclass(frozen=True)
class SpaceUse:
    """The vectors of one model and setting.

    model: the name that kept runs know it by, else its fingerprint. used: whether a kept run or one
    that is not finished does. unused: shards that no kept run uses. fresh: those that none uses but
    that are younger than an unfinished run, which may have made them. rest: bytes of damaged and
    half-written files.
    """

    folder: Path
    model: str
    setting: str
    used: bool
    shards: tuple[Shard, ...]
    unused: tuple[Shard, ...]
    fresh: tuple[Shard, ...]
    rest: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(shard.size for shard in self.shards) + self.rest

    @property
    def removable(self) -> int:
        """Bytes that no kept run uses."""
        return sum(shard.size for shard in self.unused) + self.rest


@dataclass(frozen=True)
class StoreUse:
    """A store. runs: finished ones that were asked. unfinished: folders of those that are not.

    A finished run that is made again is both: it is there until the new one takes its place.
    """

    path: Path
    spaces: tuple[SpaceUse, ...]
    runs: tuple[Path, ...]
    unfinished: tuple[Path, ...]


def find_store(folder: Path) -> Path:
    """The store that a folder is or has. Raises `InputError` where there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name a store, or what has one.")
    candidates = [folder / name for name in STORES if (folder / name).is_dir()]
    for candidate in (*candidates, folder):
        if next(_space_folders(candidate), None) is not None or candidate.name in STORES:
            return candidate
    raise InputError(
        f"{folder}: has no vector store. Name the root of the nights, a run, a folder of runs that "
        "share a store, or the store itself."
    )


def examine_store(store: Path, named: Sequence[Path] = ()) -> StoreUse:
    """Sizes and use. named: runs and folders of runs that are kept, beside those around the store.

    Raises `InputError` for a run that can't be read, since it can't be known what that one uses,
    for a named place without one, and where no run is known at all.
    """
    around = [store.parent] if store.name in STORES else []
    found = {place: set(_runs_of(place)) for place in (*named, *around)}
    for place in named:
        if not found[place]:
            raise InputError(
                f"{place}: holds no run. Looked at were {place}, {place}/* and {place}/runs/*, no "
                "links; name a run, or a folder of runs."
            )
    folders = sorted(set().union(*found.values()))
    unfinished = tuple(folder for folder in folders if being_made(folder))
    runs = [open_run(folder) for folder in folders if (folder / MANIFEST).exists()]
    if not folders:
        raise InputError(
            f"{store}: no run lies beside this store, so that it is not known which use it. Name "
            "them, or the folder that holds them, with --runs."
        )
    models = {
        run.manifest["model"].get("space"): str(run.manifest["model"]["name"]) for run in runs
    }
    wanted = _wanted(runs)
    since = min((_began(folder) for folder in unfinished), default=float("inf"))
    spaces = tuple(_examine(folder, models, wanted, since) for folder in _space_folders(store))
    return StoreUse(store, spaces, tuple(run.path for run in runs), unfinished)


def _runs_of(place: Path) -> Iterator[Path]:
    """The runs that a folder is or holds, where nights have them too; no links."""
    if not place.is_dir():
        raise InputError(f"{place}: no such folder of runs.")
    for folder in (place, *_folders(place), *_folders(place / "runs")):
        if is_run(folder):
            yield folder.resolve()


def _folders(place: Path) -> Iterable[Path]:
    if not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.is_symlink())


def _space_folders(store: Path) -> Iterator[Path]:
    for folder in _folders(store):
        if SPACE_NAME.fullmatch(folder.name) and (folder / SPACE).is_file():
            yield folder


def _wanted(runs: Iterable[Run]) -> dict[str, Ids]:
    """By space, the ids of every text of the runs, sorted; "" for runs that name no space."""
    found: dict[str, Ids] = {}
    for run in runs:
        texts = run.line_columns(["text_norm"])["text_norm"].unique().tolist()
        space = run.manifest["model"].get("space") or ""
        found[space] = np.union1d(found.get(space, np.zeros(0, "S16")), hash_texts(texts))
    return found


def _began(run: Path) -> float:
    """By the disk's clock, as the ages of shards are."""
    return (run / IDENTITY).stat().st_mtime


def _examine(
    folder: Path, models: Mapping[str | None, str], wanted: Mapping[str, Ids], since: float
) -> SpaceUse:
    kept = np.union1d(
        wanted.get(folder.name, np.zeros(0, "S16")), wanted.get("", np.zeros(0, "S16"))
    )
    sizes = _sizes(folder)
    whole = [name for name in sizes if all(part in sizes[name] for part in PARTS)]
    shards: list[Shard] = []
    unused: list[Shard] = []
    fresh: list[Shard] = []
    for name in sorted(whole):
        ids = _ids(folder, name)
        shard = Shard(name, len(ids), sum(sizes[name][part] for part in PARTS))
        shards.append(shard)
        if not np.isin(ids, kept).any():
            young = (folder / f"{name}.json").stat().st_mtime >= since
            (fresh if young else unused).append(shard)
    everything = sum(size for parts in sizes.values() for size in parts.values())
    space = _description(folder)
    return SpaceUse(
        folder=folder,
        model=models.get(folder.name) or f"fingerprint {str(space.get('fingerprint', '?'))[:12]}",
        setting=_setting(space),
        used=folder.name in models or since < float("inf"),
        shards=tuple(shards),
        unused=tuple(unused),
        fresh=tuple(fresh),
        rest=everything - sum(shard.size for shard in shards),
    )


def _sizes(folder: Path) -> dict[str, dict[str, int]]:
    """Bytes of a space's files: by shard and part, and under "" what is half written."""
    found: dict[str, dict[str, int]] = {}
    for path in folder.iterdir():
        match = SHARD_FILE.fullmatch(path.name)
        if match:
            part = match[2] + (match[3] or "")
            found.setdefault(match[1], {})[part] = path.lstat().st_size
        elif path.name.endswith(PARTIAL):
            found.setdefault("", {})[path.name] = path.lstat().st_size
    return found


def _ids(folder: Path, name: str) -> Ids:
    try:
        return load_array(folder / f"{name}.ids.npy")["id"]
    except MemoryError:
        raise
    except Exception:  # damaged, as the next opening will find: no run gets anything from it
        return np.zeros(0, "S16")


def _description(folder: Path) -> Mapping[str, object]:
    try:
        found = json.loads(read_plain(folder / SPACE))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _setting(space: Mapping[str, object]) -> str:
    """What tells spaces of one model apart."""
    said = [str(space[name]) for name in ("pooling", "device", "store_dtype") if name in space]
    return ", ".join([*said, *(["a prompt"] if space.get("prompt") else [])])
