"""Standard output and standard error that may be unable to take what is written to them.

The exit code tells of the work, not of the terminal: a stream whose encoding lacks a character gets
an escape for it, and one that can't be written (a closed pipe, a full disk, a terminal that went
away) loses what is written from then on, which is remembered. A command of which nothing is asked
but what it prints ends with exit code 3 then.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any


class PatientStream(io.TextIOBase):
    """The present `sys.stdout` or `sys.stderr`; `lost` is why it can't be written any more.

    is_all: what is printed here is all that the command was asked for.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.begin()

    def begin(self) -> None:
        """Nothing is lost yet, and nothing known of what is asked for: a command begins."""
        self.lost: str = ""
        self.is_all = False

    @property
    def _stream(self) -> Any:
        return getattr(sys, self._name)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a variable there
        """As the stream's."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream is not None and bool(self._stream.isatty())

    def fileno(self) -> int:
        """As the stream's."""
        return int(self._stream.fileno())

    def writable(self) -> bool:
        """It always takes what it is given."""
        return True

    def write(self, text: str) -> int:
        """Write the text, or lose it."""
        try:
            self._stream.write(text)
        except (OSError, ValueError, AttributeError) as error:  # closed, or never there
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, or lose what it held."""
        try:
            self._stream.flush()
        except (OSError, ValueError, AttributeError) as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        self.lost = self.lost or _reason(error)
        # What the stream still holds would fail once more when the interpreter ends.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            descriptor = self._stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None)  # else the stream is closed, or was never there
    return str(said).lower() if said else "it is closed"


def escape_what_does_not_fit() -> None:
    """Let both streams write escapes for what their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError):  # it was a file, and leads into a pipe now
                stream.reconfigure(errors="backslashreplace")
