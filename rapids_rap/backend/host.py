"""How much main memory there is, and how much this process has used."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from rapids_rap.backend.protocol import Memory

PROC = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
# (limit, usage) below CGROUP: version 2, then version 1
LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def host_memory(proc: Path = PROC, cgroup: Path = CGROUP) -> Memory:
    """Main memory in bytes; a container's limit (cgroup) counts where it is lower.

    `peak` is this process's largest resident size, or a finished child's where that is larger.
    Where the system doesn't tell (no /proc), free and total are 0.
    """
    total, free = _machine(proc)
    for limit_name, usage_name in LIMITS:
        limit, usage = _number(cgroup / limit_name), _number(cgroup / usage_name)
        if limit is not None and 0 < limit < total:
            total, free = limit, min(free, max(0, limit - (usage or 0)))
    unit = 1 if sys.platform == "darwin" else 1024
    used = (resource.getrusage(who).ru_maxrss for who in WHO)
    return Memory(free=free, total=total, peak=max(used) * unit)


WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _machine(proc: Path) -> tuple[int, int]:
    try:
        lines = proc.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0, 0
    fields = {name: value for name, _, value in (line.partition(":") for line in lines)}
    kib = [int(fields.get(name, "0 kB").split()[0]) for name in ("MemTotal", "MemAvailable")]
    return kib[0] * 1024, kib[1] * 1024


def _number(path: Path) -> int | None:
    """The number a cgroup file holds; None for `max`, or where there is no such file."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
