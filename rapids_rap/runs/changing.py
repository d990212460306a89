"""A finished run opened for a change to it, under its lock and only if it is whole."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from rapids_rap.errors import InputError
from rapids_rap.runs.lock import exclusive
from rapids_rap.runs.replacing import finish_replacing
from rapids_rap.runs.run import Run, open_run
from rapids_rap.runs.verify import find_faults

log = logging.getLogger(__name__)


@contextlib.contextmanager
def whole_run(path: Path) -> Iterator[Run]:
    """The run at `path`, which nobody else changes meanwhile.

    What an earlier command had begun to replace is ended first. Raises `InputError` where it is no
    whole run, `LockHeldError` where it is being written.
    """
    open_run(path)  # before a folder is made for the lock
    with exclusive(path):
        if finish_replacing(path):
            log.info("%s: ended what an earlier command had begun", path)
        faults = find_faults(path)
        if faults:
            raise InputError(f"{faults[0]} A run that is not whole is not added to.")
        yield open_run(path)
