"""The libraries that only the benchmarks need."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from rapids_rap.errors import CapabilityError


def require_extra(modules: Iterable[str], what: str) -> None:
    """Raise `CapabilityError` for the modules that can't be imported, and name the extra."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise CapabilityError(
            f"`bench` needs {', '.join(missing)} for {what}; install them with "
            "`pip install 'rapids-rap[bench]'`."
        )
