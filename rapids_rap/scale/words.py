"""Segmentation over shards of texts, merged to the tokens of all; the merge is associative."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.backend import load_backend
from rapids_rap.runs.stages import load_result
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.results import leave_result
from rapids_rap.scale.texts import Task, about, read_texts, shared_folder, write_texts
from rapids_rap.scale.workers import check_here, own_facts
from rapids_rap.words.segment import Tokens, segment

SHARD = 100_000  # texts: seconds of work each


def segment_shards(
    texts: Sequence[str], user_words: Iterable[str], executor: Executor, beside: Path
) -> Tokens:
    """`segment`, by the executor's workers, to the same bytes. beside: a folder all of them see."""
    shards = [
        np.arange(first, min(first + SHARD, len(texts))) for first in range(0, len(texts), SHARD)
    ]
    if not shards:
        return segment(texts, user_words)
    wanted = {"words": sorted(set(user_words)), "facts": own_facts()}
    with shared_folder(beside) as folder:
        tasks = write_texts(folder, texts, shards, wanted)
        executor.map(segment_shard, tasks)
        backend = load_backend("cpu")
        return merge_tokens([load_result(Tokens, _result(task), backend) for task in tasks])


def segment_shard(task: Task) -> int:
    """Leave the tokens of a shard beside its texts; the number of them."""
    wanted = about(task)
    check_here(wanted["facts"])
    tokens = segment(read_texts(task)[0], wanted["words"])
    leave_result(tokens, _result(task))
    return len(tokens.ids)


def _result(task: Task) -> Path:
    return Path(task.folder) / f"tokens-{task.number}"


def merge_tokens(parts: Sequence[Tokens]) -> Tokens:
    """The tokens of texts end to end, in the order of the parts (one at least).

    Associative: merged by twos or at once, near or far, parts give the same tokens.
    """
    vocabulary = tuple(sorted({word for part in parts for word in part.vocabulary}))
    place = {word: number for number, word in enumerate(vocabulary)}
    ids = [_table(part, place)[part.ids].astype(np.int32) for part in parts]
    before = np.cumsum([0, *(len(part.ids) for part in parts)])
    offsets = [part.offsets[1:] + start for part, start in zip(parts, before, strict=False)]
    return Tokens(
        vocabulary,
        np.concatenate(ids),
        np.concatenate([np.zeros(1, np.int64), *offsets]),
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.gaps for part in parts]),
    )


def _table(part: Tokens, place: dict[str, int]) -> Int64s:
    """(V,) the place of each word of a part."""
    return np.array([place[word] for word in part.vocabulary], dtype=np.int64)
