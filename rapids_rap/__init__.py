"""rapids-rap: every line of a rap-lyric corpus embedded, clustered, explained and drawn.

Lyrics flow through a straight line of stages. Each stage is one file with one public function;
only `pipeline` knows their order, only `backend` knows where arrays live, only `runs` knows files.
"""

import os

# Where the package `kernels` is installed, transformers would fetch code for some models from the
# Hub and run it, by the name that a model folder gives its architecture. It reads this when it is
# imported; whoever wants it says so in the environment.
os.environ.setdefault("USE_HUB_KERNELS", "0")

__version__: str


def __getattr__(name: str) -> str:
    """`__version__`, looked up when asked for: that takes longer than this whole import."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rapids-rap")
    except PackageNotFoundError:  # running from a source tree that was never installed
        return "0.0.0"
