"""The exit code tells of the work, whatever becomes of the terminal."""

import errno
import io
import os
import subprocess
import sys

import pytest

from rapids_rap.cli.streams import PatientStream
from tests.conftest import ROOT, rap
from tests.run_factory import make_run
from tests.tiny_nights import tiny_night

MAIN = "from rapids_rap.cli import main; main()"


def command(*arguments, encoding="utf-8", shell="", stdout=subprocess.PIPE, cwd=None):
    """The program in a process of its own; shell: what a shell puts behind the command."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", MAIN, *map(str, arguments)]
    if shell:
        words = ["sh", "-c", f'"$@" {shell}', "sh", *words]
    return subprocess.run(
        words,
        env=env,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        timeout=120,
        check=False,
    )


@pytest.fixture
def lyrics(tmp_path):
    """A file with a name and words that ASCII and Latin-1 can't hold."""
    path = tmp_path / "爱😀.txt"
    path.write_text("爱\n夜\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_an_encoding_that_lacks_a_character_ends_nothing(encoding, lyrics, tmp_path):
    """`ingest` prints the file's name; a figure space, too, is beyond Latin-1."""
    done = command("ingest", lyrics, "--out", tmp_path / "out.parquet", encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.parquet").exists()
    missing = command("ingest", tmp_path / "没有.txt", "--out", tmp_path / "o", encoding=encoding)
    assert missing.returncode == 2
    assert b"no such file" in missing.stderr
    assert b"Traceback" not in missing.stderr + done.stderr


@pytest.mark.parametrize(
    "shell", ["> /dev/full 2> /dev/full", pytest.param(">&- 2>&-", marks=pytest.mark.slow)]
)
def test_a_stream_that_cannot_be_written_does_not_end_finished_work(shell, lyrics, tmp_path):
    """Full, or closed from the start: with 0 where the work was done, 2 where it could not be."""
    done = command("ingest", lyrics, "--out", tmp_path / "out.parquet", shell=shell)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.parquet").exists()
    wrong = command("ingest", tmp_path / "none.txt", "--out", tmp_path / "o", shell=shell)
    assert wrong.returncode == 2
    assert command("ingest", "--nonsense", shell=shell).returncode == 2


def test_a_closed_pipe_does_not_end_finished_work(lyrics, tmp_path):
    """Whoever read the output has gone before anything was written."""
    read, write = os.pipe()
    os.close(read)
    done = command("ingest", lyrics, "--out", tmp_path / "out.parquet", stdout=write)
    os.close(write)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert (tmp_path / "out.parquet").exists()


ANSWERS = (
    ("summary", "RUN"),
    ("compare", "RUN", "RUN", "--backend", "cpu"),
    ("ablate", "--list"),
    ("bench",),
    ("config",),
    ("doctor",),
    ("nightly", *tiny_night(root="ROOT", lyrics="LYRICS"), "--dry-run"),
)


class Full(io.StringIO):
    """Standard output that leads into a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("words", ANSWERS, ids=lambda words: words[0])
def test_every_answer_that_is_lost_is_said(words, lyrics, tmp_path):
    """Where printing is the work, a full disk behind standard output is not success."""
    run = make_run(tmp_path / "run", ["爱", "酒", "夜"], [0, 0, 1])
    places = {"RUN": str(run), "ROOT": str(tmp_path / "root"), "LYRICS": str(lyrics)}
    for name, place in places.items():
        words = [word.replace(name, place) for word in words]
    outcome = rap(*words, stdout=Full())
    assert outcome.code == 3, outcome.err
    assert "standard output can't be written (no space left" in outcome.err.lower()


@pytest.mark.parametrize("shell", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("verb", ["summary", "export"])
def test_an_answer_that_is_lost_is_said(verb, shell, tmp_path):
    """The same in a process of its own; `export` writes bytes, and a closed stream has none."""
    run = make_run(tmp_path / "run", ["爱", "酒", "夜"], [0, 0, 1])
    done = command(verb, run, shell=shell)
    assert done.returncode == 3
    assert b"tandard output" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_left_ends_no_work(tmp_path):
    """`export --out FILE | head -0`: what is printed is not all that was asked for."""
    run = make_run(tmp_path / "run", ["爱", "酒", "夜"], [0, 0, 1])
    outputs = {"export": tmp_path / "o.csv", "compare": tmp_path / "compared"}
    for verb, out in outputs.items():
        read, write = os.pipe()
        os.close(read)
        runs = (run, run) if verb == "compare" else (run,)
        done = command(verb, *runs, "--out", out, stdout=write)
        os.close(write)
        assert done.returncode == 0, done.stderr
        assert out.exists()


def test_help_that_is_lost_is_no_defect():
    """The command line's own library prints it."""
    done = command("--help", shell="> /dev/full")
    assert done.returncode == 3
    assert b"no room to write" in done.stderr


def test_a_patient_stream_remembers_why(monkeypatch):
    """The first reason, and every write is taken."""

    class Broken:
        encoding = "ascii"

        def write(self, text):
            raise OSError(5, "gone")

        def flush(self):
            raise ValueError("closed")

        fileno = flush

    monkeypatch.setattr(sys, "stdout", Broken())
    stream = PatientStream("stdout")
    assert stream.write("abc") == 3
    stream.flush()
    assert stream.encoding == "ascii"
    assert stream.lost == "gone"
    monkeypatch.setattr(sys, "stdout", None)
    assert not stream.isatty()
    assert stream.write("abc") == 3


def test_folders_may_lie_deeper_than_python_recurses(tmp_path):
    """1,500 folders in one another, and a song at the bottom; then deeper than a path may be."""
    here = os.open(tmp_path, os.O_RDONLY)
    for depth in range(2_500):
        os.mkdir("a", dir_fd=here)
        below = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        if depth == 1_499:
            song = os.open("b.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here)
            os.write(song, "爱\n".encode())
            os.close(song)
            assert rap("ingest", tmp_path, "--out", tmp_path / ".o.parquet").code == 0
    os.close(here)
    outcome = rap("ingest", tmp_path, "--out", tmp_path / ".o.parquet")
    assert outcome.code == 2
    assert "can't be looked at" in outcome.err or "can't be listed" in outcome.err
    subprocess.run(["rm", "-rf", tmp_path / "a"], check=True)
