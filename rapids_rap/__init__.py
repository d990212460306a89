"""rapids-rap: every line of a rap-lyric corpus embedded, clustered, explained and drawn.

Lyrics flow through a straight line of stages. Each stage is one file with one public function;
only `pipeline` knows their order, only `backend` knows where arrays live, only `runs` knows files.
"""

import os
from importlib.metadata import PackageNotFoundError, version

# Where the package `kernels` is installed, transformers would fetch code for some models from the
# Hub and run it, by the name that a model folder gives its architecture. It reads this when it is
# imported; whoever wants it says so in the environment.
os.environ.setdefault("USE_HUB_KERNELS", "0")

try:
    __version__ = version("rapids-rap")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"
