"""fast_hdbscan's compiled code comes from one process, whatever lay on disk before."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from rapids_rap.backend import compiled

# A stand-in for the minute's work: it keeps a file where Numba would keep its own.
NOTHING = (
    "import os, pathlib; kept = pathlib.Path(os.environ['NUMBA_CACHE_DIR'], 'kept'); kept.mkdir()"
)
KEEPS = NOTHING + "; [(kept / name).write_text('code') for name in ('loop.nbc', 'loop.nbi')]"
FAILS = KEEPS + "; raise SystemExit(1)"

CALLS = """
import sys
import numpy as np
from rapids_rap.backend._cpu_hdbscan import density_clusters

points = np.random.default_rng(1).normal(size=(300, 5)).astype(np.float32)
for samples in (1, 4):
    for selection in ("eom", "leaf"):
        for epsilon in (0.0, 0.2):
            density_clusters(
                points,
                min_cluster_size=8,
                min_samples=samples,
                selection=selection,
                epsilon=epsilon,
                with_tree=True,
            )
loops = {
    id(loop): loop
    for name, module in list(sys.modules.items())
    if name.startswith("fast_hdbscan")
    for loop in vars(module).values()
    if getattr(getattr(loop, "stats", None), "cache_path", None)
}.values()
assert sum(sum(loop.stats.cache_hits.values()) for loop in loops) > 20
print(all("/whole-" in loop.stats.cache_path for loop in loops))
print({loop.__name__ for loop in loops if sum(loop.stats.cache_misses.values())})
"""


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Folders of this test's own, for Numba and for the user."""
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "numba"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path


def test_all_loops_that_the_clustering_calls_are_read_from_one_folder():
    """None is compiled by the run itself, around others that another process left."""
    assert compiled.whole_folder() is not None
    found = subprocess.run(
        [sys.executable, "-c", CALLS], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == ["True", "set()"]


def test_the_folder_is_made_once(caches, monkeypatch):
    """The second process finds it, and nothing else lies beside it."""
    monkeypatch.setattr(compiled, "_COMPILE", KEEPS)
    folder = compiled.whole_folder()
    assert folder is not None
    assert folder.parent == caches / "numba"
    monkeypatch.setattr(compiled, "_COMPILE", FAILS)
    assert compiled.whole_folder() == folder
    assert [path.name for path in (caches / "numba").iterdir()] == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == [compiled.CONTENTS, "kept"]


@pytest.mark.parametrize("work", [FAILS, NOTHING])
def test_work_that_fails_leaves_nothing(caches, monkeypatch, caplog, work):
    """Neither a folder that looks whole nor a part; a sentence says what it costs."""
    monkeypatch.setattr(compiled, "_COMPILE", work)
    assert compiled.whole_folder() is None
    assert not [path for path in caches.rglob("*") if "whole" in path.name]
    assert "can't be kept" in caplog.text


def test_another_process_may_be_first(caches, monkeypatch):
    """Its folder is used; one that is whole is never replaced."""
    monkeypatch.setattr(compiled, "_COMPILE", KEEPS)
    folder = compiled.whole_folder()
    assert folder is not None
    (folder / "theirs").mkdir()
    assert compiled._compile(folder)
    assert (folder / "theirs").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_lost_a_function_is_made_again(caches, monkeypatch):
    """A cache that is tidied by age keeps some of them, which is what must not be read."""
    monkeypatch.setattr(compiled, "_COMPILE", KEEPS)
    folder = compiled.whole_folder()
    assert folder is not None
    for lost in ("kept/loop.nbc", "kept/loop.nbi", compiled.CONTENTS):
        (folder / lost).unlink()
        (folder / "left").mkdir()
        assert compiled.whole_folder() == folder
        assert len(list((folder / "kept").iterdir())) == 2
        assert sorted(path.name for path in folder.iterdir()) == [compiled.CONTENTS, "kept"]
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_of_another_user_is_passed_over(caches, monkeypatch):
    """Numba would pass over it without a word, and read what lies elsewhere."""
    monkeypatch.setattr(compiled, "_COMPILE", KEEPS)
    theirs = compiled.whole_folder()
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, how: theirs not in (path, path.parent) and allowed(path, how)
    )
    own = compiled.whole_folder()
    assert own is not None
    assert own.parent == caches / "user" / "rapids-rap" / "numba"


def test_what_a_killed_process_left_is_cleared_after_a_while(caches, monkeypatch):
    """A younger part may be another process's, at work."""
    monkeypatch.setattr(compiled, "_COMPILE", KEEPS)
    folder = compiled.whole_folder()
    assert folder is not None
    old, young = (folder.with_name(f"{folder.name}.{name}") for name in ("old", "young"))
    old.mkdir()
    young.mkdir()
    ago = time.time() - 2 * compiled.ABANDONED
    os.utime(old, (ago, ago))
    shutil.rmtree(folder)
    assert compiled.whole_folder() == folder
    assert young.exists()
    assert not old.exists()


@pytest.mark.parametrize("change", ["sources", "processor", "settings"])
def test_other_sources_processors_or_settings_have_a_folder_of_their_own(
    caches, monkeypatch, tmp_path, change
):
    """Compiled code never passes from one to the other."""
    from llvmlite import binding

    (tmp_path / "library.py").write_text("a")
    before = compiled._state(tmp_path)
    assert compiled._state(tmp_path) == before
    if change == "sources":
        (tmp_path / "library.py").write_text("ab")
    elif change == "settings":
        monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
        assert compiled._state(tmp_path) == before
        monkeypatch.setenv("NUMBA_OPT", "1")
    else:
        monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "another")
    assert compiled._state(tmp_path) != before


def test_without_a_folder_nothing_is_read_from_disk(monkeypatch):
    """The library is told to keep nothing, and what the user had set comes back."""
    import numba

    monkeypatch.setenv(compiled.UNCACHED, "yes")
    before = numba.config.CACHE_DIR
    with compiled._reading(None):
        assert os.environ[compiled.UNCACHED] == "false"
        assert before == numba.config.CACHE_DIR
    assert os.environ[compiled.UNCACHED] == "yes"
