"""A scheduler and workers that were started as processes of their own: the bytes of one process."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from rapids_rap.runs.names import MANIFEST
from tests.conftest import ROOT
from tests.tiny_nights import SETTINGS, tiny_night, write_songs

NUMBERS = itertools.count()
WORKER = ("--nthreads", "1", "--nworkers", "1", "--memory-limit", "0", "--no-dashboard")
WAIT = 120  # seconds for a process to come
CHANGING = {"manifest.json", "report.html"}  # they tell when, and by which command
NAMESPACES = os.geteuid() == 0 and shutil.which("ip") is not None


def own_environment(home):
    """Of a machine with nothing in common with ours but the program."""
    home.mkdir(parents=True, exist_ok=True)
    return {**os.environ, "HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def rap(arguments, cwd, within=(), **options):
    return subprocess.run(
        [*within, sys.executable, "-m", "rapids_rap", *arguments],
        cwd=cwd,
        env=own_environment(cwd / "home"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **options,
    )


@contextlib.contextmanager
def processes():
    """Starts processes, each in a folder of its own, and ends them all."""
    started = []

    def start(folder, *arguments, within=()):
        folder.mkdir()
        log = (folder / "log").open("wb")
        command = [*within, sys.executable, "-m", "dask", *arguments]
        env = own_environment(folder / "home")
        started.append(subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log))
        log.close()
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(path):
    for _ in range(10 * WAIT):
        if path.exists() and path.stat().st_size:
            return path
        time.sleep(0.1)
    raise AssertionError(f"{path} did not come")


@contextlib.contextmanager
def networks(count):
    """So many network namespaces, joined by a bridge in the first: ((prefix of a command, IP), …).

    They see each other and nothing else: no loopback of ours, no way out.
    """
    mark = f"rap{os.getpid() % 100_000}-{next(NUMBERS)}"
    names = [f"{mark}-{i}" for i in range(count)]

    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", names[0], "link", "add", "bridge", "type", "bridge")
        ip("-n", names[0], "addr", "add", "10.78.0.1/24", "dev", "bridge")
        ip("-n", names[0], "link", "set", "bridge", "up")
        for i, name in enumerate(names[1:], 2):
            pair = ("type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", names[0], "link", "add", f"to{i}", *pair)
            ip("-n", names[0], "link", "set", f"to{i}", "master", "bridge", "up")
            ip("-n", name, "addr", "add", f"10.78.0.{i}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield [(("ip", "netns", "exec", name), f"10.78.0.{i}") for i, name in enumerate(names, 1)]
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine has no network namespaces to give: {error.stderr.decode()}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def files_of(run):
    """Every file that the manifest vouches for, and its bytes."""
    names = json.loads((run / MANIFEST).read_text(encoding="utf-8"))["files"]
    return {name: (run / name).read_bytes() for name in names if name not in CHANGING}


def stored(run):
    shards = (run / ".store").rglob("shard-*")
    return {str(path.relative_to(run)): path.read_bytes() for path in shards}


def a_run(name, *more):
    own = ("--set", 'input.paths=["lyrics"]')
    return ("run", "--backend", "cpu", "--out", name, *SETTINGS, *own, *more)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder of lyrics, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("alone")
    write_songs(folder / "lyrics", 0, 8)
    done = rap(a_run("run"), folder)
    assert done.returncode == 0, done.stderr
    return folder


def same_as_alone(alone, run):
    there, here = files_of(alone / "run"), files_of(run)
    assert there.keys() == here.keys()
    assert [name for name in there if there[name] != here[name]] == []
    assert stored(alone / "run") == stored(run)


@pytest.mark.slow
def test_workers_in_folders_of_their_own_leave_the_bytes_of_one_process(alone, tmp_path):
    """`--scheduler tcp://…`: nothing of the run's folder, home or process is shared with them."""
    shutil.copytree(alone / "lyrics", tmp_path / "lyrics")
    with processes() as start:
        meeting = tmp_path / "scheduler.json"
        local = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        start(tmp_path / "scheduler", "scheduler", *local, "--scheduler-file", str(meeting))
        address = json.loads(wait_for(meeting).read_text())["address"]
        for number in range(2):
            start(tmp_path / f"worker-{number}", "worker", address, *WORKER)
        done = rap(a_run("run", "--scheduler", address), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "by shards (dask)" in done.stderr
    same_as_alone(alone, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.skipif(not NAMESPACES, reason="network namespaces need root and ip")
def test_workers_on_networks_of_their_own_leave_the_bytes_of_one_process(alone, tmp_path):
    """Four hosts that share nothing but a disk and a wire, as on a cluster."""
    shutil.copytree(alone / "lyrics", tmp_path / "lyrics")
    with networks(4) as hosts, processes() as start:
        (scheduler, address), *workers, (client, _) = hosts
        where = ("--host", address, "--port", "8786", "--no-dashboard")
        start(tmp_path / "scheduler", "scheduler", *where, within=scheduler)
        for number, (host, own) in enumerate(workers):
            options = (f"tcp://{address}:8786", "--host", own, *WORKER)
            start(tmp_path / f"worker-{number}", "worker", *options, within=host)
        done = rap(a_run("run", "--scheduler", f"tcp://{address}:8786"), tmp_path, within=client)
    assert done.returncode == 0, done.stderr
    same_as_alone(alone, tmp_path / "run")


@pytest.mark.slow
def test_the_slurm_script_runs_and_leaves_nothing_behind(alone, tmp_path):
    """With a stand-in for srun that starts two tasks here; TLS, exit code and clean-up are real.

    What it writes is for whom the umask lets read it; the key is for its user alone.
    """
    shutil.copytree(alone / "lyrics", tmp_path / "lyrics")
    fake_slurm(tmp_path)
    done = submit(tmp_path, *a_run("run"))
    assert done.returncode == 0, done.stderr
    assert "by shards (dask)" in done.stderr
    assert "tls://" in done.stderr
    same_as_alone(alone, tmp_path / "run")
    run = tmp_path / "run"
    written = [*map(run.joinpath, files_of(run)), *(run / ".store").rglob("shard-*")]
    assert {rights(path) for path in written} == {0o644}
    assert rights(run) == 0o755
    assert (tmp_path / "modes").read_text().split() == ["700", "600"]
    refused = submit(tmp_path, *a_run("other", "--set", "embedding.model=nowhere/none"))
    assert refused.returncode == 3, refused.stderr
    left = {path.name for path in tmp_path.iterdir()}
    assert not [name for name in left if name.startswith(".rapids-rap")]


def rights(path):
    return path.stat().st_mode & 0o777


def fake_slurm(folder):
    """An srun that starts its command twice, and an environment that is this one.

    It notes the rights of the folder with the key, and of the key, in FOLDER/modes.
    """
    (folder / "bin").mkdir()
    (folder / "bin" / "srun").write_text(
        "#!/bin/bash\n"
        "stat -c %a .rapids-rap-1.* .rapids-rap-1.*/key.pem > modes\n"
        'while [[ "$1" == --* ]]; do shift; done\n'
        'trap "kill \\$(jobs -p)" TERM\n'
        '"$@" & "$@" & wait; wait\n'
    )
    (folder / "env" / "bin").mkdir(parents=True)
    (folder / "env" / "bin" / "python").write_text(f'#!/bin/bash\nexec {sys.executable} "$@"\n')
    (folder / "env" / "bin" / "rapids-rap").write_text(
        f'#!/bin/bash\nexec {sys.executable} -m rapids_rap "$@"\n'
    )
    for path in (folder / "bin" / "srun", *(folder / "env" / "bin").iterdir()):
        path.chmod(0o755)


def submit(folder, *arguments):
    env = own_environment(folder / "home") | {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "RAP_ENV": str(folder / "env"),
        "SLURM_JOB_ID": "1",
    }
    return subprocess.run(
        ["bash", str(ROOT / "deploy" / "rapids-rap.slurm"), *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        start_new_session=True,
        umask=0o022,
    )


@pytest.mark.slow
def test_a_night_on_a_cluster_is_a_night(tmp_path):
    """`[scale]` of nightly: published, the store and the tables of a night in one process."""
    roots = []
    for name, scale in (("one", ()), ("many", ("scale.executor=dask", "scale.workers=2"))):
        folder = tmp_path / name
        write_songs(folder / "lyrics", 0, 8)
        done = rap(("nightly", *tiny_night(*scale)), folder)
        assert done.returncode == 0, done.stderr
        roots.append(folder / "root")
    one, many = roots
    assert (many / "latest").is_symlink()
    there, here = files_of(one / "latest"), files_of(many / "latest")
    there.pop("nightly.json"), here.pop("nightly.json")
    assert [name for name in there if there[name] != here[name]] == []
    shards = [
        {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("shard-*")}
        for root in (one / "store", many / "store")
    ]
    assert shards[0] == shards[1]
    again = rap(("nightly", *tiny_night("scale.executor=process", "scale.workers=2")), many.parent)
    assert again.returncode == 0, again.stderr
    assert "Nothing changed" in again.stdout
