"""A step is cut so that it fits, says what it expects, and refuses before any work."""

from dataclasses import replace

import pytest

from rapids_rap.errors import CapabilityError
from rapids_rap.machine.memory_plan import QWEN2_1_5B
from rapids_rap.writer.plan import SHARE, expected_bytes, plan_tuning

GIB = 2**30


@pytest.mark.parametrize("free", [16, 24, 48, 80, 140])
def test_a_plan_fits_and_keeps_the_step(free):
    plan = plan_tuning(QWEN2_1_5B, 16, 16, 512, free * GIB, on_gpu=True)
    assert plan.batch * plan.accumulate == 16
    assert plan.expected <= SHARE * free * GIB
    assert "GiB free" in plan.sentence


def test_more_memory_never_means_smaller_pieces():
    plans = [
        plan_tuning(QWEN2_1_5B, 16, 16, 512, free * GIB, on_gpu=True) for free in (12, 24, 60, 140)
    ]
    kept = [not plan.checkpointing for plan in plans]
    assert kept == sorted(kept)
    assert plans[-1].batch == 16


def test_what_does_not_fit_is_refused():
    with pytest.raises(CapabilityError, match="Lower --max-tokens"):
        plan_tuning(QWEN2_1_5B, 16, 16, 512, 2 * GIB, on_gpu=True)


def test_everything_costs_memory():
    least = expected_bytes(QWEN2_1_5B, 8, 512, checkpointing=True, on_gpu=True)
    assert expected_bytes(QWEN2_1_5B, 8, 512, checkpointing=False, on_gpu=True) > least
    assert expected_bytes(QWEN2_1_5B, 16, 512, checkpointing=True, on_gpu=True) > least
    assert expected_bytes(QWEN2_1_5B, 8, 1024, checkpointing=True, on_gpu=True) > least
    whole = replace(QWEN2_1_5B, bytes_each=4)
    assert expected_bytes(whole, 8, 512, checkpointing=True, on_gpu=True) > least
