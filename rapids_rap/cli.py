"""The command line: parse, call, print. The only room that prints, and it holds no logic."""

from __future__ import annotations

import json
import logging
import signal
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from rapids_rap.errors import CapabilityError, InputError, RapError, Stopped

if TYPE_CHECKING:
    import pandas as pd

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
out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, markup=False)

Inputs = Annotated[
    list[Path] | None,
    typer.Argument(metavar="INPUT...", help="Files or folders with lyrics.", show_default=False),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="TOML file; `rapids-rap config` prints one.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One setting; wins over the file."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(metavar="NAME_OR_DIR", help="Hugging Face name, local folder, or `demo`."),
]
UnitOption = Annotated[
    Literal["line", "stanza", "song"] | None, typer.Option(help="What is embedded.")
]
LimitOption = Annotated[int | None, typer.Option(min=0, help="Keep only the first N lines.")]
BackendOption = Annotated[
    Literal["auto", "gpu", "cpu"], typer.Option(help="Where arrays live; auto says why.")
]
RequireGpuOption = Annotated[
    bool, typer.Option("--require-gpu", help="Exit 3 rather than run on the CPU.")
]


@app.callback()
def _globals(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all logs.")] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Log to standard error as JSON lines.")
    ] = False,
) -> None:
    _start_logging(debug=debug, as_json=log_json)


@app.command()
def run(
    inputs: Inputs = None,
    *,
    config: ConfigOption = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Run folder; default runs/<UTC time>.")
    ] = None,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    model: ModelOption = None,
    unit: UnitOption = None,
    limit: LimitOption = None,
    settings: SetOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run of other inputs in --out.")
    ] = False,
) -> None:
    """The main job: lyrics to vectors, map, clusters, evidence and report, in one run folder.

    The same command resumes a run that stopped.

    Example: rapids-rap run lyrics/ --model demo --out runs/first
    """
    from rapids_rap import device, pipeline
    from rapids_rap.progress import StageProgress

    resolved = _config(config, settings, inputs, model=model, unit=unit, limit=limit)
    resolution = device.resolve(backend, require_gpu=require_gpu)
    err.print(f"Backend: {resolution.backend} ({resolution.reason}).", soft_wrap=True)
    folder = out_folder or Path("runs") / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with StageProgress(err) as progress:
        summary = pipeline.run(
            resolved, folder, resolution, progress, command=_command_line(), overwrite=overwrite
        )
    _print_counts(summary.counts)
    for line in summary.sentences:
        out.print(line, soft_wrap=True)


@app.command()
def ingest(
    inputs: Inputs = None,
    *,
    out_file: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    config: ConfigOption = None,
    unit: UnitOption = None,
    limit: LimitOption = None,
    settings: SetOption = None,
) -> None:
    """Only read and clean; prints what was kept and dropped, by rule.

    Example: rapids-rap ingest lyrics/ --out corpus.parquet
    """
    from rapids_rap import pipeline

    resolved = _config(config, settings, inputs, unit=unit, limit=limit)
    counts, beside = pipeline.ingest_only(resolved, out_file)
    _print_counts(counts)
    out.print(f"Wrote {out_file} and {beside}.", soft_wrap=True)


@app.command()
def train(
    inputs: Inputs = None,
    *,
    out_folder: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    config: ConfigOption = None,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    model: ModelOption = None,
    full: Annotated[bool, typer.Option("--full", help="Tune all weights, no adapters.")] = False,
    limit: LimitOption = None,
    settings: SetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model.")] = False,
) -> None:
    """Contrastive fine-tuning (SimCSE) of a model on lyrics; judged on songs that are held out.

    The same command resumes a training that stopped; `--set train.mode=head` needs least memory.

    Example: rapids-rap train lyrics/ --model demo --out models/mine --set train.steps=300
    """
    from rapids_rap import device
    from rapids_rap import train as training
    from rapids_rap.progress import StageProgress

    mode = "full" if full else None
    resolved = _config(config, settings, inputs, model=model, limit=limit, mode=mode)
    resolution = device.resolve(backend, require_gpu=require_gpu)
    err.print(f"Backend: {resolution.backend} ({resolution.reason}).", soft_wrap=True)
    with StageProgress(err) as progress:
        trained = training.train(resolved, out_folder, resolution, progress, overwrite=overwrite)
    _print_table(trained.history)
    for line in trained.sentences:
        out.print(line, soft_wrap=True)
    out.print(f"Wrote {trained.folder}; `--model {trained.folder}` reads it.", soft_wrap=True)


@app.command()
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
    _end_quietly_with_the_pipe()
    from rapids_rap.runs import open_run
    from rapids_rap.search import search_run

    hits = search_run(open_run(run_folder), text, by, k)
    _print_table(hits)


