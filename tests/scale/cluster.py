"""Runs, schedulers and workers as processes of their own, to be killed, stopped and compared."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import LYRICS
from tests.test_end_to_end import TINY, checksum

# Many shards of vectors, and little else: what one process does alone is not what fails here.
SHARDS = (
    *("--set", "embedding.shard_texts=20", "--set", "clusters.layouts=1"),
    *("--set", "layout.epochs=20", "--set", "quality.permutations=0"),
)
# Without times and paths, so that two runs of the same lyrics have the same bytes.
KINDS = (".csv", ".parquet", ".npy", ".png", ".bin")


def start(folder, *options, limit=None):
    """A run of the sample; what it says goes to FOLDER.log. limit: bytes of any file it writes."""
    import resource

    def small_files():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    entry = "from rapids_rap.cli import main; main()"
    how = ["run", str(LYRICS), "--out", str(folder), *TINY, *SHARDS, *map(str, options)]
    with Path(f"{folder}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-c", entry, *how], stdout=log, stderr=log, preexec_fn=small_files
        )


def said(folder):
    """What the latest run into the folder said, on one line."""
    return " ".join(Path(f"{folder}.log").read_text().split())


def sums(folder):
    """Checksums of all that a run found, and of its store."""
    store = {p.name: checksum(p) for p in (folder / ".store").rglob("shard-*")}
    hidden = {p for p in folder.rglob("*") if p.relative_to(folder).parts[0].startswith(".")}
    found = [p for p in folder.rglob("*") if p.suffix in KINDS and p not in hidden]
    own = {str(p.relative_to(folder)): checksum(p) for p in [*found, folder / "quality.json"]}
    assert {"lines.parquet", "dropped.parquet", "vectors/vectors.npy"} <= set(own)
    return own | store


def workers_of(process):
    """The numbers of a run's worker processes."""
    waiting, found = [process.pid], []
    while waiting:
        pid = waiting.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting += map(int, task.read_text().split())
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def kept(folder):
    """Which stage a run is at, as what it has kept tells."""
    stages = ("corpus", "segment", "neighbors", "terms", "lexicon", "keyness")
    done = [name for name in stages if any((folder / ".stages" / name).glob("*/commit.json"))]
    names = ("reading", "words", "vectors", "clusters, terms", "lexicon", "keyness", "files")
    return names[len(done)]


def wait_for(what, seconds=90.0):
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


class Cluster:
    """A scheduler and its workers, each a process in a working folder of its own."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        folder.mkdir()
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("distributed.cli.dask_scheduler", "--port", "0")
        wait_for(self.file.exists)

    @property
    def address(self):
        import json

        return json.loads(self.file.read_text())["address"]

    def worker(self, name, *options, before=()):
        own = self.folder / name
        own.mkdir()
        return self._start(
            "distributed.cli.dask_worker",
            *("--nthreads", "1", "--nworkers", "1", "--no-nanny", "--local-directory", own),
            *("--name", name, *options),
            before=before,
            where=own,
        )

    def _start(self, module, *options, before=(), where=None):
        more = ["--host", "127.0.0.1", "--scheduler-file", self.file, "--no-dashboard"]
        process = subprocess.Popen(
            [*before, sys.executable, "-m", module, *map(str, [*options, *more])],
            cwd=where or self.folder,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / f"{len(self.processes)}.log").open("w"),
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()
