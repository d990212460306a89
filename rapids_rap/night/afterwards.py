"""A night has ended, well or not: `status.json`, the Prometheus file, and whoever wants to know.

Nothing here changes how the night ended: what fails is a warning.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rapids_rap.errors import InputError, RapError
from rapids_rap.night import command
from rapids_rap.night.command import run_command
from rapids_rap.night.metrics import render_metrics
from rapids_rap.night.readback import StatusFile, check_fields, read_table
from rapids_rap.night.root import NightRoot
from rapids_rap.runs.files import write_bytes, write_json

log = logging.getLogger(__name__)

Status = Literal["published", "unchanged", "refused", "failed", "stopped", "locked", "planned"]
_MISUSED = (OSError, ValueError, RapError)


@dataclass(frozen=True)
class NightOutcome:
    """How a night ended.

    message: a sentence. name: the night that was made, else the published one, else empty.
    sentences: what the terminal shows. figures and gates: for monitoring, empty where no run was
    looked at. record: nightly.json. error: what the command ends with, None for exit code 0.
    """

    status: Status
    message: str
    exit_code: int = 0
    name: str = ""
    sentences: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    gates: tuple[Mapping[str, Any], ...] = ()
    record: Mapping[str, Any] | None = None
    error: BaseException | None = None


def keep_status(root: NightRoot, metrics: str, outcome: NightOutcome, ended: float) -> None:
    """Write ROOT/status.json and the Prometheus file; `ended` in Unix seconds.

    Of a night that failed, the figures are those of the night before it, as is the last success.
    """
    before = _last_status(root)
    success = ended if not outcome.exit_code else before.last_success
    status = {
        "schema_version": 1,
        **_essence(outcome),
        "ended": round(ended, 3),
        # A success in the future was told by a wrong clock, and would keep alarms quiet.
        "last_success": None if success is None else round(min(success, ended), 3),
        "figures": dict(outcome.figures) or dict(before.figures),
        "gates": list(outcome.gates) or [gate.model_dump() for gate in before.gates],
    }
    _try("status", lambda: write_json(root.status, status))
    if metrics:
        text = render_metrics(status).encode()
        path = Path(metrics).expanduser()
        _try("metrics", lambda: write_bytes(path, text))


def _try(what: str, write: Any) -> None:
    try:
        write()
    except _MISUSED as error:
        log.warning("The %s of this night can't be kept: %s", what, error)


def _last_status(root: NightRoot) -> StatusFile:
    if not root.status.exists():
        return StatusFile()
    way_on = "It is written anew; what it kept of earlier nights is lost."
    try:
        return check_fields(StatusFile, read_table(root.status, way_on), root.status, way_on)
    except InputError as error:
        log.warning("%s", error)
        return StatusFile()


def _essence(outcome: NightOutcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "message": outcome.message,
        "name": outcome.name,
    }


def notify(words: list[str], outcome: NightOutcome, root: Path) -> None:
    """Run the notify command: the summary as JSON on its input, the essence in its environment."""
    if not words:
        return
    record = outcome.record or {}
    summary = {
        **_essence(outcome),
        "root": str(root),
        "figures": dict(outcome.figures),
        "gates": list(outcome.gates),
        "night": {key: value for key, value in record.items() if key != "basis"} or None,
    }
    environment = os.environ | {
        "RAP_STATUS": outcome.status,
        "RAP_EXIT_CODE": str(outcome.exit_code),
        "RAP_ROOT": str(root),
    }
    text = json.dumps(summary, ensure_ascii=False).encode(errors="backslashreplace")
    try:
        ended = run_command(words, text, environment)
    except (OSError, ValueError) as error:
        log.warning("notify_command %s: can't be run (%s).", words[0], error)
        return
    said = f" It said: {ended.said[-200:]}" if ended.said else ""
    if ended.code is None:
        log.warning(
            "notify_command %s: took over %g s and was stopped, with all it had started.%s",
            words[0],
            command.SECONDS,
            said,
        )
    elif ended.code < 0:
        log.warning("notify_command %s: was ended by signal %d.%s", words[0], -ended.code, said)
    elif ended.code:
        log.warning("notify_command %s: exit %d.%s", words[0], ended.code, said)
