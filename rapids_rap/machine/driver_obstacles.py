"""Why the driver offers no card for this work, one sentence each: found, expected, remedy.

Pure functions of `DriverFacts`. A check answers an empty string where it finds nothing wrong; the
checks are in the order in which an administrator would mend things, and the first that speaks wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from rapids_rap.machine.driver import Card, DriverFacts

# NVIDIA's release notes name this driver as the least for CUDA 13.x on Linux; RAPIDS 26.10 for CUDA
# 13 is built for Turing and newer.
MINIMUM_DRIVER: Final = "580.65.06"
MINIMUM_CUDA: Final = 13_000
MINIMUM_CAPABILITY: Final = (7, 5)
RAPIDS: Final = "26.10"
NO_DEVICE: Final = 100  # CUDA_ERROR_NO_DEVICE
HIDING: Final = ("", "-1", "NoDevFiles")  # the last is what Slurm sets for a job without a GPU


def driver_obstacle(facts: DriverFacts) -> str:
    """What keeps the driver from offering a card that RAPIDS can use; empty for nothing."""
    return first(facts, (_system, _missing, _too_old, _refusal, _unseen, _too_weak, _held))


def describe(facts: DriverFacts) -> str:
    """The card that is used: name, memory, compute capability, driver; empty without one."""
    cards = facts.cards or facts.listed
    if not cards:
        return ""
    card = cards[0]
    known = [card.name]
    if card.memory:
        known.append(f"{card.memory / 2**30:.1f} GiB")
    if card.capability[0]:
        known.append(f"compute capability {dotted(card.capability)}")
    if facts.driver:
        known.append(f"driver {facts.driver}")
    return ", ".join(known)


def cuda_version(number: int) -> str:
    """13010 as "13.1"."""
    return f"{number // 1000}.{number % 1000 // 10}"


# --- the checks


def _system(facts: DriverFacts) -> str:
    if facts.system == "Linux":
        return ""
    return (
        f"the GPU backend needs Linux, and this is {facts.system}, for which RAPIDS has no "
        "packages; use --backend cpu, or WSL 2 on Windows"
    )


def _missing(facts: DriverFacts) -> str:
    if facts.loaded:
        return ""
    if facts.container and facts.driver:
        return (
            f"this container was started without the GPU: its host has NVIDIA driver "
            f"{facts.driver}, but libcuda.so.1 is not in here; start it with `--gpus all` (the "
            "host needs the NVIDIA Container Toolkit)"
        )
    if facts.container:
        return (
            "no NVIDIA driver was found, neither in this container nor on its host; install driver "
            f"{MINIMUM_DRIVER} or newer on the host and start the container with `--gpus all`"
        )
    if facts.driver:
        return (
            f"NVIDIA driver {facts.driver} is loaded, but its library libcuda.so.1 can't be "
            "opened; install the driver's CUDA libraries (libnvidia-compute, nvidia-driver-cuda)"
        )
    return (
        "no NVIDIA driver was found on this machine (no libcuda.so.1); for a GPU, install driver "
        f"{MINIMUM_DRIVER} or newer"
    )


def _too_old(facts: DriverFacts) -> str:
    # The library decides: on data-centre cards a compatibility package makes an older driver do.
    new = facts.cuda >= MINIMUM_CUDA if facts.cuda else numbers(facts.driver) >= NEEDED_DRIVER
    if new or not (facts.cuda or facts.driver):
        return ""
    supports = f", which supports CUDA up to {cuda_version(facts.cuda)}," if facts.cuda else ""
    return (
        f"the NVIDIA driver is too old: found {facts.driver or 'one of unknown version'}{supports} "
        f"and CUDA 13 needs {MINIMUM_DRIVER} or newer; update the driver"
    )


REFUSALS: Final = {
    34: "libcuda.so.1 is the stub of a CUDA toolkit, not the driver's library; take the folder "
    "`stubs` out of LD_LIBRARY_PATH",
    802: "the GPUs are not ready yet; on a machine with NVSwitch, start nvidia-fabricmanager in "
    "the driver's version",
    803: "the driver's kernel module and its libraries differ in version, as after an update; "
    "restart the machine, and containers after it",
    804: "a CUDA compatibility package stands before the driver and does not support this card; "
    f"take its folder out of LD_LIBRARY_PATH and update the driver to {MINIMUM_DRIVER} or newer",
}


def _refusal(facts: DriverFacts) -> str:
    if facts.init in (0, NO_DEVICE):
        return ""
    said = f" (nvidia-smi: {facts.smi_problem})" if facts.smi_problem else ""
    cause = REFUSALS.get(
        facts.init,
        "a missing module is loaded by `sudo nvidia-modprobe -u -c 0`, and `dmesg | grep NVRM` "
        "says more",
    )
    driver = f"NVIDIA driver {facts.driver}" if facts.driver else "the NVIDIA driver"
    return f"{driver} does not start, cuInit error {facts.init}{said}: {cause}"


def _unseen(facts: DriverFacts) -> str:
    if facts.cards:
        return ""
    names = ", ".join(card.name for card in facts.listed)
    if facts.visible is not None and (facts.listed or facts.visible in HIDING):
        return (
            f'CUDA_VISIBLE_DEVICES is "{facts.visible}", which hides every GPU '
            f"({names or 'nvidia-smi lists none'}); unset it, or set it to 0 for the first"
        )
    if facts.listed:
        return _unseen_though_listed(facts, names)
    shown = "" if facts.visible is None else f', CUDA_VISIBLE_DEVICES is "{facts.visible}"'
    return (
        f"NVIDIA driver {facts.driver} finds no GPU{shown}; look whether the machine has one "
        "(`lspci | grep -i nvidia`) and whether a container was started with `--gpus all`"
    )


def _unseen_though_listed(facts: DriverFacts, names: str) -> str:
    if all(card.mig for card in facts.listed):
        return (
            f"MIG mode is on for {names}, but no instance is offered to this process; make one "
            "(`sudo nvidia-smi mig -cgi PROFILE -C`), or name one of `nvidia-smi -L` in "
            "CUDA_VISIBLE_DEVICES"
        )
    if all(card.mode == "Prohibited" for card in facts.listed):
        return _prohibited(facts.listed[0])
    return (
        f"nvidia-smi lists {names}, but CUDA shows this process none of it; look at the "
        "permissions of /dev/nvidia*, and start a container with `--gpus all`"
    )


def _too_weak(facts: DriverFacts) -> str:
    card = facts.cards[0]
    if card.capability >= MINIMUM_CAPABILITY:
        return ""
    better = [other for other in facts.cards if other.capability >= MINIMUM_CAPABILITY]
    remedy = "use a newer card"
    if better:
        remedy = f"set CUDA_VISIBLE_DEVICES=GPU-{better[0].uuid} for the {better[0].name} beside it"
    return (
        f"{card.name} has compute capability {dotted(card.capability)}, and RAPIDS {RAPIDS} for "
        f"CUDA 13 needs {dotted(MINIMUM_CAPABILITY)} (Turing) or newer; {remedy}"
    )


def _held(facts: DriverFacts) -> str:
    card = facts.cards[0]
    if card.mode == "Prohibited":
        return _prohibited(card)
    holders = [holder for holder in facts.holders if holder.uuid == card.uuid]
    if card.mode != "Exclusive_Process" or not holders:
        return ""
    return (
        f"{card.name} is in compute mode Exclusive_Process and process {holders[0].pid} "
        f"({holders[0].name}) holds it; wait for its end, or `sudo nvidia-smi -c 0` lets processes "
        "share the card"
    )


def _prohibited(card: Card) -> str:
    return f"{card.name} is in compute mode Prohibited; `sudo nvidia-smi -c 0` allows work on it"


# --- words and numbers


def first(facts: DriverFacts, checks: Iterable[Callable[[DriverFacts], str]]) -> str:
    """What the first check that finds something says."""
    return next((found for found in (check(facts) for check in checks) if found), "")


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of "580.65.06", for comparison."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def dotted(capability: tuple[int, int]) -> str:
    """A compute capability as it is written."""
    return f"{capability[0]}.{capability[1]}"


NEEDED_DRIVER: Final = numbers(MINIMUM_DRIVER)
