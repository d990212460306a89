"""fast_hdbscan with all its loops compiled by one process, so that its bits are always the same.

Numba keeps compiled functions on disk one by one. A function that is compiled around one read from
disk is optimised otherwise than around one compiled a moment before, and this library lets the
compiler take its sums in any order (`fastmath`). Of 16 processes that found 40 to 90 % of the
functions on disk, one gave other strengths of membership and one other clusters; of ten that
compiled them all, none. Two first runs at once, or one that is stopped, leave such a part. So the
functions are compiled into a folder of their own, by one process whose only work it is, and the
folder gets its name when all are there; one that has lost some since is made again. Where none can
be written, each process compiles all.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from rapids_rap.backend.extras import Extra, require
from rapids_rap.caches import user_cache

log = logging.getLogger(__name__)

LIBRARY = "fast_hdbscan"
UNCACHED = "FAST_HDBSCAN_NUMBA_CACHE"  # "false": the library keeps nothing, and reads nothing
CONTENTS = "contents.json"  # of a whole folder: the files of its compiled functions
# What changes how Numba compiles is set by variables of its own; these say where and how many.
APART = {"NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER"}
ABANDONED = 3600.0  # seconds after which an unfinished folder is nobody's

# All that `_cpu_hdbscan` calls, for the kinds of arguments that it gives.
_COMPILE = """
import numpy as np
from fast_hdbscan import fast_hdbscan
from fast_hdbscan.cluster_trees import condense_tree

points = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
for samples in (1, 5):
    for selection in ("eom", "leaf"):
        for epsilon in (0.0, 0.1):
            linkage = fast_hdbscan(
                points,
                min_cluster_size=5,
                min_samples=samples,
                cluster_selection_method=selection,
                cluster_selection_epsilon=epsilon,
                return_trees=True,
            )[2]
condense_tree(np.ascontiguousarray(linkage, dtype=np.float64), 2)
"""

_importing = threading.Lock()  # where Numba keeps what it compiles is the whole process's


def fast_hdbscan(purpose: str, extra: Extra = "cpu", part: str = LIBRARY) -> ModuleType:
    """The library, or a part of it as `fast_hdbscan.cluster_trees`; errors as of `require`.

    The first call on a machine takes the better part of a minute. A process that has imported the
    library by itself keeps what it has.
    """
    with _importing:
        if LIBRARY not in sys.modules and importlib.util.find_spec(LIBRARY) is not None:
            require("numba", purpose, extra)
            with _reading(whole_folder()):
                require(LIBRARY, purpose, extra)
    return require(part, purpose, extra)


def whole_folder() -> Path | None:
    """The folder that holds all compiled functions, made where it isn't; None: there can be none.

    Beside the library or in the user's cache, as Numba chooses, or where NUMBA_CACHE_DIR says.
    """
    import numba

    spec = importlib.util.find_spec(LIBRARY)
    assert spec is not None
    assert spec.origin is not None
    library = Path(spec.origin).parent
    kept = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else library / "__pycache__"
    name = f"whole-{_state(library)}"
    for folder in (kept / name, user_cache() / "numba" / name):
        if (_is_whole(folder) or _compile(folder)) and _is_writable(folder):
            return folder
    log.warning("compiled code of %s can't be kept: each process compiles it again", LIBRARY)
    return None


def _state(library: Path) -> str:
    """A hash of all that the compiled code depends on: sources, compiler, processor."""
    import llvmlite
    import numba
    from llvmlite import binding

    files = [(path.name, path.stat()) for path in sorted(library.glob("*.py"))]
    state = (
        [(name, stat.st_mtime_ns, stat.st_size) for name, stat in files],
        (sys.version, numba.__version__, llvmlite.__version__),
        (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()),
        sorted(item for item in os.environ.items() if _is_setting(item[0])),
    )
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def _is_setting(variable: str) -> bool:
    return variable.startswith("NUMBA_") and variable not in APART


def _is_whole(folder: Path) -> bool:
    """Whether all functions are there that were: who tidies caches by age takes some of them."""
    try:
        kept = json.loads((folder / CONTENTS).read_text())
        return all((folder / name).is_file() for name in kept)
    except (OSError, ValueError):
        return False


def _is_writable(folder: Path) -> bool:
    """Numba passes over, without a word, a folder that this user can't write."""
    return all(os.access(path, os.W_OK | os.X_OK) for path in (folder, *folder.glob("*/")))


def _compile(folder: Path) -> bool:
    """Compile everything into the folder, which is whole from then on; False: it can't be."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear(folder.parent.glob(f"{folder.name}.*"))
        partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    except OSError:
        return False
    log.info("compiling %s once, into %s", LIBRARY, folder)
    # Python's hashes order what the compiler goes through.
    alone = {**os.environ, "NUMBA_CACHE_DIR": str(partial), UNCACHED: "true", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", _COMPILE]
    try:
        done = subprocess.run(command, env=alone, capture_output=True, check=False)
        found = [str(path.relative_to(partial)) for path in partial.glob("*/*.nb[ci]")]
        if done.returncode or not found:  # none: Numba is told not to compile
            return False
        (partial / CONTENTS).write_text(json.dumps(found))
        partial.chmod(0o755)
        if folder.exists() and not _is_whole(folder):
            folder.rename(partial / "before")
        partial.rename(folder)
        shutil.rmtree(folder / "before", ignore_errors=True)
    except OSError:
        return _is_whole(folder)  # another process was first, or there is no room
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def _clear(unfinished: Iterator[Path]) -> None:
    for path in unfinished:
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - ABANDONED:
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _reading(folder: Path | None) -> Iterator[None]:
    """Functions that are decorated inside are read from the folder; from nowhere without one."""
    import numba

    kept, uncached = numba.config.CACHE_DIR, os.environ.get(UNCACHED)
    if folder is None:
        os.environ[UNCACHED] = "false"
    else:
        numba.config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = kept
        os.environ.pop(UNCACHED, None)
        if uncached is not None:
            os.environ[UNCACHED] = uncached
