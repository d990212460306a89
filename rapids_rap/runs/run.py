"""A finished run, opened for reading."""

from __future__ import annotations

import contextlib
import functools
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float32s, HostArray, Int32s, Int64s
from rapids_rap.errors import InputError, RapError
from rapids_rap.runs.cells import unescape_cells
from rapids_rap.runs.files import read_plain
from rapids_rap.runs.names import (
    IDENTITY,
    LEXICON_HITS,
    MANIFEST,
    NIGHT,
    PERSISTENCE,
    REDUCED,
    SCHEMA_VERSION,
    STRENGTHS,
    TREE,
    VOTE_FILES,
)
from rapids_rap.runs.received import load_array, parquet_columns, read_parquet
from rapids_rap.runs.shape import (
    AGAIN,
    HIT_COLUMNS,
    LINES,
    TABLES,
    TREE_COLUMNS,
    check_manifest,
    check_table,
    check_trees,
    check_votes,
)

LONGEST_ROW = 2**16  # numbers; no model has vectors as long


class RunVotes(NamedTuple):
    """V layouts, each with clusters of its own, and what they said of n texts.

    labels: (n, V) int32, row = text_id: noise -1, -2 for a text that a layout of an earlier night
    did not have, else the layout's cluster, from 0. strengths: (n, V) float32 of membership.
    persistence: (M,) float32 of all layouts' clusters, layout after layout. trees: (T, 2) int64,
    the parent (-1 for a root) and the size of each cluster in the condensed trees of the layouts
    that were new.
    """

    labels: Int32s
    strengths: Float32s
    persistence: Float32s
    trees: Int64s