@app.command()
def summary(
    run_folder: RunArgument,
    *,
    cluster: Annotated[int | None, typer.Option(help="Only this cluster, in detail.")] = None,
) -> None:
    """What a run found, in the terminal.

    Example: rapids-rap summary runs/first --cluster 3
    """
    _end_quietly_with_the_pipe()
    from rapids_rap.runs import open_run
    from rapids_rap.summary import summarize

    for block in summarize(open_run(run_folder), cluster):
        if isinstance(block, str):
            out.print(block, soft_wrap=True, markup=False)
        else:
            _print_table(block)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another, over the same lyrics.")],
    *,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for compare.json, the page and pictures.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, metavar="N", help="Compare only N shared texts (0: all).")
    ] = 0,
) -> None:
    """Two runs side by side on the lines they share, and whether the second is better.

    Example: rapids-rap compare runs/before runs/after --out runs/compared
    """
    _end_quietly_with_the_pipe()
    from rapids_rap.compare import compare_runs, figure_table, sentences
    from rapids_rap.compare_files import check_folder, write_comparison
    from rapids_rap.runs import open_run

    if out_folder is not None:
        check_folder(out_folder)
    found = compare_runs(open_run(run_a), open_run(run_b), sample=sample)
    _print_table(figure_table(found))
    for line in sentences(found):
        out.print(line, soft_wrap=True)
    if out_folder is not None:
        for path in write_comparison(found, out_folder):
            out.print(f"Wrote {path}.", soft_wrap=True)


@app.command()
def ablate(
    inputs: Inputs = None,
    *,
    grid: Annotated[
        str, typer.Option(metavar="NAME", help="A named grid, or a TOML file with one.")
    ] = "poster",
    only: Annotated[
        list[str] | None, typer.Option(metavar="CELL", help="Only this cell and the first.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the cells; default runs/ablate-NAME.")
    ] = None,
    config: ConfigOption = None,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    model: ModelOption = None,
    unit: UnitOption = None,
    limit: LimitOption = None,
    settings: SetOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace cells of other inputs in --out.")
    ] = False,
    list_grids: Annotated[bool, typer.Option("--list", help="List the grids and stop.")] = False,
) -> None:
    """Run a grid of settings with shared stages run once, and compare its cells in one table.

    The same command resumes: finished cells are not run again.

    Example: rapids-rap ablate lyrics/ --grid whitening --model demo --out runs/whitening
    """
    from rapids_rap import device
    from rapids_rap.ablate import measure_grid, run_grid
    from rapids_rap.ablation_table import (
        cell_sentences,
        check_folder,
        grid_table,
        terminal_tables,
        write_ablation,
    )  # fmt: skip
    from rapids_rap.grids import load_grid
    from rapids_rap.progress import StageProgress

    if list_grids:
        _print_table(grid_table())
        return
    chosen = load_grid(grid).only(only or [])
    resolved = _config(config, settings, inputs, model=model, unit=unit, limit=limit)
    resolution = device.resolve(backend, require_gpu=require_gpu)
    err.print(f"Backend: {resolution.backend} ({resolution.reason}).", soft_wrap=True)
    folder = out_folder or Path("runs") / f"ablate-{chosen.name}"
    check_folder(folder)
    with StageProgress(err) as progress:
        runs = run_grid(
            chosen, resolved, folder, resolution, progress, command=_command_line(),
            overwrite=overwrite, say=lambda text: err.print(text, soft_wrap=True),
        )  # fmt: skip
    found = measure_grid(chosen, runs)
    paths = write_ablation(found, folder)
    for table in terminal_tables(found):
        _print_table(table)
    for line in [*cell_sentences(found), *(f"Wrote {path}." for path in paths)]:
        out.print(line, soft_wrap=True)


@app.command()
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
    _end_quietly_with_the_pipe()
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


@app.command()
def doctor(
    *,
    lines: Annotated[int, typer.Option(min=1, help="Plan memory for so many.")] = 600_000,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    model: ModelOption = None,
    gpu_memory: Annotated[
        float, typer.Option(min=0, max=1e6, metavar="GIB", help="Plan for a GPU of so many GiB.")
    ] = 0.0,
    main_memory: Annotated[
        float,
        typer.Option(
            min=0, max=1e6, metavar="GIB", help="In a server with so much; default: 4 times it."
        ),
    ] = 0.0,
) -> None:
    """What backend would run and why; versions, driver, model, fonts, memory plan for N lines.

    Example: rapids-rap doctor --lines 600000 --gpu-memory 24
    """
    from rapids_rap.doctor import examine

    for title, rows in examine(lines, model or "Qwen/Qwen2-1.5B", gpu_memory, main_memory).items():
        table = Table(
            title=title, title_justify="left", show_header=False, box=None, pad_edge=False
        )
        for name, value in rows:
            table.add_row(name, value)
        out.print(table)
    from rapids_rap import device

    resolution = device.resolve(backend, require_gpu=require_gpu)
    out.print(f"Backend: {resolution.backend} ({resolution.reason}).", soft_wrap=True)


@app.command("config")
def print_config() -> None:
    """Print the default configuration, each key with a comment.

    Example: rapids-rap config > rap.toml
    """
    _end_quietly_with_the_pipe()
    from rapids_rap.config import render_defaults

    out.print(render_defaults(), end="", markup=False, soft_wrap=True)


