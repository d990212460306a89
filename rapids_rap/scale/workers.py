"""What a worker must have, asked of each before any work, and of one that joins with its shard."""

from __future__ import annotations

import json
import platform
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import open_lane
from rapids_rap.config import EmbeddingConfig, MapsConfig
from rapids_rap.embedding.model import resolve_model
from rapids_rap.errors import CapabilityError, RapError
from rapids_rap.machine.versions import installed_version, shaping_versions
from rapids_rap.maps.fonts import font_path
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.texts import Task, about, write_texts

SHOWN = 5  # differences that a message names
ROUNDING = ("torch", "transformers", "tokenizers", "pandas", "pyarrow")


def own_facts() -> dict[str, str]:
    """What decides a worker's bytes beside its task: versions, and the kind of machine."""
    more = {name: installed_version(name) for name in ROUNDING}
    machine = {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "machine": platform.machine(),
    }
    return shaping_versions() | more | machine


def check_workers(
    executor: Executor,
    folder: Path,
    embedding: EmbeddingConfig,
    maps: MapsConfig,
    backend: str,
    fingerprint: str,
) -> None:
    """Raise `CapabilityError` naming each worker that lacks what this run needs, before any work.

    folder: where this run and its workers meet. fingerprint: of the model here.
    """
    wanted = {
        "embedding": embedding.model_dump(mode="json"),
        "maps": maps.model_dump(mode="json"),
        "backend": backend,
    }
    write_texts(folder, [], [], wanted)
    answers = executor.everywhere(describe_worker, Task(str(folder.absolute()), 0))
    here = {**own_facts(), "model": fingerprint, "problem": ""}
    said = [
        line for worker, facts in sorted(answers.items()) for line in _wrong(worker, facts, here)
    ]
    if said:
        more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
        raise CapabilityError(
            f"Workers are not as this run needs them: {'; '.join(said[:SHOWN])}{more}. Nothing was "
            "begun. Install the same versions, model and font on all of them."
        )


def describe_worker(task: Task) -> dict[str, str]:
    """What this worker has; `problem` is what it can't do, in words, or empty."""
    facts = {**own_facts(), "model": "", "problem": ""}
    try:
        wanted = about(task)
        font_path(MapsConfig(**wanted["maps"]))
        facts["model"] = worker_model(json.dumps(wanted["embedding"]), wanted["backend"])
    except RapError as error:
        facts["problem"] = str(error)
    return facts


@lru_cache(maxsize=4)
def worker_model(embedding: str, backend: Literal["cpu", "gpu"]) -> str:
    """The fingerprint of the model that this worker would take; its files are read once."""
    lane = open_lane(load_backend(backend).torch_device)
    return resolve_model(EmbeddingConfig(**json.loads(embedding)), lane.dtype).fingerprint


def check_here(expected: dict[str, str]) -> None:
    """Raise `CapabilityError` where this worker, which may have joined late, differs."""
    said = _wrong(f"the worker on {platform.node()}", own_facts(), expected)
    if said:
        raise CapabilityError(
            f"A worker joined that is not like the others: {'; '.join(said[:SHOWN])}. Take it away "
            "and run the same command again."
        )


def _wrong(worker: str, facts: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """A sentence for each fact that is not as it is here."""
    if facts.get("problem"):
        return [f"{worker}: {facts['problem']}"]
    return [
        f"{worker} has {name} {facts.get(name) or '(none)'}, this process {own or '(none)'}"
        for name, own in here.items()
        if facts.get(name, "") != own
    ]
