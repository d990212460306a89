"""Where what can be made again is kept, outside of any run."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """`$XDG_CACHE_HOME/rapids-rap`, else `~/.cache/rapids-rap`. Nothing is created."""
    own = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (own if own.is_absolute() else Path.home() / ".cache") / "rapids-rap"
