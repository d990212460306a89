"""The command line of rapids-rap on the double.

`--fail CALL:N` lets the device run out of memory at the N-th call of a recorded name;
`--ledger FILE` writes every copy to the host, and how often each name was called, as JSON.
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

from tests.double import contract, memory
from tests.double.install import installed


def main() -> int:
    """The exit code of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.double", description=__doc__)
    parser.add_argument("--fail", action="append", default=[], metavar="CALL:N")
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    faults = [_fault(text, parser) for text in options.fail]
    with installed():
        contract.faults.update(faults)
        code = _run([part for part in options.command if part != "--"])
        if options.ledger:
            found = {
                "copies": [asdict(copy) for copy in memory.ledger],
                "calls": dict(contract.calls),
            }
            options.ledger.write_text(json.dumps(found), encoding="utf-8")
    return code


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
