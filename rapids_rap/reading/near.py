"""Nearest distinct texts of a run to a text or to one of its own, asked again and again."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from rapids_rap.arrays import Float32s, Float64s, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.config import Config
from rapids_rap.corpus.normalize import normalize
from rapids_rap.embedding.encoder import Encoder
from rapids_rap.embedding.postprocess import Postprocessed, apply_transform
from rapids_rap.errors import InputError
from rapids_rap.reading.run_space import encoder_like, fitted_vectors, run_config
from rapids_rap.runs.run import Run


class Near(NamedTuple):
    """The nearest first. ids: (k,) of distinct texts. similarity: (k,) cosines."""

    ids: Int64s
    similarity: Float64s


class NearTexts:
    """The run's vectors in the space of its neighbours, and its model where a text is asked for."""

    def __init__(self, run: Run, backend: Backend, said: Sequence[str] = ()) -> None:
        """said: settings of the run's model from the command line (`run_space.SAID`)."""
        self._run = run
        self._backend = backend
        self._config: Config = run_config(run, said)

    @functools.cached_property
    def _used(self) -> Postprocessed:
        return fitted_vectors(self._run, self._config, self._backend)

    @functools.cached_property
    def _encoder(self) -> Encoder:
        return encoder_like(self._run, self._config, self._backend)

    def to_text(self, text: str, k: int) -> Near:
        """The k distinct texts nearest to `text`, by cosine.

        Raises `InputError` for an empty text and where the model is not the one of the run,
        `CapabilityError` where it can't be had.
        """
        query = question_form(text, self._config.corpus.script)
        return self._nearest(self._encoder.encode([query]), k)

    def to_own(self, text_id: int, k: int) -> Near:
        """The k distinct texts nearest to one of the run's, itself the first.

        No model is needed. Raises `InputError` where there is no such text.
        """
        if not 0 <= text_id < len(self._run.vectors):
            raise InputError(f"{self._run.path}: has no text {text_id}.")
        near = self._nearest(np.array(self._run.vectors[[text_id]], dtype=np.float32), k + 1)
        others = near.ids != text_id
        return Near(
            np.concatenate([[text_id], near.ids[others]])[:k].astype(np.int64),
            np.concatenate([[1.0], near.similarity[others]])[:k],
        )

    def _nearest(self, vector: Float32s, k: int) -> Near:
        query: Array = apply_transform(
            self._backend.from_host(vector), self._used.transform, self._backend
        )
        held = self._used.matrix
        found = self._backend.knn(held, min(k, len(held)), queries=query, engine="exact")
        ids, distances = (self._backend.to_host(a)[0] for a in (found.indices, found.distances))
        return Near(ids.astype(np.int64), 1.0 - distances.astype(np.float64))


def question_form(text: str, script: Literal["simplified", "keep"]) -> str:
    """What is embedded of a text that somebody asks for. Raises `InputError` where nothing is."""
    if not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text):
        raise InputError("The text to search for is not UTF-8.")
    asked = normalize([text], script)[0]
    if not asked:
        raise InputError("The text to search for is empty.")
    return asked
