"""What can go wrong, and the exit code each kind has (the contract a scheduler relies on).

Every message is one a tired administrator can act on: it names the file, the line or the field,
says what was expected and what to do. The command line prints it without a traceback.
"""


class RapError(Exception):
    """Base of every error that is explained rather than traced. Exit code 1."""

    exit_code = 1


class InputError(RapError):
    """The user's input is wrong: a file, a line, a column, a run folder. Exit code 2."""

    exit_code = 2


class NoLyricsError(InputError):
    """A file holds no lyrics that could be read, and is sound otherwise. Exit code 2."""


class NoViewError(InputError):
    """None of the views that were asked for can be made of these lyrics. Exit code 2."""


class ConfigError(RapError):
    """The configuration is wrong: an unknown key, a value out of range. Exit code 2."""

    exit_code = 2


class CapabilityError(RapError):
    """The machine or the installation can't do what was asked. Exit code 3.

    No GPU with `--require-gpu`, a model or a font that can't be had, an extra that isn't installed,
    a part that isn't built yet.
    """

    exit_code = 3


class LockHeldError(RapError):
    """Another run holds the lock of this folder. Exit code 4."""

    exit_code = 4


class GateError(RapError):
    """A night was built, but a gate refused to publish it. Exit code 5."""

    exit_code = 5


class Stopped(BaseException):
    """SIGINT or SIGTERM arrived; raised in the main thread. Exit code 130 or 143.

    A `BaseException`, so that no `except Exception` swallows it. Every file is written beside its
    final name and renamed, so any point of the program is a safe one to stop at.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.exit_code = 128 + signal_number


_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "bytes"))


def readable_bytes(size: float, beside: float = 0) -> str:
    """Bytes for reading, with as many digits as tell them from the size that stands beside them."""
    unit, name = next((u, n) for u, n in _UNITS if max(size, beside) >= u or u == 1)
    for digits in (1, 2, 3):
        text = f"{size / unit:,.{digits}f}"
        if size == beside or text != f"{beside / unit:,.{digits}f}":
            return f"{text} {name}"
    return f"{size:,.0f} bytes"
