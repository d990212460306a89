"""The nights: nightly, rollback, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapids_rap.cli.console import err, print_lines, printing_is_all
from rapids_rap.cli.options import (
    BackendOption,
    ConfigOption,
    RequireGpuOption,
    RunArgument,
    SetOption,
    command_line,
    resolve_backend,
    resolve_config,
)


def nightly(
    *,
    config: ConfigOption = None,
    settings: SetOption = None,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Make a night even where nothing changed.")
    ] = False,
    notify_command: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="Run at the end; as nightly.notify_command."),
    ] = None,
) -> None:
    """Tonight's run under nightly.root: only new texts are embedded, clusters keep their ids.

    Published as ROOT/latest unless a gate refuses (exit 5). A night that was killed is resumed.

    Example: rapids-rap nightly --config rap.toml --require-gpu
    """
    from rapids_rap.night.nightly import Request, plan_night
    from rapids_rap.night.nightly import nightly as make_night
    from rapids_rap.progress import StageProgress

    resolved = resolve_config(config, settings, None, by_shards=True, notify=notify_command)
    request = Request(
        resolved, lambda: resolve_backend(backend, require_gpu=require_gpu), command_line(), force
    )
    if dry_run:
        printing_is_all()
        print_lines(plan_night(request).sentences)
        return
    with StageProgress(err) as progress:
        outcome = make_night(request, progress)
    print_lines(outcome.sentences)
    if outcome.error is not None:
        raise outcome.error


def rollback(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The folder of the nights.")],
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="A night in ROOT/runs; default: the one before.")
    ] = "",
) -> None:
    """Publish an earlier night again, or one that a gate had refused, after verifying it.

    Example: rapids-rap rollback /srv/rap 20261126T020000Z
    """
    from rapids_rap.night.nightly import rollback as publish_other

    before, now = publish_other(root, name)
    since = f", no longer to {before}" if before else ""
    print_lines([f"{root / 'latest'} leads to {now}{since}."])


def verify(run: RunArgument) -> None:
    """Check a run: every file against its checksum, and its counts against each other.

    Example: rapids-rap verify /srv/rap/latest
    """
    from rapids_rap.errors import InputError
    from rapids_rap.runs.verify import find_faults, find_remarks

    faults = find_faults(run)
    print_lines(faults[1:])
    if faults:
        more = f" (and {len(faults) - 1} more, above)" if len(faults) > 1 else ""
        raise InputError(faults[0] + more)
    print_lines(find_remarks(run))
    print_lines([f"{run}: whole; every file is as it was written, and the counts add up."])
