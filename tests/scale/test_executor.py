"""Executors: order, files, errors, and workers that are killed."""

import asyncio
import errno
import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from rapids_rap.config import ScaleConfig
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.scale import dask_executor as dask_room
from rapids_rap.scale.dask_executor import open_dask
from rapids_rap.scale.engines import open_executor
from tests.scale.cluster import Cluster
from tests.scale.shards import (
    die_always,
    die_once,
    die_when_asked,
    die_when_told,
    fail_to_read,
    hang_after_one,
    hang_beside_a_failure,
    hang_once,
    hang_then_die,
    hang_when_asked,
    hang_when_told,
    leave_run,
    leave_square,
    own_number,
    refuse,
)

# Preloaded by a worker: as where the program is not installed.
LACKING = """
import sys


class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "rapids_rap":
            raise ModuleNotFoundError("No module named 'rapids_rap'", name="rapids_rap")


sys.meta_path.insert(0, Lacking())
"""


def shards_of(folder, count=7):
    return [(str(folder), number) for number in range(count)]


def test_results_come_in_the_order_of_the_shards(executor, tmp_path):
    """Merges go by position, whichever worker was the quickest."""
    done = []
    assert executor.map(leave_square, shards_of(tmp_path), done.append) == list(range(7))
    assert sorted(done) == list(range(7))
    assert {path.name for path in tmp_path.iterdir()} == set(map(str, range(7)))
    assert executor.map(leave_square, []) == []


def test_what_a_shard_raises_is_raised_here(executor, tmp_path):
    """A sentence and its exit code survive the way back, and the executor goes on afterwards."""
    with pytest.raises(InputError, match="shard 3"):
        executor.map(refuse, shards_of(tmp_path))
    assert executor.map(leave_square, shards_of(tmp_path, 2)) == [0, 1]


def test_every_worker_is_asked(executor, tmp_path):
    """What is refused at the start must be asked of all that are there."""
    answers = executor.everywhere(leave_square, (str(tmp_path), 5))
    assert set(answers.values()) == {5}
    assert len(answers) == (1 if executor.kind == "serial" else 2)
    numbers = executor.everywhere(own_number, (str(tmp_path), 5))
    assert len(set(numbers.values())) == len(answers)


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_worker_that_does_not_answer_ends_the_run(kind, tmp_path, monkeypatch):
    """It was waited for without an end: exit code 3, and who it is."""
    monkeypatch.setattr("rapids_rap.scale.executor.ANSWER", 3.0)
    with open_executor(ScaleConfig(executor=kind, workers=2), "cpu") as executor:
        executor.map(leave_square, shards_of(tmp_path))  # they are there
        with pytest.raises(CapabilityError, match="No answer within 3 s from") as error:
            executor.everywhere(hang_when_asked, (str(tmp_path), 5))
    assert error.value.exit_code == 3
    assert ("tcp://" if kind == "dask" else "of 2 processes") in str(error.value)


@pytest.mark.parametrize("told", [die_when_told, hang_when_told])
@pytest.mark.parametrize("kind", ["process", "dask"])
def test_who_can_do_nothing_when_told_ends_no_run(kind, told, tmp_path, monkeypatch):
    """A worker is lost, fails or hangs when asked for memory that is only nice to have."""
    monkeypatch.setattr("rapids_rap.scale.executor.TOLD", 5.0)
    monkeypatch.setattr("rapids_rap.scale.executor.PATIENCE", 0.5)
    monkeypatch.setattr("rapids_rap.scale.executor.TIMES", 0)
    with open_executor(ScaleConfig(executor=kind, workers=2), "cpu") as executor:
        executor.everywhere(own_number, 0)  # they are there
        executor.tell(told, str(tmp_path))
        assert len(list(tmp_path.iterdir())) == 1
        assert executor.map(leave_square, shards_of(tmp_path, 1)) == [0]


def test_processes_that_are_lost_while_they_are_asked_are_asked_again(tmp_path):
    """A kill in that moment is a kill like others."""
    with open_executor(ScaleConfig(executor="process", workers=2), "cpu") as executor:
        answers = executor.everywhere(die_when_asked, (str(tmp_path), 5))
    assert (tmp_path / "killed").exists()
    assert list(answers.values()) == [5, 5]


def test_processes_that_were_lost_before_they_are_asked_are_replaced():
    """A pool that broke between two stages says so only when it is given work."""
    with open_executor(ScaleConfig(executor="process", workers=2), "cpu") as executor:
        first = executor.everywhere(own_process, 0)
        os.kill(next(iter(first.values())), signal.SIGKILL)
        time.sleep(2)
        again = executor.everywhere(own_process, 0)
    assert len(again) == 2
    assert not set(again.values()) & set(first.values())


