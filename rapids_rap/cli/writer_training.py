"""`writer train` and `writer judge`: a generator of lyrics tuned, and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapids_rap.cli.console import err, print_lines, print_table, printing_is_all
from rapids_rap.cli.options import BackendOption, RequireGpuOption, RunArgument, resolve_backend
from rapids_rap.errors import ConfigError

WriterArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder that `writer train` wrote.")
]


def train(
    run_folder: RunArgument,
    *,
    out_folder: Annotated[Path, typer.Option("--out", help="Writer folder to write.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME_OR_DIR",
            help="A causal model: Hugging Face name, local folder, or `demo` (bundled, nonsense).",
        ),
    ] = "Qwen/Qwen2-1.5B",
    epochs: Annotated[float, typer.Option(help="How often each passage is read.")] = 3.0,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Passages a step.")] = 16,
    rate: Annotated[float, typer.Option(help="Learning rate, falling as a cosine.")] = 2e-4,
    rank: Annotated[int, typer.Option(min=1, max=1024, help="Of the adapters.")] = 16,
    max_tokens: Annotated[
        int, typer.Option(min=128, max=32_768, help="Of a passage with its header.")
    ] = 512,
    drop: Annotated[float, typer.Option(help="Share of conditions that are left out.")] = 0.3,
    heldout: Annotated[
        float, typer.Option(help="Share of the songs that is not trained on.")
    ] = 0.1,
    from_end: Annotated[
        bool, typer.Option("--from-end", help="Learn and write each line from its rhyme.")
    ] = False,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 50,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every random choice.")] = 42,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a writer.")] = False,
) -> None:
    """Tune a causal model (LoRA) on a run's songs, with what the run found as conditions.

    The same command resumes a training that stopped. Weights tuned on lyrics under copyright stay
    with whoever may use those lyrics; see docs/writer.md.

    Example: rapids-rap writer train runs/first --model demo --out writers/mine
    """
    from rapids_rap.progress import StageProgress
    from rapids_rap.writer.train import check_settings, train_writer
    from rapids_rap.writer.tuning import TuningSettings

    settings = TuningSettings(
        epochs=epochs,
        batch=batch,
        rate=rate,
        rank=rank,
        longest=max_tokens,
        drop=drop,
        held_out=heldout,
        every=checkpoint_every,
        seed=seed,
        from_end=from_end,
    )
    check_settings(settings)
    resolution = resolve_backend(backend, require_gpu=require_gpu)
    with StageProgress(err) as progress:
        trained = train_writer(
            run_folder,
            out_folder,
            model,
            settings,
            resolution,
            progress,
            overwrite=overwrite,
            tell=lambda said: print_lines([said], err),
        )
    print_lines(trained.sentences)
    print_lines([f"Wrote {trained.folder}; `rapids-rap writer write {trained.folder}` uses it."])


def judge(
    folder: WriterArgument,
    *,
    run_folder: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="The run that it read, if moved.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the table and all verses.")
    ] = None,
    requests: Annotated[int, typer.Option(min=3, max=10_000, help="That are answered.")] = 48,
    lines: Annotated[int, typer.Option(min=4, max=400, help="Of a verse, by fours.")] = 8,
    forms: Annotated[
        Path | None, typer.Option("--forms", metavar="DIR", help="Write blind pairs for people.")
    ] = None,
    coder: Annotated[
        list[str] | None, typer.Option("--coder", metavar="NAME", help="Default: A and B.")
    ] = None,
    answers: Annotated[
        list[Path] | None,
        typer.Option("--answers", metavar="FILE", help="Count what coders saved; nothing else."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="key.json; default: beside the answers.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every random choice.")] = 42,
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
) -> None:
    """Measure a writer beside its baselines: lengths, rhymes, variety, recognition, copies.

    Counted by code that shares nothing with what writes; intervals over songs.

    Example: rapids-rap writer judge writers/mine --out writers/judged --forms writers/pairs
    """
    from rapids_rap.writer.pairs import check_pairs, count_preferences, write_pairs

    if answers:
        printing_is_all()
        print_table(count_preferences(answers, key or answers[0].parent / "key.json", seed))
        return
    if key is not None or (coder and forms is None):
        needed = "--answers" if key is not None else "--forms"
        raise ConfigError(f"{'--key' if key is not None else '--coder'} goes with {needed}.")
    from rapids_rap.progress import StageProgress
    from rapids_rap.writer.judge import judge_writer
    from rapids_rap.writer.telling import own_table, system_table

    coders = coder or ("A", "B")
    if forms is not None:
        check_pairs(forms, coders)
    resolution = resolve_backend(backend, require_gpu=require_gpu)
    with StageProgress(err) as progress:
        found = judge_writer(
            folder,
            out_folder,
            resolution,
            progress,
            run_folder=run_folder,
            count=requests,
            lines=lines,
            seed=seed,
        )
    print_table(system_table(found.table))
    print_table(own_table(found.table))
    print_lines(found.sentences)
    if out_folder is not None:
        print_lines([f"Wrote {out_folder}."])
    if forms is not None:
        print_lines(write_pairs(forms, found.requests, found.verses, coders, seed))
