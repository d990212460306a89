"""A finished run for programs and notebooks: typed, read-only, a file read when it is asked for.

`rapids_rap.open_run` is this module's; docs/python.md shows its use. It reads what
docs/run-folder.md promises and nothing else. What it hands out is the caller's own: pandas copies
on write, documents are copies, and vectors are mapped from their file without the right to write.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from rapids_rap.arrays import HostArray
from rapids_rap.errors import InputError
from rapids_rap.runs.names import DROPPED, LEXICON_HITS, TEXT_STABILITY, TREE
from rapids_rap.runs.received import read_parquet
from rapids_rap.runs.run import Run, explain_damage
from rapids_rap.runs.run import open_run as open_folder
from rapids_rap.runs.shape import AGAIN
from rapids_rap.view.chinese import search_tables
from rapids_rap.view.search import LineSearch
from rapids_rap.view.texts import lines_of

if TYPE_CHECKING:
    from rapids_rap.backend.protocol import Backend
    from rapids_rap.machine.device import Wanted
    from rapids_rap.reading.near import Near, NearTexts

Way = Literal["text", "pinyin", "rhyme"]
Unit = Literal["line", "song", "artist"]
TableName = Literal[
    "clusters",
    "themes",
    "cluster_terms",
    "cluster_keyness",
    "cluster_emotions",
    "cluster_emotion_rates",
    "cluster_artists",
    "artist_clusters",
    "artist_themes",
    "artist_divergence",
    "cluster_regions",
    "cluster_examples",
    "cluster_traits",
    "cluster_sizes",
    "cluster_stability",
    "text_stability",
    "theme_years",
    "lexicon_hits",
    "lexicon_overlap",
    "tree",
    "names",
    "decisions",
    "labels",
    "dropped",
]

_PARQUET: Mapping[str, str] = {
    "tree": TREE,
    "lexicon_hits": LEXICON_HITS,
    "text_stability": TEXT_STABILITY,
    "dropped": DROPPED,
}
_NO_ARTISTS = "its lyrics name no artist"
_STABILITY = "`rapids-rap stability RUN` computes it"
# Why a table that is not part of every run may be missing, and what makes it.
_REASONS: Mapping[str, str] = {
    "cluster_artists": _NO_ARTISTS,
    "artist_clusters": _NO_ARTISTS,
    "artist_themes": _NO_ARTISTS,
    "artist_divergence": _NO_ARTISTS,
    "cluster_regions": "give a table of regions ([input] regions) and run again",
    "cluster_sizes": "it has too few texts, or is of an earlier version",
    "cluster_stability": _STABILITY,
    "text_stability": _STABILITY,
    "theme_years": "nothing says in which years its lines were released",
    "labels": "nobody named its clusters or themes",
    "decisions": "nobody merged, split or renamed anything in it",
}
_NEAR_COLUMNS = ["line_id", "text_id", "artist", "song", "text", "cluster", "theme", "weight"]


@dataclass(frozen=True)
class OpenRun:
    """A finished run. Made by `open_run`; every file is read once, when first asked for.

    path: the run's folder, links followed: the nightly `latest` stays the night that was opened.
    """

    path: Path
    backend: Wanted = "auto"
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _ = self._run  # so that what can't be opened is said at once

    @property
    def manifest(self) -> dict[str, Any]:
        """manifest.json: inputs, counts, configuration, versions, seed, checksums."""
        return copy.deepcopy(dict(self._run.manifest))

    @property
    def quality(self) -> dict[str, Any]:
        """quality.json: every figure with its baseline, None where it was not computed."""
        return copy.deepcopy(dict(self._run.quality))

    @property
    def lines(self) -> pd.DataFrame:
        """lines.parquet: a row an occurrence, in the order of the corpus."""
        return self._lines.copy(deep=False)

    @property
    def texts(self) -> pd.DataFrame:
        """A row a distinct text, row = text_id = row of `vectors`.

        Columns: text_norm, weight (occurrences), cluster, theme, x, y.
        """
        return self._run.texts.copy(deep=False)

    @property
    def clusters(self) -> pd.DataFrame:
        """clusters.csv: a row a cluster; -1 is noise."""
        return self.table("clusters")

    @property
    def themes(self) -> pd.DataFrame:
        """themes.csv: the coarse level over the clusters."""
        return self.table("themes")

    @property
    def tables(self) -> tuple[TableName, ...]:
        """The names that `table` takes, those of them that this run has."""
        names: tuple[TableName, ...] = get_args(TableName)
        return tuple(name for name in names if self._path_of(name).exists())

    def table(self, name: TableName) -> pd.DataFrame:
        """A table of the run by its file's name without the ending.

        Raises `InputError` for a name that no run has, and for a table that this run lacks.
        """
        if name not in get_args(TableName):
            raise InputError(
                f"{self.path}: a run has no table {name!r}; take one of {', '.join(self.tables)}."
            )
        path = self._path_of(name)
        if not path.exists():
            raise InputError(f"{path}: this run has no such table; {_REASONS.get(name, AGAIN)}.")
        if name in ("text_stability", "dropped"):
            with explain_damage(path):
                return read_parquet(path)
        found: pd.DataFrame = getattr(self._run, name)
        return found.copy(deep=False)

    @property
    def vectors(self) -> HostArray:
        """(texts, d) float16 or float32, row = text_id, mapped from the file, read-only."""
        return self._run.vectors

    def search(self, question: str, way: Way = "text") -> pd.DataFrame:
        """The rows of `lines` that hold the question: all of them, found as the page finds them.

        way: `text`, anywhere in the line, with traditional and simplified characters, width and
        case taken as one; `pinyin` without tones; `rhyme`, the same finals in the last one to three
        syllables. Raises `InputError` where the question can't be asked that way.
        """
        if way not in get_args(Way):
            raise InputError(f"There is no way {way!r} to search; take {', '.join(get_args(Way))}.")
        rows = self._search.find(question, way)
        if rows is None:
            raise InputError(f"{question!r} can't be searched for by {way}.")
        return self._lines.iloc[rows]

    def nearest(self, text: str, k: int = 10, by: Unit = "line") -> pd.DataFrame:
        """The k lines, songs or artists nearest to a text in meaning: rank, similarity, which.

        Similarity is the cosine in the space that the run's neighbours were sought in. A line
        stands for all that are equal to it (`weight`). The run's model is needed. Raises
        `InputError` for an empty text or another model, `CapabilityError` where it can't be had.
        """
        self._check_count(k)
        if by not in get_args(Unit):
            raise InputError(f"There are no {by!r} to be near; take {', '.join(get_args(Unit))}.")
        if by == "line":
            return self._near_lines(self._near.to_text(text, k))
        from rapids_rap.reading.search import search_run

        return search_run(self._run, text, by, k, self._device, self.settings)

    def neighbours(self, line_id: int, k: int = 10) -> pd.DataFrame:
        """The k lines nearest to one of the run's, itself not among them; no model is needed.

        As `nearest` gives them. Raises `InputError` where the run has no such line.
        """
        self._check_count(k)
        own = self._lines.loc[self._lines["line_id"] == line_id, "text_id"]
        if own.empty:
            raise InputError(
                f"{self.path / 'lines.parquet'}: has no line {line_id!r}; take a `line_id` of "
                "`lines`."
            )
        near = self._near.to_own(int(own.iloc[0]), k + 1)
        return self._near_lines(type(near)(near.ids[1:], near.similarity[1:]))

    def __repr__(self) -> str:
        counts = self._run.manifest["counts"]
        sizes = f"{counts.get('kept', 0):,} lines, {counts.get('clusters', 0):,} clusters"
        return f"<run {self.path}: {sizes}>"

    @functools.cached_property
    def _run(self) -> Run:
        return open_folder(self.path)

    @functools.cached_property
    def _lines(self) -> pd.DataFrame:
        lines = self._run.lines
        if "line_id" not in lines:
            lines = lines.assign(line_id=np.arange(len(lines)))
        return lines

    @functools.cached_property
    def _search(self) -> LineSearch:
        texts = self._lines["text"].fillna("").tolist()
        return LineSearch(lines_of(texts), search_tables(texts))

    @functools.cached_property
    def _device(self) -> Backend:
        from rapids_rap.backend import load_backend
        from rapids_rap.machine.device import resolve

        return load_backend(resolve(self.backend).backend)

    @functools.cached_property
    def _near(self) -> NearTexts:
        from rapids_rap.reading.near import NearTexts  # brings torch

        return NearTexts(self._run, self._device, self.settings)

    def _near_lines(self, near: Near) -> pd.DataFrame:
        first = self._lines.drop_duplicates("text_id").set_index("text_id", drop=False)
        columns = [name for name in _NEAR_COLUMNS if name in first]
        rows = first.loc[near.ids, columns].reset_index(drop=True)
        rows.insert(0, "similarity", near.similarity)
        rows.insert(0, "rank", np.arange(1, len(rows) + 1))
        return rows

    def _path_of(self, name: str) -> Path:
        return self.path / _PARQUET.get(name, f"{name}.csv")

    @staticmethod
    def _check_count(k: int) -> None:
        if k < 1:
            raise InputError(f"k = {k}: how many are asked for is a whole number from 1.")


def open_run(
    path: str | os.PathLike[str], *, backend: Wanted = "auto", settings: tuple[str, ...] = ()
) -> OpenRun:
    """Open a finished run for reading.

    path: a folder that `rapids-rap run` wrote, or a night. backend: what finds neighbours: `auto`,
    `cpu` or `gpu`. settings: of the run's model, as `search --set` takes them, such as
    `("embedding.model=models/mine",)`. Raises `InputError` where there is no finished run, or one
    of a later version; its one sentence names the file and what to do.
    """
    try:
        folder = Path(path).expanduser().resolve()
        return OpenRun(folder, backend, tuple(settings))
    except (OSError, RuntimeError, ValueError) as error:  # of a name that no system takes
        raise InputError(f"{str(path)!r}: can't be opened ({error}); name a run folder.") from None
