"""Rows that shards leave by key, so that one worker can merge all that there is of a key.

FOLDER/rows-N.npy    (m, columns) int64 of shard N, in the order of their parts: key modulo parts
FOLDER/bounds-N.npy  (parts + 1,) where each part begins
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.runs.files import write_array
from rapids_rap.scale.texts import Task
from rapids_rap.scale.tokens import seen


def leave_by_key(task: Task, rows: Int64s, keys: Int64s, parts: int) -> None:
    """Leave a shard's rows (m, columns) by the part of their keys (m,)."""
    part = keys % parts
    order = np.argsort(part, kind="stable")
    write_array(_path(task.folder, "rows", task.number), rows[order])
    bounds = np.searchsorted(part[order], np.arange(parts + 1))
    write_array(_path(task.folder, "bounds", task.number), bounds)


def rows_of_part(task: Task, shards: int) -> Int64s:
    """(m, columns): what all shards left of the part with the task's number."""
    found = []
    for number in range(shards):
        bounds = seen(_path(task.folder, "bounds", number))
        rows = seen(_path(task.folder, "rows", number))
        found.append(rows[int(bounds[task.number]) : int(bounds[task.number + 1])])
    return np.concatenate(found)


def _path(folder: str, what: str, number: int) -> Path:
    return Path(folder) / f"{what}-{number}.npy"
