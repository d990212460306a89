"""The embedding stage: distinct texts in, one vector each out, through the vector store.

Texts whose vector is stored are read back; the others are embedded shard by shard and stored as
they come. A shard is a unit of a plan that depends on texts and configuration alone: the missing
texts by (token length, hash), cut every `shard_texts`. Batches never cross a shard, so a run that
was killed and resumed leaves the same bytes as one that was not.

`shard_texts` is what a kill can cost; smaller shards also mean more files and, with equal-length
batches, more that are not full. 2,048 lines are seconds of work on two cores.
"""

from __future__ import annotations

import gc
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from rapids_rap.backend import Backend
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding import EmbeddingReport, Vectors
from rapids_rap.embedding.encoder import Encoder, release
from rapids_rap.embedding.model import ModelSpec, resolve_model
from rapids_rap.embedding.packing import Int64, Tokens
from rapids_rap.embedding.store import ROW, Ids, Rows, VectorStore, hash_texts
from rapids_rap.errors import CapabilityError

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
# What of a `ModelSpec` decides a vector: a store never mixes vectors that differ in one of these.
SPACE_FIELDS = (
    "fingerprint", "pooling", "causal", "prompt", "end_token", "max_tokens", "dtype",
)  # fmt: skip


@dataclass
class _Job:
    """One call of `embed`: what it was given, what it fills, and what it counts."""

    texts: Sequence[str]
    config: EmbeddingConfig
    spec: ModelSpec
    store: VectorStore
    ids: Ids
    matrix: torch.Tensor
    progress: Progress
    embedded: int = 0
    embedded_tokens: int = 0
    encode_seconds: float = 0.0
    tokens: int = 0
    truncated: int = 0
    token_budget: int = 0
    attention: str = "none"
    attention_reason: str = "every text was found in the vector store"


def embed(
    texts: Sequence[str],
    config: EmbeddingConfig,
    backend: Backend,
    store_root: Path,
    progress: Progress | None = None,
) -> Vectors:
    """The vectors of distinct texts, in their order. The caller holds the lock of `store_root`.

    `progress` gets (texts done, texts). Raises `InputError` for an unusable model folder,
    `CapabilityError` for a model that can't be had or run, and for a full disk.
    """
    start = time.perf_counter()
    device = torch.device(backend.torch_device)
    spec = resolve_model(config, device)
    job = _Job(
        texts=texts,
        config=config,
        spec=spec,
        store=VectorStore(store_root, _space(spec, config)),
        ids=hash_texts(texts),
        # Allocated before the model, so that a shortage of memory shows at once.
        matrix=torch.empty((len(texts), spec.dim), dtype=torch.float32, device=device),
        progress=progress or (lambda done, total: None),
    )
    missing = _read_stored(job)
    job.progress(len(texts) - len(missing), len(texts))
    if len(missing):
        _check_disk(job, len(missing))
        _embed_missing(job, missing)
        gc.collect()
        release(device)
    report = _report(job, time.perf_counter() - start)
    log.info("%d texts: %d embedded, %d reused", report.texts, report.embedded, report.reused)
    return Vectors(backend.xp.from_dlpack(job.matrix), spec.fingerprint, spec.dim, report)


def load_encoder(config: EmbeddingConfig, backend: Backend) -> Encoder:
    """The stage's encoder, for a few texts: `encode(texts)` gives what the stage would store."""
    device = torch.device(backend.torch_device)
    return Encoder(resolve_model(config, device), device, config.attention, config.token_budget)


def _space(spec: ModelSpec, config: EmbeddingConfig) -> dict[str, object]:
    settings = asdict(spec)
    return {name: settings[name] for name in SPACE_FIELDS} | {"store_dtype": config.store_dtype}


def _read_stored(job: _Job) -> Int64:
    """Fill the rows that are stored; return the positions that are not."""
    found = np.zeros(len(job.ids), dtype=bool)
    for positions, rows, vectors in job.store.gather(job.ids):
        where = torch.from_numpy(positions).to(job.matrix.device)
        job.matrix[where] = _restore(vectors, job.matrix.device)
        found[positions] = True
        job.tokens += int(rows["tokens"].sum())
        job.truncated += int(rows["truncated"].sum())
    return np.flatnonzero(~found)


