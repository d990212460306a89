"""What a configured run will hold, and the plan of its memory, said before the large stages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from rapids_rap.backend import load_backend
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import Backend, Sizes
from rapids_rap.clustering.votes import vote_count
from rapids_rap.config import Config
from rapids_rap.machine.memory_plan import find_model_size, plan_memory

log = logging.getLogger(__name__)


def run_sizes(config: Config, backend: Backend) -> tuple[Sizes, int]:
    """What the run will hold beside its lines, and the length of a vector.

    The model's folder is looked up here, so that one that can't be had is said before any work.
    """
    lane = open_lane(backend.torch_device)
    model = find_model_size(config.embedding, lane.dtype)
    batch = config.embedding.token_budget or lane.token_budget
    sizes = Sizes(
        k=config.neighbors.k,
        n_neighbors=config.layout.n_neighbors,
        dimensions=config.layout.dimensions,
        min_samples=config.clusters.min_samples,
        width=config.maps.width,
        height=config.maps.height,
        engine="exact" if config.neighbors.engine == "cells" else config.neighbors.engine,
        copies=1 + (config.embedding.postprocess != "none") + (config.embedding.lexical != "none"),
        model=model.weights + model.activations(batch),
    )
    return sizes, model.hidden


def announce_plan(
    config: Config, texts: Sequence[str], dim: int, sizes: Sizes, backend: Backend
) -> Sizes:
    """Say what the stages will need, and warn where that isn't there; the sizes of these texts."""
    # A word of a lyric has about one and a half characters.
    words = 1 + 2 * sum(map(len, texts)) // max(1, 3 * len(texts))
    layouts = vote_count(len(texts), config.clusters.layouts, backend.name)
    sizes = replace(sizes, tokens_each=words, layouts=layouts)
    memory = backend.memory()
    plan = plan_memory(backend.name, len(texts), dim, memory, load_backend("cpu").memory(), sizes)
    log.info("memory: %s", plan.sentence)
    for stage in plan.stages:
        log.debug("plan: %s by %s: %s", stage.stage, stage.algorithm, stage.because)
    if memory.total and not plan.fits:
        log.warning(
            "The plan may not fit: %s; if the run is killed, use --limit or a machine with more.",
            plan.sentence,
        )
    return sizes
