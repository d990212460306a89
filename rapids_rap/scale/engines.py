"""Which executor a configuration asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rapids_rap.config import ScaleConfig
from rapids_rap.errors import CapabilityError
from rapids_rap.scale.dask_executor import open_dask
from rapids_rap.scale.executor import Executor, ProcessExecutor, SerialExecutor, own_cores


@contextlib.contextmanager
def open_executor(scale: ScaleConfig, device: str) -> Iterator[Executor]:
    """The executor that a configuration asks for, closed at the end. device: "cpu" or "gpu".

    Raises `CapabilityError` where it can't be had, never takes another.
    """
    if scale.executor == "dask":
        with open_dask(scale.address, scale.workers, device) as cluster:
            yield cluster
        return
    if scale.executor == "none":
        raise CapabilityError("No executor was asked for: set scale.executor.")
    if device == "gpu" and scale.executor == "process":
        raise CapabilityError(
            "scale.executor = process is built for CPUs: on GPUs each process would take the same "
            "one. Use scale.executor=dask, which gives each worker its own."
        )
    if scale.executor == "serial":
        yield SerialExecutor()
        return
    executor = ProcessExecutor(scale.workers or own_cores())
    try:
        yield executor
    finally:
        executor.close()
