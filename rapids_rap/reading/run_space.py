"""The space that a finished run's neighbours and clusters saw, and new texts put into it.

What was fitted is fitted on the run's own texts alone and never on the new ones: a run keeps its
vectors and its configuration, and the same fit of the same vectors gives the same space. New texts
are embedded in memory; nothing is written into the run or its store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from rapids_rap.arrays import Float32s
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import DEFAULT_SIZES, Array, Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.config import Config
from rapids_rap.embedding.embed import load_encoder
from rapids_rap.embedding.fusion import lexical_vectors, put_beside
from rapids_rap.embedding.postprocess import Postprocessed, apply_transform, postprocess
from rapids_rap.errors import InputError
from rapids_rap.runs.run import Run
from rapids_rap.words.lexicon import load_lexicon
from rapids_rap.words.segment import load_words, segment

# Of a model's description, what decides a vector besides the device.
DECIDING = ("fingerprint", "pooling", "causal", "prompt", "end_token", "max_tokens")


@dataclass(frozen=True)
class Space:
    """base: (n, d) float32, the run's texts by `text_id`; asked: (m, d) the new ones; unit rows."""

    base: Array
    asked: Array


def run_config(run: Run) -> Config:
    """The configuration that the run was made with.

    Raises `InputError` where this version can't read it.
    """
    try:
        return Config.model_validate(run.manifest["config"])
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{run.path / 'manifest.json'}: config.{'.'.join(map(str, first['loc']))}: "
            f"{first['msg'].lower()}; the run was made by another version, run it again."
        ) from None


def embed_like(run: Run, texts: Sequence[str], config: Config, backend: Backend) -> Float32s:
    """(m, d) float32 on the host: the texts' vectors by the model of the run.

    Raises `InputError` where the model that is found now is not the one the run was made with.
    """
    encoder = load_encoder(config.embedding, backend)
    made, found = run.manifest["model"], encoder.spec
    if found.fingerprint != made["fingerprint"]:
        raise InputError(
            f"{run.path}: was made with another state of the model {config.embedding.model} "
            f"(fingerprint {made['fingerprint'][:12]}, found {found.fingerprint[:12]}), so "
            "distances would mean nothing; run again with the present model, or put the earlier "
            "one back."
        )
    for name in DECIDING:
        if name in made and made[name] != getattr(found, name):
            raise InputError(
                f"{run.path}: was made with {name} = {made[name]!r} of the model "
                f"{config.embedding.model}, which now says {getattr(found, name)!r}; run again."
            )
    vectors = encoder.encode(texts)
    del encoder
    open_lane(backend.torch_device).release()
    return vectors


def stored_vectors(run: Run, backend: Backend) -> Array:
    """(n, d) float32: the run's vectors, by blocks, where the plan has room for them.

    Raises `CapabilityError` where there is none.
    """
    n, d = run.vectors.shape
    rows = backend.allocate_rows(n, d)
    for block in row_blocks(n, 8 * d):
        rows[block, :] = backend.from_host(np.array(run.vectors[block], dtype=np.float32))
    return rows


def fitted_vectors(run: Run, config: Config, backend: Backend) -> Postprocessed:
    """The run's vectors, post-processed as for its neighbours; the fit is repeated exactly."""
    how = config.embedding
    return postprocess(
        stored_vectors(run, backend),
        how.postprocess,
        backend,
        whiten_dims=how.whiten_dims,
        remove_dims=how.remove_dims,
        seed=config.random_seed,
    )


def run_space(
    run: Run, known: Sequence[str], texts: Sequence[str], config: Config, backend: Backend
) -> Space:
    """The run's texts (`known`, by `text_id`) and new ones, in the space of its neighbours.

    Lexical vectors included: their words are segmented as the run did, with the word lists that its
    configuration names. Raises `InputError` for another model and where such a list is gone.
    """
    vectors = embed_like(run, texts, config, backend)
    used = fitted_vectors(run, config, backend)
    asked = apply_transform(backend.from_host(vectors), used.transform, backend)
    if config.embedding.lexical == "none":
        return Space(used.matrix, asked)
    every = (*known, *texts)
    lexicon = load_lexicon(config.lexicon.path or None, config.corpus.script)
    own = load_words(config.terms.user_words) if config.terms.user_words else ()
    tokens = segment(every, (*lexicon.all_words, *own))
    n = len(known)
    how = config.embedding.space
    lexical = lexical_vectors(every, tokens, how, backend, config.random_seed, fitted=n)
    return Space(
        put_beside(used.matrix, lexical[:n, :], backend, DEFAULT_SIZES),
        put_beside(asked, lexical[n:, :], backend, DEFAULT_SIZES),
    )
