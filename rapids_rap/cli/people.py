"""What people and language models say of a run: forms, agreement, names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapids_rap.annotate import TASKS
from rapids_rap.cli.console import err, print_lines, print_table
from rapids_rap.cli.options import (
    BackendOption,
    RequireGpuOption,
    RunArgument,
    command_line,
    resolve_backend,
)
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


def name(
    run_folder: RunArgument,
    *,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="An OpenAI-compatible server, such as vLLM or ollama."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Or a transformers model in a folder.")
    ] = None,
    served: Annotated[
        str, typer.Option(metavar="NAME", help="Of the server's models; default: the first.")
    ] = "",
    remote: Annotated[
        bool, typer.Option("--remote", help="Lines may be sent to another machine.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=86_400, metavar="S", help="Seconds for an answer.")
    ] = 120.0,
    tests: Annotated[
        int, typer.Option(min=3, max=200, metavar="N", help="Lines a name is tested by, at most.")
    ] = 12,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take what is proposed for a name that is there.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where answers are kept; default: by the run."),
    ] = None,
    font: Annotated[
        str, typer.Option(metavar="FILE", help="A font for the maps; default: the bundled one.")
    ] = "",
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
) -> None:
    """Name clusters and themes by a local language model, and test each name; people's names win.

    The same command goes on where it was stopped. Nothing is sent anywhere but to the address that
    is named here.

    Example: rapids-rap name runs/first --endpoint http://127.0.0.1:8000/v1
    """
    from rapids_rap.annotate.naming import name_run
    from rapids_rap.annotate.naming_judging import Asker
    from rapids_rap.backend.protocol import Backend
    from rapids_rap.config import MapsConfig
    from rapids_rap.maps.fonts import font_path
    from rapids_rap.progress import StageProgress

    if (endpoint is None) == (model is None):
        raise ConfigError(
            "Names are asked of one model: --endpoint URL of a server, or --model DIR of a folder."
        )

    def open_asker(chosen: Backend) -> Asker:
        if endpoint is not None:
            from rapids_rap.annotate.naming_endpoint import Endpoint

            return Endpoint(endpoint, served, timeout=timeout, remote=remote)
        from rapids_rap.annotate.naming_model import LocalModel

        return LocalModel(model or Path(), chosen)

    maps = MapsConfig(font=font)
    font_path(maps)
    resolution = resolve_backend(backend, require_gpu=require_gpu)
    with StageProgress(err) as progress:
        found = name_run(
            run_folder,
            open_asker,
            resolution,
            progress,
            tests=tests,
            accept=accept,
            cache=cache,
            command=command_line(),
            maps=maps,
        )
    print_table(found.table)
    print_lines(found.sentences)
