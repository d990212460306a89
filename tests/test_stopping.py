"""SIGTERM at any moment of a process's life ends it with 143, or 0 where its work was done."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from rapids_rap import stopping
from rapids_rap.errors import Stopped
from rapids_rap.progress import StageProgress
from tests.tiny_nights import tiny_night, write_songs

TERM = 1 << (signal.SIGTERM - 1)
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(*arguments, before=""):
    """The program, as its script starts it; `before` is run first."""
    script = f"{before}\nfrom rapids_rap.__main__ import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ONE_THREAD,
    )


def answers(process):
    """Whether SIGTERM would be caught or ignored just now. Python itself does neither."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    masks = {
        name: int(value, 16)
        for name, _, value in (line.partition(":\t") for line in status.splitlines())
        if name in ("SigCgt", "SigIgn")
    }
    return any(mask & TERM for mask in masks.values())


def end(process):
    """Its exit code, after all that it says is read."""
    process.stdout.read()
    process.stdout.close()
    return process.wait()


def length_of(*arguments):
    """Seconds from the start to the first word said, and from there to the end."""
    begin = time.monotonic()
    process = start(*arguments)
    process.stdout.read(1)
    spoke = time.monotonic()
    assert end(process) == 0
    return spoke - begin, time.monotonic() - spoke


def signal_lives(arguments, lives, draws, signals=1):
    """Signal as many lives at drawn moments, half of them after the work; exit codes are counted.

    A process that answers signals must go on doing so till it is gone; one that doesn't yet is
    Python, which has not come to our first line.
    """
    work, rest = length_of(*arguments)
    codes = Counter()
    for life in range(lives):
        process = start(*arguments)
        if life % 2:
            process.stdout.read(1)
            time.sleep(draws.uniform(0, 1.1 * rest))
        else:
            time.sleep(draws.uniform(0, work))
        for _ in range(signals):
            answered = answers(process)
            os.kill(process.pid, signal.SIGTERM)  # it is not waited for, so the number is its own
            time.sleep(draws.choice([0, 0, 0.001, 0.02]))
        code = end(process)
        assert code in ((0, 143) if answered else (0, 143, -signal.SIGTERM))
        codes[code, answered] += 1
    return codes


def test_sigterm_at_drawn_moments_is_no_crash():
    """A short command, signalled from its start to its last moments."""
    codes = signal_lives(["config"], 24, random.Random(13))
    assert codes[143, True] >= 3
    assert sum(count for (_, answered), count in codes.items() if answered) >= 12


def test_sigterms_in_a_row_are_no_crash():
    """Whoever asks three times gets the same answer."""
    signal_lives(["config"], 12, random.Random(14), signals=3)


@pytest.mark.slow
def test_sigterm_at_drawn_moments_of_a_night_is_no_crash(tmp_path):
    """A night, with all its libraries and their ends; each is one that can be taken up."""
    write_songs(tmp_path / "lyrics", 0, 10)
    night = ("nightly", *tiny_night(root=tmp_path / "root", lyrics=tmp_path / "lyrics"))
    assert end(start(*night)) == 0
    codes = signal_lives(
        [*night, "--force", "--set", "nightly.min_ids_kept=0"], 30, random.Random(15)
    )
    assert codes[143, True] >= 5
    assert codes[0, True] >= 1
    assert end(start(*night)) == 0


def test_a_signal_is_held_and_then_answered():
    """What is begun within is done; the signal is not lost, and later ones are answered at once."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    done = []

    def hold():
        with stopping.held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append(1)

    try:
        stopping.raise_once()
        with pytest.raises(Stopped):
            hold()
        stopping.raise_once()
        with stopping.held():
            done.append(2)
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        stopping.raise_once()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert done == [1, 2]


@pytest.mark.parametrize("place", ["atexit", "thread", "last"])
def test_the_last_moments_keep_the_exit_code(place):
    """While threads are waited for, at the last call of `atexit`, and in a module's finaliser."""
    kill = "os.kill(os.getpid(), signal.SIGTERM)"
    before = {
        "atexit": f"import atexit, os, signal; atexit.register(lambda: {kill})",
        "thread": (
            "import os, signal, threading, time\n"
            "def late():\n  threading.main_thread().join()\n"
            f"  for _ in range(600):\n    {kill}; time.sleep(0.1)\n"
            "threading.Thread(target=late).start()"
        ),
        "last": (
            "import os, signal, sys\n"
            f"class Late:\n  def __del__(self, os=os, signal=signal): {kill}\n"
            "sys.kept = Late()"
        ),
    }
    process = start("config", before=before[place])
    assert b"[layout]" in process.stdout.read()
    assert end(process) == 0


def test_a_signal_that_was_passed_over_is_raised_again():
    """What a finaliser's or a library's handler swallowed stops the job at its next stage."""
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        stopping.raise_once()
        with StageProgress(Console(quiet=True)) as progress:
            progress.stage("corpus")
            with contextlib.suppress(BaseException):
                os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(Stopped) as stopped:
                progress.stage("embedding")
        assert stopped.value.exit_code == 143
        stopping.raise_once()
        progress.stage("corpus")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