def _embed_missing(job: _Job, missing: Int64) -> None:
    """Embed and store the missing texts, shard by shard."""
    config = job.config
    encoder = Encoder(job.spec, job.matrix.device, config.attention, config.token_budget)
    start = time.perf_counter()
    tokens = encoder.tokenize([job.texts[i] for i in missing])
    total = len(job.texts)
    done = total - len(missing)
    for shard in plan_shards(job.ids[missing], tokens.lengths, job.store.redo, config.shard_texts):

        def report(in_shard: int, before: int = done) -> None:
            job.progress(before + in_shard, total)

        encoder.encode_into(tokens, shard, missing[shard], job.matrix, report)
        _store_shard(job, tokens, shard, missing[shard])
        done += len(shard)
    job.encode_seconds = time.perf_counter() - start
    job.embedded, job.embedded_tokens = len(missing), len(tokens.ids)
    job.tokens += len(tokens.ids)
    job.truncated += int(tokens.truncated.sum())
    job.token_budget = encoder.token_budget
    job.attention, job.attention_reason = encoder.plan.layout, encoder.plan.reason


def plan_shards(ids: Ids, lengths: Int64, redo: Sequence[Ids], shard_texts: int) -> list[Int64]:
    """Positions of the missing texts, shard by shard, each ascending in (token length, id).

    ids, lengths: (m,) of the missing texts. `redo` are the ids of damaged shards: one whose texts
    are all missing here is made anew as it was, so that it gets its old bytes.
    """
    order = np.lexsort((ids, lengths))
    by_id = np.argsort(ids, kind="stable")
    free = np.ones(len(ids), dtype=bool)
    shards: list[Int64] = []
    for unit in redo:
        place = by_id[np.minimum(np.searchsorted(ids[by_id], unit), len(ids) - 1)]
        if bool((ids[place] == unit).all()) and bool(free[place].all()):
            shards.append(place)
            free[place] = False
    rest = order[free[order]]
    return shards + [rest[i : i + shard_texts] for i in range(0, len(rest), shard_texts)]


def _store_shard(job: _Job, tokens: Tokens, shard: Int64, positions: Int64) -> None:
    """Append a shard. Rounds its matrix rows to what is stored, so a resumed run sees the same."""
    rows: Rows = np.empty(len(shard), dtype=ROW)
    rows["id"] = job.ids[positions]
    rows["tokens"] = tokens.lengths[shard]
    rows["truncated"] = tokens.truncated[shard]
    where = torch.from_numpy(positions).to(job.matrix.device)
    vectors = job.matrix[where].cpu().numpy().astype(job.config.store_dtype)
    job.store.append(rows, vectors)
    job.matrix[where] = _restore(vectors, job.matrix.device)


def _restore(vectors: npt.NDArray[np.floating], device: torch.device) -> torch.Tensor:
    """Stored vectors as float32 of length 1 again, on the device."""
    restored = torch.from_numpy(vectors).to(device)
    if restored.dtype == torch.float32:
        return restored
    return torch.nn.functional.normalize(restored.float(), dim=1)


def _check_disk(job: _Job, missing: int) -> None:
    """Say before the work, rather than after hours of it, that the disk can't hold the result."""
    row = job.spec.dim * np.dtype(job.config.store_dtype).itemsize + ROW.itemsize
    free = shutil.disk_usage(job.store.folder).free
    if free < missing * row:
        raise CapabilityError(
            f"{job.store.folder}: the vectors of {missing} texts take {missing * row} bytes and "
            f"{free} are free. Free some space, point embedding.store elsewhere, or set "
            "embedding.store_dtype=float16."
        )


def _report(job: _Job, seconds: float) -> EmbeddingReport:
    spec = job.spec
    rate = job.embedded_tokens / job.encode_seconds if job.encode_seconds else 0.0
    return EmbeddingReport(
        model=spec.name,
        fingerprint=spec.fingerprint,
        space=job.store.folder.name,
        device=str(job.matrix.device),
        dtype=spec.dtype,
        attention=job.attention,
        attention_reason=job.attention_reason,
        pooling=spec.pooling,
        pooling_source=spec.pooling_source,
        causal=spec.causal,
        causal_source=spec.causal_source,
        prompt=spec.prompt,
        prompt_source=spec.prompt_source,
        end_token=spec.end_token,
        max_tokens=spec.max_tokens,
        texts=len(job.texts),
        embedded=job.embedded,
        reused=len(job.texts) - job.embedded,
        damaged_shards=job.store.damaged,
        tokens=job.tokens,
        truncated=job.truncated,
        token_budget=job.token_budget,
        seconds=round(seconds, 3),
        tokens_per_second=round(rate, 1),
    )
