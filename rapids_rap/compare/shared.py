"""The texts that several runs have in common, and where each run puts them.

Runs are compared on the same distinct texts: a text is the same where its `text_norm` is, for that
is what was embedded and clustered. Files, line numbers and `text_id`s may differ between runs, and
one run may hold lyrics that the other does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapids_rap.arrays import Float64s, Int64s
from rapids_rap.errors import InputError
from rapids_rap.maps.marks import Mark
from rapids_rap.quality.follows import song_blocks
from rapids_rap.quality.lines import follow_on
from rapids_rap.runs.run import Run
from rapids_rap.tables.doubts import Doubts, find_doubts

COLUMNS = ("text_norm", "text_id", "cluster", "x", "y", "song_id", "stanza", "line_no")


@dataclass(frozen=True)
class Side:
    """One run on the n shared texts.

    rows: (n,) text_id in this run. ids: (K,) the run's clusters, ascending. labels: (n,) position
    of the final cluster in `ids`, -1 is noise. xy: (n, 2) on its map. distinct: texts the run has
    in all.
    """

    run: Run
    rows: Int64s
    ids: Int64s
    labels: Int64s
    xy: Float64s
    distinct: int

    @property
    def count(self) -> int:
        """Clusters of the run, those without a shared text included."""
        return len(self.ids)

    @property
    def names(self) -> list[str]:
        """What to call each cluster: the label that people gave it, or else its top terms."""
        table = self.run.clusters
        known = dict(zip(table["cluster"], table["top_terms"], strict=True))
        known |= self.run.names_of("cluster")
        texts = [known.get(own) for own in self.ids.tolist()]
        return [text if isinstance(text, str) else "" for text in texts]

    @property
    def doubts(self) -> Doubts:
        """Which of the run's clusters may not be there again."""
        return find_doubts(self.run.clusters, self.run.manifest)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """(K,) how each cluster is marked for that."""
        found = self.doubts
        return tuple(found.mark(own) for own in self.ids.tolist())

    @property
    def themes(self) -> tuple[Int64s, Int64s]:
        """The run's themes, ascending ids, and (K,) the position of each cluster's among them."""
        table = self.run.clusters
        known = dict(zip(table["cluster"], table["theme"], strict=True))
        of_cluster = [max(int(known.get(own, 0)), 0) for own in self.ids.tolist()]
        ids, position = np.unique(np.array(of_cluster, dtype=np.int64), return_inverse=True)
        return ids, position.astype(np.int64)


@dataclass(frozen=True)
class Shared:
    """What the runs have in common, in code point order of the texts.

    lines: (n,) occurrences of each text in the first run. songs: (n,) the group of each text for
    resampling: the song of its first occurrence in the first run, or a group of its own where no
    song is known. found: shared texts before any sample was drawn. known_songs: whether groups are
    songs. blocks: (n,) the song, or the block of lines it is in (`quality.follows.song_blocks`).
    follows: (p, 2) positions in `texts` of neighbouring lines of a stanza in the first run,
    and `follows_song`: (p,) the group of each pair.
    """

    texts: tuple[str, ...]
    lines: Int64s
    songs: Int64s
    blocks: Int64s
    found: int
    known_songs: bool
    follows: Int64s
    follows_song: Int64s
    sides: tuple[Side, ...]


def find_shared(runs: Sequence[Run], sample: int = 0, seed: int = 0) -> Shared:
    """The texts that all runs have; with `sample`, only so many of them, drawn with `seed`.

    Raises `InputError` where runs have different units, no text in common, or are damaged.
    """
    _check_units(runs)
    tables = [_table(run) for run in runs]
    firsts = [table.drop_duplicates("text_norm").set_index("text_norm") for table in tables]
    common = firsts[0].index
    for other in firsts[1:]:
        common = common[common.isin(other.index)]
    if not len(common):
        names = " and ".join(str(run.path) for run in runs)
        raise InputError(
            f"{names}: have no text in common, so there is nothing to compare. Runs are matched by "
            "text_norm: compare runs over the same lyrics."
        )
    common = common.sort_values()
    found = len(common)
    if 0 < sample < found:
        chosen = np.random.default_rng(seed).choice(found, sample, replace=False)
        common = common[np.sort(chosen)]
    songs = firsts[0].loc[common, "song_id"]
    follows, follows_song = _neighbours(tables[0], common)
    return Shared(
        texts=tuple(common),
        lines=_occurrences(tables[0], common),
        songs=_groups(songs),
        blocks=song_blocks(firsts[0].loc[common]),
        found=found,
        known_songs=bool(songs.notna().any()),
        follows=follows,
        follows_song=follows_song,
        sides=tuple(_side(run, first, common) for run, first in zip(runs, firsts, strict=True)),
    )


def _check_units(runs: Sequence[Run]) -> None:
    units = [str(run.manifest["config"].get("corpus", {}).get("unit", "line")) for run in runs]
    for run, unit in zip(runs, units, strict=True):
        if unit != units[0]:
            raise InputError(
                f"{runs[0].path} has {units[0]}s and {run.path} has {unit}s: only runs of one unit "
                "(corpus.unit) can be compared."
            )


def _table(run: Run) -> pd.DataFrame:
    table = run.lines
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"{run.path / 'lines.parquet'}: has no column {missing[0]}; run the command of "
            "manifest.json again."
        )
    kept = [*COLUMNS, *(name for name in ("lines", "file") if name in table.columns)]
    return table[kept]


def _side(run: Run, first: pd.DataFrame, common: pd.Index) -> Side:
    own = first.loc[common]
    ids = np.unique(first["cluster"].to_numpy(dtype=np.int64))
    ids = ids[ids >= 0]
    label = own["cluster"].to_numpy(dtype=np.int64)
    return Side(
        run,
        own["text_id"].to_numpy(dtype=np.int64),
        ids,
        np.where(label >= 0, np.searchsorted(ids, label), -1),
        own[["x", "y"]].to_numpy(dtype=np.float64),
        len(first),
    )


def _occurrences(table: pd.DataFrame, common: pd.Index) -> Int64s:
    """Lines of each text: a stanza's or a song's row counts its lines."""
    each = table["lines"] if "lines" in table.columns else pd.Series(1, index=table.index)
    totals = each.groupby(table["text_norm"]).sum()
    return np.asarray(totals.loc[common], dtype=np.int64)


def _groups(songs: pd.Series) -> Int64s:
    """Numbers from 0: one a song, and one for each text without a song."""
    codes = np.asarray(pd.factorize(songs, use_na_sentinel=True)[0], dtype=np.int64)
    alone = codes < 0
    return np.where(alone, codes.max(initial=-1) + np.cumsum(alone), codes).astype(np.int64)


def _neighbours(table: pd.DataFrame, common: pd.Index) -> tuple[Int64s, Int64s]:
    """Pairs of shared texts that follow each other in a stanza, equal texts left out."""
    known = table[table["song_id"].notna()].sort_values(["song_id", "line_no"], kind="stable")
    place = common.get_indexer(pd.Index(known["text_norm"]))
    song = known["song_id"].to_numpy(dtype=np.int64)
    stanza, line = known["stanza"].to_numpy(), known["line_no"].to_numpy()
    if len(known) < 2:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64)
    next_to = follow_on(song, stanza, line)
    next_to &= (place[1:] >= 0) & (place[:-1] >= 0) & (place[1:] != place[:-1])
    pairs = np.stack([place[:-1], place[1:]], axis=1)[next_to]
    return pairs.astype(np.int64), song[1:][next_to]