@app.command()
def bench(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO...", help="Names, or YAML files.", show_default=False),
    ] = None,
    *,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the results.")] = Path(
        "bench/results"
    ),
    lyrics: Annotated[
        Path | None, typer.Option(help="Lyrics for the scenarios on lyrics; default: the sample.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="How often each side runs; default: the scenario's.")
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Only draw the table and picture of what is in --out.")
    ] = False,
) -> None:
    """Measure ours against the CPU pipelines, speed and quality together; lists the scenarios.

    Exits 1 where a requirement is missed. Needs the `bench` extra.

    Example: rapids-rap bench silhouette_50k words_600k --out results
    """
    import rapids_rap.bench as benchmarks
    from rapids_rap.bench.scenario import load_scenario, scenario_names

    if table:
        for path in benchmarks.write_summary(out_folder):
            out.print(f"Wrote {path}.", soft_wrap=True)
        return
    if not scenarios:
        for name in scenario_names():
            out.print(f"{name}: {load_scenario(name).question}", soft_wrap=True)
        return
    missed = benchmarks.bench(
        scenarios, out_folder, lyrics=lyrics, rounds=rounds,
        say=lambda line: out.print(line, soft_wrap=True),
    )  # fmt: skip
    out.print(f"Wrote {out_folder}: CSV, environment, table and picture.", soft_wrap=True)
    if missed:
        raise typer.Exit(1)


def _not_built(name: str, what: str) -> None:
    def command() -> None:
        raise CapabilityError(f"`{name}` ({what}) is not part of this version yet.")

    command.__doc__ = f"{what[0].upper()}{what[1:]}. Not part of this version yet (exits 3)."
    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(name, context_settings=settings)(command)


_not_built("view", "the interactive map in a browser")
_not_built("nightly", "incremental nightly re-clustering")


def main() -> NoReturn:
    """Entry point: run a command and turn what went wrong into a sentence and an exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    arguments = _globals_first(sys.argv[1:])
    code = 0
    try:
        app(arguments, prog_name="rapids-rap")  # exits by itself, with 2 on a usage error
    except Stopped as stopped:
        code = stopped.exit_code
        log.warning("Stopped. What was finished is kept; the same command resumes.")
    except Exception as error:
        code = _explain(error, debug="--debug" in arguments)
    sys.exit(code)


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
        traceback.print_exception(error)
    err.print(sentence, style="red", markup=False, soft_wrap=True)
    return code


def _globals_first(arguments: list[str]) -> list[str]:
    """`--debug` and `--log-json` work wherever they stand, as long as it is before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head, tail = arguments[:end], arguments[end:]
    moved = [a for a in head if a in ("--debug", "--log-json")]
    return moved + [a for a in head if a not in moved] + tail


def _stop(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second signal kills at once
    raise Stopped(number)


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
        return json.dumps(entry, ensure_ascii=False, default=str)


def _start_logging(*, debug: bool, as_json: bool) -> None:
    handler: logging.Handler = logging.StreamHandler()
    err.quiet = as_json
    if as_json:
        handler.setFormatter(_JsonLines())
    else:
        from rich.logging import RichHandler

        handler = RichHandler(console=err, show_path=False, show_time=False, markup=False)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(message)s", force=True)
    level = logging.DEBUG if debug else logging.INFO if as_json else logging.WARNING
    logging.getLogger("rapids_rap").setLevel(level)


def _config(
    path: Path | None, settings: list[str] | None, inputs: list[Path] | None, **flags: Any
) -> Any:
    from rapids_rap.config import load_config

    keys = {"model": "embedding.model", "unit": "corpus.unit", "limit": "input.limit"}
    keys["mode"] = "train.mode"
    given = [f"{keys[k]}={json.dumps(v)}" for k, v in flags.items() if v is not None]
    if inputs:
        given.append(f"input.paths={json.dumps([str(p) for p in inputs], ensure_ascii=False)}")
    resolved = load_config(path, [*given, *(settings or [])])
    if not resolved.input.paths:
        raise InputError("No input: name files or folders with lyrics, or set input.paths.")
    return resolved


def _end_quietly_with_the_pipe() -> None:
    """As other tools that print: when `| head` has seen enough, end without a word."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def _command_line() -> str:
    import shlex

    return shlex.join(["rapids-rap", *sys.argv[1:]])


def _print_counts(counts: pd.DataFrame) -> None:
    """Per file and in all: read = kept + dropped by rule."""
    if len(counts) > 13:  # many files: the last row is the total, the rest is in the manifest
        err.print(f"({len(counts) - 1} files; their counts are in the manifest)", soft_wrap=True)
        counts = counts.tail(1)
    _print_table(counts)


def _print_table(frame: pd.DataFrame) -> None:
    import pandas as pd

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    out.print(table, markup=False)


def _cell(value: object) -> Any:
    from rich.text import Text

    if value is None or value != value:
        return Text("–", style="dim")
    return Text(f"{value:.3f}" if isinstance(value, float) else str(value))
