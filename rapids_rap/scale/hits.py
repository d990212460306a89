"""The lexicon over shards of texts: a text's hits depend on no other text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s
from rapids_rap.backend import load_backend
from rapids_rap.backend.protocol import Backend
from rapids_rap.runs.stages import load_result
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.results import leave_result
from rapids_rap.scale.texts import Task, about, read_texts, shared_folder, write_texts
from rapids_rap.scale.tokens import read_tokens, text_shards, write_tokens
from rapids_rap.scale.workers import check_here, own_facts
from rapids_rap.words.hits import Hits, find_hits
from rapids_rap.words.lexicon import Lexicon
from rapids_rap.words.segment import Tokens


@dataclass(frozen=True)
class ShardHits:
    """`Hits` of a shard, in host memory."""

    counts: Int64s
    spans: pd.DataFrame


def hits_by_shards(
    tokens: Tokens,
    texts: Sequence[str],
    lexicon: Lexicon,
    mode: Literal["occurrence", "presence"],
    negation: Literal["count", "leave out"],
    backend: Backend,
    *,
    executor: Executor,
    beside: Path,
) -> Hits:
    """`words.hits.find_hits` by the executor's workers, to the same hits."""
    shards = text_shards(len(texts))
    if not shards:
        return find_hits(tokens, texts, lexicon, mode, negation, backend)
    wanted = {
        "facts": own_facts(),
        "categories": lexicon.categories,
        "words": lexicon.words,
        "how": [mode, negation],
    }
    with shared_folder(beside) as folder:
        write_tokens(folder / "tokens", tokens)
        tasks = write_texts(folder, texts, [np.arange(*shard) for shard in shards], wanted)
        executor.map(hit_shard, tasks)
        host = load_backend("cpu")
        parts = [load_result(ShardHits, _result(task), host) for task in tasks]
    spans = pd.concat([part.spans for part in parts], ignore_index=True)
    return Hits(backend.from_host(np.concatenate([part.counts for part in parts])), spans)


def hit_shard(task: Task) -> int:
    """Leave the hits of a shard of texts beside them; how many there are."""
    wanted, backend = about(task), load_backend("cpu")
    check_here(wanted["facts"])
    texts, places = read_texts(task)
    lexicon = Lexicon(tuple(wanted["categories"]), tuple(map(tuple, wanted["words"])))
    mode, negation = wanted["how"]
    tokens = read_tokens(Path(task.folder) / "tokens", places).tokens
    # Only its own words are known here; a lexicon word that is cut into others is in no text of it.
    hits = find_hits(tokens, texts, lexicon, mode, negation, backend)
    spans = hits.spans.assign(text_id=hits.spans["text_id"] + int(places[0]))
    leave_result(ShardHits(np.asarray(hits.counts), spans), _result(task))
    return len(spans)


def _result(task: Task) -> Path:
    return Path(task.folder) / f"hits-{task.number}"
