"""What people say of a run: forms to judge it by, and how far those who filled them in agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapids_rap.annotate import TASKS
from rapids_rap.cli.console import print_lines, print_table
from rapids_rap.cli.options import RunArgument, command_line
from rapids_rap.errors import ConfigError


def annotate(
    run_folder: RunArgument,
    *,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the forms.")],
    coder: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who answers; twice or more. Default: A and B."),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help=f"Only these of {', '.join(TASKS)}."),
    ] = None,
    items: Annotated[int, typer.Option(min=4, max=2000, help="Questions of each task.")] = 40,
    seed: Annotated[int, typer.Option(help="Other questions with another.")] = 42,
) -> None:
    """Write forms by which two people or more judge a run, without seeing what it says.

    fit: does a line belong to a group of lines; intruder: which of five lines does not; names:
    which of four names suits; emotion: of a line. Each page works offline and saves a file.

    Example: rapids-rap annotate runs/first --out forms --coder Li --coder Wang
    """
    from rapids_rap.annotate.forms import write_forms
    from rapids_rap.runs.run import open_run

    for name in task or ():
        if name not in TASKS:
            raise ConfigError(f"--task {name}: unknown; known: {', '.join(TASKS)}.")
    chosen = [name for name in TASKS if not task or name in task]
    said = write_forms(open_run(run_folder), out_folder, coder or ("A", "B"), chosen, items, seed)
    print_lines(said)


def agree(
    run_folder: RunArgument,
    forms: Annotated[
        list[Path],
        typer.Argument(metavar="FORM...", help="What coders saved, or exports of other programs."),
    ],
    *,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="key.json; default: beside the forms.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for every answer and the confusions.")
    ] = None,
) -> None:
    """How far coders agree (Krippendorff's alpha), and where people and clusters part.

    What is found is written into the run. Reads what a page of `annotate` saved, Label Studio's
    JSON and doccano's JSON Lines.

    Example: rapids-rap agree runs/first forms/answers-Li.json forms/answers-Wang.json
    """
    from rapids_rap.annotate.agree import agree as put_together

    found = put_together(run_folder, forms, key, out_folder, command_line())
    print_table(found.table)
    print_lines(found.sentences)
