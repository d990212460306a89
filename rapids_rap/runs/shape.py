"""What the files of a run must hold, field by field, for those that read them back.

A file that is whole JSON, CSV or Parquet may still hold anything. What is needed is checked when a
file is opened, so that no reader meets a text where it counts; what else a file holds, such as what
a later version adds, is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rapids_rap.arrays import HostArray
from rapids_rap.config import MOST_LAYOUTS
from rapids_rap.errors import InputError
from rapids_rap.runs.names import STRENGTHS

Count = Annotated[int, Field(ge=0, lt=2**63)]
Kind = Literal["int", "number", "text", "whole or none"]
LEAST_VOTE = -2  # of a text that a layout of an earlier night did not have
AGAIN = "run the command of manifest.json again"


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Counts(_Loose):
    read: Count = 0
    kept: Count = 0
    units: Count = 0
    distinct: Count = 0
    clusters: Count = 0
    noise_lines: Count = 0
    dropped: dict[str, Count] = {}


class _Model(_Loose):
    name: str = ""
    fingerprint: str = ""
    space: str | None = None
    dim: Count | None = None
    trained_on: Count | None = None


class _Input(_Loose):
    path: str
    sha256: str
    read: Count = 0
    kept: Count = 0
    dropped: dict[str, Count] = {}


class _Groups(_Loose):
    kept: list[int]
    born: list[int]


class _Identity(_Loose):
    clusters: _Groups
    themes: _Groups
    next_cluster: Count
    next_theme: Count


class _Split(_Loose):
    cluster: int
    into: list[int]


class _Merged(_Loose):
    clusters: list[int]
    into: int


class _ByHand(_Loose):
    decisions: list[dict[str, Any]] = []
    found: list[int]
    clusters: list[int]
    split: list[_Split] = []
    merged: list[_Merged] = []


class _File(_Loose):
    bytes: Count
    sha256: str


class _Config(_Loose):
    input: dict[str, Any] = {}
    corpus: dict[str, Any] = {}
    embedding: dict[str, Any] = {}
    layout: dict[str, Any] = {}
    clusters: dict[str, Any] = {}
    nightly: dict[str, Any] = {}


class _Manifest(_Loose):
    schema_version: Annotated[int, Field(ge=1)]
    created: str = ""
    counts: _Counts
    model: _Model
    config: _Config
    inputs: list[_Input] = []
    versions: dict[str, str | None] = {}
    identity: _Identity | None = None
    by_hand: _ByHand | None = None
    files: dict[str, _File] = {}


LINES: Mapping[str, Kind] = {
    "text": "text",
    "text_norm": "text",
    "artist": "text",
    "song": "text",
    "song_id": "whole or none",
    "text_id": "int",
    "cluster": "int",
    "theme": "int",
    "line_no": "int",
    "stanza": "int",
    "weight": "int",
    "x": "number",
    "y": "number",
}
OPTIONAL: Mapping[str, Kind] = {  # of any table that has them
    "distinct_lines": "int",
    "songs": "whole or none",
    "artists": "whole or none",
    "share": "number",
    "suggested_label": "text",
    "probability": "number",
    "agreement": "number",
    "stability": "number",
    "stability_low": "number",
    "stability_high": "number",
    "stability_class": "text",
    "cluster_raw": "int",
    "cluster_found": "int",
    "cluster_parts": "int",
    "by_hand": "text",
    "line_id": "int",
    "year": "whole or none",
    "region": "text",
    "percentage": "number",
    "similarity": "number",
    "score": "number",
    "lift": "number",
    "lift_low": "number",
    "lift_high": "number",
    "note": "text",
    "p": "number",
    "q": "number",
    "path": "text",
}
TABLES: Mapping[str, Mapping[str, Kind]] = {
    "clusters.csv": {"cluster": "int", "lines": "int", "theme": "int", "top_terms": "text"},
    "themes.csv": {"theme": "int", "label": "text"},
    "labels.csv": {"kind": "text", "id": "int", "label": "text"},
    "decisions.csv": {
        "kind": "text",
        "id": "int",
        "decision": "text",
        "value": "text",
        "who": "text",
        "when": "text",
        "applied": "text",
        "note": "text",
    },
    "names.csv": {
        "kind": "text",
        "id": "int",
        "name": "text",
        "gloss": "text",
        "source": "text",
        "tested": "number",
        "low": "number",
        "high": "number",
        "note": "text",
    },
    "cluster_emotions.csv": {"cluster": "int"},
    "cluster_terms.csv": {"cluster": "int", "rank": "int", "term": "text"},
    "cluster_examples.csv": {"cluster": "int", "rank": "int", "text": "text"},
    "cluster_traits.csv": {
        "cluster": "int",
        "side": "text",
        "fact": "text",
        "value": "text",
        "share": "number",
        "elsewhere": "number",
        "beyond_rest": "number",
    },
    "cluster_stability.csv": {
        "cluster": "int",
        "stability": "number",
        "stability_class": "text",
        "merges_with": "whole or none",
        "merges": "number",
        "splits": "number",
    },
    "cluster_sizes.csv": {
        "min_cluster_size": "int",
        "clusters_mean": "number",
        "coverage_mean": "number",
        "persistence_mean": "number",
    },
    "theme_years.csv": {
        "year": "int",
        "theme": "int",
        "lines": "int",
        "year_lines": "int",
        "year_songs": "whole or none",
        "share": "number",
        "share_low": "number",
        "share_high": "number",
    },
    "cluster_artists.csv": {"cluster": "int", "artist": "text"},
    "cluster_regions.csv": {"cluster": "int", "region": "text"},
    "artist_clusters.csv": {"artist": "text"},
    "cluster_keyness.csv": {
        "cluster": "int",
        "term": "text",
        "dispersion": "number",
        "log_ratio": "number",
        "log_ratio_low": "number",
        "log_ratio_high": "number",
    },
    "artist_themes.csv": {"artist": "text", "theme": "int", "lines": "int"},
    "artist_divergence.csv": {"artist": "text", "lines": "int", "divergence": "number"},
    "cluster_emotion_rates.csv": {
        "cluster": "int",
        "category": "text",
        "lines": "int",
        "rate": "number",
        "all_lines": "number",
        "label": "text",
    },
    "lexicon_overlap.csv": {
        "category": "text",
        "other": "text",
        "words": "int",
        "hits": "int",
        "lines": "int",
    },
}


TREE_COLUMNS: Mapping[str, Kind] = {
    "parent": "int",
    "child": "int",
    "strength": "number",
    "size": "int",
    "kind": "text",
    "theme": "whole or none",
}
HIT_COLUMNS: Mapping[str, Kind] = {
    "line_id": "int",
    "start": "int",
    "end": "int",
    "word": "text",
    "category": "text",
}
UNIQUE = {"tree.parquet": "child", "clusters.csv": "cluster", "themes.csv": "theme"}


def check_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Raise `InputError` that names the field where a manifest holds something else."""
    check_document(path, manifest, _Manifest)