@dataclass(frozen=True)
class Run:
    """A run directory opened for reading; tables are read when first asked for."""

    path: Path
    manifest: Mapping[str, Any]

    @functools.cached_property
    def lines(self) -> pd.DataFrame:
        """One row an occurrence."""
        path = self.path / "lines.parquet"
        with explain_damage(path):
            table = read_parquet(path)
        check_table(path, table, LINES)
        return table

    @functools.cached_property
    def texts(self) -> pd.DataFrame:
        """One row a distinct text, row = text_id: text_norm, weight, cluster, theme, x, y."""
        columns = ["text_id", "text_norm", "weight", "cluster", "theme", "x", "y"]
        path = self.path / "lines.parquet"
        with explain_damage(path):
            table = read_parquet(path, columns=columns)
        check_table(path, table, {name: LINES[name] for name in columns})
        first = table.drop_duplicates("text_id").sort_values("text_id", ignore_index=True)
        return first.drop(columns="text_id")

    def line_columns(self, names: Sequence[str]) -> pd.DataFrame:
        """These columns of lines.parquet, those of them that the run has; checked as `lines` is."""
        path = self.path / "lines.parquet"
        with explain_damage(path):
            held = set(parquet_columns(path))
            table = read_parquet(path, columns=[name for name in names if name in held])
        check_table(path, table, {name: LINES[name] for name in names if name in LINES})
        return table

    @functools.cached_property
    def emotions(self) -> list[str]:
        """The lexicon's categories, in their order, as lines.parquet has them."""
        path = self.path / "lines.parquet"
        with explain_damage(path):
            return [n.removeprefix("hits_") for n in parquet_columns(path) if n.startswith("hits_")]

    @functools.cached_property
    def regrouped_texts(self) -> pd.DataFrame | None:
        """One row a distinct text, where people cut or joined clusters: else None.

        text_norm, cluster_found: the id of its cluster as it was found, cluster_parts: after cuts.
        """
        by_hand = self.manifest.get("by_hand") or {}
        if not by_hand.get("split") and not by_hand.get("merged"):
            return None
        columns = ["text_id", "text_norm", "cluster_found", "cluster_parts"]
        path = self.path / "lines.parquet"
        with explain_damage(path):
            table = read_parquet(path, columns=columns)
        check_table(path, table, {name: "int" for name in columns if name != "text_norm"})
        first = table.drop_duplicates("text_id").sort_values("text_id", ignore_index=True)
        return first.drop(columns="text_id")

    @functools.cached_property
    def decisions(self) -> pd.DataFrame | None:
        """decisions.csv: what people decided, and whether it applied; None where they did not."""
        return self._optional_table("decisions.csv")

    @functools.cached_property
    def quality(self) -> Mapping[str, Any]:
        """Every figure of quality.json."""
        return self._document("quality.json")

    @functools.cached_property
    def night(self) -> Mapping[str, Any] | None:
        """nightly.json; None where the run was not made by `rapids-rap nightly`."""
        if not (self.path / NIGHT).exists():
            return None
        return self._document(NIGHT)

    @functools.cached_property
    def clusters(self) -> pd.DataFrame:
        """clusters.csv."""
        return self._table("clusters.csv")

    @functools.cached_property
    def cluster_emotions(self) -> pd.DataFrame:
        """cluster_emotions.csv."""
        return self._table("cluster_emotions.csv")

    @functools.cached_property
    def cluster_terms(self) -> pd.DataFrame:
        """cluster_terms.csv."""
        return self._table("cluster_terms.csv")

    @functools.cached_property
    def cluster_examples(self) -> pd.DataFrame:
        """cluster_examples.csv."""
        return self._table("cluster_examples.csv")

    @functools.cached_property
    def cluster_traits(self) -> pd.DataFrame | None:
        """cluster_traits.csv, None of a run from before it was written."""
        return self._optional_table("cluster_traits.csv")

    @functools.cached_property
    def cluster_stability(self) -> pd.DataFrame | None:
        """cluster_stability.csv, None where it was not computed."""
        return self._optional_table("cluster_stability.csv")

    @functools.cached_property
    def cluster_sizes(self) -> pd.DataFrame | None:
        """cluster_sizes.csv, None where it was not computed or of a run from before it."""
        return self._optional_table("cluster_sizes.csv")

    @functools.cached_property
    def theme_years(self) -> pd.DataFrame | None:
        """theme_years.csv, None where no line has a year or of a run from before it."""
        return self._optional_table("theme_years.csv")

    @functools.cached_property
    def tree(self) -> pd.DataFrame | None:
        """tree.parquet, None of a run from before it was written."""
        path = self.path / TREE
        if not path.exists():
            return None
        with explain_damage(path):
            table = read_parquet(path)
        check_table(path, table, TREE_COLUMNS)
        return table

    def revised(self, manifest: Mapping[str, Any] | None = None, **parts: Any) -> Run:
        """The run as it will be read with these parts, such as `clusters`, in place of its own."""
        other = Run(self.path, self.manifest if manifest is None else manifest)
        other.__dict__.update({**self.__dict__, "manifest": other.manifest, **parts})
        return other

    @functools.cached_property
    def themes(self) -> pd.DataFrame:
        """themes.csv."""
        return self._table("themes.csv")

    @functools.cached_property
    def labels(self) -> pd.DataFrame | None:
        """labels.csv: kind, id and the label that people gave; None where they gave none."""
        return self._optional_table("labels.csv")

    def labels_of(self, kind: str) -> dict[int, str]:
        """The labels that people gave to a kind, `cluster` or `theme`, by id."""
        table = self.labels
        if table is None:
            return {}
        own = table[table["kind"] == kind]
        return {int(i): str(label) for i, label in zip(own["id"], own["label"], strict=True)}

    @functools.cached_property
    def names(self) -> pd.DataFrame | None:
        """names.csv: what everything is called and who says so; None of a run from before it."""
        return self._optional_table("names.csv")

    def names_of(self, kind: str) -> dict[int, str]:
        """What clusters or themes (`kind`) are called, by id: by people, else by a model.

        What only its terms name is left out.
        """
        table = self.names
        if table is None:
            return self.labels_of(kind)
        own = table[(table["kind"] == kind) & table["source"].isin(["person", "model"])]
        named = zip(own["id"], own["name"], strict=True)
        return {int(i): str(name) for i, name in named} | self.labels_of(kind)

    @functools.cached_property
    def cluster_artists(self) -> pd.DataFrame | None:
        """cluster_artists.csv, None where no artist is known."""
        return self._optional_table("cluster_artists.csv")

    @functools.cached_property
    def artist_clusters(self) -> pd.DataFrame | None:
        """artist_clusters.csv, None where no artist is known."""
        return self._optional_table("artist_clusters.csv")

    @functools.cached_property
    def cluster_regions(self) -> pd.DataFrame | None:
        """cluster_regions.csv, None where the user gave no regions."""
        return self._optional_table("cluster_regions.csv")

    @functools.cached_property
    def cluster_keyness(self) -> pd.DataFrame | None:
        """cluster_keyness.csv, None of a run from before it was written."""
        return self._optional_table("cluster_keyness.csv")

    @functools.cached_property
    def artist_themes(self) -> pd.DataFrame | None:
        """artist_themes.csv, None where no artist is known or of a run from before it."""
        return self._optional_table("artist_themes.csv")

    @functools.cached_property
    def artist_divergence(self) -> pd.DataFrame | None:
        """artist_divergence.csv, None where no artist is known or of a run from before it."""
        return self._optional_table("artist_divergence.csv")

    @functools.cached_property
    def cluster_emotion_rates(self) -> pd.DataFrame | None:
        """cluster_emotion_rates.csv, None of a run from before it was written."""
        return self._optional_table("cluster_emotion_rates.csv")

    @functools.cached_property
    def lexicon_overlap(self) -> pd.DataFrame | None:
        """lexicon_overlap.csv, None of a run from before it was written."""
        return self._optional_table("lexicon_overlap.csv")

    @functools.cached_property
    def lexicon_hits(self) -> pd.DataFrame | None:
        """lexicon_hits.parquet, None of a run from before it was written."""
        path = self.path / LEXICON_HITS
        if not path.exists():
            return None
        with explain_damage(path):
            table = read_parquet(path)
        check_table(path, table, HIT_COLUMNS)
        return table

    @functools.cached_property
    def maps(self) -> Mapping[str, bytes]:
        """PNG bytes by file name."""
        return {p.name: read_plain(p) for p in sorted((self.path / "maps").glob("*.png"))}

    @functools.cached_property
    def vectors(self) -> HostArray:
        """(n_texts, d), memory-mapped, row = text_id."""
        path = self.path / "vectors" / "vectors.npy"
        return self._matrix(path)

    @functools.cached_property
    def reduced(self) -> Float32s | None:
        """(n_texts, dimensions) coordinates that were clustered; None where a run kept none."""
        path = self.path / "vectors" / REDUCED
        if not path.exists():
            return None
        return np.array(self._matrix(path), dtype=np.float32)

    @functools.cached_property
    def votes(self) -> RunVotes | None:
        """What each layout said of each text; None where a run kept none."""
        paths = [self.path / "vectors" / name for name in VOTE_FILES]
        if not all(path.exists() for path in paths):
            return None
        labels, strengths = self._matrix(paths[0], "i"), self._matrix(paths[1])
        lasting, trees = self._numbers(paths[2], "f"), self._numbers(paths[3], "i")
        check_votes(paths[0], labels, strengths)
        clusters = int((labels.max(axis=0, initial=-1).astype(np.int64) + 1).sum())
        if labels.shape != strengths.shape or lasting.shape != (clusters,):
            raise InputError(f"{paths[0]}: fits neither {STRENGTHS} nor {PERSISTENCE}; {AGAIN}.")
        check_trees(paths[3], trees, *labels.shape)
        return RunVotes(
            labels.astype(np.int32),
            strengths.astype(np.float32),
            lasting.astype(np.float32),
            trees.astype(np.int64),
        )

    def _numbers(self, path: Path, kind: str) -> HostArray:
        """An array of such numbers, read; else `InputError`."""
        with explain_damage(path):
            array = load_array(path)
        if array.dtype.kind != kind:
            raise InputError(f"{path}: holds other numbers than it should; {AGAIN}.")
        return array

    def _matrix(self, path: Path, kind: str = "f") -> HostArray:
        """A row of numbers a distinct text, memory-mapped; else `InputError`."""
        with explain_damage(path):
            matrix = load_array(path, mapped=True)
        if matrix.ndim != 2 or matrix.dtype.kind != kind:
            what = "decimal" if kind == "f" else "whole"
            raise InputError(f"{path}: is no matrix of {what} numbers; {AGAIN}.")
        lines = self.path / "lines.parquet"
        with explain_damage(lines):
            ids = np.unique(read_parquet(lines, ["text_id"])["text_id"].to_numpy())
            counted = np.array_equal(ids, np.arange(len(ids)))
        if not counted or len(matrix) != len(ids) or matrix.shape[1] > LONGEST_ROW:
            raise InputError(
                f"{path}: is a matrix of {len(matrix):,} rows of {matrix.shape[1]:,} numbers, and "
                f"lines.parquet has {len(ids):,} distinct texts; {AGAIN}."
            )
        return matrix

    def _table(self, name: str) -> pd.DataFrame:
        # Only an empty cell is missing: a term or an artist may be called "NA" or "null".
        text = (
            "artist",
            "song",
            "text",
            "term",
            "method",
            "label",
            "suggested_label",
            "top_terms",
            "kind",
            "stability_class",
            "path",
            "side",
            "fact",
            "value",
            "note",
            "name",
            "gloss",
            "source",
            "decision",
            "who",
            "when",
            "applied",
            "by_hand",
            "category",
            "other",
        )
        with explain_damage(self.path / name):
            table = pd.read_csv(
                io.BytesIO(read_plain(self.path / name)),
                keep_default_na=False,
                na_values=[""],
                dtype=dict.fromkeys((*text, "region"), "str"),
            )
            table = unescape_cells(table)
        check_table(self.path / name, table, TABLES.get(name, {}))
        return table

    def _document(self, name: str) -> Mapping[str, Any]:
        with explain_damage(self.path / name):
            value = read_json(self.path / name)
        if not isinstance(value, dict):
            raise InputError(f"{self.path / name}: holds no JSON object; {AGAIN}.")
        return value

    def _optional_table(self, name: str) -> pd.DataFrame | None:
        return self._table(name) if (self.path / name).exists() else None


