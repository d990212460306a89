"""What a worker leaves of a shard: a folder, there whole or not at all, whoever else leaves it."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

from rapids_rap.backend import load_backend
from rapids_rap.runs.files import PARTIAL, explain_os_errors
from rapids_rap.runs.stages import save_result


def leave_result(result: Any, place: Path) -> None:
    """`save_result`, in one step: two workers may be at one shard, and the second leaves the same.

    The folder around it must be there: where a run ended meanwhile nothing is begun anew.
    """
    own = place.with_name(f".{place.name}.{secrets.token_hex(6)}{PARTIAL}")
    with explain_os_errors(place):
        own.mkdir()
    try:
        save_result(result, own, load_backend("cpu"))
        with explain_os_errors(place):
            own.rename(place)
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        if not place.exists():
            raise
