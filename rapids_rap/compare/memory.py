"""Songs that the models of compared runs were trained on: they count for none of the runs.

A model finds by memory what it was trained on. So a song that any of the models has read is left
out of the figures that memory flatters, for every run, and all are judged on the same pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rapids_rap.arrays import Int64s, UInt64s
from rapids_rap.backend.protocol import Backend
from rapids_rap.compare.verdict import Contrast
from rapids_rap.embedding.folder import fingerprint, locate_model, transformer_folder
from rapids_rap.embedding.projection import find_projection
from rapids_rap.embedding.trained_on import read_trained_on
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.quality.figures import DECLARATIONS, RECURRING, declared
from rapids_rap.quality.seen import FEWEST, left_out_note, seen_songs
from rapids_rap.runs.run import Run

MEMORISED = tuple(one.key for one in DECLARATIONS if one.memorised)
UNKNOWN = "what a model was trained on can't be known, so this decides nothing"
OTHER_SONGS = (
    "the runs measured it on different songs, because of what their models were trained on"
)
NOTHING: UInt64s = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Memory:
    """What the models of compared runs have read, in songs of the first run.

    songs: how many songs the first run knows. seen: of each run, the song_ids that its model was
    trained on, ascending; None where that can't be known. unknown: of each run, why not, else "".
    """

    songs: int
    seen: tuple[Int64s | None, ...]
    unknown: tuple[str, ...]

    @property
    def left_out(self) -> Int64s:
        """The song_ids that any of the models was trained on, ascending."""
        known = [own for own in self.seen if own is not None]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *known]))

    @property
    def enough(self) -> bool:
        """Whether what is left says anything; where nothing is left out, it is what there is."""
        return not len(self.left_out) or self.songs - len(self.left_out) >= FEWEST

    @property
    def note(self) -> str:
        """What a figure says of the songs that it leaves out, "" where it leaves none out."""
        return left_out_note(self.songs, len(self.left_out)) if len(self.left_out) else ""


def find_memory(runs: Sequence[Run], backend: Backend) -> Memory:
    """What the model of each run has read of the first run's songs, from the models' folders."""
    lines = runs[0].lines
    ids, names = pd.factorize(lines["text_norm"])
    texts = names.tolist()
    rows = lines.assign(text_id=ids.astype(np.int64))
    read = [_trained_on(run) for run in runs]
    seen = [None if why else seen_songs(rows, texts, hashes, backend) for hashes, why in read]
    songs = int(lines["song_id"].nunique())
    return Memory(songs, tuple(seen), tuple(why for _, why in read))


def memory_sentences(memory: Memory, names: Sequence[str], figures: Mapping[str, Any]) -> list[str]:
    """How many songs are left out because of which run, and of which run that can't be known.

    figures: of any of the runs, by `scores`, which measures on what is left.
    """
    if not memory.songs:
        return []
    own = [
        f"{name}'s model on {len(seen)}"
        for name, seen in zip(names, memory.seen, strict=True)
        if seen is not None and len(seen)
    ]
    every = ", ".join(MEMORISED)
    said = []
    if own:
        left = memory.songs - len(memory.left_out)
        measured = ", ".join(key for key in MEMORISED if key in figures)
        follows = (
            f"These are left out of {measured} for every run."
            if memory.enough
            else f"{left} are left, and {FEWEST} are the least for {measured}: not computed."
        )
        said.append(
            f"Of {memory.songs:,} songs models were trained on {len(memory.left_out):,} "
            f"({', '.join(own)}). {follows}"
        )
    return said + [
        f"What {name}'s model was trained on can't be known: {why} So {every} decide nothing."
        for name, why in zip(names, memory.unknown, strict=True)
        if why
    ]


def discount_memory(
    rows: Sequence[Contrast], memory: Memory, runs: tuple[Run, Run], numbers: tuple[int, int]
) -> list[Contrast]:
    """The contrasts of two of the runs, `numbers`, with what memory leaves of them.

    Where it can't be known what a model has read, figures that memory flatters decide nothing; what
    each run measured on the songs that its own model had not read is compared where these are the
    same.
    """
    return [_discount(row, memory, runs, numbers) for row in rows]


def _discount(
    row: Contrast, memory: Memory, runs: tuple[Run, Run], numbers: tuple[int, int]
) -> Contrast:
    key = row.key.removeprefix(RECURRING).partition(".")[0]
    if not declared(key).memorised or not memory.songs:
        return row
    first, second = (memory.seen[number] for number in numbers)
    if first is None or second is None:
        return replace(row, decides=False, note=UNKNOWN)
    alike = np.array_equal(first, second) and all(_left_out(run, key) == len(first) for run in runs)
    if row.basis == "shared" or alike:
        return row
    return replace(row, winner="unknown" if row.winner == "unknown" else "apart", note=OTHER_SONGS)


def _left_out(run: Run, key: str) -> int:
    """How many songs a figure of quality.json left out; an earlier version left out none."""
    figure = run.quality.get(key)
    number = figure.get("songs_left_out") if isinstance(figure, dict) else None
    return number if isinstance(number, int) else 0


def _trained_on(run: Run) -> tuple[UInt64s, str]:
    """(m,) the hashes of what a run's model was trained on; or why that can't be known."""
    made = run.manifest["model"]
    if made.get("trained_on", "unsaid") == 0:
        return NOTHING, ""
    name = str(run.manifest["config"].get("embedding", {}).get("model", ""))
    try:
        root = locate_model(name, download=False)
        folder = transformer_folder(root)
        own = fingerprint(folder, find_projection(root, int(made.get("dim") or 0)))
        known = read_trained_on(folder)
    except (InputError, CapabilityError, OSError) as error:
        why = str(error).split(". ")[0].rstrip(".")
        return NOTHING, f"the model {Path(name).name[:100]} is not to be had any more ({why})."
    if own != made.get("fingerprint"):
        return NOTHING, f"the model {Path(name).name} is another one by now."
    if known is None:
        return NOTHING, f"{folder}: was trained, but holds no record of the songs; train it again."
    return known, ""