def check_document(path: Path, value: object, shape: type[BaseModel], mend: str = AGAIN) -> None:
    """Raise `InputError` that names the field where a JSON document has not this shape."""
    try:
        shape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        raise InputError(f"{path}: {field}: {first['msg'].lower()}; {mend}.") from None


def check_table(path: Path, table: pd.DataFrame, columns: Mapping[str, Kind]) -> None:
    """Raise `InputError` that names the column where a table lacks one or holds something else."""
    if table.columns.has_duplicates:
        raise InputError(f"{path}: has a column twice; {AGAIN}.")
    key = UNIQUE.get(path.name)
    if key in table.columns and table[key].duplicated().any():
        raise InputError(f"{path}: lists a {key} twice; {AGAIN}.")
    others = {name: kind for name, kind in OPTIONAL.items() if name in table.columns}
    for name, kind in (others | dict(columns)).items():
        if name not in table.columns:
            raise InputError(f"{path}: has no column {name}; {AGAIN}.")
        if len(table) and not _is_kind(table[name], kind):
            what = {"int": "whole numbers", "whole or none": "whole numbers or nothing"}
            raise InputError(
                f"{path}: the column {name} holds something else than {what.get(kind, kind)}; "
                f"{AGAIN}."
            )


def check_votes(path: Path, labels: HostArray, strengths: HostArray) -> None:
    """Raise `InputError` for votes (n, V) that no layouts give: other numbers, or too many layouts.

    labels: whole numbers; strengths: decimal ones, not necessarily of the same shape.
    """
    n, layouts = labels.shape
    if not 1 <= layouts <= MOST_LAYOUTS:
        raise InputError(f"{path}: holds {layouts:,} layouts, of 1 to {MOST_LAYOUTS}; {AGAIN}.")
    if labels.size and not (labels.min() >= LEAST_VOTE and labels.max() < n):
        raise InputError(f"{path}: names a cluster that no layout of {n:,} texts has; {AGAIN}.")
    if strengths.size and not (strengths.min() >= 0 and strengths.max() <= 1):  # NaN is neither
        raise InputError(f"{path.with_name(STRENGTHS)}: is not in 0 to 1 throughout; {AGAIN}.")


def check_trees(path: Path, trees: HostArray, n: int, layouts: int) -> None:
    """Raise `InputError` for a table that is not the condensed trees of such layouts of n texts.

    A row a cluster: its parent in its own tree, -1 of the root, which is first, and its size.
    Clusters split in two, behind what they came from.
    """
    fits = trees.ndim == 2 and trees.shape[1] == 2
    if fits and len(trees):
        parents, sizes = trees.T.astype(np.int64)
        roots = np.flatnonzero(parents < 0)
        ends = np.append(roots, len(parents))
        fits = bool(parents[0] == -1 and len(roots) <= layouts and (np.diff(ends) % 2 == 1).all())
        if fits:
            place = np.arange(len(parents)) - np.repeat(roots, np.diff(ends))
            fits = bool((parents >= -1).all() and (parents < place).all())
        fits = fits and bool((sizes >= 0).all() and (sizes <= n).all())
    if not fits:
        raise InputError(f"{path}: holds no trees of {layouts} layouts of {n:,} texts; {AGAIN}.")


def _is_kind(column: pd.Series, kind: Kind) -> bool:
    types = pd.api.types
    if kind == "text":
        return types.is_string_dtype(column.dtype) or bool(column.isna().all())
    if types.is_bool_dtype(column.dtype):
        return False
    if kind == "number":
        return types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype)
    if kind == "int":
        return types.is_integer_dtype(column.dtype) and not column.isna().any()
    known = column.dropna()  # of a CSV file, numbers beside empty cells are read as decimals
    return not len(known) or (
        types.is_numeric_dtype(known.dtype) and bool((known.astype("float64") % 1 == 0).all())
    )
