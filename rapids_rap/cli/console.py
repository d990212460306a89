"""The two consoles and what goes to them: lines, tables, counts, logs."""

from __future__ import annotations

import json
import logging
import re
import signal
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

from rapids_rap.cli.streams import PatientStream

if TYPE_CHECKING:
    import pandas as pd

stdout, stderr = PatientStream("stdout"), PatientStream("stderr")
out = Console(file=cast(IO[str], stdout), highlight=False, markup=False, emoji=False)
err = Console(file=cast(IO[str], stderr), highlight=False, markup=False, emoji=False)

# Controls but tab and line feed, and the marks that override or isolate a direction.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, "stage"):
            entry["stage"] = record.stage
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        text = json.dumps(entry, ensure_ascii=False, default=str)
        # JSON escapes what is below a blank; these a terminal would obey too.
        return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _PlainFormatter(logging.Formatter):
    """The message alone, harmless to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record))


def start_logging(*, debug: bool, as_json: bool) -> None:
    """All logs to standard error, in words or as JSON lines; as JSON, nothing else goes there."""
    handler: logging.Handler = logging.StreamHandler(stderr)
    err.quiet = as_json
    if as_json:
        handler.setFormatter(_JsonLines())
    else:
        from rich.logging import RichHandler

        handler = RichHandler(console=err, show_path=False, show_time=False, markup=False)
        handler.setFormatter(_PlainFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    level = logging.DEBUG if debug else logging.INFO if as_json else logging.WARNING
    logging.getLogger("rapids_rap").setLevel(level)


def printing_is_all() -> None:
    """Say that this command writes nothing else: an answer that can't be printed has failed.

    As other tools that print, it ends without a word when `| head` has seen enough.
    """
    stdout.is_all = True
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def print_lines(lines: Iterable[str], console: Console = out) -> None:
    """Each on a line of its own, however wide the terminal."""
    for line in lines:
        console.print(harmless(line), soft_wrap=True)


def harmless(text: str) -> str:
    """The text with control characters shown instead of sent to the terminal.

    A lyric or a file name may hold escape sequences, which recolour a terminal, retitle it or type
    for its user, and marks that turn the direction of what follows. Line breaks and tabs stay.
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def print_counts(counts: pd.DataFrame, console: Console = out) -> None:
    """Per file and in all: read = kept + dropped by rule."""
    if len(counts) > 13:  # many files: the last row is the total, the rest is in the manifest
        err.print(f"({len(counts) - 1} files; their counts are in the manifest)", soft_wrap=True)
        counts = counts.tail(1)
    print_table(counts, console)


def print_table(frame: pd.DataFrame, console: Console = out) -> None:
    """Numbers to the right, what is missing as a dash."""
    import pandas as pd

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(
            harmless(str(name)), justify="right" if numeric else "left", overflow="fold"
        )
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    console.print(table, markup=False)


def print_facts(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Names and what they are, under a title."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    for name, value in rows:
        table.add_row(harmless(name), harmless(value))
    out.print(table)


def _cell(value: object) -> Any:
    from rich.text import Text

    if value is None or value != value:
        return Text("–", style="dim")
    if isinstance(value, float):  # a p is small, and not nought
        return Text("<0.001" if 0 < value < 0.0005 else f"{value:.3f}")
    return Text(harmless(str(value)))
