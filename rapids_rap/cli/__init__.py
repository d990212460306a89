"""The command line: parse, call, print. The only room that prints, and it holds no logic.

The verbs are in `job`, `doctor`, `night`, `people`, `reading` and `study`, by what they are for;
each imports what it calls when it is called, so that `--help` and a mistyped option are answered at
once. Here they become one program, and what goes wrong in any of them becomes a sentence and an
exit code.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from rapids_rap import stopping
from rapids_rap.cli import job, night, people, reading, study, writer_training, writer_writing
from rapids_rap.cli.console import err, harmless, print_lines, start_logging, stdout
from rapids_rap.cli.doctor import doctor
from rapids_rap.cli.streams import escape_what_does_not_fit
from rapids_rap.errors import CapabilityError, ConfigError, RapError, Stopped

log = logging.getLogger("rapids_rap.cli")

app = typer.Typer(
    name="rapids-rap",
    help="Embed, cluster, explain and draw every line of a rap-lyric corpus.\n\n"
    "Exit codes: 0 done; 1 unexpected; 2 wrong input or configuration; 3 this machine can't; "
    "4 another run holds the lock; 5 a nightly gate refused; 130/143 stopped by a signal.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _globals(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all logs.")] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Log to standard error as JSON lines.")
    ] = False,
) -> None:
    start_logging(debug=debug, as_json=log_json)


_VERBS: dict[str, Callable[..., None]] = {  # as --help lists them
    "run": job.run,
    "ingest": job.ingest,
    "train": study.train,
    "search": reading.search,
    "summary": reading.summary,
    "compare": study.compare,
    "stability": study.stability,
    "annotate": people.annotate,
    "agree": people.agree,
    "name": people.name,
    "ablate": study.ablate,
    "export": reading.export,
    "assign": reading.assign,
    "view": reading.view,
    "nightly": night.nightly,
    "rollback": night.rollback,
    "verify": night.verify,
    "doctor": doctor,
    "config": job.print_config,
    "bench": study.bench,
}
for _name, _verb in _VERBS.items():
    app.command(_name)(_verb)

_writer = typer.Typer(
    name="writer",
    help="A generator of lyrics with themes, regions, rhyme and syllables as conditions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_WRITER_VERBS: dict[str, Callable[..., None]] = {
    "train": writer_training.train,
    "write": writer_writing.write,
    "judge": writer_training.judge,
}
for _name, _verb in _WRITER_VERBS.items():
    _writer.command(_name)(_verb)
app.add_typer(_writer)


def main() -> NoReturn:
    """Entry point: run a command and turn what went wrong into a sentence and an exit code."""
    try:
        stopping.raise_once()
        escape_what_does_not_fit()
        stdout.begin()
        code = _command(_globals_first(sys.argv[1:]))
        stopping.keep_exit_code(code)
    except Stopped as stopped:
        code = stopped.exit_code
        stopping.keep_exit_code(code)
        log.warning("Stopped. What was finished is kept; the same command resumes.")
    sys.exit(code)


def _command(arguments: list[str]) -> int:
    """Its exit code."""
    try:
        app(arguments, prog_name="rapids-rap")  # exits by itself, with 2 on a usage error
    except SystemExit as ended:
        stdout.flush()
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return code or _said_nothing()
    except Exception as error:
        return _explain(_told_apart(error), debug="--debug" in arguments)
    return 0


def _said_nothing() -> int:
    """3 where an answer was all that was asked for and standard output could not be written."""
    if not (stdout.lost and stdout.is_all):
        return 0
    err.print(f"Error: standard output can't be written ({stdout.lost}).", style="red")
    return CapabilityError.exit_code


def _told_apart(error: Exception) -> Exception:
    """What a stream, a disk or a device said to a library, as an error of ours; others as is."""
    from rapids_rap.backend.failures import broken_device, is_device_error

    if not isinstance(error, RapError) and is_device_error(error):
        return broken_device(error)
    if not isinstance(error, OSError):
        return error
    usage: Any = error.__context__  # a mistyped option that could not be printed, of Typer's kind
    if hasattr(usage, "format_message"):
        return ConfigError(usage.format_message())
    from rapids_rap.runs.files import machine_failure

    return machine_failure(error, error.filename or "a file or stream") or error


def _explain(error: Exception, *, debug: bool) -> int:
    code = error.exit_code if isinstance(error, RapError) else 1
    sentence = f"Error: {error}"
    if code == 1:
        sentence = (
            f"Unexpected {type(error).__name__}: {error}\nThis is a defect of rapids-rap: please "
            "report it with the output of the same command and --debug."
        )
    if err.quiet:  # --log-json: whoever reads JSON lines must find the reason there
        log.error("%s", sentence, exc_info=error if debug else None)
        return code
    if debug:
        print_lines(["".join(traceback.format_exception(error))], err)
    err.print(harmless(sentence), style="red", markup=False, soft_wrap=True)
    return code


def _globals_first(arguments: list[str]) -> list[str]:
    """`--debug` and `--log-json` work wherever they stand, as long as it is before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head, tail = arguments[:end], arguments[end:]
    moved = [a for a in head if a in ("--debug", "--log-json")]
    return moved + [a for a in head if a not in moved] + tail
