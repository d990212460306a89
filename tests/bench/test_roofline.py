"""The roofline: floors that follow from counts, and say what they counted."""

import dataclasses

import pytest

from rapids_rap.bench import roofline
from rapids_rap.memory_plan import QWEN2_1_5B


def by_stage(job):
    return {floor.stage: floor for floor in roofline.floors(job)}


def test_the_encoder_costs_two_operations_a_weight_and_token():
    """1.31 billion weights, 4.8 million tokens: 12.6 PFLOP, and attention on lines is little."""
    floor = by_stage(roofline.typical_job(600_000))["encoder"]
    linear = 2 * QWEN2_1_5B.matrix_parameters * 4_800_000
    assert linear < floor.flops < 1.01 * linear


def test_brute_force_grows_with_the_square_and_the_encoder_does_not():
    """Ten times the lines: 100 times the pairs, 10 times the tokens."""
    small, large = (by_stage(roofline.typical_job(n)) for n in (60_000, 600_000))
    for stage in ("neighbors, exact", "clusters", "silhouette, map"):
        assert large[stage].flops / small[stage].flops == pytest.approx(100, rel=0.01)
    assert large["encoder"].flops / small["encoder"].flops == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("gpu", roofline.GPUS, ids=lambda gpu: gpu.name)
def test_a_floor_is_the_larger_of_arithmetic_and_traffic(gpu):
    """Doubling either rate never makes a floor longer, and `bound` names the one that decides."""
    for floor in roofline.floors(roofline.typical_job(60_000)):
        seconds = floor.seconds(gpu)
        assert seconds > 0
        faster = dataclasses.replace(gpu, memory=2 * gpu.memory)
        assert floor.seconds(faster) <= seconds
        if floor.bound(gpu) == "memory":
            assert floor.seconds(faster) < seconds
        else:
            assert floor.seconds(faster) == seconds


def test_the_table_says_that_nothing_was_measured():
    """Whoever copies the table copies its first words."""
    text = roofline.render(roofline.typical_job(600_000))
    assert text.startswith("Computed, not measured")
    assert all(gpu.name in text for gpu in roofline.GPUS)
