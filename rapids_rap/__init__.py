"""rapids-rap: every line of a rap-lyric corpus embedded, clustered, explained and drawn.

Lyrics flow through a straight line of stages. Each stage is one file with one public function;
only `pipeline` knows their order, only `backend` knows where arrays live, only `runs` knows files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rapids_rap import view as view
    from rapids_rap.api import open_run as open_run

# Where the package `kernels` is installed, transformers would fetch code for some models from the
# Hub and run it, by the name that a model folder gives its architecture. It reads this when it is
# imported; whoever wants it says so in the environment.
os.environ.setdefault("USE_HUB_KERNELS", "0")

__version__: str


def __getattr__(name: str) -> Any:
    """What a library offers, looked up when asked for: it takes longer than this whole import."""
    if name == "open_run":
        from rapids_rap.api import open_run

        return open_run
    if name == "view":
        import importlib

        return importlib.import_module("rapids_rap.view")
    if name == "__version__":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a notebook offers to complete."""
    return ["__version__", "open_run", "view"]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rapids-rap")
    except PackageNotFoundError:  # running from a source tree that was never installed
        return "0.0.0"