def own_process(_):
    return os.getpid()


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_killed_workers_shard_is_done_again(kind, tmp_path, request):
    """Machines go; the run must not."""
    executor = request.getfixturevalue(f"{kind}_executor")
    assert executor.map(die_once, shards_of(tmp_path)) == list(range(7))
    assert (tmp_path / "killed").exists()
    assert (tmp_path / "2").read_text() == "4"


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_worker_that_hangs_is_not_waited_for(kind, tmp_path, monkeypatch):
    """A machine that swaps or whose disk is gone answers never; the others have time by then."""
    monkeypatch.setattr("rapids_rap.scale.executor.PATIENCE", 0.5)
    monkeypatch.setattr("rapids_rap.scale.executor.TIMES", 0)
    with open_executor(ScaleConfig(executor=kind, workers=2), "cpu") as executor:
        assert executor.map(hang_once, shards_of(tmp_path)) == list(range(7))
        assert (tmp_path / "stopped").exists()
        assert (tmp_path / "2").read_text() == "4"
        assert executor.map(leave_square, shards_of(tmp_path, 3)) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_who_takes_over_may_be_killed(kind, tmp_path, monkeypatch):
    """One hangs, the one in its place is lost: a third does the shard."""
    monkeypatch.setattr("rapids_rap.scale.executor.PATIENCE", 0.5)
    monkeypatch.setattr("rapids_rap.scale.executor.TIMES", 0)
    with open_executor(ScaleConfig(executor=kind, workers=3), "cpu") as executor:
        assert executor.map(hang_then_die, shards_of(tmp_path)) == list(range(7))
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_failure_beside_a_worker_that_hangs_ends_the_run(kind, tmp_path, monkeypatch):
    """With its sentence: who hangs is not waited for at the end either."""
    monkeypatch.setattr("rapids_rap.scale.executor.GRACE", 0.5)
    monkeypatch.setattr("rapids_rap.scale.executor.PATIENCE", 0.5)
    monkeypatch.setattr("rapids_rap.scale.executor.TIMES", 0)
    with (
        pytest.raises(InputError, match="no such thing"),
        open_executor(ScaleConfig(executor=kind, workers=2), "cpu") as executor,
    ):
        executor.map(hang_beside_a_failure, shards_of(tmp_path, 2))


def test_a_worker_that_is_lost_while_it_is_asked_is_not_asked(tmp_path):
    """Machines go at any time; who is left answers."""
    with open_dask("", 2, "cpu") as executor:
        answers = executor.everywhere(die_when_asked, (str(tmp_path), 5))
    assert (tmp_path / "killed").exists()
    assert set(answers.values()) == {5}


@pytest.mark.parametrize("times", [1, 99])
def test_a_worker_that_is_lost_while_it_starts_is_started_again(tmp_path, monkeypatch, times):
    """A kill in that moment is a kill like others; what never starts is a sentence."""
    import distributed

    real, failed = distributed.LocalCluster, []

    def failing(**how):
        if len(failed) < times:
            failed.append(how)
            raise RuntimeError("Nanny failed to start.")
        return real(**how)

    monkeypatch.setattr(distributed, "LocalCluster", failing)
    if times == 1:
        with open_dask("", 1, "cpu") as executor:
            assert executor.map(leave_square, shards_of(tmp_path, 2)) == [0, 1]
    else:
        with pytest.raises(CapabilityError, match=r"could not start its workers .*Nanny"):
            open_dask("", 1, "cpu").__enter__()
        assert len(failed) == 3


def test_a_worker_without_the_program_is_named(tmp_path):
    """Exit code 3 and what to install, in place of a trace from its unpickling."""
    preload = tmp_path / "lacking.py"
    preload.write_text(LACKING)
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.worker("a", "--preload", preload)
        with (
            open_dask(cluster.address, 0, "cpu") as executor,
            pytest.raises(CapabilityError, match=r"The worker tcp.*Install the same version"),
        ):
            executor.everywhere(leave_square, (str(tmp_path), 5))
    finally:
        cluster.close()


@pytest.mark.parametrize("name", ["asyncio", "distributed.client"])
def test_what_dask_gives_up_leaves_no_trace(name, dask_executor, caplog):
    """A run that lost its scheduler or a result says so in a sentence; all else stays."""
    from distributed.client import AllExit

    for error in (AllExit(), asyncio.CancelledError(), ValueError("news")):
        logging.getLogger(name).error("failed", exc_info=error)
    assert [record.exc_info[1].args for record in caplog.records] == [("news",)]


def test_a_workers_disk_is_not_taken_for_the_scheduler(tmp_path, dask_executor):
    """What failed is named: whoever reads it would look at the network."""
    with pytest.raises(CapabilityError, match="A worker's machine failed at a shard"):
        dask_executor.map(fail_to_read, shards_of(tmp_path))


