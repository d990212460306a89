"""Terms of clusters over shards: counts by cluster and term are sums; ranked where all are there.

Shards of texts are counted, each count in the file of its key's part; then each part is merged,
where pairs too rare to be listed go. Most pairs of a corpus are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rapids_rap.arrays import Int64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.protocol import Array, Backend, Frame
from rapids_rap.config import TermsConfig
from rapids_rap.runs.files import write_array, write_json
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.keyed import leave_by_key, rows_of_part
from rapids_rap.scale.texts import ABOUT, Task, about, shared_folder
from rapids_rap.scale.tokens import read_tokens, seen, text_shards, write_tokens
from rapids_rap.scale.workers import check_here, own_facts
from rapids_rap.words.segment import Tokens
from rapids_rap.words.terms import Terms, cluster_terms, count_terms, merge_counts, rank_terms

COLUMNS = ("cluster", "key", "count", "text", "last")


def terms_by_shards(
    tokens: Tokens,
    labels: Array,
    weights: Array,
    stop: Sequence[str],
    config: TermsConfig,
    backend: Backend,
    *,
    executor: Executor,
    beside: Path,
) -> Terms:
    """`words.terms.cluster_terms`, counted by the executor's workers, to the same terms."""
    shards = text_shards(len(tokens.offsets) - 1)
    if not shards:
        return cluster_terms(tokens, labels, weights, stop, config, backend)
    with shared_folder(beside) as folder:
        write_tokens(folder / "tokens", tokens)
        write_array(folder / "labels.npy", backend.to_host(labels))
        write_array(folder / "weights.npy", backend.to_host(weights))
        wanted = {
            "facts": own_facts(),
            "shards": shards,
            "words": len(tokens.vocabulary),
            "stop": list(stop),
            "terms": config.model_dump(mode="json"),
        }
        write_json(folder / ABOUT, wanted)
        tasks = [Task(str(folder.absolute()), number) for number in range(len(shards))]
        executor.map(count_shard, tasks)
        executor.map(merge_part, tasks)
        # Not kept here as well: it is the largest table, and ranking goes on with less of it.
        return rank_terms(_all_counts(tasks, backend), tokens, stop, config, backend)


def count_shard(task: Task) -> int:
    """Leave the counts of a shard of texts, in the order of their parts; how many."""
    wanted, folder, backend = about(task), Path(task.folder), load_backend("cpu")
    check_here(wanted["facts"])
    first, last = wanted["shards"][task.number]
    some = read_tokens(folder / "tokens", np.arange(first, last))
    counts = count_terms(
        some.tokens,
        seen(folder / "labels.npy")[first:last].astype(np.int64),
        seen(folder / "weights.npy")[first:last].astype(np.int64),
        wanted["stop"],
        backend,
        pairs=wanted["terms"]["bigrams"],
        least=0,
    )
    rows = counts[list(COLUMNS)].to_numpy(dtype=np.int64)
    rows[:, 1] = some.keys_among_all(rows[:, 1])
    rows[:, 3:] += first  # the texts' numbers among all
    leave_by_key(task, rows, rows[:, 1], len(wanted["shards"]))
    return len(rows)


def merge_part(task: Task) -> int:
    """Leave the counts of a part of the keys over all shards, rare pairs apart; how many."""
    wanted, backend = about(task), load_backend("cpu")
    check_here(wanted["facts"])
    rows = rows_of_part(task, len(wanted["shards"]))
    frame = backend.frames.DataFrame({name: rows[:, i] for i, name in enumerate(COLUMNS)})
    merged = merge_counts([frame], backend)
    total = merged.groupby("key")["count"].transform("sum")
    kept = merged[(merged["key"] < wanted["words"]) | (total >= wanted["terms"]["min_count"])]
    write_array(_merged(task), kept[list(COLUMNS)].to_numpy(dtype=np.int64))
    return len(kept)


def _all_counts(tasks: Sequence[Task], backend: Backend) -> Frame:
    """The counts that `merge_part` left of all parts, as a table by cluster and key.

    A column at a time, from the files: the rows together would be there three times over.
    """
    parts = [seen(_merged(task)) for task in tasks]

    def whole(column: int) -> Int64s:
        return np.concatenate([part[:, column] for part in parts])

    order = np.lexsort((whole(1), whole(0)))
    columns = {name: backend.from_host(whole(i)[order]) for i, name in enumerate(COLUMNS)}
    return backend.frames.DataFrame(columns)


def _merged(task: Task) -> Path:
    return Path(task.folder) / f"merged-{task.number}.npy"
