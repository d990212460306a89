"""Reading a finished run: search, summary, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from rapids_rap.cli.console import end_quietly_with_the_pipe, out, print_table
from rapids_rap.cli.options import RunArgument
from rapids_rap.errors import InputError


def search(
    run_folder: RunArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")],
    *,
    by: Annotated[Literal["line", "song", "artist"], typer.Option(help="What to find.")] = "line",
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
) -> None:
    """The nearest lines, songs or artists of a run.

    Example: rapids-rap search runs/first "想念故乡的夜" --by song -k 5
    """
    end_quietly_with_the_pipe()
    from rapids_rap.runs import open_run
    from rapids_rap.search import search_run

    hits = search_run(open_run(run_folder), text, by, k)
    print_table(hits)


def summary(
    run_folder: RunArgument,
    *,
    cluster: Annotated[int | None, typer.Option(help="Only this cluster, in detail.")] = None,
) -> None:
    """What a run found, in the terminal.

    Example: rapids-rap summary runs/first --cluster 3
    """
    end_quietly_with_the_pipe()
    from rapids_rap.runs import open_run
    from rapids_rap.summary import summarize

    for block in summarize(open_run(run_folder), cluster):
        if isinstance(block, str):
            out.print(block, soft_wrap=True, markup=False)
        else:
            print_table(block)


def export(
    run_folder: RunArgument,
    *,
    cluster: Annotated[int | None, typer.Option(help="Only this cluster's lines.")] = None,
    form: Annotated[
        Literal["csv", "jsonl", "parquet"], typer.Option("--format", help="Of the output.")
    ] = "csv",
    out_file: Annotated[
        Path | None, typer.Option("--out", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """The lines of a run with their clusters, as training data or for a spreadsheet.

    Example: rapids-rap export runs/first --cluster 3 --format jsonl --out cluster3.jsonl
    """
    end_quietly_with_the_pipe()
    from rapids_rap.runs import open_run, write_export
    from rapids_rap.summary import export_lines

    data = export_lines(open_run(run_folder), cluster, form)
    if out_file is not None:
        write_export(out_file, data)
        out.print(f"Wrote {out_file}.", soft_wrap=True)
    elif form == "parquet" and sys.stdout.isatty():
        raise InputError("Parquet is not for a terminal; name a file with --out.")
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
