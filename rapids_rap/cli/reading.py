"""Reading a finished run: search, summary, export, assign, view."""

from __future__ import annotations

import logging
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from rapids_rap.cli.console import (
    err,
    harmless,
    out,
    print_counts,
    print_lines,
    print_table,
    printing_is_all,
)
from rapids_rap.cli.options import (
    BackendOption,
    ModelSetOption,
    RequireGpuOption,
    RunArgument,
    quiet_backend,
    resolve_backend,
)
from rapids_rap.errors import CapabilityError, InputError

if TYPE_CHECKING:
    from rapids_rap.backend.protocol import Backend

log = logging.getLogger(__name__)

Form = Literal["csv", "jsonl", "parquet"]
CLUSTERS_SHOWN = 30


def search(
    run_folder: RunArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for.")],
    *,
    by: Annotated[Literal["line", "song", "artist"], typer.Option(help="What to find.")] = "line",
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    settings: ModelSetOption = None,
) -> None:
    """The nearest lines, songs or artists of a run.

    Example: rapids-rap search runs/first "想念故乡的夜" --by song -k 5
    """
    printing_is_all()
    from rapids_rap.reading.search import search_run
    from rapids_rap.runs.run import open_run

    chosen = quiet_backend(backend, require_gpu=require_gpu)
    print_table(search_run(open_run(run_folder), text, by, k, chosen, settings or []))


def summary(
    run_folder: RunArgument,
    *,
    cluster: Annotated[int | None, typer.Option(help="Only this cluster, in detail.")] = None,
) -> None:
    """What a run found, in the terminal.

    Example: rapids-rap summary runs/first --cluster 3
    """
    printing_is_all()
    from rapids_rap.reading.summary import summarize
    from rapids_rap.runs.run import open_run

    for block in summarize(open_run(run_folder), cluster):
        if isinstance(block, str):
            print_lines([block])
        else:
            print_table(block)


def export(
    run_folder: RunArgument,
    *,
    cluster: Annotated[int | None, typer.Option(help="Only this cluster's lines.")] = None,
    form: Annotated[Form, typer.Option("--format", help="Of the output.")] = "csv",
    out_file: Annotated[
        Path | None, typer.Option("--out", help="File to write; default: standard output.")
    ] = None,
    paper: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Instead of lines: pictures (SVG, TIFF), tables (CSV, LaTeX), methods, statements "
            "and CITATION.cff for a paper, in this new folder.",
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="With --paper: a run of the same lyrics before, such as with the untrained model, "
            "for the picture of before and after.",
        ),
    ] = None,
    with_lyrics: Annotated[
        bool,
        typer.Option(help="With --paper: quote lines of lyrics too (tables/examples)."),
    ] = False,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
) -> None:
    """The lines of a run with their clusters, for other programs; or --paper, all for a paper.

    Example: rapids-rap export runs/first --cluster 3 --format jsonl --out cluster3.jsonl
    """
    if paper is not None:
        if cluster is not None or out_file is not None:
            raise InputError("--paper writes a folder of its own: leave --cluster and --out out.")
        _export_paper(
            run_folder,
            paper,
            before,
            with_lyrics=with_lyrics,
            backend=quiet_backend(backend, require_gpu=require_gpu),
        )
        return
    if before is not None or with_lyrics:
        raise InputError("--before and --with-lyrics belong to --paper DIR.")
    if out_file is None:
        printing_is_all()
    from rapids_rap.reading.summary import export_lines
    from rapids_rap.runs.outputs import PLACED_COLUMNS, check_output_file
    from rapids_rap.runs.run import open_run

    run = open_run(run_folder)
    if out_file is not None:
        check_output_file(out_file, form, PLACED_COLUMNS, [run_folder / "lines.parquet"])
    _hand_out(export_lines(run, cluster, form), form, out_file)


def _export_paper(
    run_folder: Path, out_folder: Path, before: Path | None, *, with_lyrics: bool, backend: Backend
) -> None:
    from rapids_rap.compare.before_after import CAPTION, draw_before_after
    from rapids_rap.compare.trained import record_of, training_sentence
    from rapids_rap.config import MapsConfig
    from rapids_rap.report.paper import KIND, paper_files
    from rapids_rap.report.paper_figures import Plate
    from rapids_rap.runs.bundle import check_bundle, write_bundle
    from rapids_rap.runs.run import open_run

    run, earlier = open_run(run_folder), None if before is None else open_run(before)
    reading = (run_folder,) if before is None else (run_folder, before)
    check_bundle(out_folder, KIND, reading, "--paper")
    maps, more = MapsConfig(), []
    if earlier is not None:
        pair = draw_before_after(earlier, run, maps, backend)
        more.append(Plate("before_after", pair.sketch, CAPTION, pair.said))
    record = record_of(run)
    training = "" if record is None else training_sentence("The run", record)
    files = paper_files(run, maps, backend, more, training=training, with_lyrics=with_lyrics)
    write_bundle(out_folder, KIND, files, "--paper")
    print_lines([f"Wrote {len(files)} files into {out_folder}: begin with methods.md."])
    if earlier is None:
        print_lines(["For a picture of before and after name the run before: --before RUN."])


