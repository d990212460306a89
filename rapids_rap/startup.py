"""Importing large libraries without the garbage collector.

torch, transformers and what belongs to them make a million objects that live as long as the
process. The collector goes through all of them again and again while they come, and in every full
collection of the job.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def large_imports() -> Iterator[None]:
    """Nothing is collected inside, and what was made by then is never looked at again.

    For imports at the beginning of a process: garbage that is there by then stays.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if running:
            gc.enable()
