"""Embedding over shards: workers fill the vector store that the stage then reads.

The plan of the shards is `embed`'s own, and a batch never crosses one, so the store has the bytes
that one process leaves, whoever makes a shard and however often.
"""

from __future__ import annotations

import gc
import json
import platform
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import release_cache
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding.embed import (
    Filled,
    Missing,
    load_encoder,
    plan_missing,
    stored_rows,
    stored_type,
)
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.store import append_shard, hash_texts, lease_of, shard_name
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.lease import leased
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.texts import Task, about, read_texts, shared_folder, write_texts
from rapids_rap.scale.workers import check_here, own_facts

_ONE_AT_A_TIME = threading.Lock()  # a worker of several threads has one encoder


@dataclass(frozen=True)
class Ability:
    """How a worker's encoder runs; all must agree. Fields as `EmbeddingReport`'s.

    arithmetic: the GPU, or the instructions of the CPU, by which the last bits go.
    """

    fingerprint: str
    arithmetic: str
    layout: str
    reason: str
    token_budget: int
    shard_tokens: int


@dataclass(frozen=True)
class Embedded:
    """What a worker did of a shard: tokens, those it computed; nothing where it was done."""

    tokens: int
    computed: int


def fill_store(missing: Missing, executor: Executor) -> Filled:
    """Have the missing texts embedded by the executor's workers (`embed.Fill`).

    Raises `CapabilityError` where workers do not agree or are lost, and what they raise.
    """
    start = time.perf_counter()
    wanted = {
        "embedding": model_anywhere(missing.config).model_dump(mode="json"),
        "backend": missing.backend,
        "store": str(missing.folder.absolute()),
        "facts": own_facts(),
        "fingerprint": missing.spec.fingerprint,
    }
    with shared_folder(missing.folder) as folder:
        write_texts(folder / "ask", [], [], wanted)
        ability = _agreed(
            executor.everywhere(describe_encoder, Task(str(folder / "ask"), 0)), missing
        )
        shards = plan_missing(
            missing.texts,
            missing.ids,
            missing.redo,
            missing.config,
            ability.shard_tokens,
            ability.layout,  # type: ignore[arg-type]
        )
        wanted["way"] = [ability.arithmetic, ability.layout]
        tasks = write_texts(folder, missing.texts, shards, wanted)
        sizes, done = [len(shard) for shard in shards], [0]
        weights = [sum(map(len, map(missing.texts.__getitem__, shard))) for shard in shards]

        def report(place: int) -> None:
            done[0] += sizes[place]
            missing.progress(done[0])

        # The largest first: at the end, when workers have nothing left, they wait for a small one.
        order = sorted(range(len(tasks)), key=lambda place: -weights[place])
        results = executor.map(
            embed_shard, [tasks[place] for place in order], lambda at: report(order[at])
        )
    executor.tell(forget_encoder, None)  # its memory is wanted next
    return Filled(
        tokens=sum(result.tokens for result in results),
        computed=sum(result.computed for result in results),
        seconds=time.perf_counter() - start,
        token_budget=ability.token_budget,
        attention=ability.layout,
        attention_reason=f"{ability.reason}; {len(shards)} shards, {executor.kind}",
    )


def describe_encoder(task: Task) -> Ability:
    """How this worker's encoder runs, loaded now and kept for its shards."""
    wanted = about(task)
    check_here(wanted["facts"])
    encoder = _encoder(json.dumps(wanted["embedding"]), wanted["backend"])
    return Ability(
        encoder.spec.fingerprint,
        _arithmetic(encoder.lane.device),
        encoder.plan.layout,
        encoder.plan.reason,
        encoder.token_budget,
        encoder.lane.shard_tokens,
    )


def embed_shard(task: Task) -> Embedded:
    """Embed and store a shard's texts, unless it is stored or another stores it meanwhile."""
    wanted = about(task)
    texts, _ = read_texts(task)
    ids, store = hash_texts(texts), Path(wanted["store"])
    name = shard_name(ids)
    with leased(lease_of(store, name), (store / f"{name}.json").exists) as mine:
        if not mine:
            return Embedded(0, 0)
        check_here(wanted["facts"])
        config = EmbeddingConfig(**wanted["embedding"])
        encoder = _encoder(json.dumps(wanted["embedding"]), wanted["backend"])
        if encoder.spec.fingerprint != wanted["fingerprint"]:
            raise CapabilityError(
                f"A worker's model {encoder.spec.name} is not that of this run (its fingerprint is "
                f"{encoder.spec.fingerprint[:12]}). Copy the same files to every worker."
            )
        way = [_arithmetic(encoder.lane.device), encoder.plan.layout]
        if way != wanted["way"]:
            raise CapabilityError(
                f"The worker on {platform.node()} joined late and rounds differently "
                f"({', '.join(way)}; the others: {', '.join(wanted['way'])}). Take it away and run "
                "the same command again; a run needs machines of one kind."
            )
        with _ONE_AT_A_TIME:
            tokens = encoder.tokenize(texts)
            out = torch.empty((len(texts), encoder.spec.dim), device=encoder.lane.device)
            norms = encoder.encode_into(tokens, np.arange(len(texts)), out)
            encoder.check(norms.rows, encoder.lane.download(norms.values)())
            vectors = encoder.lane.download(stored_type(out, config))()
        append_shard(store, stored_rows(ids, tokens), vectors)
    return Embedded(len(tokens.ids), norms.computed)


@lru_cache(maxsize=1)
def _encoder(embedding: str, backend: Literal["cpu", "gpu"]) -> Encoder:
    return load_encoder(EmbeddingConfig(**json.loads(embedding)), load_backend(backend))


def forget_encoder(_: object = None) -> None:
    """Give a model's memory back where this process was a worker, the device's too."""
    if _encoder.cache_info().currsize:
        _encoder.cache_clear()
        gc.collect()
        if torch.cuda.is_initialized():
            release_cache()


def _arithmetic(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability()


def model_anywhere(config: EmbeddingConfig) -> EmbeddingConfig:
    """The configuration with the model's folder, if it is one, named from the root."""
    folder = Path(config.model).expanduser()
    return (
        config.model_copy(update={"model": str(folder.absolute())}) if folder.is_dir() else config
    )


def _agreed(answers: dict[str, Ability], missing: Missing) -> Ability:
    """What all workers can do. Raises `CapabilityError` where two differ."""
    if not answers:
        raise CapabilityError("No worker is there any more; start some and run it again.")
    first = next(iter(answers.values()))
    for worker, ability in answers.items():
        if ability.fingerprint != missing.spec.fingerprint:
            raise CapabilityError(f"{worker}: its files of {missing.spec.name} are not those here.")
        if _way(ability) != _way(first):
            ours, theirs = (", ".join(map(str, _way(one))) for one in (ability, first))
            raise CapabilityError(
                f"Workers run {missing.spec.name} differently ({ours} on {worker}, {theirs} on "
                "another), which rounds differently; use machines of one kind."
            )
    return first


def _way(ability: Ability) -> tuple[object, ...]:
    return ability.arithmetic, ability.layout, ability.shard_tokens
