"""Where and with what a benchmark ran, without which its figures mean little."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rapids_rap import __version__
from rapids_rap.backend import load_backend
from rapids_rap.machine import device
from rapids_rap.machine.versions import installed_version, used_versions

PEERS = ("bertopic", "hdbscan", "jieba", "sentence-transformers", "matplotlib")
THREADS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "NUMBA_NUM_THREADS", "OPENBLAS_CORETYPE")


def describe_environment() -> dict[str, Any]:
    """Date, commit, machine, packages, GPU, and the variables that decide about threads."""
    versions = used_versions() | {
        name: version for name in PEERS if (version := installed_version(name))
    }
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(load_backend("cpu").memory().total / 2**30, 1),
        "gpu": device.resolve("auto").gpu or "none",
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "packages": versions,
    }


def commit() -> str:
    """The commit of this checkout, `+` behind it if files were changed; empty outside of one."""
    here = Path(__file__).resolve().parent
    try:
        head, changed = (
            subprocess.run(
                ["git", "-C", str(here), *command], check=True, capture_output=True, text=True
            ).stdout.strip()
            for command in (
                ["rev-parse", "--short=12", "HEAD"],
                ["status", "--porcelain", "--untracked-files=no"],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + "+" * bool(changed)


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
