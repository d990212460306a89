"""People's judgements of a run: forms that say nothing of the clustering, and how far people agree.

`items` draws what is asked, `forms` writes it, `answers` reads what came back, `agreement` computes
and `agree` puts it into the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Task = Literal["fit", "intruder", "names", "emotion"]
TASKS: tuple[Task, ...] = ("fit", "intruder", "names", "emotion")
FITS = ("no", "partly", "yes")  # in their order
NONE = "none"  # no emotion of the list


@dataclass(frozen=True)
class Item:
    """One question. What stands above `truth` is all that a coder sees.

    id: says nothing of the cluster. group: lines that stand together. line: what is asked about, ""
    where it is the group. options: the answers, in the order that they are shown; names: what each
    stands for where that is not itself. truth: what the clustering or the lexicon would answer, ""
    where it has no answer. cluster, stratum: where it was drawn. unit: what it is resampled with:
    its song, or its cluster where it is of many songs; "" where no song is known.
    """

    id: str
    task: Task
    group: tuple[str, ...]
    line: str
    options: tuple[str, ...]
    names: tuple[str, ...] = ()
    truth: str = ""
    cluster: int = -1
    stratum: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Answers:
    """What one coder said, by item. source: where it was read, for messages."""

    coder: str
    form: str
    given: Mapping[str, str]
    source: str
