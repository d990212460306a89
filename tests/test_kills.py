"""Slow: a run that is killed again and again still ends as one that was left alone."""

import random
import signal
import subprocess
import sys
import time

import pytest

from rapids_rap.errors import InputError
from rapids_rap.runs.run import open_run
from tests.conftest import LYRICS
from tests.test_end_to_end import TINY, checksum

KILLS = 25
SHARDS = ("--set", "embedding.shard_texts=100")
RESULTS = (
    "vectors/vectors.npy",
    "clusters.csv",
    "cluster_terms.csv",
    "cluster_emotions.csv",
    "cluster_examples.csv",
    "themes.csv",
    "quality.json",
    "lines.parquet",
    "maps/clusters.png",
)


def start(folder):
    command = [
        sys.executable,
        "-c",
        "from rapids_rap.cli import main; main()",
        "run",
        str(LYRICS),
        "--out",
        str(folder),
        *TINY,
        *SHARDS,
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_random_kills_lose_nothing(tmp_path):
    """Killed at random moments, no corrupt run is readable, no shard is lost, the end is the same.

    The files compared hold no times, so they are equal byte for byte to an undisturbed run's.
    """
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "run"
    begin = time.monotonic()
    assert start(undisturbed).wait() == 0
    length = time.monotonic() - begin
    rng, shards = random.Random(42), {}
    for _ in range(KILLS):
        process = start(folder)
        try:
            process.wait(timeout=rng.uniform(0.2, 1.0) * length)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        now = {p.name: checksum(p) for p in folder.rglob("shard-*.json")}
        assert shards.items() <= now.items()
        shards = now
        try:
            run = open_run(folder)
        except InputError:
            continue  # unfinished, and said so
        for name, entry in run.manifest["files"].items():
            assert checksum(folder / name) == entry["sha256"], name
    assert start(folder).wait() == 0
    for name in RESULTS:
        assert checksum(folder / name) == checksum(undisturbed / name), name
    assert not list(folder.rglob("*.partial"))
