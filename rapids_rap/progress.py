"""The one progress helper: a bar with a rate on a terminal, few words elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from rapids_rap import stopping

STAGE_NAMES = {
    "corpus": "reading and cleaning",
    "embedding": "embedding distinct texts",
    "postprocess": "post-processing vectors",
    "neighbors": "nearest neighbours",
    "layout": "UMAP layouts",
    "clusters": "HDBSCAN clusters",
    "hierarchy": "the clusters' tree and themes",
    "segment": "segmenting words",
    "terms": "terms of each cluster",
    "lexicon": "lexicon counts",
    "artists": "artists and regions",
    "retrieval": "finding songs and artists again",
    "quality": "measuring quality",
    "naming": "asking a model for names",
    "by_hand": "decisions by hand",
    "maps": "drawing maps",
    "report": "writing the run",
    "training": "training",
    "judging": "measuring on held-out songs",
}


QUIET_SECONDS = 60.0  # where there is no terminal, the least time between two lines


class StageProgress:
    """Shows which stage runs; `advance` moves the bar of a stage that counts its work."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=None)
        self._console = console
        self._spoken = time.monotonic()

    def __enter__(self) -> StageProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def stage(self, name: str) -> None:
        """A stage begins; raises `Stopped` where a signal had come and was passed over."""
        stopping.raise_again()
        self._progress.reset(self._task, total=None, description=STAGE_NAMES.get(name, name))

    def describe(self, words: str) -> None:
        """Say how the present stage stands, without starting another.

        Into a file too, now and then: who watches a training of hours there sees how it goes.
        """
        self._progress.update(self._task, description=words)
        if not self._console.is_terminal and time.monotonic() - self._spoken >= QUIET_SECONDS:
            self._spoken = time.monotonic()
            self._console.print(words, soft_wrap=True)

    def advance(self, done: int, total: int) -> None:
        """`done` of `total` units of the present stage are finished."""
        self._progress.update(self._task, completed=done, total=total)
