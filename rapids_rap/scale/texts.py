"""Texts for workers: written once where all of them see it, read shard by shard.

FOLDER/texts.npy    (bytes,) uint8, UTF-8, end to end, in the order of the shards
FOLDER/offsets.npy  (m + 1,) int64, where each text begins and the last one ends
FOLDER/bounds.npy   (shards + 1,) int64, the texts of each shard
FOLDER/about.json   what the workers must know beside them; written last
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rapids_rap.arrays import HostArray, Int64s
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.files import PARTIAL, explain_os_errors, write_array, write_json
from rapids_rap.runs.received import load_array
from rapids_rap.runs.run import read_json

ABOUT = "about.json"


@dataclass(frozen=True)
class Task:
    """A shard of a folder of texts: all that a worker is sent. folder: absolute."""

    folder: str
    number: int


def write_texts(
    folder: Path,
    texts: Sequence[str],
    shards: Sequence[Int64s],
    about: Mapping[str, Any],
) -> list[Task]:
    """Write the texts of all shards, each the positions of its texts, and give a task for each."""
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # By shards: the bytes of all texts, each an object, would be several times as large.
    parts = [joined([texts[place] for place in shard.tolist()]) for shard in shards]
    sizes = [np.diff(offsets) for _, offsets in parts]
    data = np.concatenate([np.zeros(0, np.uint8), *(data for data, _ in parts)])
    del parts
    write_array(folder / "texts.npy", data)
    write_array(folder / "offsets.npy", np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes])))
    bounds = np.cumsum([0, *map(len, shards)]).astype(np.int64)
    write_array(folder / "bounds.npy", bounds)
    write_json(folder / ABOUT, dict(about))
    return [Task(str(folder.absolute()), number) for number in range(len(shards))]


def joined(texts: Sequence[str]) -> tuple[HostArray, Int64s]:
    """Texts end to end in UTF-8, (bytes,) uint8; (n + 1,) where each begins and the last ends."""
    array = pa.array(texts, pa.large_string())
    _, edges, data = array.buffers()
    offsets = np.frombuffer(edges, dtype=np.int64)[: len(texts) + 1] if texts else np.zeros(1, int)
    return np.frombuffer(data or b"", dtype=np.uint8)[: int(offsets[-1])], offsets.astype(np.int64)


def read_texts(task: Task) -> tuple[list[str], Int64s]:
    """The texts of a shard, and their places in the order of all shards.

    Raises `CapabilityError` where this worker does not see the folder.
    """
    folder = Path(task.folder)
    about(task)
    bounds = load_array(folder / "bounds.npy")
    first, last = int(bounds[task.number]), int(bounds[task.number + 1])
    # Of both no more than this shard's: read whole for each, they would cost the square.
    offsets, data = (
        np.load(folder / name, mmap_mode="r", allow_pickle=False)
        for name in ("offsets.npy", "texts.npy")
    )
    edges = np.asarray(offsets[first : last + 1])
    own = bytes(data[int(edges[0]) : int(edges[-1])])
    texts = [own[a:b].decode() for a, b in pairwise((edges - edges[0]).tolist())]
    return texts, np.arange(first, last)


def about(task: Task) -> dict[str, Any]:
    """What the workers must know. Raises `CapabilityError` where it can't be seen from here."""
    try:
        return read_json(Path(task.folder) / ABOUT)
    except (OSError, ValueError) as error:
        raise CapabilityError(
            f"{task.folder}: this worker does not see it ({error}). The run folder and the vector "
            "store must lie on storage that all workers reach by the same path."
        ) from error


@contextlib.contextmanager
def shared_folder(beside: Path) -> Iterator[Path]:
    """A folder for one stage's exchange with its workers, gone afterwards.

    Its name is that of a file in the making, so that the next run sweeps what a kill left.
    """
    # Absolute, for a worker's own folder may be another.
    folder = beside.absolute() / f".shards-{secrets.token_hex(6)}{PARTIAL}"
    with explain_os_errors(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
