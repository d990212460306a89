"""How a night ended is kept and told; nothing of that can change how it ended."""

import json
import logging

from rapids_rap.night import afterwards
from rapids_rap.night.afterwards import NightOutcome, keep_status, notify, split_command
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


def test_a_notify_command_that_hangs_is_stopped(tmp_path, caplog, monkeypatch):
    """After its time it is killed, with a warning; one that reads nothing is fine."""
    monkeypatch.setattr(afterwards, "NOTIFY_SECONDS", 0.2)
    notify(split_command("sleep 60"), GOOD, tmp_path)
    assert "stopped" in caplog.text
    caplog.clear()
    huge = NightOutcome("published", "x" * 10**6)
    notify(["true"], huge, tmp_path)
    notify([], huge, tmp_path)
    assert caplog.text == ""
