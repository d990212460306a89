"""The job and its preparation: run, ingest, config."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rapids_rap.cli.console import (
    err,
    out,
    print_counts,
    print_lines,
    printing_is_all,
)
from rapids_rap.cli.options import (
    BackendOption,
    ConfigOption,
    Inputs,
    LimitOption,
    ModelOption,
    RequireGpuOption,
    ScaleOption,
    SchedulerOption,
    SetOption,
    UnitOption,
    WorkersOption,
    command_line,
    resolve_backend,
    resolve_config,
)
from rapids_rap.startup import large_imports


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
    scale: ScaleOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    settings: SetOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a run of other inputs in --out.")
    ] = False,
) -> None:
    """The main job: lyrics to vectors, map, clusters, evidence and report, in one run folder.

    The same command resumes a run that stopped.

    Example: rapids-rap run lyrics/ --model demo --out runs/first
    """
    with large_imports():
        from rapids_rap import pipeline
        from rapids_rap.progress import StageProgress

    resolved = resolve_config(
        config,
        settings,
        inputs,
        by_shards=True,
        model=model,
        unit=unit,
        limit=limit,
        scale=scale or ("dask" if scheduler else None),
        workers=workers,
        scheduler=scheduler,
    )
    resolution = resolve_backend(backend, require_gpu=require_gpu)
    folder = out_folder or Path("runs") / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with StageProgress(err) as progress:
        summary = pipeline.run(
            resolved, folder, resolution, progress, command=command_line(), overwrite=overwrite
        )
    print_counts(summary.counts)
    print_lines(summary.sentences)


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
    with large_imports():
        from rapids_rap.corpus import alone

    resolved = resolve_config(config, settings, inputs, unit=unit, limit=limit)
    counts, beside = alone.ingest_only(resolved, out_file)
    print_counts(counts)
    print_lines([f"Wrote {out_file} and {beside}."])


def print_config() -> None:
    """Print the default configuration, each key with a comment.

    Example: rapids-rap config > rap.toml
    """
    printing_is_all()
    from rapids_rap.settings import render_defaults

    out.print(render_defaults(), end="", markup=False, soft_wrap=True)