def test_what_fails_here_as_a_shard_ends_is_no_lost_scheduler(executor, tmp_path):
    """The run's own disk failed as it merged: whoever reads otherwise looks at the network."""

    def merge(place):
        raise OSError(errno.EIO, "Input/output error", "distances.npy")

    with pytest.raises(OSError, match=r"distances\.npy") as error:
        executor.map(leave_square, shards_of(tmp_path), merge)
    assert error.value.errno == errno.EIO
    assert executor.map(leave_square, shards_of(tmp_path, 2)) == [0, 1]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores can't be given here")
@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_worker_a_core_is_one_of_those_given(kind, tmp_path):
    """A job on a node of 128 cores with 8 of them would have 128 workers, and no memory."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with open_executor(ScaleConfig(executor=kind), "cpu") as executor:
            assert len(executor.everywhere(own_number, (str(tmp_path), 5))) == 1
    finally:
        os.sched_setaffinity(0, cores)


def test_what_a_hanging_worker_had_made_is_made_again(tmp_path, monkeypatch):
    """Dask keeps a result on the worker that made it; one that hangs never hands it over."""
    monkeypatch.setattr("rapids_rap.scale.executor.PATIENCE", 0.5)
    monkeypatch.setattr("rapids_rap.scale.executor.TIMES", 0)
    monkeypatch.setattr("rapids_rap.scale.dask_executor.FETCH", 1.0)
    with open_executor(ScaleConfig(executor="dask", workers=2), "cpu") as executor:
        assert executor.map(hang_after_one, shards_of(tmp_path)) == list(range(7))


def test_what_a_lost_worker_had_made_is_made_again(tmp_path, monkeypatch):
    """Its shard had ended, its result lay there and was not handed over yet: nobody has it now."""
    monkeypatch.setattr("rapids_rap.scale.dask_executor.FETCH", 1.0)
    real, killed = dask_room._fetched, []
    with open_dask("", 2, "cpu") as executor:

        def late(future):
            if not killed:
                (holder,) = executor._client.who_has([future])[future.key]
                killed.append(executor._client.run(os.getpid, workers=[holder])[holder])
                os.kill(killed[0], signal.SIGKILL)
            return real(future)

        monkeypatch.setattr(dask_room, "_fetched", late)
        assert executor.map(leave_run, shards_of(tmp_path)) == list(range(7))
    runs = [path.name.split(" by ") for path in tmp_path.iterdir()]
    lost = {number for number, by in runs if by == str(killed[0])}
    assert lost & {number for number, by in runs if by != str(killed[0])}


@pytest.mark.parametrize("kind", ["process", "dask"])
def test_a_shard_that_kills_everyone_ends_the_run_with_a_sentence(kind, tmp_path):
    """Else workers would be started and killed all night."""
    with (
        open_executor(ScaleConfig(executor=kind, workers=2), "cpu") as executor,
        pytest.raises(CapabilityError, match="memory does not suffice"),
    ):
        executor.map(die_always, shards_of(tmp_path, 3))


def test_what_cannot_be_had_is_refused():
    """Never another executor in its place: exit code 3."""
    with pytest.raises(CapabilityError, match="each process would take the same"):
        open_executor(ScaleConfig(executor="process"), "gpu").__enter__()
    with pytest.raises(CapabilityError, match="dask-cuda"):
        open_dask("", 1, "gpu").__enter__()


def test_no_scheduler_is_a_sentence(monkeypatch):
    """An address with nobody there."""
    monkeypatch.setattr("rapids_rap.scale.dask_executor.WAIT", 1.0)
    with pytest.raises(CapabilityError, match="No Dask scheduler answers at"):
        open_dask("tcp://127.0.0.1:9", 0, "cpu").__enter__()
    with pytest.raises(CapabilityError, match="No Dask scheduler answers at"):
        open_dask("nonsense://x", 0, "cpu").__enter__()


def test_workers_that_end_slowly_end_no_run(tmp_path, monkeypatch):
    """On a busy machine Dask waits in vain for its processes, when everything is done."""
    from distributed import LocalCluster

    real = LocalCluster.close

    def slow(self, timeout=None):
        real(self, timeout)
        raise TimeoutError

    monkeypatch.setattr(LocalCluster, "close", slow)
    with open_dask("", 1, "cpu") as executor:
        assert executor.map(leave_square, shards_of(tmp_path, 2)) == [0, 1]


def test_a_run_without_scale_imports_none_of_it():
    """Its start must cost nothing to those who have one machine, and Dask may be missing."""
    code = (
        "import sys; from rapids_rap import pipeline; from rapids_rap.config import Config;"
        "pipeline._over_shards(Config(), None, 'cpu').__enter__();"
        "print([m for m in sys.modules if m.split('.')[0] in ('dask', 'distributed')"
        " or m.startswith('rapids_rap.scale')])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert shown.stdout.strip() == "[]"
