"""Which backend runs, and the reason: decided once, logged once.

`resolve` answers what the command line asked (`auto`, `cpu`, `gpu`, `--require-gpu`) with a
backend's name and a sentence.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from rapids_rap.errors import CapabilityError
from rapids_rap.machine.driver import DriverFacts, read_driver, read_libraries
from rapids_rap.machine.driver_obstacles import describe, driver_obstacle
from rapids_rap.machine.library_obstacles import library_obstacle

Wanted = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True)
class DeviceResolution:
    """The backend that will run and why; `gpu` describes the card, or is empty without one."""

    backend: Literal["cpu", "gpu"]
    reason: str
    gpu: str = ""


@functools.cache
def probe() -> DriverFacts:
    """What is known of the GPU: the only place that asks, once a process.

    The GPU libraries are looked at only where the driver offers a card for them.
    """
    facts = read_driver()
    return facts if driver_obstacle(facts) else read_libraries(facts)


def resolve(wanted: Wanted, *, require_gpu: bool = False) -> DeviceResolution:
    """Decide the backend. Raises `CapabilityError` where a GPU was demanded and can't be used."""
    if wanted == "cpu" and require_gpu:
        raise CapabilityError("--require-gpu rules out --backend cpu: leave one of the two out.")
    if wanted == "cpu":
        return DeviceResolution("cpu", "the CPU was asked for")
    facts = probe()
    obstacle = gpu_obstacle(facts)
    if not obstacle:
        return DeviceResolution("gpu", f"found {describe(facts)}", describe(facts))
    if wanted == "gpu" or require_gpu:
        raise CapabilityError(f"A GPU was asked for, but {obstacle}.")
    return DeviceResolution("cpu", obstacle, describe(facts))


def gpu_obstacle(facts: DriverFacts) -> str:
    """Why the GPU backend can't run, in words that say what to do; empty where it can."""
    return driver_obstacle(facts) or library_obstacle(facts)
