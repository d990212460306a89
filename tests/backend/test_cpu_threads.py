"""Calls side by side: results in order, errors raised, no more threads than asked for."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from rapids_rap.backend._cpu_threads import begin, one_core_products, side_by_side
from rapids_rap.backend.cpu import CpuBackend


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


def test_what_has_begun_runs_beside_and_is_waited_for():
    """The caller goes on meanwhile; both must be there for the barrier to open."""
    meet = threading.Barrier(2, timeout=20)
    wait = begin(lambda: meet.wait() >= 0)
    meet.wait()
    assert wait() is True


def test_an_error_is_raised_where_it_is_waited_for():
    """A figure that fails beside the layouts fails its own stage."""
    wait = CpuBackend().beside(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        wait()


def test_products_stay_on_one_core_until_what_runs_beside_is_asked_for():
    """A cluster's centre had other last digits where what ran beside it was done before it."""
    with threadpool_limits(2, user_api="blas"):
        wait = CpuBackend().beside(lambda: None)
        for thread in threading.enumerate():
            if thread.name == "beside":
                thread.join(20)
        assert cores_of_products() == {1}
        wait()
        assert cores_of_products() == {2}


def test_products_get_their_cores_back_where_nobody_asks():
    """A run that fails beside a call never asks for it; the next one has its cores all the same."""
    with threadpool_limits(2, user_api="blas"):
        wait = CpuBackend().beside(lambda: None)
        assert cores_of_products() == {1}
        del wait
        assert cores_of_products() == {2}


def cores_of_products():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_products_get_their_cores_back_when_the_last_has_left():
    """One that leaves while another works must not undo it, nor leave the process on one core."""
    with threadpool_limits(2, user_api="blas"):
        first, second = one_core_products(), one_core_products()
        first.__enter__()
        second.__enter__()
        assert cores_of_products() == {1}
        first.__exit__(None, None, None)
        assert cores_of_products() == {1}
        second.__exit__(None, None, None)
        assert cores_of_products() == {2}


def cores_of_numpy():
    """Of the process; where OpenBLAS is built on OpenMP, a thread's are its own."""
    pools = [pool for pool in threadpool_info() if pool["internal_api"] == "openblas"]
    return {pool["num_threads"] for pool in pools if pool["threading_layer"] == "pthreads"}


def test_products_are_on_one_core_wherever_they_were_limited_first():
    """Else a library that limits threads once keeps everyone else from it, without a word."""
    if not cores_of_numpy():
        pytest.skip("NumPy has no OpenBLAS with threads of its own here")
    held = threadpool_limits(2, user_api="blas")  # this thread's now, and never given back
    try:
        backend = CpuBackend()
        assert backend.beside(cores_of_numpy)() == {1}
        assert cores_of_numpy() == {2}
        assert backend.together([cores_of_numpy, cores_of_numpy]) == [{1}, {1}]
        apart = backend.beside(lambda: backend.together([cores_of_numpy] * 3))
        with one_core_products():
            assert cores_of_numpy() == {1}
        assert apart() == [{1}] * 3
        assert cores_of_numpy() == {2}
    finally:
        held.restore_original_limits()