def assign(
    run_folder: RunArgument,
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Files or folders with new lyrics.")
    ],
    *,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="File to write; default: standard output.")
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option("--format", help="Of the output; default: by --out's suffix, else csv."),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, metavar="X", help="Less sure than X is noise.")
    ] = 0.0,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="INPUT.KEY=VALUE",
            help="How the new files are read; and embedding.model, embedding.trust_remote_code: "
            "where the run's model lies now, whether its code may run.",
        ),
    ] = None,
) -> None:
    """Place new lyrics into the clusters of a run, each with a confidence; nothing is re-clustered.

    Example: rapids-rap assign runs/first new_songs/ --out assigned.parquet
    """
    if out_file is None:
        printing_is_all()
    from rapids_rap.backend import load_backend
    from rapids_rap.corpus.alone import count_table
    from rapids_rap.corpus.files import find_files
    from rapids_rap.reading.assign import assign as assign_lyrics
    from rapids_rap.reading.assign import assign_config
    from rapids_rap.reading.summary import table_bytes
    from rapids_rap.runs.outputs import PLACED_COLUMNS, check_output_file
    from rapids_rap.runs.run import open_run

    run = open_run(run_folder)
    config = assign_config(run, inputs, settings or [])
    form = form or _form_of(out_file)
    if out_file is not None:
        files, _ = find_files(inputs)
        check_output_file(out_file, form, PLACED_COLUMNS, [*files, run_folder / "lines.parquet"])
    chosen = load_backend(resolve_backend(backend, require_gpu=require_gpu).backend)
    found = assign_lyrics(run, config, chosen, min_confidence)
    words = err if out_file is None else out  # standard output is for the lines alone
    for warning in found.warnings:
        log.warning("%s", warning)
    print_counts(count_table(found.files), words)
    print_lines(found.sentences, words)
    print_table(found.clusters.head(CLUSTERS_SHOWN), words)
    _hand_out(table_bytes(found.lines, form), form, out_file)


def view(
    run_folder: RunArgument,
    other_folder: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN_B]", help="A later night: side by side or in turn."),
    ] = None,
    *,
    single_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the map as one HTML file, and serve nothing."),
    ] = None,
    no_lyrics: Annotated[
        bool, typer.Option("--no-lyrics", help="Positions, clusters and terms, but no line.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the token keeps others out, not listeners.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the map in a browser.")
    ] = True,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    settings: ModelSetOption = None,
) -> None:
    """The interactive map of a run in a browser, offline: search, select, export; or of two nights.

    Example: rapids-rap view runs/first
    """
    from rapids_rap.runs.run import open_run
    from rapids_rap.view.view import serve, write_single_file

    run = open_run(run_folder)
    other = None if other_folder is None else open_run(other_folder)
    lyrics = not no_lyrics
    if single_file is not None:
        size = write_single_file(run, single_file, lyrics=lyrics, other=other)
        print_lines([f"Wrote {single_file} ({size / 1e6:.1f} MB)."])
        return
    chosen = quiet_backend(backend, require_gpu=require_gpu)
    said = settings or []
    server = serve(run, chosen, host, port, lyrics=lyrics, other=other, said=said)
    shown = f"{run_folder}" if other is None else f"{run_folder} and {other_folder}"
    print_lines([f"Map of {shown}: {server.address}", "Ctrl-C ends it."])
    out.file.flush()
    if open_browser:
        webbrowser.open(server.address)
    with server:
        server.serve_forever()


def _form_of(out_file: Path | None) -> Form:
    suffix = "csv" if out_file is None else out_file.suffix.lower().lstrip(".")
    if suffix not in get_args(Form):
        raise InputError(
            f"--out {out_file}: expected a name that ends in .csv, .jsonl or .parquet, or --format."
        )
    return cast(Form, suffix)


def _hand_out(data: bytes, form: Form, out_file: Path | None) -> None:
    """To a file, or to standard output, where a terminal gets nothing that it would obey."""
    from rapids_rap.runs.files import explain_os_errors
    from rapids_rap.runs.folder import write_export

    if out_file is not None:
        write_export(out_file, data)
        print_lines([f"Wrote {out_file}."])
        return
    if sys.stdout is None:
        raise CapabilityError("Standard output is closed; name a file with --out.")
    if sys.stdout.isatty():
        if form == "parquet":
            raise InputError("Parquet is not for a terminal; name a file with --out.")
        data = harmless(data.decode()).encode()
    with explain_os_errors(Path("standard output")):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
