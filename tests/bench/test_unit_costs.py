"""The plan's unit costs: rows of the committed benchmarks, and nothing else."""

from rapids_rap.bench.unit_costs import RESULTS, unit_costs_table
from rapids_rap.data import data_path
from rapids_rap.machine.scale_plan import UNIT_COSTS


def test_unit_costs_are_rows_of_committed_benchmarks():
    """Not one figure of the table is made up, and each says where, when and on what it came."""
    committed = data_path(UNIT_COSTS).read_text(encoding="utf-8")
    assert committed == unit_costs_table(RESULTS), "run python -m rapids_rap.bench.unit_costs"
