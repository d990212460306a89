"""What the report says of the device: what of it was used, and whether it agrees with the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rapids_rap.runs.certificate import mark, number

_BYTES = ("allocated", "peak")


def collect_device(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """`used`: rows (name, value) of the GPU, empty on the CPU; `parity`: the certificate or None.

    A parity figure gets `state`, "passed", "FAILED", or empty where nothing was demanded, and its
    value in six digits, since an error of 1e-5 is not 0.000.
    """
    backend = manifest.get("backend", {})
    used = backend.get("used") or {}
    parity = manifest.get("parity")
    if parity:
        figures = [
            figure | {"state": mark(figure.get("passed")), "value": number(figure["value"])}
            for figure in parity["figures"]
        ]
        parity = parity | {"figures": figures}
    return {"used": _used(used) if backend.get("name") == "gpu" else [], "parity": parity}


def _used(used: Mapping[str, Any]) -> list[tuple[str, str]]:
    plain = [(name, str(used.get(name, ""))) for name in ("device", "compute_capability", "driver")]
    sizes = [(name, f"{used.get(name, 0) / 2**20:,.0f} MiB") for name in _BYTES]
    kernels = [(f"kernel {k}", f"{v:,} launches") for k, v in used.get("kernels", {}).items()]
    ran = [(f"{stage}", str(how)) for stage, how in used.get("algorithms", {}).items()]
    host = [
        (f"{stage}, kept in main memory", f"{size / 2**20:,.0f} MiB")
        for stage, size in used.get("host_copies", {}).items()
    ]
    return [*plain, *sizes, *kernels, *ran, *host]
