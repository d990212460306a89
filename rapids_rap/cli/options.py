"""What commands share: their options, and the configuration and backend these ask for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from rapids_rap.cli.console import err
from rapids_rap.errors import CapabilityError, ConfigError, InputError

if TYPE_CHECKING:
    from rapids_rap.backend.protocol import Backend
    from rapids_rap.config import Config, ScaleConfig
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
ModelSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="For what is found by meaning: embedding.model, where the run's model lies now; "
        "embedding.trust_remote_code, whether its code may run.",
    ),
]
BackendOption = Annotated[
    Literal["auto", "gpu", "cpu"], typer.Option(help="Where arrays live; auto says why.")
]
RequireGpuOption = Annotated[
    bool, typer.Option("--require-gpu", help="Exit 3 rather than run on the CPU.")
]
ScaleOption = Annotated[
    Literal["serial", "process", "dask"] | None,
    typer.Option("--scale", help="Work by shards: on Dask, in processes (docs/scale.md)."),
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="With --scale: processes on this machine.")
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Dask scheduler that is there: tcp://HOST:PORT."),
]

_KEYS = {
    "model": "embedding.model",
    "unit": "corpus.unit",
    "limit": "input.limit",
    "mode": "train.mode",
    "notify": "nightly.notify_command",
    "scale": "scale.executor",
    "workers": "scale.workers",
    "scheduler": "scale.address",
}


def resolve_config(
    path: Path | None,
    settings: list[str] | None,
    inputs: list[Path] | None,
    *,
    by_shards: bool = False,
    **flags: Any,
) -> Config:
    """The file, over it the command's inputs and flags, over these --set.

    by_shards: whether the command can work so; one that can't refuses `[scale]`.
    """
    from rapids_rap.settings import load_config

    given = [f"{_KEYS[k]}={json.dumps(v)}" for k, v in flags.items() if v is not None]
    if inputs:
        given.append(f"input.paths={json.dumps([str(p) for p in inputs], ensure_ascii=False)}")
    resolved = load_config(path, [*given, *(settings or [])])
    if not resolved.input.paths:
        raise InputError("No input: name files or folders with lyrics, or set input.paths.")
    _check_scale(resolved.scale, by_shards=by_shards)
    return resolved


def _check_scale(scale: ScaleConfig, *, by_shards: bool) -> None:
    """Refuse what would be done otherwise than it was asked for."""
    if scale.executor != "none" and not by_shards:
        raise CapabilityError(
            f"scale.executor = {scale.executor}: this command is not built to work by shards yet, "
            'only `run` and `nightly` are. Set scale.executor="none" for it.'
        )
    if scale.address and scale.executor != "dask":
        raise ConfigError(
            f"scale.address names a Dask scheduler, and scale.executor is {scale.executor}: ask "
            "for --scale dask, or leave the address out."
        )
    if scale.workers and scale.address:
        raise ConfigError(
            "scale.workers counts processes on this machine, and scale.address names a scheduler "
            "with its own: set one of the two."
        )
    if scale.workers and scale.executor in ("none", "serial"):
        raise ConfigError(
            f"scale.workers = {scale.workers} needs workers, and scale.executor is "
            f"{scale.executor}: ask for --scale dask or --scale process."
        )


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
