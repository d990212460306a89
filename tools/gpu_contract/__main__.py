"""Record the contract, or check the committed record against the installed wheels."""

from __future__ import annotations

import argparse
import json
import re
import sys

from tools.gpu_contract.record import LEGAL, RECORD, differences, dumps, record


def main() -> int:
    """0 where the record is as the wheels are; 1, and every difference, where it is not."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu_contract", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write record.json and line numbers")
    action.add_argument("--check", action="store_true", help="fail on any difference")
    arguments = parser.parse_args()
    try:
        found = record()
    except (ImportError, AttributeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    if arguments.write:
        RECORD.write_text(dumps(found), encoding="utf-8")
        _renumber(found)
        print(f"{len(found['names'])} names, {len(found['legal'])} legal values: {RECORD}")
        return 0
    old = json.loads(RECORD.read_text(encoding="utf-8"))
    lines = differences(old, json.loads(dumps(found)))
    print("\n".join(lines) or f"the record is as the wheels are: {len(found['names'])} names")
    return 1 if lines else 0


def _renumber(found: dict[str, dict[str, dict[str, list[dict[str, object]]]]]) -> None:
    """Set the line numbers of `legal.toml` to where the cited text was found."""
    numbers = iter(cite["line"] for entry in _in_order(found) for cite in entry)
    text = LEGAL.read_text(encoding="utf-8")
    text = re.sub(r"\bline = \d+", lambda _: f"line = {next(numbers)}", text)
    LEGAL.write_text(text, encoding="utf-8")


def _in_order(
    found: dict[str, dict[str, dict[str, list[dict[str, object]]]]],
) -> list[list[dict[str, object]]]:
    names = re.findall(r'^name = "(.+)"', LEGAL.read_text(encoding="utf-8"), flags=re.M)
    return [found["legal"][name]["cite"] for name in names]


if __name__ == "__main__":
    sys.exit(main())
