"""Requirements: a ratio is the median of rounds, and a missing figure is never a pass."""

import pytest

from rapids_rap.bench.verdicts import check
from tests.bench.helpers import session


def one(requirement, **options):
    return check(session([requirement], **options))[0]


def test_speed_is_the_median_of_the_rounds_ratios():
    """10/1, 10/2, 10/1: the slow round moves the range, not the figure."""
    checked = one({"figure": "speed", "against": "other", "at_least": 2, "reach": 20})
    assert (checked.value, checked.low, checked.high) == (10.0, 5.0, 10.0)
    assert checked.verdict == "met"


def test_processor_seconds_are_judged_where_a_scenario_asks_for_them():
    """Beside other work the clock says who was alone on the machine, not who is faster."""
    checked = one({"figure": "cpu_speed", "against": "other", "at_least": 2})
    assert (checked.value, checked.low, checked.high) == (20.0, 10.0, 20.0)


@pytest.mark.parametrize(
    ("floor", "reach", "verdict"), [(11, 20, "missed"), (10, 10, "reached"), (5, 11, "met")]
)
def test_floor_and_reach_decide_the_verdict(floor, reach, verdict):
    """Equal to a bound is within it."""
    wanted = {"figure": "speed", "against": "other", "at_least": floor, "reach": reach}
    assert one(wanted).verdict == verdict


def test_growth_and_memory_have_upper_bounds():
    """More than the bound is missed, and the other side's peak is twice ours."""
    growth = {"figure": "growth", "side": "other", "against": "ours", "at_most": 9}
    assert one(growth).verdict == "missed"
    memory = {"figure": "memory_growth", "side": "other", "against": "ours", "at_most": 2}
    assert (one(memory).value, one(memory).verdict) == (2.0, "reached")
    assert one({"figure": "peak_gib", "at_most": 1}).value == 1.0


def test_quality_names_the_figure_that_fell_most():
    """A difference in any figure beyond the margin is missed, whatever the others gained."""
    figures = {
        "ours": {"dbcv": 0.5, "coverage": 0.20, "clusters": 3.0, "trustworthiness": None},
        "other": {"dbcv": 0.1, "coverage": 0.25, "clusters": 90.0, "trustworthiness": 0.9},
    }
    wanted = {"figure": "quality", "against": "other", "margin": 0.02}
    checked = one(wanted, figures=figures)
    assert checked.verdict == "missed"
    assert checked.value == pytest.approx(-0.05)
    assert "coverage 0.200 against 0.250" in checked.note
    figures["ours"]["coverage"] = 0.24
    assert one(wanted, figures=figures).verdict == "reached"


@pytest.mark.parametrize(
    "requirement",
    [
        {"figure": "recall", "at_least": 0.0},
        {"figure": "quality", "against": "other", "margin": 1.0},
        {"figure": "recall", "against": "other", "at_least": -1.0},
    ],
)
def test_what_was_not_scored_is_not_measured(requirement):
    """A scorer that gives nothing can't make a benchmark pass."""
    checked = one(requirement)
    assert (checked.value, checked.verdict) == (None, "not measured")
