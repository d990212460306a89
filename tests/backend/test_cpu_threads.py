"""Calls side by side: results in order, errors raised, no more threads than asked for."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapids_rap.backend._cpu_threads import side_by_side


@given(st.lists(st.integers(), max_size=20), st.integers(1, 5))
def test_results_stand_in_the_order_of_the_calls(values, threads):
    """Whichever thread ran a call, and however many calls there are: none, fewer, more."""
    assert side_by_side([lambda v=v: v for v in values], threads) == values


def test_calls_run_at_the_same_time_but_not_more_than_the_threads():
    """Two calls that wait for each other come through two threads; a third waits its turn."""
    meet, running, most = threading.Barrier(2, timeout=20), [], []

    def call():
        running.append(1)
        most.append(len(running))
        meet.wait()
        running.pop()

    side_by_side([call] * 4, 2)
    assert max(most) == 2


def test_the_first_error_is_raised_and_nothing_else_begun():
    """A figure that fails fails the stage, as it would in turn."""
    begun = []

    def fail(name):
        begun.append(name)
        raise ValueError(name)

    calls = [lambda: fail("one"), lambda: fail("two"), lambda: begun.append("three")]
    with pytest.raises(ValueError, match="one"):
        side_by_side(calls, 1)
    assert begun == ["one"]
