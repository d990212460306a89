"""Finding out what is better, and what would be there again: train, compare, stability, ablate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapids_rap.cli.console import (
    err,
    print_lines,
    print_table,
    printing_is_all,
)
from rapids_rap.cli.options import (
    BackendOption,
    ConfigOption,
    Inputs,
    LimitOption,
    ModelOption,
    RequireGpuOption,
    RunArgument,
    SetOption,
    UnitOption,
    command_line,
    quiet_backend,
    resolve_backend,
    resolve_config,
)


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
    from rapids_rap.progress import StageProgress
    from rapids_rap.training import train as training

    mode = "full" if full else None
    resolved = resolve_config(config, settings, inputs, model=model, limit=limit, mode=mode)
    resolution = resolve_backend(backend, require_gpu=require_gpu)
    with StageProgress(err) as progress:
        trained = training.train(resolved, out_folder, resolution, progress, overwrite=overwrite)
    print_table(trained.history)
    print_lines(trained.sentences)
    print_lines([f"Wrote {trained.folder}; `--model {trained.folder}` reads it."])


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
    font: Annotated[
        str, typer.Option(metavar="FILE", help="A font for the pictures; default: the bundled one.")
    ] = "",
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
) -> None:
    """Two runs side by side on the lines they share, and whether the second is better.

    Example: rapids-rap compare runs/before runs/after --out runs/compared
    """
    from rapids_rap.compare.compare import compare_runs, figure_table, sentences
    from rapids_rap.compare.files import check_folder, write_comparison
    from rapids_rap.config import MapsConfig
    from rapids_rap.maps.fonts import font_path
    from rapids_rap.runs.run import open_run

    maps = MapsConfig(font=font)
    font_path(maps)
    if out_folder is None:
        printing_is_all()
    else:
        check_folder(out_folder, [run_a, run_b])
    chosen = quiet_backend(backend, require_gpu=require_gpu)
    found = compare_runs(open_run(run_a), open_run(run_b), chosen, sample=sample)
    print_table(figure_table(found))
    print_lines(sentences(found))
    if out_folder is not None:
        print_lines(f"Wrote {path}." for path in write_comparison(found, out_folder, chosen, maps))


def stability(
    run_folder: RunArgument,
    *,
    subsamples: Annotated[
        int, typer.Option(min=2, max=1000, metavar="N", help="Of 80 % of the songs each.")
    ] = 20,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RUN2", help="A run of another model over the same lyrics."),
    ] = None,
    font: Annotated[
        str, typer.Option(metavar="FILE", help="A font for the maps; default: the bundled one.")
    ] = "",
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
) -> None:
    """How much of a run would be there again: on other songs, with other seeds, and by chance.

    What is found is written into the run. The same command goes on where it was stopped.

    Example: rapids-rap stability runs/first --subsamples 50
    """
    from rapids_rap.config import MapsConfig
    from rapids_rap.maps.fonts import font_path
    from rapids_rap.progress import StageProgress
    from rapids_rap.repeat import measure_stability

    maps = MapsConfig(font=font)
    font_path(maps)
    resolution = resolve_backend(backend, require_gpu=require_gpu)
    with StageProgress(err) as progress:
        found = measure_stability(
            run_folder, subsamples, against, resolution, progress, command_line(), maps
        )
    print_table(found.table)
    print_lines(found.sentences)


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
    from rapids_rap.backend import load_backend
    from rapids_rap.compare.ablate import measure_grid, run_grid
    from rapids_rap.compare.ablation_table import (
        cell_sentences,
        check_folder,
        grid_table,
        terminal_tables,
        write_ablation,
    )
    from rapids_rap.compare.grids import load_grid
    from rapids_rap.progress import StageProgress

    if list_grids:
        printing_is_all()
        print_table(grid_table())
        return
    chosen = load_grid(grid).only(only or [])
    resolved = resolve_config(config, settings, inputs, model=model, unit=unit, limit=limit)
    resolution = resolve_backend(backend, require_gpu=require_gpu)
    folder = out_folder or Path("runs") / f"ablate-{chosen.name}"
    check_folder(folder)
    with StageProgress(err) as progress:
        ran = run_grid(
            chosen,
            resolved,
            folder,
            resolution,
            progress,
            command=command_line(),
            overwrite=overwrite,
            say=lambda text: print_lines([text], err),
        )
    found = measure_grid(ran.grid, ran.runs, load_backend(resolution.backend), ran.left_out)
    paths = write_ablation(found, folder)
    for table in terminal_tables(found):
        print_table(table)
    print_lines([*cell_sentences(found), *(f"Wrote {path}." for path in paths)])


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
        print_lines(f"Wrote {path}." for path in benchmarks.write_summary(out_folder))
        return
    if not scenarios:
        printing_is_all()
        print_lines(f"{name}: {load_scenario(name).question}" for name in scenario_names())
        return
    missed = benchmarks.bench(
        scenarios,
        out_folder,
        lyrics=lyrics,
        rounds=rounds,
        say=lambda line: print_lines([line]),
    )
    print_lines([f"Wrote {out_folder}: CSV, environment, table and picture."])
    if missed:
        raise typer.Exit(1)
