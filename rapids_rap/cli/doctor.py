"""The doctor: what this machine can run, what many would need, what a vector store holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rapids_rap.cli.console import out, print_facts, print_lines, print_table, printing_is_all
from rapids_rap.cli.options import BackendOption, ModelOption, RequireGpuOption, resolve_backend
from rapids_rap.errors import ConfigError, readable_bytes

if TYPE_CHECKING:
    from rapids_rap.machine.store_use import StoreUse

DEFAULT_MODEL = "Qwen/Qwen2-1.5B"


def doctor(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="With --store: the root of nights, a run, a folder of runs, or a store.",
            show_default=False,
        ),
    ] = None,
    *,
    lines: Annotated[int, typer.Option(min=1, max=10**12, help="Plan memory for so many.")] = (
        600_000
    ),
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
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            max=10**6,
            help="Plan time, memory and storage of so many workers.",
            show_default=False,
        ),
    ] = 0,
    store: Annotated[
        bool, typer.Option("--store", help="Size of the vector store of DIR, and what is unused.")
    ] = False,
    runs: Annotated[
        list[Path] | None,
        typer.Option("--runs", metavar="DIR", help="With --store: runs elsewhere that use it."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what no kept run uses; asks before.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --prune: don't ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show, as without --prune.")
    ] = False,
) -> None:
    """What this machine can run, what many would need, and what a vector store holds.

    Alone: backend and why, versions, driver, model, fonts, memory plan for N lines.

    Example: rapids-rap doctor --lines 600000 --gpu-memory 24

    Example: rapids-rap doctor --lines 60000000 --workers 8 --gpu-memory 80

    Example: rapids-rap doctor --store /srv/rap
    """
    if (folder or runs or prune or yes or dry_run) and not store:
        raise ConfigError("DIR, --runs, --prune, --yes and --dry-run belong to --store.")
    if store:
        _tell_store(folder or Path("runs"), runs or [], prune=prune and not dry_run, yes=yes)
        return
    printing_is_all()
    if workers:
        _tell_plan(lines, model or DEFAULT_MODEL, workers, gpu_memory, main_memory)
        return
    from rapids_rap.machine.doctor import examine

    for title, rows in examine(lines, model or DEFAULT_MODEL, gpu_memory, main_memory).items():
        print_facts(title, rows)
    resolve_backend(backend, require_gpu=require_gpu, console=out)


def _tell_plan(lines: int, model: str, workers: int, gpu_memory: float, main_memory: float) -> None:
    import pandas as pd

    from rapids_rap.machine.doctor import examine_many
    from rapids_rap.scale.stages import BY_SHARDS

    plan = examine_many(lines, model, workers, BY_SHARDS, gpu_memory, main_memory)
    print_lines([f"{plan.title}:"])
    print_table(pd.DataFrame(plan.stages))
    print_lines([f"{name}: {said}." for name, said in plan.whole])


def _tell_store(folder: Path, runs: list[Path], *, prune: bool, yes: bool) -> None:
    from rapids_rap.machine.pruning import prune as remove
    from rapids_rap.machine.store_use import examine_store, find_store

    path = find_store(folder)
    use = examine_store(path, runs)
    _show_store(use)
    removable = sum(space.removable for space in use.spaces)
    size = readable_bytes(removable)
    if not removable:
        print_lines([_nothing_to_remove(use)])
        return
    if not prune:
        print_lines([f"{size} are used by no kept run; --prune removes them."])
        return
    if not yes and not _agrees(f"Remove {size} that no kept run uses from {path}?"):
        print_lines(["Nothing was removed."])
        return
    pruned = remove(examine_store(path, runs), use)
    print_lines(
        [
            f"Removed {readable_bytes(pruned.size)} in shards: {pruned.shards:,}.",
            *(f"{busy}: left alone, because a run is at work there." for busy in pruned.busy),
        ]
    )


def _nothing_to_remove(use: StoreUse) -> str:
    fresh = [shard for space in use.spaces for shard in space.fresh]
    if not fresh:
        return "All of it is used by kept runs."
    size = readable_bytes(sum(shard.size for shard in fresh))
    return (
        f"Nothing of it can be removed: {size} (shards: {len(fresh):,}) are used by no kept run, "
        "but were stored since an unfinished one began."
    )


def _agrees(question: str) -> bool:
    """Whether somebody says yes; who can't be asked does not."""
    try:
        return typer.confirm(question)
    except typer.Abort:
        print_lines([""])
        return False


def _show_store(use: StoreUse) -> None:
    import pandas as pd

    rows = [
        {
            "model": space.model,
            "setting": space.setting,
            "texts": sum(shard.texts for shard in space.shards),
            "shards": len(space.shards),
            "size": readable_bytes(space.size),
            "unused shards": len(space.unused),
            "unused": readable_bytes(space.removable) if space.removable else "none",
            "of a run at work": len(space.fresh),
        }
        for space in use.spaces
    ]
    whole = readable_bytes(sum(space.size for space in use.spaces))
    print_lines([f"{use.path}: {whole}; kept runs: {len(use.runs):,}."])
    if rows:
        print_table(pd.DataFrame(rows))
    print_lines(
        f"{run}: is being made again, or was; what was stored since that began stays. Finish it."
        if run in use.runs
        else f"{run}: is not finished; what was stored since it began stays. Resume or delete it."
        for run in use.unfinished
    )
