"""`writer write`: songs from a writer folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from rapids_rap.cli.console import err, out, print_lines, printing_is_all
from rapids_rap.cli.options import BackendOption, RequireGpuOption, quiet_backend

WriterArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder that `writer train` wrote.")
]


def write(
    folder: WriterArgument,
    *,
    theme: Annotated[
        str | None, typer.Option(metavar="ID_OR_NAME", help="One of the writer's themes.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="One of the writer's regions.")] = None,
    emotion: Annotated[str | None, typer.Option(help="One of the writer's emotions.")] = None,
    rhyme: Annotated[
        str | None, typer.Option(metavar="SCHEME", help="AABB, ABAB, AAAA or free, the default.")
    ] = None,
    rhyme_syllables: Annotated[
        int, typer.Option(min=1, max=3, help="How many last syllables rhyme.")
    ] = 1,
    syllables: Annotated[
        str | None,
        typer.Option(metavar="N,N,…", help="Of the lines, again and again; default: drawn."),
    ] = None,
    lines: Annotated[int, typer.Option(help="Beside the hook, 1 to 400.")] = 16,
    hook: Annotated[
        bool,
        typer.Option("--hook", help="Four lines that come back after every eight, of 9 or more."),
    ] = False,
    language: Annotated[
        str | None, typer.Option(help="chinese (how lines are written by default), mixed, latin.")
    ] = None,
    start: Annotated[str | None, typer.Option(metavar="LINE", help="The first line.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Other songs by another.")] = 42,
    songs: Annotated[int, typer.Option(min=1, max=1000, help="How many, in one batch.")] = 1,
    drafts: Annotated[
        int, typer.Option(min=1, max=64, help="Of each line; the likeliest is taken.")
    ] = 4,
    form: Annotated[
        Literal["text", "json", "song"],
        typer.Option("--format", help="song: under [verse] and [chorus]."),
    ] = "text",
    backend: BackendOption = "auto",
    require_gpu: RequireGpuOption = False,
) -> None:
    """Write songs: lengths and rhymes are exact, and nothing is copied at length.

    What a song shares with the nearest one that was read is told beside it.

    Example: rapids-rap writer write writers/mine --rhyme AABB --syllables 7,7,9,9 --hook
    """
    from rapids_rap.progress import StageProgress
    from rapids_rap.writer.formats import as_json, as_song, as_text, overlap_sentences
    from rapids_rap.writer.write import Wish, write_with

    wish = Wish(
        theme=theme,
        region=region,
        emotion=emotion,
        rhyme=rhyme,
        syllables=syllables,
        language=language,
        hook=hook,
        start=start,
        lines=lines,
        rhyme_syllables=rhyme_syllables,
        seed=seed,
        songs=songs,
        drafts=drafts,
    )
    printing_is_all()
    device = quiet_backend(backend, require_gpu=require_gpu).torch_device
    with StageProgress(err) as progress:
        progress.stage("writing lines")
        found = write_with(folder, wish, device, progress.advance)
    if form == "json":
        told = as_json(found.asked, found.songs, found.names)
        out.print(json.dumps(told, ensure_ascii=False, indent=2), soft_wrap=True)
        return
    print_lines((as_song if form == "song" else as_text)(found.songs))
    print_lines(overlap_sentences(found.songs, found.names), err)
