"""The command line of rapids-rap on the double.

`--fail CALL:N` lets the device run out of memory at the N-th call of a recorded name;
`--ledger FILE` writes every copy to the host, and how often each name was called, as JSON.
`--work FILE` writes what was asked of the device in each stage (`tests.double.work`), as JSON;
`--shrink N` makes every block of rows N times smaller, so that a run of 700 texts has as many of
them as one of 700 N; `--host-vectors` keeps the matrices of vectors in mapped main memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

# Before Triton is imported: the project's kernels run in its interpreter.
os.environ["TRITON_INTERPRET"] = "1"

from tests.double import contract, memory, work
from tests.double.install import installed

SIZES = ("BLOCK_BYTES", "BLOCK", "TILE", "QUERIES", "QUERY_ROWS", "ADDED_ROWS")


def main() -> int:
    """The exit code of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.double", description=__doc__)
    parser.add_argument("--fail", action="append", default=[], metavar="CALL:N")
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--shrink", type=int, default=1)
    parser.add_argument("--host-vectors", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    faults = [_fault(text, parser) for text in options.fail]
    with installed():
        shrink(options.shrink)
        if options.host_vectors:
            keep_on_host()
        contract.faults.update(faults)
        code = _run([part for part in options.command if part != "--"])
        if options.ledger:
            found = {
                "copies": [asdict(copy) for copy in memory.ledger],
                "calls": dict(contract.calls),
            }
            options.ledger.write_text(json.dumps(found), encoding="utf-8")
        if options.work:
            by_stage = {stage: asdict(done) for stage, done in work.found.items()}
            options.work.write_text(json.dumps(by_stage, indent=1), encoding="utf-8")
    return code


def shrink(times: int) -> None:
    """Divide the project's own sizes of blocks, wherever they were imported to."""
    for name in SIZES:
        for module in [m for n, m in sys.modules.items() if n.startswith("rapids_rap.")]:
            if name in vars(module):
                setattr(module, name, max(1, getattr(module, name) // times))
    gpu = sys.modules["rapids_rap.backend.gpu"].GpuBackend
    gpu.cache_bytes = max(1, gpu.cache_bytes // times)


def keep_on_host() -> None:
    """Have the plan say so, whatever the device has room for."""
    from rapids_rap.backend import _gpu_memory
    from rapids_rap.backend.gpu_plan import Choice

    home = Choice("vectors", "host", 0, "--host-vectors")
    _gpu_memory.plan_vectors = lambda *_: home  # type: ignore[assignment]


def _fault(text: str, parser: argparse.ArgumentParser) -> tuple[str, int]:
    """A recorded name and the number of the call that fails; else a usage error."""
    name, _, number = text.rpartition(":")
    try:
        contract.kind(name)
        return name, int(number)
    except (KeyError, ValueError):
        parser.error(f"--fail {text}: expected CALL:N with a name of --ledger, as cupy.empty:1")


def _run(arguments: list[str]) -> int:
    from rapids_rap import cli

    sys.argv = ["rapids-rap", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1


if __name__ == "__main__":
    sys.exit(main())
