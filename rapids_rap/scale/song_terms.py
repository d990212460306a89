"""Song times term over shards of songs: sparse sums.

First how many units of songs have each term, which says which terms count at all; then those terms
in each (song, text) pair, shards end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, load_npz, save_npz, vstack

from rapids_rap.arrays import Int64s
from rapids_rap.quality.keyness import LABEL_SONGS, SongTerms, counts_by_text, song_terms
from rapids_rap.quality.profiles import Profiles
from rapids_rap.runs.files import write_array, write_json, write_whole
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.keyed import leave_by_key, rows_of_part
from rapids_rap.scale.texts import ABOUT, Task, about, shared_folder
from rapids_rap.scale.tokens import SHARD, read_tokens, seen, write_tokens
from rapids_rap.scale.workers import check_here, own_facts
from rapids_rap.words.segment import Tokens
from rapids_rap.words.terms import content_terms


def song_terms_by_shards(
    tokens: Tokens,
    keys: Int64s,
    profiles: Profiles,
    stop: Sequence[str],
    *,
    executor: Executor,
    beside: Path,
) -> SongTerms:
    """`quality.keyness.song_terms` by the executor's workers, to the same counts."""
    shards = cut_units(profiles.units, SHARD)
    if not shards:
        return song_terms(tokens, keys, profiles, stop)
    with shared_folder(beside) as folder:
        write_tokens(folder / "tokens", tokens)
        write_array(folder / "texts.npy", profiles.texts)
        write_array(folder / "units.npy", profiles.units)
        write_array(folder / "listed.npy", np.unique(keys))
        write_json(folder / ABOUT, {"facts": own_facts(), "shards": shards, "stop": list(stop)})
        tasks = [Task(str(folder.absolute()), number) for number in range(len(shards))]
        executor.map(count_units, tasks)
        executor.map(merge_units, tasks)
        known = np.concatenate([seen(_path(task, "units")) for task in tasks])
        known = known[np.argsort(known[:, 0])]
        write_array(folder / "names.npy", known[:, 0].copy())
        executor.map(count_pairs, tasks)
        counts = vstack([load_npz(_path(task, "pairs")) for task in tasks], format="csr")
    return SongTerms(csr_matrix(counts), known[:, 0].copy(), known[:, 1].copy())


def cut_units(units: Int64s, size: int) -> list[tuple[int, int]]:
    """(first, behind the last) pair of shards of about so many, no unit of songs in two."""
    begins = np.flatnonzero(np.diff(units, prepend=-1, append=-1))
    edges = [0]
    while edges[-1] < len(units):
        at = np.searchsorted(begins, min(edges[-1] + size, len(units)))
        edges.append(int(begins[at]))
    return list(pairwise(edges))


def count_units(task: Task) -> int:
    """Leave how many units of a shard have each term, by the term's key; how many terms."""
    wanted, folder = about(task), Path(task.folder)
    check_here(wanted["facts"])
    first, last = wanted["shards"][task.number]
    some = read_tokens(folder / "tokens", np.asarray(seen(folder / "texts.npy")[first:last]))
    listed = np.asarray(seen(folder / "listed.npy"))
    text, key = content_terms(some.tokens, ())
    key = some.keys_among_all(key)
    content = some.keys_among_all(content_terms(some.tokens, wanted["stop"])[1])
    names = np.unique(np.concatenate([content, listed]))
    known = np.isin(key, names)
    unit = np.asarray(seen(folder / "units.npy")[first:last])[text[known]]
    pairs = pd.DataFrame({"key": key[known], "unit": unit}).drop_duplicates()
    keys, units = np.unique(pairs["key"].to_numpy(dtype=np.int64), return_counts=True)
    leave_by_key(task, np.stack([keys, units], axis=1), keys, len(wanted["shards"]))
    return len(keys)


def merge_units(task: Task) -> int:
    """Leave the terms of a part that count, and how many units have each; how many terms."""
    wanted, folder = about(task), Path(task.folder)
    check_here(wanted["facts"])
    shards = len(wanted["shards"])
    rows = rows_of_part(task, shards)
    listed = np.asarray(seen(folder / "listed.npy"))
    own = listed[listed % shards == task.number]  # no song may have one that is listed
    keys, at = np.unique(np.concatenate([rows[:, 0], own]), return_inverse=True)
    units = np.bincount(at[: len(rows)], rows[:, 1], minlength=len(keys)).astype(np.int64)
    kept = (units >= LABEL_SONGS) | np.isin(keys, own)
    write_array(_path(task, "units"), np.stack([keys[kept], units[kept]], axis=1))
    return int(kept.sum())


def count_pairs(task: Task) -> int:
    """Leave the terms that count of each pair of a shard; how many pairs."""
    wanted, folder = about(task), Path(task.folder)
    check_here(wanted["facts"])
    first, last = wanted["shards"][task.number]
    some = read_tokens(folder / "tokens", np.asarray(seen(folder / "texts.npy")[first:last]))
    text, key = content_terms(some.tokens, ())
    names = np.asarray(seen(folder / "names.npy"))
    counts = counts_by_text(text, some.keys_among_all(key), names, last - first)
    write_whole(_path(task, "pairs"), lambda file: save_npz(file, counts, compressed=False))
    return int(last - first)


def _path(task: Task, what: str) -> Path:
    return Path(task.folder) / f"{what}-{task.number}.{'npz' if what == 'pairs' else 'npy'}"
