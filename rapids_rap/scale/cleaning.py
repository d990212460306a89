"""Cleaning over stretches of lines that no rule looks across, see `corpus.cuts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rapids_rap.arrays import Bools, Int8s, Int64s
from rapids_rap.backend import load_backend
from rapids_rap.config import CorpusConfig
from rapids_rap.corpus.all_lines import AllLines
from rapids_rap.corpus.cleaning import Cleaned, clean
from rapids_rap.corpus.cuts import cut_lines, first_lines, join_cleaned
from rapids_rap.corpus.source import Group
from rapids_rap.corpus.texts import of_column
from rapids_rap.runs.files import write_json
from rapids_rap.runs.stages import load_result
from rapids_rap.scale.executor import Executor
from rapids_rap.scale.results import leave_result
from rapids_rap.scale.texts import ABOUT, Task, about, shared_folder
from rapids_rap.scale.workers import check_here, own_facts

STRETCH = 100_000  # lines: a second of work each


@dataclass(frozen=True)
class Stretch:
    """Lines that follow each other. lines: text, mark, group (positions in names), block.

    begun: groups whose first lines stand before these.
    """

    lines: pd.DataFrame
    names: tuple[Group, ...]
    begun: tuple[int, ...]


@dataclass(frozen=True)
class CleanedStretch:
    """`Cleaned` as it is kept. norm: a column of that name. decided_by: (m, 2) int64."""

    norm: pd.DataFrame
    rule: Int8s
    section: Bools
    decided_by: Int64s


def clean_by_shards(
    lines: AllLines,
    names: Sequence[Group],
    config: CorpusConfig,
    *,
    executor: Executor,
    beside: Path,
) -> Cleaned:
    """`corpus.ingest.clean_lines` by the executor's workers. beside: a folder all of them see."""
    with shared_folder(beside) as folder:
        wanted = {"corpus": config.model_dump(mode="json"), "facts": own_facts()}
        write_json(folder / ABOUT, wanted)
        first = first_lines(lines)
        tasks = []
        for number, (start, end) in enumerate(cut_lines(lines, config, STRETCH)):
            task = Task(str(folder.absolute()), number)
            leave_result(_stretch(lines, names, first, start, end), _place(task, "lines"))
            tasks.append(task)
        executor.map(clean_stretch, tasks)
        return join_cleaned([_loaded(task) for task in tasks])


def clean_stretch(task: Task) -> int:
    """Leave what cleaning makes of a stretch beside the task; how many lines it has."""
    wanted = about(task)
    check_here(wanted["facts"])
    stretch = load_result(Stretch, _place(task, "lines"), load_backend("cpu"))
    columns = (stretch.lines[name].tolist() for name in ("text", "mark", "group", "block"))
    text, mark, group, block = columns
    config = CorpusConfig(**wanted["corpus"])
    cleaned = clean(text, mark, group, block, stretch.names, config, frozenset(stretch.begun))
    pairs = sorted(cleaned.decided_by.items())
    result = CleanedStretch(
        pd.DataFrame({"norm": pd.array(cleaned.norm, dtype="str")}),
        cleaned.rule,
        cleaned.section,
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
    )
    leave_result(result, _place(task, "cleaned"))
    return len(cleaned.norm)


def _stretch(
    lines: AllLines, names: Sequence[Group], first: Int64s, start: int, end: int
) -> Stretch:
    own, group = np.unique(lines.group[start:end], return_inverse=True)
    frame = pd.DataFrame(
        {
            "text": pd.array(lines.text[start:end], dtype="str"),
            "mark": lines.mark[start:end],
            "group": group.astype(np.int64),
            "block": lines.block[start:end],
        }
    )
    begun = np.flatnonzero(first[own] < start)
    return Stretch(frame, tuple(names[i] for i in own.tolist()), tuple(begun.tolist()))


def _loaded(task: Task) -> Cleaned:
    part = load_result(CleanedStretch, _place(task, "cleaned"), load_backend("cpu"))
    decided_by = {int(line): int(by) for line, by in part.decided_by}
    return Cleaned(of_column(part.norm, "norm"), part.rule, part.section, decided_by)


def _place(task: Task, what: str) -> Path:
    return Path(task.folder) / f"{what}-{task.number}"
