"""The embedding stage: distinct texts in, one vector each out, through the vector store.

Texts whose vector is stored are read back; the others are embedded shard by shard and stored as
they come. A shard is a unit of a plan that depends on texts and configuration alone: the missing
texts by (bytes, hash), or in the order of the alphabet where beginnings are shared, cut every
`shard_texts`, or later where a device takes more at a time (`Lane.shard_tokens`). Batches never
cross a shard, so a run that was killed and resumed leaves the same bytes as one that was not.

A kill costs the shard that is being computed and the `UNSTORED` before it; smaller shards also mean
more files and, with equal-length batches, more that are not full. 2,048 lines are seconds of work
on two cores.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from rapids_rap.arrays import HostArray, Int64s
from rapids_rap.backend.failures import explained
from rapids_rap.backend.lanes import Lane, open_lane
from rapids_rap.backend.protocol import DEFAULT_SIZES, Backend, Sizes
from rapids_rap.config import EmbeddingConfig
from rapids_rap.embedding import BatchLayout, EmbeddingReport, Vectors
from rapids_rap.embedding.encoder import Encoder, Norms
from rapids_rap.embedding.forward import shares_beginnings
from rapids_rap.embedding.model import ModelSpec, resolve_model
from rapids_rap.embedding.overlap import BackgroundQueue, one_ahead
from rapids_rap.embedding.packing import TokenBatchIds
from rapids_rap.embedding.store import (
    ROW,
    Ids,
    VectorStore,
    describe_space,
    hash_texts,
    space_folder,
)
from rapids_rap.embedding.trained_on import read_trained_on
from rapids_rap.errors import CapabilityError
from rapids_rap.runs.files import explain_os_errors
from rapids_rap.runs.lock import in_use

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
BYTES_A_TOKEN = 3  # of UTF-8, about: a Chinese character, or less where two make a token
MOST_TIMES = 16  # a shard's vectors are copied at a time, and the shortest texts come first
UNSTORED = 2  # shards that are computed, but not stored yet, at most
TRIES = 3  # at shards that others make and that are damaged when they are read
# What of a `ModelSpec` decides a vector: a store never mixes vectors that differ in one of these.
SPACE_FIELDS = (
    "fingerprint",
    "pooling",
    "causal",
    "prompt",
    "end_token",
    "max_tokens",
    "dtype",
)


@dataclass(frozen=True)
class Missing:
    """Texts whose vectors others are to put into the store: what a `Fill` is given.

    positions: (m,) text_id of each text; ids: (m,) its hash. folder: the shards' folder.
    """

    texts: Sequence[str]
    positions: Int64s
    ids: Ids
    redo: Sequence[Ids]
    config: EmbeddingConfig
    spec: ModelSpec
    folder: Path
    backend: str
    progress: Callable[[int], None]


@dataclass(frozen=True)
class Filled:
    """How others did it; see `EmbeddingReport`. seconds: of the whole."""

    tokens: int
    computed: int
    seconds: float
    token_budget: int
    attention: str
    attention_reason: str


Fill = Callable[[Missing], Filled]


@dataclass
class _Embedding:
    """One call of `embed`: what it was given, what it fills, and what it counts."""

    texts: Sequence[str]
    config: EmbeddingConfig
    spec: ModelSpec
    store: VectorStore
    ids: Ids
    lane: Lane
    rows: torch.Tensor  # the matrix, as torch sees it
    progress: Progress
    embedded: int = 0
    embedded_tokens: int = 0
    computed_tokens: int = 0
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
    sizes: Sizes = DEFAULT_SIZES,
    fill: Fill | None = None,
) -> Vectors:
    """The vectors of distinct texts, in their order. The caller holds the lock of `store_root`.

    `progress` gets (texts done, texts); `sizes` is what else the run will hold; `fill` has the
    missing texts embedded elsewhere, to the same bytes, None does it here. Raises `InputError`
    for an unusable model folder, `CapabilityError` for a model that can't be had or run, and for a
    full disk.
    """
    start = time.perf_counter()
    lane = open_lane(backend.torch_device)
    spec = resolve_model(config, lane.dtype)
    # First, so that a shortage shows at once.
    matrix = backend.allocate_rows(len(texts), spec.dim, sizes)
    space = _space(spec, config, lane)
    with contextlib.ExitStack() as stack:
        with explain_os_errors(space_folder(store_root, space)):
            stack.enter_context(in_use(partial(describe_space, store_root, space)))
        job = _Embedding(
            texts=texts,
            config=config,
            spec=spec,
            store=VectorStore(store_root, space, spec.dim),
            ids=hash_texts(texts),
            lane=lane,
            rows=backend.as_torch(matrix),
            progress=progress or (lambda done, total: None),
        )
        _fill_rows(job, fill, backend.name)
    report = _report(job, time.perf_counter() - start)
    log.info("%d texts: %d embedded, %d reused", report.texts, report.embedded, report.reused)
    return Vectors(matrix, spec.fingerprint, spec.dim, report, read_trained_on(spec.folder))


def _fill_rows(job: _Embedding, fill: Fill | None, backend: str) -> None:
    """Read what is stored, and have the rest embedded and stored."""
    total = len(job.texts)
    with explained(f"What was embedded is in {job.store.folder}: run the same command again."):
        missing = _read_stored(job, np.arange(total))
        job.progress(total - len(missing), total)
        if len(missing):
            _check_disk(job, len(missing))
            if fill is None:
                _embed_missing(job, missing)
                gc.collect()
            else:  # no model was here, whose circles would have to be looked for
                _have_embedded(job, missing, fill, backend)
            job.lane.release()


def load_encoder(config: EmbeddingConfig, backend: Backend, *, download: bool = True) -> Encoder:
    """The stage's encoder, for a few texts: `encode(texts)` gives what the stage would store.

    download: whether the network may be asked for a named model that is not on this machine.
    """
    lane = open_lane(backend.torch_device)
    spec = resolve_model(config, lane.dtype, download=download)
    return Encoder(spec, lane, config.attention, config.token_budget)


def _space(spec: ModelSpec, config: EmbeddingConfig, lane: Lane) -> dict[str, object]:
    settings = asdict(spec)
    # Devices round differently, and a layout makes much of the last bit.
    own = {"store_dtype": config.store_dtype, "device": lane.device.type}
    # Another order of sums; vectors that were made before there was one keep their space.
    way = {"beginnings": "once"} if shares_beginnings(spec, lane, config.attention) else {}
    return {name: settings[name] for name in SPACE_FIELDS} | own | way


def _read_stored(job: _Embedding, asked: Int64s) -> Int64s:
    """Fill those rows of `asked` that are stored; return the positions that are not."""
    found = np.zeros(len(asked), dtype=bool)
    for places, rows, vectors in job.store.gather(job.ids[asked]):
        where, stored = job.lane.upload(asked[places], vectors)
        job.rows[where] = _restored(stored)
        found[places] = True
        job.tokens += int(rows["tokens"].sum())
        job.truncated += int(rows["truncated"].sum())
    return asked[~found]


def _have_embedded(job: _Embedding, missing: Int64s, fill: Fill, backend: str) -> None:
    """Have the missing texts embedded by others, and read what they stored."""
    total, left = len(job.texts), missing
    for _ in range(TRIES):
        before = total - len(left)

        def report(done: int, before: int = before) -> None:
            job.progress(before + done, total)

        filled = fill(
            Missing(
                texts=[job.texts[i] for i in left],
                positions=left,
                ids=job.ids[left],
                redo=job.store.redo,
                config=job.config,
                spec=job.spec,
                folder=job.store.folder,
                backend=backend,
                progress=report,
            )
        )
        job.embedded_tokens += filled.tokens
        job.computed_tokens += filled.computed
        job.encode_seconds += filled.seconds
        job.token_budget = filled.token_budget
        job.attention, job.attention_reason = filled.attention, filled.attention_reason
        damaged, job.store = job.store.damaged, job.store.reopened()
        job.store.damaged += damaged
        left = _read_stored(job, left)
        if not len(left):
            job.embedded = len(missing)
            return
    raise CapabilityError(
        f"{job.store.folder}: {len(left)} texts were embedded {TRIES} times and can't be read "
        "back. Something else writes there, or the shared disk does not keep what is written."
    )


def _embed_missing(job: _Embedding, missing: Int64s) -> None:
    """Embed and store the missing texts, shard by shard, three at a time in three states.

    While one shard is computed, the next is tokenized and the last ones are copied and written.
    """
    config = job.config
    encoder = Encoder(job.spec, job.lane, config.attention, config.token_budget)
    start = time.perf_counter()
    plan = plan_missing(
        [job.texts[i] for i in missing],
        job.ids[missing],
        job.store.redo,
        config,
        job.lane.shard_tokens,
        encoder.plan.layout,
    )
    shards = [missing[unit] for unit in plan]
    total = len(job.texts)
    done = total - len(missing)

    def tokenize(shard: Int64s) -> TokenBatchIds:
        return encoder.tokenize([job.texts[i] for i in shard])

    with one_ahead(tokenize, shards) as tokenized, BackgroundQueue(UNSTORED) as stored:
        for shard, tokens in zip(shards, tokenized, strict=True):

            def report(in_shard: int, before: int = done) -> None:
                job.progress(before + in_shard, total)

            norms = encoder.encode_into(tokens, shard, job.rows, report)
            stored.put(_storing(job, encoder, shard, tokens, norms))
            done += len(shard)
            job.embedded_tokens += len(tokens.ids)
            job.computed_tokens += norms.computed
            job.truncated += int(tokens.truncated.sum())
    job.encode_seconds = time.perf_counter() - start
    job.embedded = len(missing)
    job.tokens += job.embedded_tokens
    job.token_budget = encoder.token_budget
    job.attention, job.attention_reason = encoder.plan.layout, encoder.plan.reason


def plan_missing(
    texts: Sequence[str],
    ids: Ids,
    redo: Sequence[Ids],
    config: EmbeddingConfig,
    shard_tokens: int,
    layout: BatchLayout,
) -> list[Int64s]:
    """Positions of the missing texts, shard by shard, as batches of this layout want them."""
    sizes = np.array([len(text.encode()) for text in texts], dtype=np.int64)
    order = None
    if layout == "trie":  # neighbours in the order of the alphabet begin alike
        order = np.array(sorted(range(len(texts)), key=texts.__getitem__))
    return plan_shards(ids, sizes, redo, config.shard_texts, shard_tokens, order)


def plan_shards(
    ids: Ids,
    sizes: Int64s,
    redo: Sequence[Ids],
    shard_texts: int,
    shard_tokens: int = 0,
    order: Int64s | None = None,
) -> list[Int64s]:
    """Positions of the missing texts, shard by shard, in `order`; None: ascending in (size, id).

    A shard ends when it has `shard_texts` texts and, as their bytes tell, `shard_tokens` tokens,
    but at `MOST_TIMES` as many texts.

    ids, sizes: (m,) of the missing texts, sizes in bytes of UTF-8: what is known of their lengths
    before they are tokenized. `redo` are the ids of damaged shards: one whose texts are all missing
    here is made anew as it was, however it was planned, so that it gets its old bytes.
    """
    order = np.lexsort((ids, sizes)) if order is None else order
    by_id = np.argsort(ids, kind="stable")
    free = np.ones(len(ids), dtype=bool)
    shards: list[Int64s] = []
    for unit in redo:
        place = by_id[np.minimum(np.searchsorted(ids[by_id], unit), len(ids) - 1)]
        if bool((ids[place] == unit).all()) and bool(free[place].all()):
            shards.append(place)
            free[place] = False
    rest = order[free[order]]
    return shards + _cut(rest, sizes[rest], shard_texts, shard_tokens * BYTES_A_TOKEN)


def _cut(rest: Int64s, sizes: Int64s, texts: int, size: int) -> list[Int64s]:
    """`rest` in pieces of so many texts, or of up to `MOST_TIMES` as many until they have `size`.

    sizes: of each, in bytes; size: of a piece.
    """
    until = np.cumsum(sizes)
    pieces, start = [], 0
    while start < len(rest):
        filled = int(np.searchsorted(until, until[start] - sizes[start] + size)) + 1
        stop = min(max(start + texts, filled if size else 0), start + MOST_TIMES * texts)
        pieces.append(rest[start:stop])
        start = stop
    return pieces


def _storing(
    job: _Embedding, encoder: Encoder, shard: Int64s, tokens: TokenBatchIds, norms: Norms
) -> Callable[[], None]:
    """Start to copy a shard's vectors to the host; the result waits for them and stores them.

    Rounds the matrix rows to what is stored, so that a resumed run sees the same.
    """
    (where,) = job.lane.upload(shard)
    vectors = stored_type(job.rows[where], job.config)
    if vectors.dtype != job.rows.dtype:
        job.rows[where] = _restored(vectors)
    values, lengths = job.lane.download(vectors), job.lane.download(norms.values)
    rows = stored_rows(job.ids[shard], tokens)

    def store() -> None:
        encoder.check(norms.rows, lengths())
        job.store.append(rows, values())

    return store


def stored_type(vectors: torch.Tensor, config: EmbeddingConfig) -> torch.Tensor:
    """Vectors as they are stored."""
    return vectors.to(getattr(torch, config.store_dtype))


def stored_rows(ids: Ids, tokens: TokenBatchIds) -> HostArray:
    """(m,) of `ROW`: what is stored of the texts beside their vectors."""
    rows: HostArray = np.empty(len(ids), dtype=ROW)
    rows["id"] = ids
    rows["tokens"] = tokens.lengths
    rows["truncated"] = tokens.truncated
    return rows


def _restored(vectors: torch.Tensor) -> torch.Tensor:
    """Stored vectors as float32 of length 1 again."""
    if vectors.dtype == torch.float32:
        return vectors
    return torch.nn.functional.normalize(vectors.float(), dim=1)


def _check_disk(job: _Embedding, missing: int) -> None:
    """Say before the work, rather than after hours of it, that the disk can't hold the result."""
    row = job.spec.dim * np.dtype(job.config.store_dtype).itemsize + ROW.itemsize
    free = shutil.disk_usage(job.store.folder).free
    if free < missing * row:
        raise CapabilityError(
            f"{job.store.folder}: the vectors of {missing} texts take {missing * row} bytes and "
            f"{free} are free. Free some space, point embedding.store elsewhere, or set "
            "embedding.store_dtype=float16."
        )


def _report(job: _Embedding, seconds: float) -> EmbeddingReport:
    spec = job.spec
    rate = job.embedded_tokens / job.encode_seconds if job.encode_seconds else 0.0
    return EmbeddingReport(
        model=spec.name,
        origin=spec.origin,
        fingerprint=spec.fingerprint,
        space=job.store.folder.name,
        device=str(job.rows.device),
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
        embedded_tokens=job.embedded_tokens,
        computed_tokens=job.computed_tokens,
        truncated=job.truncated,
        token_budget=job.token_budget,
        seconds=round(seconds, 3),
        tokens_per_second=round(rate, 1),
    )
