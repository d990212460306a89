"""The notify command: a process group of its own, fed and heard with bounds, ended as one."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rapids_rap import stopping
from rapids_rap.errors import ConfigError

SECONDS = 60.0  # that a command may take
GRACE = 1.0  # seconds between asking its processes to end and killing them
KEPT = 4_096  # bytes of what it says: the last ones
_TICK = 0.05
_CHUNK = 65_536


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, None where its time was over; the end of what it said."""

    code: int | None
    said: str


def split_command(command: str) -> list[str]:
    """The words of `notify_command`, as a shell would cut them; none is run by a shell."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"nightly.notify_command = {command!r}: can't be cut into words ({error})."
        ) from None


def run_command(words: list[str], text: bytes, environment: Mapping[str, str]) -> Ended:
    """Run a command with `text` on its input, until it ends or its time is over.

    It ends when its own process does: a child that it leaves behind, holding its pipes, is not
    waited for and not ended. When time is over, or we are stopped ourselves, all its processes are
    ended. Raises OSError or ValueError where it can't be started.
    """
    running: list[subprocess.Popen[bytes]] = []
    try:
        with stopping.held():  # stopped in the midst of this, we would not know what to end
            running.append(_start(words, environment))
        said = _converse(running[0], text, time.monotonic() + SECONDS)
    finally:
        over = any(process.poll() is None for process in running)
        for process in running:
            if over:
                _end_group(process)
            _close_pipes(process)  # not before: a closed pipe would end it otherwise
    code = None if over else running[0].returncode
    return Ended(code, said.decode(errors="replace").strip())


def _start(words: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words,
        bufsize=0,
        env=environment,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _converse(process: subprocess.Popen[bytes], text: bytes, until: float) -> bytes:
    """Feed `text` and hear what is said, neither waiting for the other; returns the end of it."""
    stdin, stdout, said = process.stdin, process.stdout, b""
    assert stdin is not None
    assert stdout is not None
    with selectors.DefaultSelector() as ready:
        for pipe, event in ((stdin, selectors.EVENT_WRITE), (stdout, selectors.EVENT_READ)):
            os.set_blocking(pipe.fileno(), False)
            ready.register(pipe, event)
        while process.poll() is None and time.monotonic() < until:
            for key, _ in ready.select(_TICK):
                if key.fileobj is stdout:
                    more = _hear(stdout.fileno())
                    said = (said + more)[-KEPT:]
                    if not more:
                        ready.unregister(stdout)
                else:
                    text = text[_feed(stdin.fileno(), text) :]
                    if not text:
                        ready.unregister(stdin)
                        stdin.close()
    with contextlib.suppress(BlockingIOError):  # what was said last
        said = (said + _hear(stdout.fileno()))[-KEPT:]
    return said


def _hear(pipe: int) -> bytes:
    return os.read(pipe, _CHUNK)


def _feed(pipe: int, text: bytes) -> int:
    """How much of the text is done with: all of it where nobody reads any more."""
    try:
        return os.write(pipe, text[:_CHUNK])
    except BrokenPipeError:
        return len(text)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask all processes of the command to end, and kill those that did not."""
    try:
        _signal_group(process, signal.SIGTERM)
        time.sleep(GRACE)
    finally:  # its process is not waited for before, so that the number is still the group's
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
