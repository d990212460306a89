"""A notify command can't hold a night up, fill its memory, or leave processes behind."""

import hashlib
import itertools
import os
import resource
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from rapids_rap.errors import ConfigError, Stopped
from rapids_rap.night import command
from rapids_rap.night.command import run_command, split_command

EVERYTHING = dict(os.environ)


def python(script):
    """The words of a command that runs a script."""
    return [sys.executable, "-c", script]


def shell(script):
    """The same of a shell's."""
    return ["sh", "-c", script]


@pytest.fixture
def over(monkeypatch, tmp_path):
    """A file: when a command has written it, its time is over, however busy the machine is."""
    sign = tmp_path / "over"
    begin = itertools.chain([0.0], itertools.repeat(None))  # the first to ask is told the start

    def monotonic():
        told = next(begin)
        return told if told is not None else command.SECONDS + 1 if sign.exists() else 0.0

    clock = SimpleNamespace(monotonic=monotonic, sleep=time.sleep)
    monkeypatch.setattr(command, "time", clock)
    monkeypatch.setattr(command, "GRACE", 0.2)
    return sign


def has_ended(process):
    """Whether a process is gone or only waits to be buried; half a minute is given."""
    for _ in range(600):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.05)
    return False


def test_words_are_cut_as_a_shell_would():
    """Quotes and all; an open one is the configuration's fault."""
    assert split_command("mail -s 'a b' c") == ["mail", "-s", "a b", "c"]
    assert split_command("") == []
    with pytest.raises(ConfigError, match=r"nightly\.notify_command"):
        split_command("echo 'open")


def test_all_is_fed_and_the_end_is_heard():
    """A summary of megabytes goes in, while as much comes out: neither waits for the other."""
    text = os.urandom(3 * 2**20)
    script = (
        "import hashlib, sys; data = sys.stdin.buffer.read();"
        "sys.stdout.write('x' * len(data)); print(hashlib.sha256(data).hexdigest())"
    )
    ended = run_command(python(script), text, EVERYTHING)
    assert ended.code == 0
    assert ended.said.endswith(hashlib.sha256(text).hexdigest())
    assert len(ended.said) <= command.KEPT


def test_one_that_echoes_while_it_is_fed_does_not_block():
    """`cat` fills its output before it has read all: heard while it is fed."""
    ended = run_command(["cat"], b"y" * 2**21, EVERYTHING)
    assert (ended.code, set(ended.said)) == (0, {"y"})


@pytest.mark.parametrize("script", ["exec <&-; exit 0", "exit 0", "head -c 10 >/dev/null"])
def test_one_that_does_not_read_is_fine(script):
    """It closes its input, ends at once, or reads a little: exit 0, and no broken pipe of ours."""
    assert run_command(shell(script), b"z" * 2**21, EVERYTHING).code == 0


def test_a_child_that_holds_the_pipe_is_not_waited_for(tmp_path, monkeypatch):
    """A command that leaves something running in the background has ended; that one goes on."""
    monkeypatch.setattr(command, "SECONDS", 10**9)  # to wait for the child would be for ever
    script = f"sleep 10000 & echo $! > {tmp_path / 'child'}; echo done; exit 3"
    ended = run_command(shell(script), b"", EVERYTHING)
    assert (ended.code, ended.said) == (3, "done")
    child = int((tmp_path / "child").read_text())
    os.kill(child, 0)
    os.kill(child, signal.SIGKILL)


def test_one_that_hangs_is_ended_with_its_children(tmp_path, over):
    """Also those that ignore a polite signal; what it said till then is kept."""
    script = (
        f"trap '' TERM; sleep 10000 & echo $! > {tmp_path / 'child'};"
        f"(trap '' TERM; sleep 10001; sleep 10002) & echo begun; echo > {over}; wait; wait"
    )
    ended = run_command(shell(script), b"", EVERYTHING)
    assert (ended.code, ended.said) == (None, "begun")
    assert has_ended(int((tmp_path / "child").read_text()))


def test_one_that_prints_without_end_takes_no_memory(over):
    """Of gigabytes the last few KB are kept, and its time is up as any other's."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    endless = f"head -c 100000000 /dev/zero; echo > {over}; exec yes endless"
    ended = run_command(shell(endless), b"", EVERYTHING)
    assert ended.code is None
    assert len(ended.said) <= command.KEPT
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024  # KiB


def test_a_child_that_prints_without_end_is_not_heard_out(tmp_path):
    """Its parent has ended, so the command has."""
    script = f"yes & echo $! > {tmp_path / 'child'}"
    ended = run_command(shell(script), b"", EVERYTHING)
    assert ended.code == 0
    assert has_ended(int((tmp_path / "child").read_text()))  # nobody reads what it says


def test_when_we_are_stopped_so_is_the_command(tmp_path, monkeypatch):
    """A signal to the night while it waits ends the command, and goes on to end the night."""
    monkeypatch.setattr(command, "GRACE", 0.0)
    note = tmp_path / "child"
    script = f"sleep 10000 & echo $! > {note}; kill -TERM {os.getpid()}; sleep 10000"

    def stop(number, _frame):
        raise Stopped(number)

    old = signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(Stopped):
            run_command(shell(script), b"", EVERYTHING)
    finally:
        signal.signal(signal.SIGTERM, old)
    assert has_ended(int(note.read_text()))


def test_what_cannot_be_started_raises(tmp_path):
    """No such command, no right to run it, a NUL in a word: an error that the caller tells."""
    (tmp_path / "text").write_text("no script")
    for words in (["/no/such"], [str(tmp_path / "text")], [""], ["a\0b"]):
        with pytest.raises((OSError, ValueError)):
            run_command(words, b"", EVERYTHING)
