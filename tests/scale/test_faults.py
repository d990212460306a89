"""Slow: whatever fails, workers, schedulers, disks, a run ends as one that was left alone."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from rapids_rap.runs.lock import exclusive
from tests.conftest import LYRICS, rap
from tests.scale.cluster import Cluster, kept, said, start, sums, wait_for, workers_of
from tests.test_end_to_end import TINY

KILLS = 50


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process finds, without `[scale]`."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    assert start(folder).wait() == 0, said(folder)
    return sums(folder)


@pytest.fixture(scope="module")
def length(tmp_path_factory):
    """Seconds of an undisturbed run over shards, by which the kills are spread."""
    folder, begin = tmp_path_factory.mktemp("length") / "run", time.monotonic()
    assert start(folder, "--scale", "process", "--workers", 2).wait() == 0, said(folder)
    return time.monotonic() - begin


@pytest.fixture
def cluster(tmp_path):
    """A scheduler; the test brings the workers."""
    made = Cluster(tmp_path / "cluster")
    yield made
    made.close()


def stored(folder):
    """The shards of vectors that a run has kept."""
    return list((folder / ".store").rglob("shard-*.json"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["process", "dask"])
def test_random_kills_of_workers_change_no_byte(kind, alone, length, tmp_path):
    """Half of fifty workers of each kind, at any stage; a run that gives up says so and resumes."""
    chance, at, gave_up, number = random.Random(kind), Counter(), 0, 0
    while sum(at.values()) < KILLS // 2:
        folder = tmp_path / f"run-{number}"
        process = start(folder, "--scale", kind, "--workers", 2)
        while process.poll() is None:
            time.sleep(chance.uniform(0.01, 0.3) * length)
            there = workers_of(process)
            if there and process.poll() is None and sum(at.values()) < KILLS // 2:
                try:
                    os.kill(chance.choice(sorted(there)), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                at[kept(folder)] += 1
        if process.returncode == 0:
            assert sums(folder) == alone
            assert not list(folder.rglob("*.partial"))
            number += 1
        else:
            gave_up += 1
            assert process.returncode == 3, said(folder)
            assert "Traceback" not in said(folder)
    if process.returncode:
        number += 1
        assert start(folder, "--scale", kind, "--workers", 2).wait() == 0, said(folder)
        assert sums(folder) == alone
    figures = {"kind": kind, "kills": dict(at), "runs": number, "gave up": gave_up}
    record = os.environ.get("RAPIDS_RAP_KILLS")  # a file for the table of docs/scale.md
    if record:
        with Path(record).open("a") as file:
            file.write(json.dumps(figures, ensure_ascii=False) + "\n")


@pytest.mark.slow
def test_a_scheduler_that_is_killed_ends_the_run_which_resumes(alone, cluster, tmp_path):
    """Exit code 3 and a sentence; the same command goes on with another scheduler."""
    for name in "ab":
        cluster.worker(name)
    folder = tmp_path / "run"
    process = start(folder, "--scheduler", cluster.address)
    wait_for(lambda: stored(folder) or process.poll() is not None)
    cluster.scheduler.kill()
    assert process.wait(timeout=300) == 3, said(folder)
    assert "The Dask scheduler or its connection was lost" in said(folder)
    assert "Traceback" not in said(folder)
    assert stored(folder)
    another = Cluster(tmp_path / "another")
    try:
        another.worker("c")
        assert start(folder, "--scheduler", another.address).wait() == 0, said(folder)
    finally:
        another.close()
    assert sums(folder) == alone


@pytest.mark.slow
def test_machines_that_leave_and_join_change_no_byte(alone, cluster, tmp_path):
    """One worker at the start; it is killed once another has joined."""
    first, folder = cluster.worker("a"), tmp_path / "run"
    process = start(folder, "--scheduler", cluster.address)
    wait_for(lambda: stored(folder) or process.poll() is not None)
    cluster.worker("b")
    time.sleep(2)
    first.kill()
    assert process.wait(timeout=300) == 0, said(folder)
    assert sums(folder) == alone


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_worker_that_hangs_costs_time_and_no_byte(kind, alone, tmp_path):
    """Stopped in the midst of a shard, its lease in hand: after a minute another does it."""
    folder = tmp_path / "run"
    process = start(folder, "--scale", kind, "--workers", 2)
    wait_for(lambda: stored(folder) or process.poll() is not None)
    hanging = workers_of(process)[0]
    os.kill(hanging, signal.SIGSTOP)
    try:
        assert process.wait(timeout=400) == 0, said(folder)
    finally:
        if process.poll() is None:
            process.kill()
            os.kill(hanging, signal.SIGKILL)
    assert sums(folder) == alone


@pytest.mark.slow
@pytest.mark.parametrize("limit", [3_000, 30_000, 120_000])
def test_a_full_disk_ends_the_run_which_resumes(limit, alone, tmp_path):
    """Wherever it fills, in a worker or here: a sentence, exit code 3, nothing half written."""
    folder = tmp_path / "run"
    process = start(folder, "--scale", "process", "--workers", 2, limit=limit)
    assert process.wait(timeout=300) == 3, said(folder)
    assert "no room" in said(folder)
    assert "Traceback" not in said(folder)
    assert start(folder, "--scale", "process", "--workers", 2).wait() == 0, said(folder)
    assert sums(folder) == alone
    assert not list(folder.rglob("*.partial"))


def test_the_second_run_on_a_store_is_refused(tmp_path):
    """As without `[scale]`: exit code 4, with whoever is there."""
    store = tmp_path / "store"
    how = (*TINY, "--set", f"embedding.store={store}", "--set", "scale.executor=serial")
    with exclusive(store):
        outcome = rap("run", LYRICS, "--out", tmp_path / "run", *how)
    assert outcome.code == 4, outcome.err
    assert "another run is writing there" in outcome.err


@pytest.mark.slow
def test_a_worker_of_other_versions_is_refused_before_any_work(cluster, tmp_path):
    """It is named with what differs, and nothing is begun."""
    preload = tmp_path / "older.py"
    preload.write_text(
        "from rapids_rap.scale import workers\nworkers.installed_version = lambda name: '0.9'\n"
    )
    cluster.worker("a")
    cluster.worker("b", "--preload", preload)
    folder = tmp_path / "run"
    assert start(folder, "--scheduler", cluster.address).wait(timeout=300) == 3, said(folder)
    assert "has torch 0.9, this process" in said(folder)
    assert "Nothing was begun" in said(folder)
    assert not stored(folder)
    assert not list((folder / ".stages").rglob("commit.json"))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["model", "font"])
def test_a_worker_without_model_or_font_is_named_before_any_work(what, cluster, tmp_path):
    """Its disk has an empty folder where the others have the model, or the font."""
    from rapids_rap.config import MapsConfig
    from rapids_rap.data import data_path
    from rapids_rap.maps.fonts import font_path

    empty, own = tmp_path / "empty", tmp_path / what
    empty.mkdir()
    if what == "model":
        shutil.copytree(data_path("demo_model"), own)
        options = ["--set", f"embedding.model={own}"]
    else:
        own.mkdir()
        shutil.copy(font_path(MapsConfig()), own / "font.otf")
        options = ["--set", f"maps.font={own / 'font.otf'}"]
    hidden = ("unshare", "-m", "sh", "-c", f'mount --bind "{empty}" "{own}" && exec "$@"', "sh")
    if subprocess.run([*hidden, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be had here")
    cluster.worker("a")
    cluster.worker("b", before=hidden)
    folder = tmp_path / "run"
    assert start(folder, "--scheduler", cluster.address, *options).wait(timeout=300) == 3
    assert str(own) in said(folder)
    assert "Nothing was begun" in said(folder)
    assert not stored(folder)
