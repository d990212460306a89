"""The space that a finished run's neighbours and clusters saw, and new texts put into it.

What was fitted is fitted on the run's own texts alone and never on the new ones: a run keeps its
vectors and its configuration, and the same fit of the same vectors gives the same space. New texts
are embedded in memory; nothing is written into the run or its store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from rapids_rap.arrays import Float32s, HostArray
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import DEFAULT_SIZES, Array, Backend
from rapids_rap.backend.rows import row_blocks
from rapids_rap.config import Config
from rapids_rap.embedding.declared import brings_code
from rapids_rap.embedding.embed import load_encoder
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.folder import locate_model, transformer_folder
from rapids_rap.embedding.fusion import lexical_vectors, put_beside
from rapids_rap.embedding.postprocess import Postprocessed, apply_transform, postprocess
from rapids_rap.errors import CapabilityError, ConfigError, InputError
from rapids_rap.runs.run import Run
from rapids_rap.settings import change_config, without_own_word
from rapids_rap.words.lexicon import load_lexicon
from rapids_rap.words.segment import load_words, segment

# Of a model's description, what decides a vector besides the device.
DECIDING = ("fingerprint", "pooling", "causal", "prompt", "end_token", "max_tokens")

# What the command line may say of a run's model: where it lies now, and whether its code may run.
LARGEST_LIST = 64 * 2**20  # bytes
SAID = ("embedding.model", "embedding.trust_remote_code")


@dataclass(frozen=True)
class Space:
    """base: (n, d) float32, the run's texts by `text_id`; asked: (m, d) the new ones; unit rows."""

    base: Array
    asked: Array


def run_config(run: Run, said: Sequence[str] = ()) -> Config:
    """The configuration that the run was made with, but for what only its reader may decide.

    A run may come from elsewhere: code, commands and files to write are not what it says, but
    defaults (`settings.without_own_word`), or `said`, settings from the command line now. Raises
    `InputError` where this version can't read it, `ConfigError` for a setting beyond `SAID`.
    """
    for setting in said:
        if setting.partition("=")[0].strip() not in SAID:
            raise ConfigError(
                f"--set {setting}: how texts are embedded is the run's own; only "
                f"{' and '.join(SAID)} may be said here."
            )
    try:
        made = Config.model_validate(run.manifest["config"])
        _check_lists(run, made)
        return change_config(without_own_word(made), said)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{run.path / 'manifest.json'}: config.{'.'.join(map(str, first['loc']))}: "
            f"{first['msg'].lower()}; the run was made by another version, run it again."
        ) from None


def _check_lists(run: Run, made: Config) -> None:
    """The lists of words that a run names are files, and no larger than lists are."""
    for name in (made.lexicon.path, made.terms.user_words, made.terms.stop_words):
        path = Path(name)
        try:
            odd = path.exists() and not path.is_file()
            large = path.is_file() and path.stat().st_size > LARGEST_LIST
        except (OSError, ValueError):
            odd, large = True, False
        if name and (odd or large):
            raise InputError(
                f"{run.path / 'manifest.json'}: names {name[:200]} as a list of words, which is "
                f"{'too large for one' if large else 'no file'}."
            )


def embed_like(run: Run, texts: Sequence[str], config: Config, backend: Backend) -> Float32s:
    """(m, d) float32 on the host: the texts' vectors by the model of the run.

    Raises as `encoder_like` does.
    """
    encoder = encoder_like(run, config, backend)
    vectors = encoder.encode(texts)
    del encoder
    open_lane(backend.torch_device).release()
    return vectors


def encoder_like(run: Run, config: Config, backend: Backend) -> Encoder:
    """The encoder that the run was made with.

    A model that only the run names is not downloaded. Raises `InputError` where the model that is
    found now is not the one the run was made with, or where the run needs its code and nobody said
    so; `CapabilityError` for a model that can't be had.
    """
    said = config.embedding.model != _made_with(run).get("model")
    if not said:
        _require_model_here(run, config.embedding.model)
    if not config.embedding.trust_remote_code:
        _refuse_unsaid_code(run, config.embedding.model)
    encoder = load_encoder(config.embedding, backend, download=said)
    made, found = run.manifest["model"], encoder.spec
    expected = str(made.get("fingerprint", ""))
    if found.fingerprint != expected:
        raise InputError(
            f"{run.path}: was made with another state of the model {config.embedding.model} "
            f"(fingerprint {expected[:12] or 'none'}, found {found.fingerprint[:12]}), so "
            "distances would mean nothing; run again with the present model, or put the earlier "
            "one back."
        )
    for name in DECIDING:
        if name in made and made[name] != getattr(found, name):
            raise InputError(
                f"{run.path}: was made with {name} = {made[name]!r} of the model "
                f"{config.embedding.model}, which now says {getattr(found, name)!r}; run again."
            )
    if found.dim != run.vectors.shape[1]:
        raise InputError(
            f"{run.path / 'vectors'}: has vectors of {run.vectors.shape[1]} numbers, the model's "
            f"have {found.dim}; it is damaged, run the command of manifest.json again."
        )
    return encoder


def _made_with(run: Run) -> Mapping[str, Any]:
    """The section [embedding] as the manifest has it."""
    section = run.manifest["config"].get("embedding")
    return section if isinstance(section, dict) else {}


def _require_model_here(run: Run, name: str) -> None:
    try:
        locate_model(name, download=False)
    except CapabilityError as error:
        raise CapabilityError(
            f"{run.path}: was made with the model {name}, which can't be had here ({error}) What a "
            f"run names is not downloaded; a run of yours with --model {name} does so, and --set "
            "embedding.model=DIR names a copy that lies elsewhere."
        ) from None


def _refuse_unsaid_code(run: Run, name: str) -> None:
    """Where the run was made by code of its model, plain classes would give other vectors."""
    if _made_with(run).get("trust_remote_code") is not True:
        return
    folder = transformer_folder(locate_model(name))
    if brings_code(folder):
        raise InputError(
            f"{run.path}: was made by running Python code of the model {name}, which no run "
            f"decides for you. If you trust what is in {folder}, say so: --set "
            "embedding.trust_remote_code=true."
        )


def stored_vectors(run: Run, backend: Backend) -> Array:
    """(n, d) float32: the run's vectors, by blocks, where the plan has room for them.

    Raises `CapabilityError` where there is none.
    """
    return place_rows(run.vectors, backend)


def place_rows(rows: HostArray, backend: Backend) -> Array:
    """(n, d) float32: a matrix of the host, by blocks, where the plan has room for it.

    Raises `CapabilityError` where there is none.
    """
    n, d = rows.shape
    placed = backend.allocate_rows(n, d)
    for block in row_blocks(n, 8 * d):
        placed[block, :] = backend.from_host(np.array(rows[block], dtype=np.float32))
    return placed


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
    asked = apply_transform(place_rows(vectors, backend), used.transform, backend)
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
