"""Progress: a bar for who looks, a line now and then in a file, nothing beside JSON logs."""

import io

from rich.console import Console

from rapids_rap import progress
from rapids_rap.progress import StageProgress


def said(monkeypatch, seconds, *, terminal=False, quiet=False):
    """What is written when a stage is described once a second."""
    clock = iter(range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)) / 2)
    file = io.StringIO()
    with StageProgress(Console(file=file, force_terminal=terminal, quiet=quiet)) as shown:
        for second in range(seconds):
            shown.describe(f"training: step {second}")
    return file.getvalue()


def test_a_file_gets_a_line_a_minute(monkeypatch):
    """Who follows a log of hours sees how training goes, without a line for each step."""
    lines = said(monkeypatch, 200).splitlines()
    assert 1 <= len(lines) <= 4
    assert all(line.startswith("training: step ") for line in lines)


def test_json_logs_stay_json(monkeypatch):
    """A quiet console, as under --log-json, gets no words between the JSON lines."""
    assert said(monkeypatch, 200, quiet=True) == ""
