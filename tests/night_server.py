"""A process with everything imported and warm, that forks commands and kills them where told.

A night of a tiny corpus takes two seconds, and importing what it needs takes six: this is what
makes hundreds of killed nights affordable. `python -m tests.night_server` reads a request a line on
its standard input and answers a line: `Server` is the other end.

A forked command counts the operations that change a file: opening one to write, fsync, rename,
remove, mkdir, rmdir, symlink. It kills itself with SIGKILL just before the one it is told to, so
every boundary between two states of the disk can be hit, and the same draw hits the same. Other
faults (`night_faults`), another clock and another zone befall it in the same way.
"""

import contextlib
import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.night_faults import Fault, Happening, set_clock

ROOT = Path(__file__).parents[1]
WRITES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink"}
NOTE = 400  # bytes of the last operation's description
# Threads do not survive a fork: nothing may have a pool of them when the server forks.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ONE_THREAD |= {"TOKENIZERS_PARALLELISM": "false", "NUMBA_THREADING_LAYER": "workqueue"}


@dataclass(frozen=True)
class Ended:
    """How a forked command ended: exit code, or minus the signal; operations that changed files.

    meanwhile: the exit code of the same command, started while this one was stopped by SIGSTOP.
    said: what both printed.
    """

    code: int
    operations: int
    last: str
    seconds: float
    meanwhile: int | None
    said: str

    @property
    def killed(self):
        return self.code == -signal.SIGKILL


class Server:
    """Starts a server, warms it with a command, and sends it requests."""

    def __init__(self, log, warm_up):
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.night_server"],
            cwd=ROOT,
            text=True,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._ask({"warm_up": list(map(str, warm_up)), "log": str(log)}) == {"ready": True}

    def run(self, *arguments, watch, die_at=0, die_after=0.0, fault=None, clock="", zone="UTC"):
        """Run a command; watch: the folder whose operations count.

        die_at: kill before that operation, counted from 1. die_after: kill after so many seconds.
        fault: what befalls it. clock: its time in ISO 8601, the right one where empty. zone: of the
        machine.
        """
        request = {
            "arguments": list(map(str, arguments)),
            "watch": str(watch),
            "log": str(self.log),
            "die_at": die_at,
            "die_after": die_after,
            "fault": fault and asdict(fault),
            "clock": clock,
            "zone": zone,
        }
        return Ended(**self._ask(request))

    def _ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


class _Counter:
    """Counts operations under a folder, in memory that the parent reads after the child's death."""

    def __init__(self, watch, die_at, shared, happen):
        self.watch, self.die_at, self.shared, self.count = watch, die_at, shared, 0
        self.happen = happen
        self.deaf = False  # what a fault itself does is no operation of the night

    def __call__(self, event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if flags else False
            if writing or (isinstance(mode, str) and set(mode) & set("wxa+")):
                self.step(event, path)
        elif event in WRITES:
            self.step(event, arguments[0])

    def step(self, event, path):
        if self.deaf:
            return
        if isinstance(path, int):
            path = Path(f"/proc/self/fd/{path}").readlink()
        text = os.fsdecode(path)
        if event not in ("os.remove", "os.rmdir") and not text.startswith(self.watch):
            return  # rmtree removes by names within an open folder, all of them ours
        self.count += 1
        note = f"{event} {text.removeprefix(self.watch)}".encode()[:NOTE]
        self.shared[: 8 + len(note)] = struct.pack("ii", self.count, len(note)) + note
        if self.count == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.deaf = True
        try:
            self.happen(self.count, event)
        finally:
            self.deaf = False


def _child(request, shared):
    import torch

    torch.set_num_threads(1)  # makes torch's pool anew here, before two threads race to do it
    set_clock(request["clock"], request["zone"])
    happen = Happening(Fault(**request["fault"])) if request["fault"] else lambda *_: None
    counter = _Counter(request["watch"], request["die_at"], shared, happen)
    fsync = os.fsync

    def counted_fsync(descriptor):
        counter.step("fsync", descriptor)
        fsync(descriptor)

    os.fsync = counted_fsync
    sys.addaudithook(counter)
    return _command(request["arguments"])


def _command(arguments):
    """Exit code of a command, in this process."""
    from rapids_rap import cli

    sys.argv = ["rapids-rap", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code
    return 0


def _fork(request, shared):
    """A child that runs the command; returns its id, and a pipe that ends with what it prints.

    A pipe, not the log itself: no limit on the size of files may keep it from speaking.
    """
    ours, its = os.pipe()
    child = os.fork()
    if child:
        os.close(its)
        return child, ours
    code = 70  # of this file's own mistakes
    try:
        os.close(ours)
        os.dup2(its, 1)
        os.dup2(its, 2)
        code = _child(request, shared)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _serve_one(request):
    shared = mmap.mmap(-1, 8 + NOTE)
    begin = time.monotonic()
    child, pipe = _fork(request, shared)
    os.set_blocking(pipe, False)
    status = meanwhile = None
    said = b""
    while status is None:
        said += _read(pipe)
        done, result = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if done and os.WIFSTOPPED(result):
            second = _serve_one({**request, "fault": None})
            meanwhile, said = second["code"], said + second["said"].encode()
            os.kill(child, signal.SIGCONT)
        elif done:
            status = result
        elif request["die_after"] and time.monotonic() - begin > request["die_after"]:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)
    said += _read(pipe)
    os.close(pipe)
    with Path(request["log"]).open("ab") as log:
        log.write(said)
    count, length = struct.unpack("ii", shared[:8])
    return {
        "code": os.waitstatus_to_exitcode(status),
        "operations": count,
        "last": shared[8 : 8 + length].decode(errors="replace"),
        "seconds": time.monotonic() - begin,
        "meanwhile": meanwhile,
        "said": said.decode(errors="replace"),
    }


def _read(pipe):
    try:
        return os.read(pipe, 2**20)
    except BlockingIOError:
        return b""


def serve():
    """Warm up by running the first request in this process, then fork the others."""
    import torch

    answers = os.fdopen(os.dup(1), "w")
    torch.set_num_threads(1)
    for line in sys.stdin:
        request = json.loads(line)
        if "warm_up" in request:
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            answer = {"ready": _command(request["warm_up"]) == 0}
        else:
            answer = _serve_one(request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
