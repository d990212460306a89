"""How a night ended is kept and told; nothing of that can change how it ended."""

import json
import logging

from rapids_rap.night import command
from rapids_rap.night.afterwards import NightOutcome, keep_status, notify
from rapids_rap.night.root import NightRoot

GOOD = NightOutcome("published", "done", name="20261127T020000Z", figures={"lines": 3})
BAD = NightOutcome("failed", "no room", 3)


def test_a_failure_keeps_the_last_success_and_its_figures(tmp_path):
    """Monitoring sees the failure, and since when there was no success."""
    root = NightRoot(tmp_path)
    keep_status(root, str(tmp_path / "rap.prom"), GOOD, 100.0)
    keep_status(root, str(tmp_path / "rap.prom"), BAD, 200.0)
    status = json.loads(root.status.read_text())
    assert (status["ended"], status["last_success"], status["exit_code"]) == (200.0, 100.0, 3)
    assert status["figures"] == {"lines": 3}
    assert "rapids_rap_nightly_lines 3" in (tmp_path / "rap.prom").read_text()
    root.status.write_text("{")
    keep_status(root, "", BAD, 300.0)
    assert json.loads(root.status.read_text())["last_success"] is None


def test_what_cannot_be_kept_is_a_warning(tmp_path, caplog):
    """A metrics folder that isn't there, or a root that is a file, does not raise."""
    keep_status(NightRoot(tmp_path), str(tmp_path / "none" / "rap.prom"), GOOD, 1.0)
    (tmp_path / "file").write_text("")
    keep_status(NightRoot(tmp_path / "file"), "", GOOD, 1.0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_a_future_success_is_not_believed(tmp_path):
    """A success that a clock in 2099 told doesn't keep alarms quiet once the clock is right."""
    root = NightRoot(tmp_path)
    keep_status(root, "", GOOD, 4e9)
    keep_status(root, "", BAD, 200.0)
    assert json.loads(root.status.read_text())["last_success"] == 200.0


def test_how_a_command_ended_is_a_warning(tmp_path, caplog, monkeypatch):
    """Its time was over, a signal, an exit code: each is said with its last words; success is not.

    One that reads nothing of a long summary is fine.
    """
    monkeypatch.setattr(command, "SECONDS", 2.0)  # a busy machine starts a shell slowly
    monkeypatch.setattr(command, "GRACE", 0.0)
    for script, said in (
        ("echo working; sleep 60", "stopped, with all it had started. It said: working"),
        ("echo oh; kill -9 $$", "signal 9. It said: oh"),
        ("echo no; exit 7", "exit 7. It said: no"),
    ):
        notify(["sh", "-c", script], GOOD, tmp_path)
        assert said in caplog.text
        caplog.clear()
    notify(["/no/such/command"], GOOD, tmp_path)
    assert "can't be run" in caplog.text
    caplog.clear()
    huge = NightOutcome("published", "x" * 10**6)
    notify(["true"], huge, tmp_path)
    notify([], huge, tmp_path)
    assert caplog.text == ""
