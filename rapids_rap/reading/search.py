"""Nearest lines, songs or artists of a run, by the vectors that the run itself wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from rapids_rap.arrays import Float32s, Int64s
from rapids_rap.backend.protocol import Array, Backend
from rapids_rap.embedding.postprocess import apply_transform
from rapids_rap.errors import InputError
from rapids_rap.reading.near import question_form
from rapids_rap.reading.run_space import embed_like, fitted_vectors, place_rows, run_config
from rapids_rap.runs.run import Run

Unit = Literal["line", "song", "artist"]


def search_run(
    run: Run, text: str, by: Unit, k: int, backend: Backend, said: Sequence[str] = ()
) -> pd.DataFrame:
    """The k nearest units to `text`: rank, similarity (cosine), then what names the unit.

    said: settings of the run's model from the command line (`run_space.SAID`). A song's or artist's
    vector is the mean over its lines, every occurrence counted. Raises `InputError` for an empty
    text, for songs or artists a run does not have, and where the model found now is not the one the
    run was made with.
    """
    config = run_config(run, said)
    query = embed_like(run, [question_form(text, config.corpus.script)], config, backend)
    # In the space that the run's neighbours and clusters saw; of a run with lexical vectors, in the
    # model's part of it.
    used = fitted_vectors(run, config, backend)
    vectors, units = _units(run, by, used.matrix, backend)
    found = backend.knn(
        vectors,
        min(k, len(units)),
        queries=apply_transform(backend.from_host(query), used.transform, backend),
        engine="exact",
    )
    rows = units.iloc[backend.to_host(found.indices)[0]].reset_index(drop=True)
    similarity = 1.0 - backend.to_host(found.distances)[0].astype(np.float64)
    rows.insert(0, "similarity", similarity)
    rows.insert(0, "rank", np.arange(1, len(rows) + 1))
    return rows


def _units(run: Run, by: Unit, vectors: Array, backend: Backend) -> tuple[Array, pd.DataFrame]:
    """A vector a unit, (units, d), and what names it. Means are computed on the host."""
    lines = run.lines
    if by == "line":
        first = lines.drop_duplicates("text_id").sort_values("text_id")
        columns = ["artist", "song", "text", "cluster", "weight"]
        return vectors, first[columns]
    key = "song_id" if by == "song" else "artist"
    known = lines[lines[key].notna()]
    if known.empty:
        raise InputError(f"{run.path}: its lyrics name no {by}s; search --by line.")
    codes, names = pd.factorize(known[key], sort=True)
    rows = backend.to_host(vectors)
    means = _mean_vectors(rows, known["text_id"].to_numpy(), codes, len(names))
    first = known.drop_duplicates(key).sort_values(key)
    sizes = np.bincount(codes, minlength=len(names))
    columns = ["artist", "song"] if by == "song" else ["artist"]
    return place_rows(means, backend), first[columns].assign(lines=sizes)


def _mean_vectors(
    vectors: Float32s,
    text_ids: Int64s,
    codes: npt.NDArray[np.intp],
    groups: int,
) -> Float32s:
    from scipy.sparse import csr_matrix

    ones = np.ones(len(codes), dtype=np.float32)
    sums = csr_matrix((ones, (codes, text_ids)), shape=(groups, len(vectors))) @ vectors
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(norms, 1e-12), dtype=np.float32)