def open_run(path: Path) -> Run:
    """Open a finished run. Raises `InputError` where there is none, or one of a later schema."""
    if not path.is_dir():
        raise InputError(f"{path}: no such run folder; name one that a run wrote.")
    manifest_path = path / MANIFEST
    if not manifest_path.exists():
        unfinished = "did not finish; run the same command again to resume it"
        foreign = f"is not a run folder (it has no {MANIFEST}); name one that a run wrote"
        raise InputError(f"{path}: {unfinished if (path / IDENTITY).exists() else foreign}.")
    try:
        manifest = read_json(manifest_path)
    except (OSError, ValueError) as error:
        raise InputError(f"{manifest_path}: can't be read ({error}).") from None
    schema = manifest.get("schema_version", 0) if isinstance(manifest, dict) else 0
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        raise InputError(
            f"{path}: was written by a newer version (schema {schema}; this version reads "
            f"{SCHEMA_VERSION}); upgrade rapids-rap."
        )
    if not schema or not {"config", "counts", "model"} <= manifest.keys():
        raise InputError(f"{manifest_path}: is not the manifest of a run.")
    check_manifest(manifest_path, manifest)
    return Run(path, manifest)


def memory_note(quality: Mapping[str, Any]) -> str:
    """What quality.json says of songs that its figures leave out, "" where they leave out none."""
    figure = quality.get("next_line_retrieval")
    if not isinstance(figure, Mapping) or not figure.get("songs_left_out"):
        return ""
    return f"Retrieval of next lines, songs and artists, and alignment: {figure.get('note')}."


@contextlib.contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Turn what reading a damaged file of a run raises into an `InputError`.

    Only a library's reader stands within: each raises errors of its own for what it can't read.
    """
    try:
        yield
    except (RapError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path}: is missing or damaged ({error}); run the command of manifest.json again."
        ) from None


def read_json(path: Path) -> Any:
    """A JSON document. Raises OSError or ValueError."""
    try:
        return json.loads(read_plain(path).decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
