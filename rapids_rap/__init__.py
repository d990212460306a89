"""rapids-rap: every line of a rap-lyric corpus embedded, clustered, explained and drawn.

Lyrics flow through a straight line of stages. Each stage is one file with one public function;
only `pipeline` knows their order, only `backend` knows where arrays live, only `runs` knows files.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rapids-rap")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"
