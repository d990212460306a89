"""Compile every variant of the kernels for one kind of GPU, as a launch on it would; no GPU needed.

    python -m tests.kernels.compile_all 90

Prints a JSON line a variant: what ptxas made of it. Run without TRITON_INTERPRET.
"""

import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rapids_rap.kernels import pool_triton, silhouette_triton

FLOATS = ("fp32", "fp16", "bf16")
POOLINGS = ("mean", "last", "cls")


@dataclass(frozen=True)
class Compiled:
    """One variant's machine code.

    registers and spilled (bytes) are a thread's; shared is a block's bytes. widest_load is the most
    bytes that a thread reads at once, by the PTX.
    """

    variant: str
    arch: int
    cubin: int
    registers: int
    spilled: int
    shared: int
    widest_load: int


def main(arch: int) -> None:
    for variant in variants():
        sys.stdout.write(json.dumps(asdict(compile_for(arch, **variant))) + "\n")


def variants() -> Iterator[dict[str, Any]]:
    for hidden, out, pooling in itertools.product(FLOATS, FLOATS, POOLINGS):
        yield pool_variant(hidden, out, pooling, 1024)
    for d in (1, 100, 384, 1023, 1536, 3584, 8192, pool_triton.LIMIT):
        yield pool_variant("bf16", "fp32", "mean", d)
    for d in (1023, 3584, pool_triton.LIMIT):
        yield pool_variant("fp32", "fp32", "mean", d)
    for d in (1, 2, 3, 4, 5, 10, 1024):
        yield silhouette_variant(d)
    # One that can't do without: it shows that spilled registers would be seen.
    yield silhouette_variant(4) | {"name": "starved of registers", "options": {"maxnreg": 32}}


def pool_variant(hidden: str, out: str, pooling: str, d: int) -> dict[str, Any]:
    types = {"hidden": f"*{hidden}", "borders": "*i32", "rows": "*i64", "out": f"*{out}"}
    types |= {"norms": "*fp32", "hidden_stride": "i32", "out_stride": "i32", "d": "i32"}
    return {
        "name": f"pool {pooling} {hidden} to {out}, d={d}",
        "kernel": pool_triton.pool_kernel,
        "types": types,
        "constants": {"POOLING": pooling, **pool_triton.shape_of(d)},
        "aligned": ("hidden_stride", "out_stride", "d") if d % 16 == 0 else (),
    }


def silhouette_variant(d: int) -> dict[str, Any]:
    types = {"columns": "*fp32", "members": "*i32", "borders": "*i32", "values": "*fp32"}
    return {
        "name": f"silhouette d={d}",
        "kernel": silhouette_triton.silhouette_kernel,
        "types": types | {"stride": "i32", "clusters": "i32"},
        "constants": silhouette_triton.shape_of(d),
        "aligned": ("stride",),
    }


def compile_for(
    arch: int,
    name: str,
    kernel: Any,
    types: dict[str, str],
    constants: dict[str, Any],
    aligned: tuple[str, ...],
    options: dict[str, int] | None = None,
) -> Compiled:
    """`aligned` are integers that are multiples of 16, which a launch finds out by itself."""
    constants = dict(constants)
    options = {"num_warps": constants.pop("num_warps"), **(options or {})}
    signature = types | dict.fromkeys(constants, "constexpr")
    hint = [["tt.divisibility", 16]]
    attributes = {
        (place,): hint
        for place, (argument, type_) in enumerate(types.items())
        if type_.startswith("*") or argument in aligned
    }
    binary = triton.compile(
        ASTSource(kernel, signature, constants, attributes),
        target=GPUTarget("cuda", arch, 32),
        options=options,
    )
    usage = resources(binary.asm["cubin"])
    return Compiled(
        variant=name,
        arch=arch,
        cubin=len(binary.asm["cubin"]),
        registers=usage["REG"],
        spilled=usage["STACK"] + usage["LOCAL"],
        shared=binary.metadata.shared,
        widest_load=widest_load(binary.asm["ptx"]),
    )


def resources(cubin: bytes) -> dict[str, int]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {key: int(value) for key, value in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", report)}


def widest_load(ptx: str) -> int:
    loads = re.findall(r"ld\.global(?:\.[a-z]+)*?(?:\.v(\d))?\.b(\d+)", ptx)
    return max(int(count or 1) * int(bits) // 8 for count, bits in loads)


if __name__ == "__main__":
    main(int(sys.argv[1]))
