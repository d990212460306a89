"""What commands share: their options, and the configuration and backend these ask for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from rapids_rap.cli.console import err
from rapids_rap.errors import InputError

if TYPE_CHECKING:
    from rapids_rap.backend.protocol import Backend
    from rapids_rap.config import Config
    from rapids_rap.machine.device import DeviceResolution, Wanted

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

_KEYS = {
    "model": "embedding.model",
    "unit": "corpus.unit",
    "limit": "input.limit",
    "mode": "train.mode",
    "notify": "nightly.notify_command",
}


def resolve_config(
    path: Path | None, settings: list[str] | None, inputs: list[Path] | None, **flags: Any
) -> Config:
    """The file, over it the command's inputs and flags, over these --set."""
    from rapids_rap.settings import load_config

    given = [f"{_KEYS[k]}={json.dumps(v)}" for k, v in flags.items() if v is not None]
    if inputs:
        given.append(f"input.paths={json.dumps([str(p) for p in inputs], ensure_ascii=False)}")
    resolved = load_config(path, [*given, *(settings or [])])
    if not resolved.input.paths:
        raise InputError("No input: name files or folders with lyrics, or set input.paths.")
    return resolved


def resolve_backend(
    wanted: Wanted, *, require_gpu: bool, console: Console = err
) -> DeviceResolution:
    """Which backend runs; says so, and why, on `console`."""
    from rapids_rap.machine import device

    resolution = device.resolve(wanted, require_gpu=require_gpu)
    console.print(f"Backend: {resolution.backend} ({resolution.reason}).", soft_wrap=True)
    return resolution


def quiet_backend(wanted: Wanted, *, require_gpu: bool) -> Backend:
    """The backend that `run` would take, for verbs whose answer is all that they print."""
    from rapids_rap.backend import load_backend
    from rapids_rap.machine import device

    return load_backend(device.resolve(wanted, require_gpu=require_gpu).backend)


def command_line() -> str:
    """As it was typed, for the manifest."""
    import shlex

    return shlex.join(["rapids-rap", *sys.argv[1:]])
