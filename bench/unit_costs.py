"""What each stage cost in the committed benchmarks, for the plan of `rapids-rap doctor --lines`.

    python -m rapids_rap.bench.unit_costs      # rapids_rap/data/unit_costs.csv from bench/results

Every stage of `growth` at its two sizes, and the embedding of `real_model_e5`, whose rate tells
what another model would take. The table lies in the package, for a machine without benchmarks
plans, too; after either scenario was measured again it is written again, and a test holds it to
the results.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rapids_rap.data import data_path
from rapids_rap.machine.scale_plan import UNIT_COSTS, UnitCost
from rapids_rap.runs.files import write_bytes

RESULTS = Path(__file__).parent / "results"
COLUMNS = tuple(UnitCost.__dataclass_fields__)


def unit_costs_table(results: Path) -> str:
    """The CSV of the results in this folder, a row a scenario, side and stage.

    `tokens` stand at the embedding of a real model alone: its tokens a second of the whole run,
    times the seconds of the whole run.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows([*_growth(results), _encoder(results)])
    return text.getvalue()


def _growth(results: Path) -> Iterator[dict[str, Any]]:
    for row in _rows(results, "growth"):
        yield _cost(results, row, "")


def _encoder(results: Path) -> dict[str, Any]:
    ours = {r["stage"]: r for r in _rows(results, "real_model_e5") if r["side"] == "ours"}
    tokens = float(ours["all"]["tokens_per_second"]) * float(ours["all"]["seconds"])
    return _cost(results, ours["embedding"], str(round(tokens)))


def _cost(results: Path, row: dict[str, str], tokens: str) -> dict[str, Any]:
    record = json.loads((results / f"{row['scenario']}.json").read_text(encoding="utf-8"))
    machine = record["environment"]
    return {
        "scenario": row["scenario"],
        "date": machine["date"].split(" ")[0],
        "commit": machine["commit"],
        "machine": f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']:g} GiB",
        "side": row["side"],
        "stage": row["stage"],
        "lines": row["lines"],
        "tokens": tokens,
        "seconds": row["seconds"],
    }


def _rows(results: Path, scenario: str) -> list[dict[str, str]]:
    with (results / f"{scenario}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the package's table from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="of `rapids-rap bench`")
    results = parser.parse_args(arguments).results
    write_bytes(data_path(UNIT_COSTS), unit_costs_table(results).encode())


if __name__ == "__main__":
    main()
